/**
 * MuHash3072: the hash of a set, into which elements go in any order (Core: crypto/muhash.cpp). Each element becomes
 * a number modulo a prime of 3072 bits (SHA-256, then 384 bytes of ChaCha20 under that key); the set is their product.
 */
import { createCipheriv } from 'node:crypto';
import { bytesToHash, bytesToHex, type Hash256 } from '../base/bytes.ts';
import { sha256 } from './sha256.ts';

const NUMBER_BYTES = 384;
const PRIME = (1n << 3072n) - 1_103_717n;
const ZEROS = new Uint8Array(NUMBER_BYTES);
/** Block counter and nonce. */
const CHACHA_START = new Uint8Array(16);

export class MuHash {
  #product = 1n;

  insert(element: Uint8Array): void {
    const cipher = createCipheriv('chacha20', sha256(element), CHACHA_START);
    this.#product = (this.#product * readNumber(cipher.update(ZEROS))) % PRIME;
  }

  digest(): Hash256 {
    const hex = this.#product.toString(16).padStart(NUMBER_BYTES * 2, '0');
    return bytesToHash(sha256(Buffer.from(hex, 'hex').reverse()));
  }
}

/** Little endian. */
function readNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes.slice().reverse())}`);
}
