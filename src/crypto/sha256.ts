/** SHA-256 and its doubled form, by what measures fastest: OpenSSL through one-shot `crypto.hash`, but for short checksums. */
import { hash as nodeHash } from 'node:crypto';
import { binaryToBytes, type Hash256 } from '../base/bytes.ts';
import { ONE_BLOCK_BYTES_MAX, sha256dFirstWord } from './sha256d-short.ts';

// crypto.hash with 'binary' output avoids a Buffer per call: three times as fast for small inputs.
const scratch = Buffer.alloc(32);

/** 32 bytes. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return binaryToBytes(nodeHash('sha256', bytes, 'binary'));
}

/** The first four bytes of SHA256(SHA256(`bytes`)), little endian, as 32 signed bits: what frames carry. */
export function sha256dWord(bytes: Uint8Array): number {
  if (bytes.length <= ONE_BLOCK_BYTES_MAX) return swapped(sha256dFirstWord(bytes));
  const hash = sha256d(bytes);
  return (
    hash.charCodeAt(0) | (hash.charCodeAt(1) << 8) | (hash.charCodeAt(2) << 16) | (hash.charCodeAt(3) << 24)
  );
}

function swapped(word: number): number {
  return (word >>> 24) | ((word >>> 8) & 0xff00) | ((word & 0xff00) << 8) | (word << 24);
}

/** SHA256(SHA256(`bytes`)) as a hash in wire order. */
export function sha256d<T extends Hash256 = Hash256>(bytes: Uint8Array): T {
  scratch.write(nodeHash('sha256', bytes, 'binary'), 'latin1');
  return nodeHash('sha256', scratch, 'binary') as T;
}
