/**
 * The state of one script that runs, and what all groups of opcodes need of it. The stack holds views of scripts
 * and witnesses: items are never written to. A handler returns why the script fails; nothing throws.
 */
import { EMPTY_BYTES } from '../base/bytes.ts';
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import { decodeNumber, isMinimalNumber, NUMBER_BYTES_MAX } from './number.ts';
import { ScriptCursor } from './opcodes.ts';

/** By which rules a script runs: bare and P2SH scripts, version 0 witness scripts (BIP143), tapscript (BIP342). */
export type SigVersion = 'base' | 'witness-v0' | 'tapscript';

/** What a taproot spend carries into its signature checks (Core: ScriptExecutionData). */
export interface TaprootSpend {
  /** SHA256 of the annex with its length; undefined without annex. */
  readonly annexHash: Uint8Array | undefined;
  /** Of the script that runs; undefined when the key itself signs. */
  readonly leafHash: Uint8Array | undefined;
  /** Index of the instruction of the last executed OP_CODESEPARATOR, 0xffffffff before any. */
  codeSeparatorPosition: number;
  /** Signature checks still paid for by the size of the witness (BIP342). */
  validationWeightLeft: number;
}

/** The only way from a script to the transaction that runs it. */
export interface SignatureChecker {
  /** `signature` ends with its hash type; both may be anything. */
  checkEcdsa(
    signature: Uint8Array,
    publicKey: Uint8Array,
    scriptCode: Uint8Array,
    sigVersion: 'base' | 'witness-v0',
  ): boolean;
  /** `publicKey` has 32 bytes, `signature` may be anything. */
  checkSchnorr(signature: Uint8Array, publicKey: Uint8Array, spend: TaprootSpend): ScriptError | undefined;
  /** Whether the output key commits to the internal key and merkle root, all of 32 bytes (BIP341). */
  checkTapTweak(
    outputKey: Uint8Array,
    parity: number,
    internalKey: Uint8Array,
    merkleRoot: Uint8Array,
  ): boolean;
  /** BIP65; the argument is not negative. */
  checkLockTime(lockTime: number): boolean;
  /** BIP112; the argument is not negative and without the disabling bit. */
  checkSequence(sequence: number): boolean;
}

const TRUE_BYTES = Uint8Array.of(1);
/** Value of `Machine.firstFalse` while all conditions are true. */
export const NO_FALSE = -1;

export interface Machine {
  readonly stack: Uint8Array[];
  readonly altStack: Uint8Array[];
  readonly cursor: ScriptCursor;
  readonly flags: number;
  readonly sigVersion: SigVersion;
  readonly checker: SignatureChecker;
  /** Present exactly when `sigVersion` is 'tapscript'. */
  readonly spend: TaprootSpend | undefined;
  /** Counted against the limit of legacy and version 0 scripts. */
  opCount: number;
  /** Index of the instruction that runs. */
  instruction: number;
  /** Where the part of the script that signatures commit to starts. */
  codeStart: number;
  /**
   * Nested OP_IFs, and the outermost of them whose branch does not run. No more of the stack of conditions can be
   * observed (Core: ConditionStack), and so a script of nothing but OP_IFs costs no time.
   */
  conditionDepth: number;
  firstFalse: number;
}

export type Handler = (m: Machine, opcode: number) => ScriptError | undefined;
/** Opcode → what it does; what has no entry fails with BAD_OPCODE. */
export type HandlerTable = Readonly<Record<number, Handler>>;

/** Watches scripts as they run, for those who want to know why one failed. */
export interface ScriptObserver {
  /** Before the instruction at `m.cursor.position` is read, whether it will be executed or not. */
  onStep(m: Machine): void;
  /** The script has ended, with an error or without. */
  onEnd(m: Machine, error: ScriptError | undefined): void;
}

/** What a script runs on and by. The stack is changed in place. */
export interface ScriptRun {
  readonly stack: Uint8Array[];
  readonly script: Uint8Array;
  readonly flags: number;
  readonly sigVersion: SigVersion;
  readonly checker: SignatureChecker;
  readonly spend: TaprootSpend | undefined;
  readonly observer?: ScriptObserver | undefined;
}

export function createMachine(run: ScriptRun): Machine {
  return {
    stack: run.stack,
    altStack: [],
    cursor: new ScriptCursor(run.script),
    flags: run.flags,
    sigVersion: run.sigVersion,
    checker: run.checker,
    spend: run.spend,
    opCount: 0,
    instruction: 0,
    codeStart: 0,
    conditionDepth: 0,
    firstFalse: NO_FALSE,
  };
}

/** The item `depth` below the top (0 is the top); the caller has checked that it exists. */
export function peek(stack: readonly Uint8Array[], depth: number): Uint8Array {
  return stack[stack.length - 1 - depth]!;
}

/** The item `depth` below the top as an operand, or undefined for SCRIPTNUM: too long, or not minimal where it must be. */
export function peekNumber(m: Machine, depth: number, bytesMax = NUMBER_BYTES_MAX): number | undefined {
  const bytes = peek(m.stack, depth);
  if (bytes.length > bytesMax) return undefined;
  if (m.flags & SCRIPT_FLAGS.MINIMALDATA && !isMinimalNumber(bytes)) return undefined;
  return decodeNumber(bytes);
}

export function fromBoolean(value: boolean): Uint8Array {
  return value ? TRUE_BYTES : EMPTY_BYTES;
}
