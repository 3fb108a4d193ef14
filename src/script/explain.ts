/**
 * Why an input may not spend what it spends: which script of it failed, at which opcode, on which stack, and by which
 * rule. Nothing is judged here: scripts run as always, watched, and once more without one flag after the other.
 */
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { TransactionChecker } from './checker.ts';
import type { ScriptError } from './errors.ts';
import { flagNames, MANDATORY_SCRIPT_FLAGS, SCRIPT_FLAGS, type ScriptFlag } from './flags.ts';
import type { Machine, ScriptObserver } from './machine.ts';
import { OPCODES, opcodeName } from './opcodes.ts';
import type { PrecomputedTx } from './sighash.ts';
import { verifyScript } from './verify.ts';

/** Which of an input's scripts: the redeem script is P2SH's, the witness script one of a version 0 program. */
export type ScriptRole = 'scriptSig' | 'scriptPubKey' | 'redeemScript' | 'witnessScript' | 'tapscript';

/** An instruction of a script that runs. */
export interface Instruction {
  /** Byte in the script. */
  readonly position: number;
  /** How many instructions stand before it. */
  readonly index: number;
  /** As Core names it. */
  readonly opcode: string;
}

export interface InputExplanation {
  readonly input: number;
  readonly error: ScriptError;
  /** The error under the rules of blocks alone; undefined: blocks may hold this spend, and only policy refuses it. */
  readonly consensusError: ScriptError | undefined;
  /** The rule without which there would be no such error; undefined: it holds in every script since 2009. */
  readonly flag: ScriptFlag | undefined;
  /** The script that ran last; undefined when none had to run to see the fault. */
  readonly script: ScriptRole | undefined;
  /** The instruction that failed; undefined: the script had ended, or nothing of it had run. */
  readonly at: Instruction | undefined;
  /** Bottom first, before that instruction; of a script that ended, what it left. */
  readonly stack: readonly Uint8Array[];
  readonly altStack: readonly Uint8Array[];
}

/** Undefined when the input is valid under `flags`. Flags without what they need are taken with it. */
export function explainInput(
  precomputed: PrecomputedTx,
  input: number,
  flags: number,
  verifier: SignatureVerifier,
): InputExplanation | undefined {
  const { scriptSig, witness } = precomputed.tx.inputs[input]!;
  const { scriptPubKey } = precomputed.spent[input]!;
  const verify = (under: number, observer?: ScriptObserver) => {
    const checker = new TransactionChecker(precomputed, input, verifier);
    return verifyScript({ scriptSig, scriptPubKey, witness, flags: under, checker, observer });
  };
  const all = withPrerequisites(flags);
  const watch = new Watch({ scriptSig, scriptPubKey });
  const error = verify(all, watch);
  if (error === undefined) return undefined;
  return {
    input,
    error,
    consensusError: verify(all & MANDATORY_SCRIPT_FLAGS),
    flag: decidingFlag(all, under => verify(under) === error),
    script: watch.role,
    at: watch.failedAt,
    stack: watch.stack,
    altStack: watch.altStack,
  };
}

/** WITNESS goes only with P2SH, and CLEANSTACK and TAPROOT only with both. */
export function withPrerequisites(flags: number): number {
  let all = flags;
  if (all & (SCRIPT_FLAGS.CLEANSTACK | SCRIPT_FLAGS.TAPROOT)) all |= SCRIPT_FLAGS.WITNESS;
  if (all & SCRIPT_FLAGS.WITNESS) all |= SCRIPT_FLAGS.P2SH;
  return all;
}

/** Others build on these, so one of them is named only where no other is. Last the one that decides least. */
const FOUNDATIONS: readonly ScriptFlag[] = ['TAPROOT', 'WITNESS', 'P2SH'];

/**
 * Takes away every flag whose absence leaves the error what it is, policies first: where a rule of blocks says the same,
 * that one is named.
 */
function decidingFlag(flags: number, failsAlike: (flags: number) => boolean): ScriptFlag | undefined {
  const isPolicy = (name: ScriptFlag) => (SCRIPT_FLAGS[name] & MANDATORY_SCRIPT_FLAGS) === 0;
  const names = flagNames(flags);
  const order = [
    ...names.filter(isPolicy),
    ...names.filter(name => !isPolicy(name) && !FOUNDATIONS.includes(name)),
    ...FOUNDATIONS.filter(name => names.includes(name)),
  ];
  let needed = flags;
  for (const name of order) {
    const without = needed & ~SCRIPT_FLAGS[name];
    if (withPrerequisites(without) === without && failsAlike(without)) needed = without;
  }
  const left = flagNames(needed);
  return left.find(name => !FOUNDATIONS.includes(name)) ?? FOUNDATIONS.find(name => left.includes(name));
}

function nameOf(opcode: number): string {
  if (opcode === OPCODES.OP_0 || opcode >= OPCODES.OP_PUSHDATA1) return opcodeName(opcode);
  return opcode === 1 ? 'push of 1 byte' : `push of ${opcode} bytes`;
}

class Watch implements ScriptObserver {
  role: ScriptRole | undefined;
  failedAt: Instruction | undefined;
  stack: readonly Uint8Array[] = [];
  altStack: readonly Uint8Array[] = [];
  #last: Instruction | undefined;
  readonly #scripts: { readonly scriptSig: Uint8Array; readonly scriptPubKey: Uint8Array };

  constructor(scripts: { readonly scriptSig: Uint8Array; readonly scriptPubKey: Uint8Array }) {
    this.#scripts = scripts;
  }

  onStep(m: Machine): void {
    const { position, script } = m.cursor;
    this.#last = { position, index: m.instruction, opcode: nameOf(script[position]!) };
    this.#keep(m);
  }

  onEnd(m: Machine, error: ScriptError | undefined): void {
    this.role = this.#roleOf(m);
    // At its end a script has counted past its last instruction: then it is none of them that failed.
    this.failedAt = error !== undefined && this.#last?.index === m.instruction ? this.#last : undefined;
    if (this.failedAt === undefined) this.#keep(m);
    this.#last = undefined;
  }

  #keep({ stack, altStack }: Machine): void {
    this.stack = stack.slice();
    this.altStack = altStack.slice();
  }

  #roleOf({ cursor: { script }, sigVersion }: Machine): ScriptRole {
    if (sigVersion === 'tapscript') return 'tapscript';
    if (sigVersion === 'witness-v0') return 'witnessScript';
    // First this one: an empty scriptSig never runs, and may be the same empty bytes.
    if (script === this.#scripts.scriptPubKey) return 'scriptPubKey';
    return script === this.#scripts.scriptSig ? 'scriptSig' : 'redeemScript';
  }
}
