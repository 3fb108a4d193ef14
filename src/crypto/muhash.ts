/**
 * MuHash3072: the hash of a set, into which elements go, and out of which they come, in any order (Core:
 * crypto/muhash.cpp). Each element becomes a number modulo a prime of 3072 bits (SHA-256, then 384 bytes of ChaCha20 under
 * that key); the set is their product, divided by that of what was removed.
 */
import { createCipheriv } from 'node:crypto';
import { bytesToHash, bytesToHex, type Hash256 } from '../base/bytes.ts';
import { sha256 } from './sha256.ts';

const NUMBER_BYTES = 384;
/** Numerator and denominator. */
export const MUHASH_BYTES = NUMBER_BYTES * 2;
const NUMBER_BITS = 3072n;
/** The prime is so much below 2^3072, which makes a remainder two short products. */
const PRIME_GAP = 1_103_717n;
const PRIME = (1n << NUMBER_BITS) - PRIME_GAP;
const LOW_MASK = (1n << NUMBER_BITS) - 1n;
const ZEROS = new Uint8Array(NUMBER_BYTES);
/** Block counter and nonce. */
const CHACHA_START = new Uint8Array(16);

export class MuHash {
  #numerator = 1n;
  #denominator = 1n;

  /** The inverse of `encode`; `bytes` are MUHASH_BYTES. */
  static decode(bytes: Uint8Array): MuHash {
    const set = new MuHash();
    set.#numerator = readNumber(bytes.subarray(0, NUMBER_BYTES)) % PRIME;
    set.#denominator = readNumber(bytes.subarray(NUMBER_BYTES, MUHASH_BYTES)) % PRIME;
    return set;
  }

  insert(element: Uint8Array): void {
    this.#numerator = multiply(this.#numerator, numberOf(element));
  }

  /** The opposite of `insert`; the element may also come later. */
  remove(element: Uint8Array): void {
    this.#denominator = multiply(this.#denominator, numberOf(element));
  }

  digest(): Hash256 {
    if (this.#denominator !== 1n) {
      this.#numerator = multiply(this.#numerator, invert(this.#denominator));
      this.#denominator = 1n;
    }
    // What the short remainder leaves may still be above the prime.
    return bytesToHash(sha256(numberBytes(this.#numerator % PRIME)));
  }

  /** Numerator and denominator, little endian, as Core stores them. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(MUHASH_BYTES);
    bytes.set(numberBytes(this.#numerator % PRIME));
    bytes.set(numberBytes(this.#denominator % PRIME), NUMBER_BYTES);
    return bytes;
  }
}

function numberOf(element: Uint8Array): bigint {
  const cipher = createCipheriv('chacha20', sha256(element), CHACHA_START);
  return readNumber(cipher.update(ZEROS));
}

/** Below 2^3072, congruent to the product modulo the prime. */
function multiply(a: bigint, b: bigint): bigint {
  let product = a * b;
  while (product > LOW_MASK) product = (product >> NUMBER_BITS) * PRIME_GAP + (product & LOW_MASK);
  return product;
}

/** Modulo the prime, by Euclid. */
function invert(value: bigint): bigint {
  let rest = PRIME;
  let next = value % PRIME;
  let factor = 0n;
  let nextFactor = 1n;
  while (next !== 0n) {
    const quotient = rest / next;
    [rest, next] = [next, rest - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return factor < 0n ? factor + PRIME : factor;
}

/** Little endian. */
function readNumber(bytes: Uint8Array): bigint {
  return BigInt(`0x${bytesToHex(bytes.slice().reverse())}`);
}

/** 384 bytes, little endian. */
function numberBytes(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(NUMBER_BYTES * 2, '0'), 'hex').reverse();
}
