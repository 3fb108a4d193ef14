/**
 * What the signatures of a valid transaction commit to, as BIP143, BIP341 and the rules of 2009 say: the oracle for
 * changes of it. Which signatures count, and their hash types, is seen while the transaction is verified.
 */
import type { SignatureVerifier } from '../../src/crypto/verifier.ts';
import { TransactionChecker } from '../../src/script/checker.ts';
import type { ScriptError } from '../../src/script/errors.ts';
import type { SignatureChecker, TaprootSpend } from '../../src/script/machine.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { type TxCheck, verifyScript } from '../../src/script/verify.ts';

const ANYONE_CAN_PAY = 0x80;
const MODE_MASK = 0x1f;
const MODE_NONE = 2;
const MODE_SINGLE = 3;

/** A signature that was found good. */
export interface Signed {
  readonly input: number;
  readonly hashType: number;
  readonly rules: 'base' | 'witness-v0' | 'taproot';
}

export type Field =
  | { readonly field: 'version' | 'lockTime' | 'inputs' }
  | { readonly field: 'output' | 'sequence' | 'spentAmount'; readonly index: number };

class Recorder implements SignatureChecker {
  readonly #inner: TransactionChecker;
  readonly #seen: (hashType: number, rules: Signed['rules']) => void;
  constructor(inner: TransactionChecker, seen: (hashType: number, rules: Signed['rules']) => void) {
    this.#inner = inner;
    this.#seen = seen;
  }

  checkEcdsa(
    signature: Uint8Array,
    publicKey: Uint8Array,
    scriptCode: Uint8Array,
    rules: 'base' | 'witness-v0',
  ): boolean {
    const good = this.#inner.checkEcdsa(signature, publicKey, scriptCode, rules);
    if (good) this.#seen(signature.at(-1)!, rules);
    return good;
  }

  checkSchnorr(signature: Uint8Array, publicKey: Uint8Array, spend: TaprootSpend): ScriptError | undefined {
    const error = this.#inner.checkSchnorr(signature, publicKey, spend);
    if (error === undefined) this.#seen(signature[64] ?? 0, 'taproot');
    return error;
  }

  checkTapTweak(
    outputKey: Uint8Array,
    parity: number,
    internalKey: Uint8Array,
    merkleRoot: Uint8Array,
  ): boolean {
    return this.#inner.checkTapTweak(outputKey, parity, internalKey, merkleRoot);
  }

  checkLockTime(lockTime: number): boolean {
    return this.#inner.checkLockTime(lockTime);
  }

  checkSequence(sequence: number): boolean {
    return this.#inner.checkSequence(sequence);
  }
}

/** The good signatures of a transaction that is valid. */
export function signaturesOf({ tx, spent, flags }: TxCheck, verifier: SignatureVerifier): Signed[] {
  const found: Signed[] = [];
  const precomputed = new PrecomputedTx(tx, spent);
  tx.inputs.forEach(({ scriptSig, witness }, input) => {
    const { scriptPubKey } = spent[input]!;
    const inner = new TransactionChecker(precomputed, input, verifier);
    const checker = new Recorder(inner, (hashType, rules) => found.push({ input, hashType, rules }));
    verifyScript({ scriptSig, witness, scriptPubKey, flags, checker });
  });
  return found;
}

/** Whether a signature commits to that field; `outputs` is how many the transaction has. */
export function commitsTo({ input, hashType, rules }: Signed, change: Field, outputs: number): boolean {
  const mode = hashType & MODE_MASK;
  const anyoneCanPay = (hashType & ANYONE_CAN_PAY) !== 0;
  // SIGHASH_SINGLE without a matching output signs the number 1 in legacy scripts.
  if (rules === 'base' && mode === MODE_SINGLE && input >= outputs) return false;
  switch (change.field) {
    case 'version':
    case 'lockTime':
      return true;
    case 'inputs':
      return !anyoneCanPay;
    case 'output':
      if (mode === MODE_NONE) return false;
      return mode !== MODE_SINGLE || change.index === input;
    case 'sequence':
      if (change.index === input) return true;
      if (anyoneCanPay) return false;
      return rules === 'taproot' || (mode !== MODE_NONE && mode !== MODE_SINGLE);
    case 'spentAmount':
      if (rules === 'base') return false;
      return change.index === input || (rules === 'taproot' && !anyoneCanPay);
  }
}
