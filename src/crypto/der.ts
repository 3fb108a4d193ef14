/**
 * ECDSA signatures between DER and 64 bytes (r ‖ s).
 *
 * Reading is lax, as Core reads: negative numbers, padding, overlong lengths and trailing bytes pass, because
 * signatures like that are in the chain from before BIP66. Strictness is a rule of scripts, not of this file.
 */
import { CURVE_ORDER, readScalar, writeScalar } from './scalar.ts';

const TAG_SEQUENCE = 0x30;
const TAG_INTEGER = 0x02;
/** A length in the long form may have at most this many significant bytes (Core: lenbyte >= 4 fails). */
const LENGTH_BYTES_MAX = 3;

/**
 * r ‖ s with s in its lower half, or undefined when no public key can verify it: unparsable, zero, or not below
 * the order of the group (Core: ecdsa_signature_parse_der_lax and secp256k1_ecdsa_signature_normalize).
 */
export function parseDerLax(der: Uint8Array): Uint8Array | undefined {
  if (der.length < 2 || der[0] !== TAG_SEQUENCE) return undefined;
  const lengthByte = der[1]!;
  let at = 2;
  if (lengthByte & 0x80) {
    // How long the sequence claims to be is not looked at.
    at += lengthByte - 0x80;
    if (at > der.length) return undefined;
  }
  const rEnd = skipInteger(der, at);
  if (rEnd < 0) return undefined;
  const sEnd = skipInteger(der, rEnd);
  if (sEnd < 0) return undefined;

  const compact = new Uint8Array(64);
  if (!copyNumber(der, integerStart(der, at), rEnd, compact, 32)) return undefined;
  if (!copyNumber(der, integerStart(der, rEnd), sEnd, compact, 64)) return undefined;
  return normalizeCompact(compact);
}

/** Strict DER of a signature r ‖ s: at most 72 bytes, 71 with a low s, 70 with a low r too. */
export function encodeDer(compact: Uint8Array): Uint8Array {
  const r = minimalInteger(compact, 0);
  const s = minimalInteger(compact, 32);
  const der = new Uint8Array(6 + r.length + s.length);
  der[0] = TAG_SEQUENCE;
  der[1] = 4 + r.length + s.length;
  der[2] = TAG_INTEGER;
  der[3] = r.length;
  der.set(r, 4);
  der[4 + r.length] = TAG_INTEGER;
  der[5 + r.length] = s.length;
  der.set(s, 6 + r.length);
  return der;
}

/** Checks 0 < r, s < n and makes s the lower of s and n − s, in place; undefined when out of range. */
function normalizeCompact(compact: Uint8Array): Uint8Array | undefined {
  // A top byte in 1 … 0x7e leaves nothing to check; r usually needs the look, s seldom.
  const rTop = compact[0]!;
  if (rTop === 0 || rTop === 0xff) {
    const r = readScalar(compact, 0);
    if (r === 0n || r >= CURVE_ORDER) return undefined;
  }
  const sTop = compact[32]!;
  if (sTop === 0 || sTop >= 0x7f) {
    const s = readScalar(compact, 32);
    if (s === 0n || s >= CURVE_ORDER) return undefined;
    if (s > CURVE_ORDER >> 1n) writeScalar(CURVE_ORDER - s, compact, 32);
  }
  return compact;
}

/** The end of the integer whose tag stands at `at`, or −1. */
function skipInteger(der: Uint8Array, at: number): number {
  const start = integerStart(der, at);
  if (start < 0) return -1;
  const end = start + integerLength(der, at);
  return end > der.length ? -1 : end;
}

/** Where the number of the integer at `at` starts, or −1 when tag or length are unreadable. */
function integerStart(der: Uint8Array, at: number): number {
  if (at + 1 >= der.length || der[at] !== TAG_INTEGER) return -1;
  const lengthByte = der[at + 1]!;
  if ((lengthByte & 0x80) === 0) return at + 2;
  const start = at + 2 + (lengthByte - 0x80);
  if (start > der.length) return -1;
  let significant = at + 2;
  while (significant < start && der[significant] === 0) significant += 1;
  return start - significant > LENGTH_BYTES_MAX ? -1 : start;
}

/** The length that the integer at `at` states; its header has been checked. */
function integerLength(der: Uint8Array, at: number): number {
  const lengthByte = der[at + 1]!;
  if ((lengthByte & 0x80) === 0) return lengthByte;
  let length = 0;
  for (let i = at + 2; i < at + 2 + (lengthByte - 0x80); i += 1) length = length * 256 + der[i]!;
  return length;
}

/** Copies the number in `der` so that it ends before `targetEnd`; false when it has more than 32 bytes. */
function copyNumber(
  der: Uint8Array,
  start: number,
  end: number,
  target: Uint8Array,
  targetEnd: number,
): boolean {
  while (start < end && der[start] === 0) start += 1;
  const length = end - start;
  if (length > 32) return false;
  for (let i = 0; i < length; i += 1) target[targetEnd - length + i] = der[start + i]!;
  return true;
}

/** The 32 bytes at `at` as a positive DER integer: without leading zeros, with one where the top bit is set. */
function minimalInteger(compact: Uint8Array, at: number): Uint8Array {
  const end = at + 32;
  while (at < end - 1 && compact[at] === 0) at += 1;
  if ((compact[at]! & 0x80) === 0) return compact.subarray(at, end);
  const padded = new Uint8Array(end - at + 1);
  padded.set(compact.subarray(at, end), 1);
  return padded;
}
