/**
 * Signatures and locks of one input, checked against the transaction that spends it (Core:
 * GenericTransactionSignatureChecker). A signature cache is a `SignatureVerifier` around another one.
 */
import { equalBytes } from '../base/bytes.ts';
import { isPublicKeyShaped } from '../crypto/keys.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { SEQUENCE_FINAL } from '../wire/transaction.ts';
import { SIGHASH_DEFAULT } from './encoding.ts';
import type { ScriptError } from './errors.ts';
import type { SignatureChecker, TaprootSpend } from './machine.ts';
import { legacySignatureHash, type PrecomputedTx, witnessV0SignatureHash } from './sighash.ts';
import { taprootSignatureHash } from './taproot-sighash.ts';

/** A lock time below it is a height, from it on a time (Core: LOCKTIME_THRESHOLD). */
export const LOCKTIME_THRESHOLD = 500_000_000;
/** Of a sequence: no relative lock; counts 512 seconds instead of blocks; the count (BIP68). */
export const SEQUENCE_LOCKTIME_DISABLE_FLAG = 0x8000_0000;
export const SEQUENCE_LOCKTIME_TYPE_FLAG = 0x0040_0000;
export const SEQUENCE_LOCKTIME_MASK = 0xffff;
const SCHNORR_SIGNATURE_BYTES = 64;

interface SignatureHash {
  readonly hashType: number;
  readonly scriptCode: Uint8Array;
  readonly hash: Uint8Array;
}

/**
 * As TransactionChecker where not everything that the transaction spends is known: a taproot signature commits to all of
 * it, so none is good then (Core: MissingDataBehavior::FAIL).
 */
export function checkerOfPartlyKnown(
  precomputed: PrecomputedTx,
  inputIndex: number,
  verifier: SignatureVerifier,
): SignatureChecker {
  const checker = new TransactionChecker(precomputed, inputIndex, verifier);
  if (precomputed.spent.every(output => output !== undefined)) return checker;
  return {
    checkEcdsa: (signature, key, code, version) => checker.checkEcdsa(signature, key, code, version),
    checkSchnorr: () => 'SCHNORR_SIG_HASHTYPE',
    checkTapTweak: (output, parity, internal, root) => checker.checkTapTweak(output, parity, internal, root),
    checkLockTime: lockTime => checker.checkLockTime(lockTime),
    checkSequence: sequence => checker.checkSequence(sequence),
  };
}

export class TransactionChecker implements SignatureChecker {
  readonly #precomputed: PrecomputedTx;
  readonly #inputIndex: number;
  readonly #verifier: SignatureVerifier;
  /** OP_CHECKMULTISIG asks for the same hash with every key it tries; most scripts ask for one only. */
  #first: SignatureHash | undefined;
  /** Those of other hash types. */
  #others: Map<number, SignatureHash> | undefined;

  constructor(precomputed: PrecomputedTx, inputIndex: number, verifier: SignatureVerifier) {
    this.#precomputed = precomputed;
    this.#inputIndex = inputIndex;
    this.#verifier = verifier;
  }

  checkEcdsa(
    signature: Uint8Array,
    publicKey: Uint8Array,
    scriptCode: Uint8Array,
    sigVersion: 'base' | 'witness-v0',
  ): boolean {
    if (signature.length === 0 || !isPublicKeyShaped(publicKey)) return false;
    const hashType = signature[signature.length - 1]!;
    const hash = this.#signatureHash(hashType, scriptCode, sigVersion);
    return this.#verifier.verifyEcdsa(hash, signature.subarray(0, -1), publicKey);
  }

  checkSchnorr(signature: Uint8Array, publicKey: Uint8Array, spend: TaprootSpend): ScriptError | undefined {
    const { length } = signature;
    if (length !== SCHNORR_SIGNATURE_BYTES && length !== SCHNORR_SIGNATURE_BYTES + 1)
      return 'SCHNORR_SIG_SIZE';
    const hashType = signature[SCHNORR_SIGNATURE_BYTES];
    // The default must be left out, or a byte could be added to any signature.
    if (hashType === SIGHASH_DEFAULT) return 'SCHNORR_SIG_HASHTYPE';
    const hash = taprootSignatureHash(
      this.#precomputed,
      this.#inputIndex,
      hashType ?? SIGHASH_DEFAULT,
      spend,
    );
    if (hash === undefined) return 'SCHNORR_SIG_HASHTYPE';
    const bare = signature.subarray(0, SCHNORR_SIGNATURE_BYTES);
    return this.#verifier.verifySchnorr(hash, bare, publicKey) ? undefined : 'SCHNORR_SIG';
  }

  checkTapTweak(
    outputKey: Uint8Array,
    parity: number,
    internalKey: Uint8Array,
    merkleRoot: Uint8Array,
  ): boolean {
    return this.#verifier.checkTapTweak(outputKey, parity, internalKey, merkleRoot);
  }

  checkLockTime(lockTime: number): boolean {
    const { tx } = this.#precomputed;
    // Heights compare with heights, times with times.
    if (tx.lockTime < LOCKTIME_THRESHOLD !== lockTime < LOCKTIME_THRESHOLD) return false;
    if (lockTime > tx.lockTime) return false;
    // A final sequence would switch off the transaction's lock time, and with it this opcode.
    return tx.inputs[this.#inputIndex]!.sequence !== SEQUENCE_FINAL;
  }

  checkSequence(sequence: number): boolean {
    const { tx } = this.#precomputed;
    const own = tx.inputs[this.#inputIndex]!.sequence;
    // Below version 2 sequences lock nothing (BIP68).
    if (tx.version < 2 || own >= SEQUENCE_LOCKTIME_DISABLE_FLAG) return false;
    if ((own & SEQUENCE_LOCKTIME_TYPE_FLAG) !== (sequence & SEQUENCE_LOCKTIME_TYPE_FLAG)) return false;
    return (sequence & SEQUENCE_LOCKTIME_MASK) <= (own & SEQUENCE_LOCKTIME_MASK);
  }

  // No input runs both legacy and witness scripts with signatures, so the version needs no place in the key.
  #signatureHash(hashType: number, scriptCode: Uint8Array, sigVersion: 'base' | 'witness-v0'): Uint8Array {
    const known = this.#first?.hashType === hashType ? this.#first : this.#others?.get(hashType);
    if (known !== undefined && equalBytes(known.scriptCode, scriptCode)) return known.hash;
    const compute = sigVersion === 'base' ? legacySignatureHash : witnessV0SignatureHash;
    const hash = compute(this.#precomputed, this.#inputIndex, scriptCode, hashType);
    const entry = { hashType, scriptCode, hash };
    if (this.#first === undefined || this.#first.hashType === hashType) this.#first = entry;
    else {
      this.#others ??= new Map();
      this.#others.set(hashType, entry);
    }
    return hash;
  }
}
