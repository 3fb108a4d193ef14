/**
 * How signatures and public keys of ECDSA must be encoded (BIP62, BIP66, BIP143; Core: src/script/interpreter.cpp).
 * Consensus demands strict DER only; low S, defined hash types and key types are policy. Signatures here end with
 * their hash type byte.
 */
import { hexToBytes } from '../base/bytes.ts';
import type { ScriptError } from './errors.ts';
import { SCRIPT_FLAGS } from './flags.ts';

export const SIGHASH_DEFAULT = 0;
export const SIGHASH_ALL = 1;
export const SIGHASH_NONE = 2;
export const SIGHASH_SINGLE = 3;
export const SIGHASH_ANYONECANPAY = 0x80;

const COMPRESSED_KEY_BYTES = 33;
const UNCOMPRESSED_KEY_BYTES = 65;
/** Shortest and longest strict DER signature with its hash type byte. */
const SIGNATURE_BYTES_MIN = 9;
const SIGNATURE_BYTES_MAX = 73;

/** Half the order of secp256k1, big endian: a larger S could be negated to a smaller one. */
const HALF_ORDER = hexToBytes('7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0');
/** The largest value that R and S can have. */
const ORDER_MINUS_1 = hexToBytes('fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140');

const DER_FLAGS = SCRIPT_FLAGS.DERSIG | SCRIPT_FLAGS.LOW_S | SCRIPT_FLAGS.STRICTENC;

/** What is wrong with a signature under `flags`. The empty one is a valid way to give an invalid signature. */
export function signatureEncodingError(signature: Uint8Array, flags: number): ScriptError | undefined {
  if (signature.length === 0 || (flags & DER_FLAGS) === 0) return undefined;
  if (!isStrictDer(signature)) return 'SIG_DER';
  if (flags & SCRIPT_FLAGS.LOW_S && !hasLowS(signature)) return 'SIG_HIGH_S';
  if (flags & SCRIPT_FLAGS.STRICTENC && !hasDefinedHashType(signature)) return 'SIG_HASHTYPE';
  return undefined;
}

/** What is wrong with a public key under `flags`, as legacy or as version 0 witness scripts see it. */
export function publicKeyEncodingError(
  publicKey: Uint8Array,
  flags: number,
  sigVersion: 'base' | 'witness-v0',
): ScriptError | undefined {
  if (flags & SCRIPT_FLAGS.STRICTENC && !isCompressedOrUncompressed(publicKey)) return 'PUBKEYTYPE';
  if (flags & SCRIPT_FLAGS.WITNESS_PUBKEYTYPE && sigVersion === 'witness-v0' && !isCompressed(publicKey)) {
    return 'WITNESS_PUBKEYTYPE';
  }
  return undefined;
}

/** 30 len 02 lenR R 02 lenS S hashType, with R and S positive and as short as possible (BIP66). */
export function isStrictDer(signature: Uint8Array): boolean {
  const { length } = signature;
  if (length < SIGNATURE_BYTES_MIN || length > SIGNATURE_BYTES_MAX) return false;
  if (signature[0] !== 0x30 || signature[1] !== length - 3) return false;
  const lengthR = signature[3]!;
  if (5 + lengthR >= length) return false;
  const lengthS = signature[5 + lengthR]!;
  if (lengthR + lengthS + 7 !== length) return false;
  return isStrictInteger(signature, 2, lengthR) && isStrictInteger(signature, 4 + lengthR, lengthS);
}

/** Whether the last byte is one of ALL, NONE and SINGLE, with or without ANYONECANPAY. */
export function hasDefinedHashType(signature: Uint8Array): boolean {
  if (signature.length === 0) return false;
  const base = signature[signature.length - 1]! & ~SIGHASH_ANYONECANPAY;
  return base >= SIGHASH_ALL && base <= SIGHASH_SINGLE;
}

function isStrictInteger(signature: Uint8Array, at: number, length: number): boolean {
  if (signature[at] !== 2 || length === 0) return false;
  const first = signature[at + 2]!;
  if (first & 0x80) return false;
  return !(length > 1 && first === 0 && !(signature[at + 3]! & 0x80));
}

/**
 * Of a strict DER signature. Core's lax parser turns a signature whose R or S is not below the order into zeros, and
 * zero is low: such a signature fails as a signature, not by this rule.
 */
function hasLowS(signature: Uint8Array): boolean {
  const startS = 6 + signature[3]!;
  const endS = signature.length - 1;
  const r = signature.subarray(4, startS - 2);
  const s = signature.subarray(startS, endS);
  return isAtMost(s, HALF_ORDER) || !isAtMost(s, ORDER_MINUS_1) || !isAtMost(r, ORDER_MINUS_1);
}

/** Compares a strict DER integer with 32 bytes, both big endian. */
function isAtMost(integer: Uint8Array, limit: Uint8Array): boolean {
  const start = integer[0] === 0 ? 1 : 0;
  const length = integer.length - start;
  if (length !== limit.length) return length < limit.length;
  for (let i = 0; i < length; i += 1) {
    if (integer[start + i] !== limit[i]) return integer[start + i]! < limit[i]!;
  }
  return true;
}

function isCompressedOrUncompressed(publicKey: Uint8Array): boolean {
  if (publicKey[0] === 4) return publicKey.length === UNCOMPRESSED_KEY_BYTES;
  return isCompressed(publicKey);
}

function isCompressed(publicKey: Uint8Array): boolean {
  return publicKey.length === COMPRESSED_KEY_BYTES && (publicKey[0] === 2 || publicKey[0] === 3);
}
