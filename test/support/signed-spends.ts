/** Valid spends with real signatures, for whatever needs scripts that pass. */
import { concatBytes, EMPTY_BYTES, hexToHash, type Txid } from '../../src/base/bytes.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import { publicKeyOf, signEcdsa } from '../../src/crypto/keys.ts';
import { SIGHASH_ALL } from '../../src/script/encoding.ts';
import { PrecomputedTx, witnessV0SignatureHash } from '../../src/script/sighash.ts';
import {
  createTransaction,
  SEQUENCE_FINAL,
  type Transaction,
  type TxOutput,
} from '../../src/wire/transaction.ts';

export interface SignedSpend {
  readonly tx: Transaction;
  readonly spent: readonly TxOutput[];
}

/** A transaction that spends `inputs` P2WPKH outputs of one key; the outpoints come from `seed`. */
export function signedKeyHashSpend(seed: number, inputs: number): SignedSpend {
  const secret = new Uint8Array(32).fill(7);
  const publicKey = publicKeyOf(secret);
  const keyHash = hash160(publicKey);
  const scriptPubKey = concatBytes(Uint8Array.of(0, 20), keyHash);
  const scriptCode = concatBytes(Uint8Array.of(0x76, 0xa9, 20), keyHash, Uint8Array.of(0x88, 0xac));
  const spent = Array.from({ length: inputs }, (_, i) => ({ value: 1_000 + i, scriptPubKey }));
  const txid = hexToHash<Txid>(seed.toString(16).padStart(64, '0'));
  const parts = {
    version: 2,
    inputs: spent.map((_, index) => ({
      prevout: { txid, index },
      scriptSig: EMPTY_BYTES,
      sequence: SEQUENCE_FINAL,
      witness: [] as readonly Uint8Array[],
    })),
    outputs: [{ value: 500, scriptPubKey }],
    lockTime: 0,
  };
  const precomputed = new PrecomputedTx(parts, spent);
  const signed = parts.inputs.map((input, i) => {
    const hash = witnessV0SignatureHash(precomputed, i, scriptCode, SIGHASH_ALL);
    const signature = concatBytes(signEcdsa(hash, secret), Uint8Array.of(SIGHASH_ALL));
    return { ...input, witness: [signature, publicKey] };
  });
  return { tx: createTransaction({ ...parts, inputs: signed }), spent };
}

/** The same with the signature of one input spoilt: it fails as SIG_NULLFAIL or EVAL_FALSE. */
export function spoilSignature(spend: SignedSpend, input: number): SignedSpend {
  const inputs = spend.tx.inputs.map((old, i) => {
    if (i !== input) return old;
    const signature = old.witness[0]!.slice();
    // In the middle of R: still strict DER.
    signature[20]! ^= 1;
    return { ...old, witness: [signature, old.witness[1]!] };
  });
  const { version, outputs, lockTime } = spend.tx;
  return { tx: createTransaction({ version, inputs, outputs, lockTime }), spent: spend.spent };
}
