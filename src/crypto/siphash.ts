/**
 * SipHash-2-4 (Aumasson and Bernstein): the keyed hash of short transaction ids (BIP152), block filters (BIP158) and
 * hash tables. Each 64-bit word is two 32-bit halves, because bigint arithmetic is 50 times slower here.
 */

import type { Hash256 } from '../base/bytes.ts';

/** Four words of 32 bits: k0 low, k0 high, k1 low, k1 high. */
export type SipKey = readonly [number, number, number, number];

const HASH_BYTES = 32;
// Halves of v0 … v3: low at 2i, high at 2i + 1.
const v = new Uint32Array(8);

/** A 64-bit number; `k0` and `k1` are the key's halves read little endian. */
export function sipHash24(k0: bigint, k1: bigint, bytes: Uint8Array): bigint {
  const [low, high] = sipHashHalves(
    [Number(k0 & 0xffff_ffffn), Number(k0 >> 32n), Number(k1 & 0xffff_ffffn), Number(k1 >> 32n)],
    bytes,
  );
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The same in two halves, without bigints. */
export function sipHashHalves(key: SipKey, bytes: Uint8Array): readonly [low: number, high: number] {
  begin(key[0], key[1], key[2], key[3]);
  const whole = bytes.length - (bytes.length % 8);
  for (let i = 0; i < whole; i += 8) absorb(word(bytes, i), word(bytes, i + 4));
  let low = 0;
  let high = (bytes.length & 0xff) << 24;
  for (let i = whole; i < bytes.length; i += 1) {
    const shift = 8 * (i - whole);
    if (shift < 32) low |= bytes[i]! << shift;
    else high |= bytes[i]! << (shift - 32);
  }
  absorb(low, high);
  end();
  return [resultLow(), resultHigh()];
}

/**
 * The high 53 bits of the hash of some 64-bit words, low halves first: enough to rank by, and without a bigint for each.
 */
export function sipHashRank(key: SipKey, halves: readonly number[]): number {
  begin(key[0], key[1], key[2], key[3]);
  for (let i = 0; i < halves.length; i += 2) absorb(halves[i]!, halves[i + 1]!);
  absorb(0, (4 * halves.length) << 24);
  end();
  return resultHigh() * 0x20_0000 + (resultLow() >>> 11);
}

/** `sipHashRank` of words that begin alike: what they have in common is hashed once. */
export class SipRanks {
  readonly #state = new Uint32Array(8);
  readonly #length: number;

  /** `halves`: what all of them begin with. */
  constructor(key: SipKey, halves: readonly number[]) {
    begin(key[0], key[1], key[2], key[3]);
    for (let i = 0; i < halves.length; i += 2) absorb(halves[i]!, halves[i + 1]!);
    this.#state.set(v);
    this.#length = halves.length + 2;
  }

  /** With one word more. */
  rankOf(low: number, high: number): number {
    for (let i = 0; i < 8; i += 1) v[i] = this.#state[i]!;
    absorb(low, high);
    absorb(0, (4 * this.#length) << 24);
    end();
    return resultHigh() * 0x20_0000 + (resultLow() >>> 11);
  }
}

/** BIP330's name of a transaction within one connection: 32 bits, never zero. */
export function shortTxId(key: SipKey, wtxid: Hash256): number {
  begin(key[0], key[1], key[2], key[3]);
  for (let i = 0; i < HASH_BYTES; i += 8) absorb(wordOf(wtxid, i), wordOf(wtxid, i + 4));
  absorb(0, HASH_BYTES << 24);
  end();
  // 1 + (hash mod (2^32 − 1)): 2^32 leaves 1, so both halves count alike.
  return 1 + ((resultHigh() + resultLow()) % 0xffff_ffff);
}

/**
 * The low 48 bits of the hash of a hash: BIP152's short ids, of which a whole mempool is computed at once, so without
 * bigints. `key`: the low and high word of k0, then of k1.
 */
export function sipHash48(key: SipKey, hash: Hash256): number {
  begin(key[0], key[1], key[2], key[3]);
  for (let i = 0; i < HASH_BYTES; i += 8) absorb(wordOf(hash, i), wordOf(hash, i + 4));
  absorb(0, HASH_BYTES << 24);
  end();
  return (resultHigh() & 0xffff) * 0x1_0000_0000 + resultLow();
}

function begin(k0Low: number, k0High: number, k1Low: number, k1High: number): void {
  v[0] = k0Low ^ 0x7073_6575;
  v[1] = k0High ^ 0x736f_6d65;
  v[2] = k1Low ^ 0x6e64_6f6d;
  v[3] = k1High ^ 0x646f_7261;
  v[4] = k0Low ^ 0x6e65_7261;
  v[5] = k0High ^ 0x6c79_6765;
  v[6] = k1Low ^ 0x7974_6573;
  v[7] = k1High ^ 0x7465_6462;
}

function end(): void {
  v[4] = v[4]! ^ 0xff;
  rounds(4);
}

function resultLow(): number {
  return (v[0]! ^ v[2]! ^ v[4]! ^ v[6]!) >>> 0;
}

function resultHigh(): number {
  return (v[1]! ^ v[3]! ^ v[5]! ^ v[7]!) >>> 0;
}

function wordOf(hash: Hash256, at: number): number {
  return (
    hash.charCodeAt(at) |
    (hash.charCodeAt(at + 1) << 8) |
    (hash.charCodeAt(at + 2) << 16) |
    (hash.charCodeAt(at + 3) << 24)
  );
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function absorb(low: number, high: number): void {
  v[6] = v[6]! ^ low;
  v[7] = v[7]! ^ high;
  rounds(2);
  v[0] = v[0]! ^ low;
  v[1] = v[1]! ^ high;
}

function rounds(count: number): void {
  let l0 = v[0]! | 0;
  let h0 = v[1]! | 0;
  let l1 = v[2]! | 0;
  let h1 = v[3]! | 0;
  let l2 = v[4]! | 0;
  let h2 = v[5]! | 0;
  let l3 = v[6]! | 0;
  let h3 = v[7]! | 0;
  for (let i = 0; i < count; i += 1) {
    let sum = (l0 >>> 0) + (l1 >>> 0);
    h0 = (h0 + h1 + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    l0 = sum | 0;
    sum = (l2 >>> 0) + (l3 >>> 0);
    h2 = (h2 + h3 + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    l2 = sum | 0;
    // v1 = rotl(v1, 13) ^ v0; v3 = rotl(v3, 16) ^ v2; v0 = rotl(v0, 32)
    let low = (l1 << 13) | (h1 >>> 19);
    h1 = ((h1 << 13) | (l1 >>> 19)) ^ h0;
    l1 = low ^ l0;
    low = (l3 << 16) | (h3 >>> 16);
    h3 = ((h3 << 16) | (l3 >>> 16)) ^ h2;
    l3 = low ^ l2;
    low = h0;
    h0 = l0;
    l0 = low;
    sum = (l2 >>> 0) + (l1 >>> 0);
    h2 = (h2 + h1 + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    l2 = sum | 0;
    sum = (l0 >>> 0) + (l3 >>> 0);
    h0 = (h0 + h3 + (sum > 0xffff_ffff ? 1 : 0)) | 0;
    l0 = sum | 0;
    // v1 = rotl(v1, 17) ^ v2; v3 = rotl(v3, 21) ^ v0; v2 = rotl(v2, 32)
    low = (l1 << 17) | (h1 >>> 15);
    h1 = ((h1 << 17) | (l1 >>> 15)) ^ h2;
    l1 = low ^ l2;
    low = (l3 << 21) | (h3 >>> 11);
    h3 = ((h3 << 21) | (l3 >>> 11)) ^ h0;
    l3 = low ^ l0;
    low = h2;
    h2 = l2;
    l2 = low;
  }
  v[0] = l0;
  v[1] = h0;
  v[2] = l1;
  v[3] = h1;
  v[4] = l2;
  v[5] = h2;
  v[6] = l3;
  v[7] = h3;
}
