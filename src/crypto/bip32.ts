/**
 * Hierarchical deterministic keys (BIP32), read and written as Core does (src/key.cpp, src/pubkey.cpp). Which network a
 * serialised key belongs to is told by four version bytes, which the caller passes.
 */
import { concatBytes } from '../base/bytes.ts';
import { decodeBase58Check, encodeBase58Check } from './base58.ts';
import { hash160, hmacSha512 } from './hashes.ts';
import {
  addPublicKeyTweak,
  addSecretKeyTweak,
  isFullyValidPublicKey,
  isValidSecretKey,
  publicKeyOf,
} from './keys.ts';

export interface ExtendedPublicKey {
  readonly depth: number;
  /** Four bytes. */
  readonly parentFingerprint: Uint8Array;
  /** From `HARDENED` up: derived with the secret. */
  readonly childNumber: number;
  readonly chainCode: Uint8Array;
  /** Compressed. */
  readonly publicKey: Uint8Array;
}

export interface ExtendedSecretKey extends ExtendedPublicKey {
  readonly secretKey: Uint8Array;
}

/** Child numbers from here up are hardened. */
export const HARDENED = 0x8000_0000;

const VERSION_BYTES = 4;
const KEY_BYTES = 74;
const DEPTH_MAX = 255;
const MASTER_HMAC_KEY = new Uint8Array(Buffer.from('Bitcoin seed', 'latin1'));

/** The root of the tree of `seed` (16 to 64 bytes). Undefined once in 2^127 seeds. */
export function masterKeyOf(seed: Uint8Array): ExtendedSecretKey | undefined {
  const digest = hmacSha512(MASTER_HMAC_KEY, seed);
  const secretKey = digest.slice(0, 32);
  if (!isValidSecretKey(secretKey)) return undefined;
  return {
    depth: 0,
    parentFingerprint: new Uint8Array(4),
    childNumber: 0,
    chainCode: digest.slice(32),
    secretKey,
    publicKey: publicKeyOf(secretKey),
  };
}

/** Undefined at the greatest depth, and once in 2^127 children. */
export function deriveSecretChild(
  parent: ExtendedSecretKey,
  childNumber: number,
): ExtendedSecretKey | undefined {
  if (parent.depth >= DEPTH_MAX) return undefined;
  const material =
    childNumber >= HARDENED ? concatBytes(Uint8Array.of(0), parent.secretKey) : parent.publicKey;
  const digest = childDigest(parent.chainCode, material, childNumber);
  const secretKey = addSecretKeyTweak(parent.secretKey, digest.subarray(0, 32));
  if (secretKey === undefined) return undefined;
  return {
    depth: parent.depth + 1,
    parentFingerprint: fingerprintOf(parent.publicKey),
    childNumber,
    chainCode: digest.slice(32),
    secretKey,
    publicKey: publicKeyOf(secretKey),
  };
}

/** Undefined for a hardened child, which needs the secret, at the greatest depth, and once in 2^127 children. */
export function derivePublicChild(
  parent: ExtendedPublicKey,
  childNumber: number,
): ExtendedPublicKey | undefined {
  if (childNumber >= HARDENED || parent.depth >= DEPTH_MAX) return undefined;
  const digest = childDigest(parent.chainCode, parent.publicKey, childNumber);
  const publicKey = addPublicKeyTweak(parent.publicKey, digest.subarray(0, 32));
  if (publicKey === undefined) return undefined;
  return {
    depth: parent.depth + 1,
    parentFingerprint: fingerprintOf(parent.publicKey),
    childNumber,
    chainCode: digest.slice(32),
    publicKey,
  };
}

/** What is added to an unhardened parent's key to make the child's: 32 bytes. */
export function publicChildTweak(parent: ExtendedPublicKey, childNumber: number): Uint8Array {
  return childDigest(parent.chainCode, parent.publicKey, childNumber).slice(0, 32);
}

/** Without the secret. */
export function neuter(key: ExtendedPublicKey): ExtendedPublicKey {
  const { depth, parentFingerprint, childNumber, chainCode, publicKey } = key;
  return { depth, parentFingerprint, childNumber, chainCode, publicKey };
}

/** The first four bytes of HASH160 of a public key. */
export function fingerprintOf(publicKey: Uint8Array): Uint8Array {
  return hash160(publicKey).slice(0, 4);
}

/** `version`: four bytes as a number, such as 0x0488b21e for xpub. */
export function encodeExtendedPublicKey(key: ExtendedPublicKey, version: number): string {
  return encodeKey(key, version, key.publicKey);
}

export function encodeExtendedSecretKey(key: ExtendedSecretKey, version: number): string {
  return encodeKey(key, version, concatBytes(Uint8Array.of(0), key.secretKey));
}

/** Undefined for anything but a valid public key of this version. */
export function decodeExtendedPublicKey(text: string, version: number): ExtendedPublicKey | undefined {
  const fields = decodeKey(text, version);
  if (fields === undefined || !isFullyValidPublicKey(fields.keyData)) return undefined;
  const { keyData, ...rest } = fields;
  return { ...rest, publicKey: keyData };
}

/** Undefined for anything but a valid secret key of this version. */
export function decodeExtendedSecretKey(text: string, version: number): ExtendedSecretKey | undefined {
  const fields = decodeKey(text, version);
  if (fields === undefined || fields.keyData[0] !== 0) return undefined;
  const { keyData, ...rest } = fields;
  const secretKey = keyData.slice(1);
  return isValidSecretKey(secretKey) ? { ...rest, secretKey, publicKey: publicKeyOf(secretKey) } : undefined;
}

function childDigest(chainCode: Uint8Array, material: Uint8Array, childNumber: number): Uint8Array {
  const message = new Uint8Array(37);
  message.set(material);
  new DataView(message.buffer).setUint32(33, childNumber);
  return hmacSha512(chainCode, message);
}

function encodeKey(key: ExtendedPublicKey, version: number, keyData: Uint8Array): string {
  const bytes = new Uint8Array(VERSION_BYTES + KEY_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, version);
  bytes[4] = key.depth;
  bytes.set(key.parentFingerprint, 5);
  view.setUint32(9, key.childNumber);
  bytes.set(key.chainCode, 13);
  bytes.set(keyData, 45);
  return encodeBase58Check(bytes);
}

function decodeKey(text: string, version: number) {
  const bytes = decodeBase58Check(text, VERSION_BYTES + KEY_BYTES);
  if (bytes === undefined || bytes.length !== VERSION_BYTES + KEY_BYTES) return undefined;
  const view = new DataView(bytes.buffer);
  if (view.getUint32(0) !== version) return undefined;
  const depth = bytes[4]!;
  const parentFingerprint = bytes.slice(5, 9);
  const childNumber = view.getUint32(9);
  // A root has no parent.
  if (depth === 0 && (childNumber !== 0 || view.getUint32(5) !== 0)) return undefined;
  return { depth, parentFingerprint, childNumber, chainCode: bytes.slice(13, 45), keyData: bytes.slice(45) };
}
