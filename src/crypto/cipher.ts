/**
 * What a wallet's passphrase protects with: scrypt from passphrase to key, XChaCha20-Poly1305 over the secrets. The
 * nonce has 24 random bytes and stands before the ciphertext; the tag of 16 bytes ends it.
 */
import { scryptSync } from 'node:crypto';
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { concatBytes } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';

const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/** Cost of scrypt: memory is 128·n·r bytes. */
export interface ScryptCost {
  /** A power of two. */
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** 64 MiB and about 200 ms on a laptop (RFC 7914 gives the meaning of the numbers). */
export const SCRYPT_COST: ScryptCost = { n: 1 << 16, r: 8, p: 1 };

/** The key is not the one that encrypted, or the ciphertext was changed. */
export class WrongKeyError extends Error {
  override readonly name = 'WrongKeyError';
}

/** A key of 32 bytes. Takes as long as `cost` says, on the calling thread. */
export function deriveKey(
  passphrase: Uint8Array,
  salt: Uint8Array,
  cost: ScryptCost = SCRYPT_COST,
): Uint8Array {
  const { n, r, p } = cost;
  return new Uint8Array(scryptSync(passphrase, salt, KEY_BYTES, { N: n, r, p, maxmem: 256 * n * r }));
}

/** nonce ‖ ciphertext ‖ tag: 40 bytes more than `plaintext`. */
export function encrypt(plaintext: Uint8Array, key: Uint8Array, random: Random): Uint8Array {
  const nonce = random.bytes(NONCE_BYTES);
  return concatBytes(nonce, xchacha20poly1305(key, nonce).encrypt(plaintext));
}

/** The plaintext that `encrypt` was given; throws WrongKeyError. */
export function decrypt(sealed: Uint8Array, key: Uint8Array): Uint8Array {
  if (sealed.length < NONCE_BYTES + TAG_BYTES) throw new WrongKeyError('Ciphertext too short');
  try {
    return xchacha20poly1305(key, sealed.subarray(0, NONCE_BYTES)).decrypt(sealed.subarray(NONCE_BYTES));
  } catch {
    throw new WrongKeyError('Wrong key, or changed ciphertext');
  }
}
