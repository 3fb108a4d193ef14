/** Valid spends with real signatures, for whatever needs scripts that pass. */
import { concatBytes, EMPTY_BYTES, hexToHash, type Txid } from '../../src/base/bytes.ts';
import { hash160 } from '../../src/crypto/hashes.ts';
import {
  publicKeyOf,
  signEcdsa,
  signSchnorr,
  taprootTweakPublicKey,
  taprootTweakSecretKey,
} from '../../src/crypto/keys.ts';
import { SIGHASH_ALL, SIGHASH_DEFAULT } from '../../src/script/encoding.ts';
import { PrecomputedTx, witnessV0SignatureHash } from '../../src/script/sighash.ts';
import { taprootSignatureHash } from '../../src/script/taproot-sighash.ts';
import { payToPublicKeyHash, payToTaproot, payToWitness } from '../../src/script/templates.ts';
import {
  createTransaction,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
  type TxOutput,
} from '../../src/wire/transaction.ts';

export interface SignedSpend {
  readonly tx: Transaction;
  readonly spent: readonly TxOutput[];
}

const SECRET = new Uint8Array(32).fill(7);

/** Where `signedKeyHashSpendOf` spends from. */
export function keyHashScript(): Uint8Array {
  return payToWitness(0, hash160(publicKeyOf(SECRET)));
}

/** A transaction that spends `inputs` P2WPKH outputs of one key; the outpoints come from `seed`. */
export function signedKeyHashSpend(seed: number, inputs: number): SignedSpend {
  return signedKeyHashSpendOf(madeUp(seed, inputs));
}

/** The same of outputs that exist. Half of what they are worth is fee. */
export function signedKeyHashSpendOf(coins: readonly SpentCoin[]): SignedSpend {
  const publicKey = publicKeyOf(SECRET);
  const keyHash = hash160(publicKey);
  const scriptCode = payToPublicKeyHash(keyHash);
  return signEach(coins, payToWitness(0, keyHash), (precomputed, i) => {
    const hash = witnessV0SignatureHash(precomputed, i, scriptCode, SIGHASH_ALL);
    return [concatBytes(signEcdsa(hash, SECRET), Uint8Array.of(SIGHASH_ALL)), publicKey];
  });
}

/** The same of taproot outputs, spent by their key. */
export function signedTaprootSpend(seed: number, inputs: number): SignedSpend {
  const internalKey = publicKeyOf(SECRET).subarray(1);
  const tweaked = taprootTweakSecretKey(SECRET, undefined);
  const scriptPubKey = payToTaproot(taprootTweakPublicKey(internalKey, undefined)!.key);
  return signEach(madeUp(seed, inputs), scriptPubKey, (precomputed, i) => {
    const hash = taprootSignatureHash(precomputed, i, SIGHASH_DEFAULT, {
      annexHash: undefined,
      leafHash: undefined,
      codeSeparatorPosition: 0xffff_ffff,
    })!;
    return [signSchnorr(hash, tweaked, new Uint8Array(32))];
  });
}

interface SpentCoin {
  readonly prevout: OutPoint;
  readonly value: number;
}

function madeUp(seed: number, count: number): SpentCoin[] {
  const txid = hexToHash<Txid>(seed.toString(16).padStart(64, '0'));
  return Array.from({ length: count }, (_, index) => ({ prevout: { txid, index }, value: 1_000 + index }));
}

function signEach(
  coins: readonly SpentCoin[],
  scriptPubKey: Uint8Array,
  sign: (precomputed: PrecomputedTx, input: number) => readonly Uint8Array[],
): SignedSpend {
  const spent = coins.map(({ value }) => ({ value, scriptPubKey }));
  const total = coins.reduce((sum, { value }) => sum + value, 0);
  const parts = {
    version: 2,
    inputs: coins.map(({ prevout }) => ({
      prevout,
      scriptSig: EMPTY_BYTES,
      sequence: SEQUENCE_FINAL,
      witness: [] as readonly Uint8Array[],
    })),
    outputs: [{ value: Math.floor(total / 2), scriptPubKey }],
    lockTime: 0,
  };
  const precomputed = new PrecomputedTx(parts, spent);
  const signed = parts.inputs.map((input, i) => ({ ...input, witness: sign(precomputed, i) }));
  return { tx: createTransaction({ ...parts, inputs: signed }), spent };
}

/** A P2WPKH spend with the signature of one input spoilt: it fails as SIG_NULLFAIL or EVAL_FALSE. */
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
