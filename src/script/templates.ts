/**
 * The output scripts that wallets and nodes know by name, as Core's Solver tells them apart (src/script/solver.cpp),
 * and how to build them.
 */
import { concatBytes } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { isPublicKeyShaped } from '../crypto/keys.ts';
import { sha256 } from '../crypto/sha256.ts';
import { decodeNumber, isMinimalNumber } from './number.ts';
import {
  isMinimalPush,
  isPushOnly,
  OPCODES,
  pushData,
  pushNumber,
  ScriptCursor,
  smallNumber,
} from './opcodes.ts';

/** Keys in one OP_CHECKMULTISIG (Core: MAX_PUBKEYS_PER_MULTISIG). */
export const MULTISIG_KEYS_MAX = 20;
/** Keys in one tapscript multisig (Core: MAX_PUBKEYS_PER_MULTI_A). */
export const TAPSCRIPT_KEYS_MAX = 999;
const X_ONLY_KEY_BYTES = 32;
/** Bytes of a witness program (BIP141). */
export const WITNESS_PROGRAM_BYTES_MIN = 2;
export const WITNESS_PROGRAM_BYTES_MAX = 40;

/** `type` is the name in Core's RPC. Byte fields are views of the script. */
export type ScriptTemplate =
  | { readonly type: 'pubkey'; readonly publicKey: Uint8Array }
  | { readonly type: 'pubkeyhash'; readonly hash: Uint8Array }
  | { readonly type: 'scripthash'; readonly hash: Uint8Array }
  | { readonly type: 'multisig'; readonly required: number; readonly keys: readonly Uint8Array[] }
  | { readonly type: 'nulldata' }
  | { readonly type: 'witness_v0_keyhash'; readonly hash: Uint8Array }
  | { readonly type: 'witness_v0_scripthash'; readonly hash: Uint8Array }
  | { readonly type: 'witness_v1_taproot'; readonly outputKey: Uint8Array }
  | { readonly type: 'anchor' }
  | { readonly type: 'witness_unknown'; readonly version: number; readonly program: Uint8Array }
  | { readonly type: 'nonstandard' };

export type ScriptType = ScriptTemplate['type'];

export interface WitnessProgram {
  readonly version: number;
  /** A view of the script. */
  readonly program: Uint8Array;
}

const {
  OP_1, OP_16, OP_PUSHDATA4, OP_RETURN, OP_DUP, OP_EQUAL, OP_EQUALVERIFY, OP_HASH160, OP_CHECKSIG,
  OP_CHECKMULTISIG, OP_CHECKSIGADD, OP_NUMEQUAL,
} = OPCODES; // biome-ignore format: one list

/** Which of the known scripts `script` is; never throws. Makes nothing, unlike `solveScript`. */
export function scriptType(script: Uint8Array): ScriptType {
  if (isPayToScriptHash(script)) return 'scripthash';
  const version = witnessVersion(script);
  if (version !== undefined) return witnessType(version, script);
  if (script[0] === OP_RETURN && isPushOnly(script, 1)) return 'nulldata';
  if (isPayToPublicKey(script)) return 'pubkey';
  if (isPayToPublicKeyHash(script)) return 'pubkeyhash';
  return matchMultisig(script) === undefined ? 'nonstandard' : 'multisig';
}

/** The same, with what is in it. */
export function solveScript(script: Uint8Array): ScriptTemplate {
  const type = scriptType(script);
  switch (type) {
    case 'pubkey':
      return { type, publicKey: script.subarray(1, -1) };
    case 'pubkeyhash':
      return { type, hash: script.subarray(3, 23) };
    case 'scripthash':
      return { type, hash: script.subarray(2, 22) };
    case 'multisig':
      return { type, ...matchMultisig(script)! };
    case 'witness_v0_keyhash':
    case 'witness_v0_scripthash':
      return { type, hash: script.subarray(2) };
    case 'witness_v1_taproot':
      return { type, outputKey: script.subarray(2) };
    case 'witness_unknown':
      return { type, ...witnessProgram(script)! };
    case 'nulldata':
    case 'anchor':
    case 'nonstandard':
      return { type };
  }
}

/** OP_HASH160 <20 bytes> OP_EQUAL, and nothing else: what BIP16 looks for. */
export function isPayToScriptHash(script: Uint8Array): boolean {
  return script.length === 23 && script[0] === OP_HASH160 && script[1] === 20 && script[22] === OP_EQUAL;
}

/** Of a script that is one small number and one direct push of 2 to 40 bytes: the number (BIP141). Its program is the rest from the third byte on. */
export function witnessVersion(script: Uint8Array): number | undefined {
  const { length } = script;
  if (length < 2 + WITNESS_PROGRAM_BYTES_MIN || length > 2 + WITNESS_PROGRAM_BYTES_MAX) return undefined;
  return script[1] === length - 2 ? smallNumber(script[0]!) : undefined;
}

/** Version and program of such a script. */
export function witnessProgram(script: Uint8Array): WitnessProgram | undefined {
  const version = witnessVersion(script);
  return version === undefined ? undefined : { version, program: script.subarray(2) };
}

/** OP_1 <4e73>: what anyone may spend, so that fees can be added later (Core: CScript::IsPayToAnchor). */
export function isPayToAnchor(script: Uint8Array): boolean {
  return (
    script.length === 4 && script[0] === OP_1 && script[1] === 2 && script[2] === 0x4e && script[3] === 0x73
  );
}

/** <publicKey> OP_CHECKSIG. */
export function payToPublicKey(publicKey: Uint8Array): Uint8Array {
  return concatBytes(pushData(publicKey), Uint8Array.of(OP_CHECKSIG));
}

/** OP_DUP OP_HASH160 <hash> OP_EQUALVERIFY OP_CHECKSIG; `hash` is HASH160 of the public key. */
export function payToPublicKeyHash(hash: Uint8Array): Uint8Array {
  const head = Uint8Array.of(OP_DUP, OP_HASH160, 20);
  return concatBytes(head, hash, Uint8Array.of(OP_EQUALVERIFY, OP_CHECKSIG));
}

/** `hash` is HASH160 of the redeem script. */
export function payToScriptHash(hash: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(OP_HASH160, 20), hash, Uint8Array.of(OP_EQUAL));
}

/** The witness program `program` of `version` (0 … 16). */
export function payToWitness(version: number, program: Uint8Array): Uint8Array {
  return concatBytes(pushNumber(version), pushData(program));
}

/** P2SH of a redeem script. */
export function wrapInScriptHash(redeemScript: Uint8Array): Uint8Array {
  return payToScriptHash(hash160(redeemScript));
}

/** P2WSH of a witness script. */
export function wrapInWitnessScriptHash(witnessScript: Uint8Array): Uint8Array {
  return payToWitness(0, sha256(witnessScript));
}

/** P2WPKH of a compressed public key. */
export function payToWitnessKeyHash(publicKey: Uint8Array): Uint8Array {
  return payToWitness(0, hash160(publicKey));
}

/** P2TR of an output key (x-only, already tweaked). */
export function payToTaproot(outputKey: Uint8Array): Uint8Array {
  return payToWitness(1, outputKey);
}

/** OP_m <keys…> OP_n OP_CHECKMULTISIG. */
export function multisigScript(required: number, publicKeys: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    pushNumber(required),
    ...publicKeys.map(pushData),
    pushNumber(publicKeys.length),
    Uint8Array.of(OP_CHECKMULTISIG),
  );
}

/** A tapscript of keys: `<key> OP_CHECKSIG`, or `<key> OP_CHECKSIG (<key> OP_CHECKSIGADD)… <m> OP_NUMEQUAL` (BIP387). */
export function matchTapscriptKeys(
  script: Uint8Array,
): { readonly required: number; readonly keys: readonly Uint8Array[] } | undefined {
  const cursor = new ScriptCursor(script);
  const keys: Uint8Array[] = [];
  for (;;) {
    if (!cursor.advance()) return undefined;
    if (cursor.dataLength !== X_ONLY_KEY_BYTES) break;
    keys.push(cursor.data());
    const check = keys.length === 1 ? OP_CHECKSIG : OP_CHECKSIGADD;
    if (!cursor.advance() || cursor.opcode !== check) return undefined;
    if (keys.length === 1 && cursor.position === script.length) return { required: 1, keys };
  }
  const required = countFrom(cursor, TAPSCRIPT_KEYS_MAX);
  if (required === undefined || required < 1 || required > keys.length) return undefined;
  return cursor.advance() && cursor.opcode === OP_NUMEQUAL && cursor.position === script.length
    ? { required, keys }
    : undefined;
}

function witnessType(version: number, script: Uint8Array): ScriptType {
  const programBytes = script.length - 2;
  if (version === 0) {
    if (programBytes === 20) return 'witness_v0_keyhash';
    return programBytes === 32 ? 'witness_v0_scripthash' : 'nonstandard';
  }
  if (version === 1) {
    if (programBytes === 32) return 'witness_v1_taproot';
    if (isPayToAnchor(script)) return 'anchor';
  }
  return 'witness_unknown';
}

function isPayToPublicKey(script: Uint8Array): boolean {
  const { length } = script;
  return (
    (length === 35 || length === 67) &&
    script[0] === length - 2 &&
    script[length - 1] === OP_CHECKSIG &&
    isPublicKeyShaped(script.subarray(1, -1))
  );
}

function isPayToPublicKeyHash(script: Uint8Array): boolean {
  return (
    script.length === 25 &&
    script[0] === OP_DUP &&
    script[1] === OP_HASH160 &&
    script[2] === 20 &&
    script[23] === OP_EQUALVERIFY &&
    script[24] === OP_CHECKSIG
  );
}

/** `<m> <key>… <n> OP_CHECKMULTISIG`. */
export function matchMultisig(
  script: Uint8Array,
): { readonly required: number; readonly keys: readonly Uint8Array[] } | undefined {
  if (script.length === 0 || script[script.length - 1] !== OP_CHECKMULTISIG) return undefined;
  const cursor = new ScriptCursor(script);
  if (!cursor.advance()) return undefined;
  const required = countFrom(cursor);
  if (required === undefined || required < 1) return undefined;
  const keys: Uint8Array[] = [];
  for (;;) {
    if (!cursor.advance()) return undefined;
    const data = cursor.data();
    if (!isPublicKeyShaped(data)) break;
    keys.push(data);
  }
  const count = countFrom(cursor);
  if (count === undefined || count < required || count !== keys.length) return undefined;
  return cursor.position === script.length - 1 ? { required, keys } : undefined;
}

/** The instruction under the cursor as a number up to `max`, from OP_n or a minimal push (Core: GetScriptNumber). */
function countFrom(cursor: ScriptCursor, max: number = MULTISIG_KEYS_MAX): number | undefined {
  const { opcode } = cursor;
  if (opcode >= OP_1 && opcode <= OP_16) return smallNumber(opcode);
  if (opcode > OP_PUSHDATA4) return undefined;
  const data = cursor.data();
  if (data.length > 4 || !isMinimalPush(opcode, data) || !isMinimalNumber(data)) return undefined;
  const count = decodeNumber(data);
  return count <= max ? count : undefined;
}
