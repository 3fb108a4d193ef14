/**
 * Whether an input may spend an output (Core: VerifyScript in src/script/interpreter.cpp): the scriptSig and the
 * scriptPubKey run one after the other on the same stack, then what the output only names by its hash: a P2SH script
 * (BIP16), a witness program (BIP141), a taproot spend (BIP341).
 */
import { assert } from '../base/assert.ts';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { TxOutput, TxParts } from '../wire/transaction.ts';
import { TransactionChecker } from './checker.ts';
import { publicKeyEncodingError, signatureEncodingError } from './encoding.ts';
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';
import { ELEMENT_BYTES_MAX, evalScript, evalWitnessScript } from './interpreter.ts';
import type { ScriptObserver, SignatureChecker } from './machine.ts';
import { isTruthy } from './number.ts';
import { isPushOnly, OPCODES, pushData } from './opcodes.ts';
import { PrecomputedTx } from './sighash.ts';
import { verifyTaproot } from './taproot.ts';
import { isPayToAnchor, isPayToScriptHash, type WitnessProgram, witnessProgram } from './templates.ts';

const KEY_HASH_BYTES = 20;
const SCRIPT_HASH_BYTES = 32;
const TAPROOT_BYTES = 32;
/** What a witness program of 20 bytes stands for: OP_DUP OP_HASH160 <program> OP_EQUALVERIFY OP_CHECKSIG. */
const KEY_HASH_HEAD = Uint8Array.of(OPCODES.OP_DUP, OPCODES.OP_HASH160, KEY_HASH_BYTES);
const KEY_HASH_TAIL = Uint8Array.of(OPCODES.OP_EQUALVERIFY, OPCODES.OP_CHECKSIG);

export interface Spend {
  readonly scriptSig: Uint8Array;
  readonly scriptPubKey: Uint8Array;
  readonly witness: readonly Uint8Array[];
  /** WITNESS goes only with P2SH, CLEANSTACK only with both. */
  readonly flags: number;
  readonly checker: SignatureChecker;
  /** Told of every script that runs for it. */
  readonly observer?: ScriptObserver | undefined;
}

/** Why the spend is not valid, or undefined. Never throws, whatever the scripts and the witness are. */
export function verifyScript(spend: Spend): ScriptError | undefined {
  const { scriptSig, scriptPubKey, flags, checker, observer } = spend;
  const p2sh = (flags & SCRIPT_FLAGS.P2SH) !== 0;
  const witness = (flags & SCRIPT_FLAGS.WITNESS) !== 0;
  if (flags & SCRIPT_FLAGS.SIGPUSHONLY && !isPushOnly(scriptSig)) return 'SIG_PUSHONLY';

  // Run apart, and not as one script: a scriptSig could otherwise skip the scriptPubKey (CVE-2010-5141).
  const stack: Uint8Array[] = [];
  const run = (script: Uint8Array, on: Uint8Array[]) =>
    evalScript({ stack: on, script, flags, checker, observer, sigVersion: 'base', spend: undefined });
  let error = scriptSig.length === 0 ? undefined : run(scriptSig, stack);
  if (error !== undefined) return error;
  const hashesScript = p2sh && isPayToScriptHash(scriptPubKey);
  const pushed = hashesScript ? stack.slice() : [];
  let program = witness ? witnessProgram(scriptPubKey) : undefined;
  if (program !== undefined && stack.length === 0) {
    // Two pushes that cannot fail, so they need not run. A program of nothing but zeros is false.
    stack.push(program.program);
  } else error = run(scriptPubKey, stack);
  error ??= falseOnTop(stack);
  if (error !== undefined) return error;

  let itemsLeft = stack.length;
  if (program !== undefined) {
    // Anything in the scriptSig could be changed by others.
    if (scriptSig.length > 0) return 'WITNESS_MALLEATED';
    error = verifyWitnessProgram(spend, program, 'native');
    if (error !== undefined) return error;
    itemsLeft = 1;
  } else if (hashesScript) {
    if (!isPushOnly(scriptSig)) return 'SIG_PUSHONLY';
    const redeemScript = pushed.pop();
    assert(redeemScript !== undefined, 'the hash that matched was of an item');
    error = run(redeemScript, pushed) ?? falseOnTop(pushed);
    if (error !== undefined) return error;
    itemsLeft = pushed.length;
    program = witness ? witnessProgram(redeemScript) : undefined;
    if (program !== undefined) {
      if (!equalBytes(scriptSig, pushData(redeemScript))) return 'WITNESS_MALLEATED_P2SH';
      error = verifyWitnessProgram(spend, program, 'p2sh');
      if (error !== undefined) return error;
      itemsLeft = 1;
    }
  }

  // Only now, because neither P2SH nor witness programs leave the first stack clean.
  if (flags & SCRIPT_FLAGS.CLEANSTACK) {
    assert(p2sh && witness, 'CLEANSTACK is a soft fork only on top of P2SH and WITNESS');
    if (itemsLeft !== 1) return 'CLEANSTACK';
  }
  if (witness) {
    assert(p2sh, 'WITNESS is a soft fork only on top of P2SH');
    if (program === undefined && spend.witness.length > 0) return 'WITNESS_UNEXPECTED';
  }
  return undefined;
}

/** One transaction's inputs to verify: `spent[i]` is the output that input i spends. */
export interface TxCheck {
  readonly tx: TxParts;
  readonly spent: readonly TxOutput[];
  readonly flags: number;
}

/** An input that may not spend what it spends. */
export interface InputFailure {
  readonly input: number;
  readonly error: ScriptError;
}

/** The first input that is not valid; undefined when all are. What inputs have in common is hashed once. */
export function verifyInputs(check: TxCheck, verifier: SignatureVerifier): InputFailure | undefined {
  const { tx, spent, flags } = check;
  return verifyInputRange(new PrecomputedTx(tx, spent), flags, verifier, 0, tx.inputs.length);
}

/** As `verifyInputs` for the inputs from `start` to before `end`. Needs all outputs that the transaction spends. */
export function verifyInputRange(
  precomputed: PrecomputedTx,
  flags: number,
  verifier: SignatureVerifier,
  start: number,
  end: number,
): InputFailure | undefined {
  const { tx, spent } = precomputed;
  assert(spent.length === tx.inputs.length, 'every input has its spent output');
  for (let input = start; input < end; input += 1) {
    const { scriptSig, witness } = tx.inputs[input]!;
    const { scriptPubKey } = spent[input]!;
    const checker = new TransactionChecker(precomputed, input, verifier);
    const error = verifyScript({ scriptSig, scriptPubKey, witness, flags, checker });
    if (error !== undefined) return { input, error };
  }
  return undefined;
}

function falseOnTop(stack: readonly Uint8Array[]): 'EVAL_FALSE' | undefined {
  const top = stack.at(-1);
  return top !== undefined && isTruthy(top) ? undefined : 'EVAL_FALSE';
}

/**
 * What running `script`, OP_DUP OP_HASH160 <program> OP_EQUALVERIFY OP_CHECKSIG, on the two items of the witness comes to:
 * half of all inputs are spent so, and a machine of its own for each would cost more than its hashes.
 */
function verifyKeyHash(
  { witness, flags, checker }: Spend,
  script: Uint8Array,
  program: Uint8Array,
): ScriptError | undefined {
  const signature = witness[0]!;
  const publicKey = witness[1]!;
  if (signature.length > ELEMENT_BYTES_MAX || publicKey.length > ELEMENT_BYTES_MAX) return 'PUSH_SIZE';
  if (!equalBytes(hash160(publicKey), program)) return 'EQUALVERIFY';
  const error =
    signatureEncodingError(signature, flags) ?? publicKeyEncodingError(publicKey, flags, 'witness-v0');
  if (error !== undefined) return error;
  if (checker.checkEcdsa(signature, publicKey, script, 'witness-v0')) return undefined;
  return flags & SCRIPT_FLAGS.NULLFAIL && signature.length > 0 ? 'SIG_NULLFAIL' : 'EVAL_FALSE';
}

function verifyWitnessProgram(
  spend: Spend,
  { version, program }: WitnessProgram,
  wrapping: 'native' | 'p2sh',
): ScriptError | undefined {
  const { witness, flags, checker, observer } = spend;
  if (version === 0) {
    const run = (script: Uint8Array, stack: Uint8Array[]) =>
      evalWitnessScript({
        stack,
        script,
        flags,
        checker,
        observer,
        sigVersion: 'witness-v0',
        spend: undefined,
      });
    if (program.length === SCRIPT_HASH_BYTES) {
      const script = witness.at(-1);
      if (script === undefined) return 'WITNESS_PROGRAM_WITNESS_EMPTY';
      if (!equalBytes(sha256(script), program)) return 'WITNESS_PROGRAM_MISMATCH';
      return run(script, witness.slice(0, -1));
    }
    if (program.length === KEY_HASH_BYTES) {
      if (witness.length !== 2) return 'WITNESS_PROGRAM_MISMATCH';
      const script = concatBytes(KEY_HASH_HEAD, program, KEY_HASH_TAIL);
      if (observer !== undefined) return run(script, witness.slice());
      return verifyKeyHash(spend, script, program);
    }
    return 'WITNESS_PROGRAM_WRONG_LENGTH';
  }
  if (wrapping === 'native') {
    if (version === 1 && program.length === TAPROOT_BYTES) {
      return flags & SCRIPT_FLAGS.TAPROOT
        ? verifyTaproot({ witness, program, flags, checker, observer })
        : undefined;
    }
    if (isPayToAnchor(spend.scriptPubKey)) return undefined;
  }
  // Programs without rules are valid: that is what makes room for soft forks.
  return flags & SCRIPT_FLAGS.DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM
    ? 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM'
    : undefined;
}
