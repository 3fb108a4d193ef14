/**
 * Bytes and hashes as the whole code base writes them.
 *
 * A hash is a binary string in wire order: 32 characters of latin1. Such a string is a Map key that costs a
 * fifth of what hex costs and compares as Core's bytes do. Hex in the reversed order people read exists only
 * at the edges: `hashToHex` and `hexToHash`.
 */

declare const brand: unique symbol;
/** 32 bytes in wire order as latin1 characters. */
export type Hash256 = string & { readonly [brand]: 'hash256' | 'blockHash' | 'txid' | 'wtxid' };
/** Hash of a block header. */
export type BlockHash = Hash256 & { readonly [brand]: 'blockHash' };
/** Hash of a transaction without its witnesses. */
export type Txid = Hash256 & { readonly [brand]: 'txid' };
/** Hash of a transaction with its witnesses (BIP141). */
export type Wtxid = Hash256 & { readonly [brand]: 'wtxid' };

/** All 32 bytes zero: the previous hash of a genesis block, the txid of a coinbase's outpoint. */
export const ZERO_HASH = '\0'.repeat(32) as BlockHash & Txid & Wtxid;

export const EMPTY_BYTES = new Uint8Array(0);

/**
 * Zeros for what is given to C many times: a new small array lies where V8 may move it, and before C may see it, it is
 * copied out into memory of its own, which costs more than all the rest of the call.
 */
export function unmovedBytes(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

/** Of Buffer, but works on any Uint8Array: no view need be made for each string. */
const latin1Slice = (
  Buffer.prototype as unknown as { latin1Slice(this: Uint8Array, start: number, end: number): string }
).latin1Slice;

/** Reads `bytes` as characters 0–255, one a byte. */
export function bytesToBinary(bytes: Uint8Array): string {
  return latin1Slice.call(bytes, 0, bytes.length);
}

/** The same of a part of them. */
export function binaryBetween(bytes: Uint8Array, start: number, end: number): string {
  return latin1Slice.call(bytes, start, end);
}

/** The inverse of `bytesToBinary`; a fresh array. */
export function binaryToBytes(binary: string): Uint8Array {
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i += 1) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** Exactly 32 bytes to a hash; the caller says which kind of hash it is. */
export function bytesToHash<T extends Hash256 = Hash256>(bytes: Uint8Array): T {
  if (bytes.length !== 32) throw new RangeError(`A hash has 32 bytes, got ${bytes.length}`);
  return bytesToBinary(bytes) as T;
}

const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const HEX = /^(?:[0-9a-fA-F]{2})*$/;

export function isHex(text: string): boolean {
  return HEX.test(text);
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/** Throws RangeError unless `hex` is an even number of hexadecimal digits. */
export function hexToBytes(hex: string): Uint8Array {
  if (!HEX.test(hex)) throw new RangeError(`Not hexadecimal: "${hex.slice(0, 80)}"`);
  const bytes = new Uint8Array(hex.length / 2);
  Buffer.from(bytes.buffer).write(hex, 'hex');
  return bytes;
}

/** A hash as people read it: hex, last byte first. */
export function hashToHex(hash: Hash256): string {
  let hex = '';
  for (let i = 31; i >= 0; i -= 1) hex += HEX_OF_BYTE[hash.charCodeAt(i)]!;
  return hex;
}

/** The inverse of `hashToHex`; throws RangeError unless given 64 hexadecimal digits. */
export function hexToHash<T extends Hash256 = Hash256>(hex: string): T {
  if (hex.length !== 64) throw new RangeError(`A hash has 64 hexadecimal digits, got ${hex.length}`);
  return bytesToBinary(hexToBytes(hex).reverse()) as T;
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}

/** Lexicographic order, as memcmp: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** UTF-8. */
export function textToBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'));
}
