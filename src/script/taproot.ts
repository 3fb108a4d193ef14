/**
 * Spends of taproot outputs (BIP341; Core: VerifyWitnessProgram). The witness is, from its end: an annex if its last
 * item starts with 0x50, then either one signature of the output key, or a control block and a script that the output
 * key commits to, with the script's arguments below.
 */
import { compareBytes } from '../base/bytes.ts';
import { taggedHash, tagPrefix } from '../crypto/hashes.ts';
import { sha256 } from '../crypto/sha256.ts';
import { compactSizeBytes, Writer } from '../wire/codec.ts';
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import { evalWitnessScript, STACK_ITEMS_MAX } from './interpreter.ts';
import type { ScriptObserver, SignatureChecker, TaprootSpend } from './machine.ts';
import { scanForSuccess } from './tapscript.ts';

/** First byte of an annex. */
const ANNEX_TAG = 0x50;
/** The leaf version with rules: tapscript. */
export const LEAF_VERSION_TAPSCRIPT = 0xc0;
/** The other bit of a control block's first byte is the parity of the output key. */
const LEAF_VERSION_MASK = 0xfe;
const CONTROL_BASE_BYTES = 33;
const CONTROL_NODE_BYTES = 32;
const CONTROL_NODES_MAX = 128;
/** Given to the signature budget beside the size of the witness (BIP342). */
const VALIDATION_WEIGHT_OFFSET = 50;
const NO_CODE_SEPARATOR = 0xffff_ffff;

/** For what is written only to be hashed; nobody keeps it over a call. */
const scratch = new Writer(1024);

export interface WitnessRun {
  readonly witness: readonly Uint8Array[];
  readonly program: Uint8Array;
  readonly flags: number;
  readonly checker: SignatureChecker;
  readonly observer?: ScriptObserver | undefined;
}

/** Undefined when the spend of the 32-byte `program` is valid. */
export function verifyTaproot(run: WitnessRun): ScriptError | undefined {
  const { witness, program, flags, checker, observer } = run;
  if (witness.length === 0) return 'WITNESS_PROGRAM_WITNESS_EMPTY';
  const annex = annexOf(witness);
  const annexHash = annex && sha256(withLength(annex));
  const stack = annex === undefined ? witness.slice() : witness.slice(0, -1);
  if (stack.length === 1) {
    return checker.checkSchnorr(stack[0]!, program, startSpend(annexHash, undefined, 0));
  }
  const control = stack.pop()!;
  const script = stack.pop()!;
  if (!hasControlSize(control)) return 'TAPROOT_WRONG_CONTROL_SIZE';
  const leafVersion = control[0]! & LEAF_VERSION_MASK;
  const leafHash = tapLeafHash(leafVersion, script);
  const root = taprootMerkleRoot(control, leafHash);
  if (!checker.checkTapTweak(program, control[0]! & 1, control.subarray(1, CONTROL_BASE_BYTES), root)) {
    return 'WITNESS_PROGRAM_MISMATCH';
  }
  if (leafVersion !== LEAF_VERSION_TAPSCRIPT) {
    return flags & SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_TAPROOT_VERSION
      ? 'DISCOURAGE_UPGRADABLE_TAPROOT_VERSION'
      : undefined;
  }
  // Overrides everything that follows, the limits of size included.
  const verdict = scanForSuccess(script, flags);
  if (verdict !== undefined) return verdict === 'valid' ? undefined : verdict;
  if (stack.length > STACK_ITEMS_MAX) return 'STACK_SIZE';
  const spend = startSpend(annexHash, leafHash, witnessBytes(witness) + VALIDATION_WEIGHT_OFFSET);
  return evalWitnessScript({ stack, script, flags, checker, observer, sigVersion: 'tapscript', spend });
}

/** The annex of a taproot input's witness, if there is one. */
function annexOf(witness: readonly Uint8Array[]): Uint8Array | undefined {
  const last = witness.at(-1);
  return witness.length >= 2 && last?.[0] === ANNEX_TAG ? last : undefined;
}

/** 32 bytes. */
export function tapLeafHash(leafVersion: number, script: Uint8Array): Uint8Array {
  const w = scratch;
  w.reset();
  w.put(tagPrefix('TapLeaf'));
  w.u8(leafVersion);
  w.compactSize(script.length);
  w.put(script);
  return sha256(w.written());
}

/** 32 bytes of two nodes' hashes, in either order. */
export function tapBranchHash(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) < 0 ? taggedHash('TapBranch', a, b) : taggedHash('TapBranch', b, a);
}

/** The root of the script tree that a control block of a valid size claims for a leaf. */
export function taprootMerkleRoot(control: Uint8Array, leafHash: Uint8Array): Uint8Array {
  let node = leafHash;
  for (let at = CONTROL_BASE_BYTES; at < control.length; at += CONTROL_NODE_BYTES) {
    node = tapBranchHash(node, control.subarray(at, at + CONTROL_NODE_BYTES));
  }
  return node;
}

function hasControlSize(control: Uint8Array): boolean {
  const path = control.length - CONTROL_BASE_BYTES;
  return path >= 0 && path % CONTROL_NODE_BYTES === 0 && path <= CONTROL_NODES_MAX * CONTROL_NODE_BYTES;
}

function startSpend(
  annexHash: Uint8Array | undefined,
  leafHash: Uint8Array | undefined,
  validationWeightLeft: number,
): TaprootSpend {
  return { annexHash, leafHash, codeSeparatorPosition: NO_CODE_SEPARATOR, validationWeightLeft };
}

function withLength(bytes: Uint8Array): Uint8Array {
  const w = new Writer(bytes.length + 9);
  w.compactSize(bytes.length);
  w.put(bytes);
  return w.finish();
}

/** Size of the whole witness as it is encoded. */
function witnessBytes(witness: readonly Uint8Array[]): number {
  let bytes = compactSizeBytes(witness.length);
  for (const item of witness) bytes += compactSizeBytes(item.length) + item.length;
  return bytes;
}
