/**
 * Base58 and Base58Check as Core reads and writes them (src/base58.cpp): spaces around the text pass, and a limit on
 * the decoded size keeps the quadratic conversion short.
 */
import { binaryToBytes, concatBytes } from '../base/bytes.ts';
import { sha256d } from './sha256.ts';

const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const CHECKSUM_BYTES = 4;
const AROUND = /^[ \f\n\r\t\v]+|[ \f\n\r\t\v]+$/g;
/** Digits taken at a time: 58^5 fits 32 bits, and times 256 a safe integer. */
const CHUNK_DIGITS = 5;
const CHUNK_BASE = 58 ** CHUNK_DIGITS;

const digitOf = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i += 1) digitOf[ALPHABET.charCodeAt(i)] = i;

export function encodeBase58(bytes: Uint8Array): string {
  let zeros = 0;
  while (zeros < bytes.length && bytes[zeros] === 0) zeros += 1;
  // Chunks of five digits, lowest first.
  const chunks: number[] = [];
  for (let i = zeros; i < bytes.length; i += 1) {
    let carry = bytes[i]!;
    for (let j = 0; j < chunks.length; j += 1) {
      carry += chunks[j]! * 256;
      chunks[j] = carry % CHUNK_BASE;
      carry = Math.floor(carry / CHUNK_BASE);
    }
    if (carry > 0) chunks.push(carry);
  }
  let digits = '';
  for (let chunk of chunks) {
    for (let k = 0; k < CHUNK_DIGITS; k += 1) {
      digits = ALPHABET[chunk % 58]! + digits;
      chunk = Math.floor(chunk / 58);
    }
  }
  return '1'.repeat(zeros) + digits.replace(/^1+/, '');
}

/** Undefined for a character outside the alphabet or more than `bytesMax` bytes. */
export function decodeBase58(text: string, bytesMax: number): Uint8Array | undefined {
  const digits = text.replace(AROUND, '');
  let zeros = 0;
  while (digits[zeros] === '1') {
    zeros += 1;
    if (zeros > bytesMax) return undefined;
  }
  // Bytes, lowest first.
  const number: number[] = [];
  for (let i = zeros; i < digits.length; i += 1) {
    const code = digits.charCodeAt(i);
    let carry = code < 128 ? digitOf[code]! : -1;
    if (carry < 0) return undefined;
    for (let j = 0; j < number.length; j += 1) {
      carry += number[j]! * 58;
      number[j] = carry & 0xff;
      carry >>= 8;
    }
    if (carry > 0) number.push(carry);
    if (number.length + zeros > bytesMax) return undefined;
  }
  const bytes = new Uint8Array(zeros + number.length);
  for (let i = 0; i < number.length; i += 1) bytes[bytes.length - 1 - i] = number[i]!;
  return bytes;
}

/** With the first four bytes of SHA256d as checksum. */
export function encodeBase58Check(payload: Uint8Array): string {
  return encodeBase58(concatBytes(payload, checksum(payload)));
}

/** The payload of at most `bytesMax` bytes; undefined when it is longer, misspelt or its checksum is wrong. */
export function decodeBase58Check(text: string, bytesMax: number): Uint8Array | undefined {
  const bytes = decodeBase58(text, bytesMax + CHECKSUM_BYTES);
  if (bytes === undefined || bytes.length < CHECKSUM_BYTES) return undefined;
  const end = bytes.length - CHECKSUM_BYTES;
  const payload = bytes.slice(0, end);
  const expected = checksum(payload);
  for (let i = 0; i < CHECKSUM_BYTES; i += 1) if (bytes[end + i] !== expected[i]) return undefined;
  return payload;
}

function checksum(payload: Uint8Array): Uint8Array {
  return binaryToBytes(sha256d(payload).slice(0, CHECKSUM_BYTES));
}
