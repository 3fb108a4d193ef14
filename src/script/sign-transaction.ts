/**
 * Signing the inputs of a transaction with what a provider knows (Core: SignTransaction, DataFromTransaction in
 * src/script/sign.cpp). Signatures that others made of a multisig stay, so that it is signed one after another.
 */

import { bytesToBinary } from '../base/bytes.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { type Transaction, type TxOutput, type TxParts, withInputs } from '../wire/transaction.ts';
import { checkerOfPartlyKnown } from './checker.ts';
import { SIGHASH_ANYONECANPAY, SIGHASH_SINGLE } from './encoding.ts';
import { type ScriptError, scriptErrorText } from './errors.ts';
import { SCRIPT_FLAGS, STANDARD_SCRIPT_FLAGS } from './flags.ts';
import { evalScript } from './interpreter.ts';
import type { SignatureChecker } from './machine.ts';
import { PrecomputedTx } from './sighash.ts';
import { produceSignature } from './sign.ts';
import { transactionSigner } from './signature-creator.ts';
import { emptySignatureData, type SignatureData } from './signature-data.ts';
import type { SigningProvider } from './signing-provider.ts';
import { solveScript } from './templates.ts';
import { verifyScript } from './verify.ts';

/** Stands for an amount that was not given (Core: MAX_MONEY). */
export const UNKNOWN_AMOUNT = 2_100_000_000_000_000;

export interface SignRequest {
  readonly tx: TxParts;
  /** What each input spends; undefined where that is not known. */
  readonly spent: readonly (TxOutput | undefined)[];
  readonly provider: SigningProvider;
  /** SIGHASH_DEFAULT: all of the transaction. */
  readonly hashType: number;
  readonly verifier: SignatureVerifier;
}

/** Why an input is not valid yet. Core's texts, but for an amount that is missing. */
export type InputSignError = string | { readonly missingAmountOf: TxOutput };

export interface SignResult {
  readonly tx: Transaction;
  /** By index of the input. */
  readonly errors: ReadonlyMap<number, InputSignError>;
}

/** Signs what can be signed and says which inputs are not valid then. */
export function signTransaction(request: SignRequest): SignResult {
  const { tx, spent, provider, hashType, verifier } = request;
  const allSpentKnown = spent.every(output => output !== undefined);
  const precomputed = new PrecomputedTx(tx, spent as readonly TxOutput[]);
  const errors = new Map<number, InputSignError>();
  const inputs = tx.inputs.map((input, index) => {
    const output = spent[index];
    if (output === undefined) {
      errors.set(index, 'Input not found or already spent');
      return input;
    }
    const data = dataFromInput(precomputed, index, verifier);
    // SINGLE without a matching output would sign the number 1, for anybody to use again.
    const isSingle = (hashType & ~SIGHASH_ANYONECANPAY) === SIGHASH_SINGLE;
    if (!isSingle || index < tx.outputs.length) {
      const creator = transactionSigner({ precomputed, index, hashType, verifier, allSpentKnown });
      produceSignature(provider, creator, output.scriptPubKey, data);
    }
    const { scriptSig, witness } = data;
    if (output.value === UNKNOWN_AMOUNT && witness.length > 0) {
      errors.set(index, { missingAmountOf: output });
    } else if (!data.isComplete) {
      const checker = checkerOfPartlyKnown(precomputed, index, verifier);
      const flags = STANDARD_SCRIPT_FLAGS;
      const error = verifyScript({ scriptSig, scriptPubKey: output.scriptPubKey, witness, flags, checker });
      if (error !== undefined) errors.set(index, errorText(error));
    }
    return { ...input, scriptSig, witness };
  });
  return { tx: withInputs(tx, inputs), errors };
}

/** What an input that others may have signed already holds; `precomputed` knows what it spends. */
export function dataFromInput(
  precomputed: PrecomputedTx,
  index: number,
  verifier: SignatureVerifier,
): SignatureData {
  const { scriptSig, witness } = precomputed.tx.inputs[index]!;
  const { scriptPubKey } = precomputed.spent[index]!;
  const data = emptySignatureData();
  data.scriptSig = scriptSig;
  data.witness = witness;
  const checker = checkerOfPartlyKnown(precomputed, index, verifier);
  const recording = recordingInto(data, checker);
  const flags = STANDARD_SCRIPT_FLAGS;
  if (verifyScript({ scriptSig, scriptPubKey, witness, flags, checker: recording }) === undefined) {
    data.isComplete = true;
    return data;
  }
  let items = pushedBy(scriptSig);
  let script = scriptPubKey;
  let version: 'base' | 'witness-v0' = 'base';
  if (solveScript(script).type === 'scripthash' && items.at(-1)?.length) {
    script = items.at(-1)!;
    data.redeemScript = script;
    items = items.slice(0, -1);
  }
  if (solveScript(script).type === 'witness_v0_scripthash' && witness.at(-1)?.length) {
    script = witness.at(-1)!;
    data.witnessScript = script;
    items = witness.slice(0, -1);
    version = 'witness-v0';
  }
  const template = solveScript(script);
  if (template.type !== 'multisig') return data;
  // Signatures stand in the order of their keys.
  let next = 0;
  for (const signature of items) {
    for (let i = next; i < template.keys.length; i += 1) {
      const key = template.keys[i]!;
      if (data.signatures.has(bytesToBinary(key)) || recording.checkEcdsa(signature, key, script, version)) {
        next = i + 1;
        break;
      }
    }
  }
  return data;
}

/** Adds to `data` what `other` knows more of the same input (Core: MergeSignatureData). */
export function mergeSignatureData(data: SignatureData, other: SignatureData): void {
  if (data.isComplete) return;
  if (other.isComplete) {
    Object.assign(data, other);
    return;
  }
  data.redeemScript ??= other.redeemScript;
  data.witnessScript ??= other.witnessScript;
  for (const [name, signature] of other.signatures) {
    if (!data.signatures.has(name)) data.signatures.set(name, signature);
  }
}

function recordingInto(data: SignatureData, checker: SignatureChecker): SignatureChecker {
  return {
    checkEcdsa(signature, publicKey, scriptCode, sigVersion) {
      const isValid = checker.checkEcdsa(signature, publicKey, scriptCode, sigVersion);
      const name = bytesToBinary(publicKey);
      if (isValid && !data.signatures.has(name)) data.signatures.set(name, { publicKey, signature });
      return isValid;
    },
    checkSchnorr: (signature, publicKey, spend) => checker.checkSchnorr(signature, publicKey, spend),
    checkTapTweak: (output, parity, internal, root) => checker.checkTapTweak(output, parity, internal, root),
    checkLockTime: lockTime => checker.checkLockTime(lockTime),
    checkSequence: sequence => checker.checkSequence(sequence),
  };
}

const NOTHING_CHECKS: SignatureChecker = {
  checkEcdsa: () => false,
  checkSchnorr: () => 'SCHNORR_SIG',
  checkTapTweak: () => false,
  checkLockTime: () => false,
  checkSequence: () => false,
};

/** What the scriptSig leaves on the stack. */
function pushedBy(scriptSig: Uint8Array): readonly Uint8Array[] {
  const stack: Uint8Array[] = [];
  const flags = SCRIPT_FLAGS.STRICTENC;
  evalScript({
    stack,
    script: scriptSig,
    flags,
    checker: NOTHING_CHECKS,
    observer: undefined,
    sigVersion: 'base',
    spend: undefined,
  });
  return stack;
}

/** Two errors say in words what usually causes them here. */
function errorText(error: ScriptError): string {
  if (error === 'INVALID_STACK_OPERATION') {
    return 'Unable to sign input, invalid stack size (possibly missing key)';
  }
  if (error === 'SIG_NULLFAIL') {
    return 'CHECK(MULTI)SIG failing with non-zero signature (possibly need more signatures)';
  }
  return scriptErrorText(error);
}
