/** The one key of the simulated economy: its coins are P2WPKH outputs, signed for real. */
import { concatBytes } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { publicKeyOf, signEcdsa } from '../crypto/keys.ts';
import { SIGHASH_ALL } from '../script/encoding.ts';
import { PrecomputedTx, witnessV0SignatureHash } from '../script/sighash.ts';
import { payToPublicKeyHash, payToWitness } from '../script/templates.ts';
import type { TxOutput, TxParts } from '../wire/transaction.ts';

const SECRET_KEY = new Uint8Array(32).fill(7);
const PUBLIC_KEY = publicKeyOf(SECRET_KEY);
const KEY_HASH = hash160(PUBLIC_KEY);

export const COIN_SCRIPT = payToWitness(0, KEY_HASH);

/** The witness of the only input, which spends an output with `COIN_SCRIPT`. */
export function signSpend(parts: TxParts, spent: readonly TxOutput[]): readonly Uint8Array[] {
  const precomputed = new PrecomputedTx(parts, spent);
  const hash = witnessV0SignatureHash(precomputed, 0, payToPublicKeyHash(KEY_HASH), SIGHASH_ALL);
  return [concatBytes(signEcdsa(hash, SECRET_KEY), Uint8Array.of(SIGHASH_ALL)), PUBLIC_KEY];
}
