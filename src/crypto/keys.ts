/**
 * Private and public keys: checks, derivation, signing as Core signs (so that the same key and message give the
 * same bytes), and the tweaks of BIP341.
 */
import { assert } from '../base/assert.ts';
import { curve, evenKey } from './curve.ts';
import { encodeDer } from './der.ts';
import { taggedHash } from './hashes.ts';
import { CURVE_ORDER, modOrder, readScalar, scalarToBytes, writeScalar } from './scalar.ts';

export interface TaprootOutputKey {
  /** x-only. */
  readonly key: Uint8Array;
  /** 1 when y is odd: the lowest bit of a control block. */
  readonly parity: 0 | 1;
}

/** 32 bytes that are a number from 1 to n − 1. */
export function isValidSecretKey(secretKey: Uint8Array): boolean {
  if (secretKey.length !== 32) return false;
  const scalar = readScalar(secretKey);
  return scalar > 0n && scalar < CURVE_ORDER;
}

/** The public key of a valid secret key: 33 bytes, or 65 when not compressed. */
export function publicKeyOf(
  secretKey: Uint8Array,
  options: { readonly compressed: boolean } = { compressed: true },
): Uint8Array {
  const publicKey = curve().createPublicKey(secretKey, options.compressed);
  assert(publicKey !== undefined, 'the secret key is valid');
  return publicKey;
}

/** The length and first byte are those of a public key, hybrid ones included (Core: CPubKey::IsValid). */
export function isPublicKeyShaped(publicKey: Uint8Array): boolean {
  const kind = publicKey[0];
  if (kind === 2 || kind === 3) return publicKey.length === 33;
  return (kind === 4 || kind === 6 || kind === 7) && publicKey.length === 65;
}

/** A point on the curve, in any of the forms (Core: CPubKey::IsFullyValid). */
export function isFullyValidPublicKey(publicKey: Uint8Array): boolean {
  return isPublicKeyShaped(publicKey) && curve().convertPublicKey(publicKey, true) !== undefined;
}

/** 33 bytes of a public key in any form; undefined when it is not on the curve. */
export function compressPublicKey(publicKey: Uint8Array): Uint8Array | undefined {
  return isPublicKeyShaped(publicKey) ? curve().convertPublicKey(publicKey, true) : undefined;
}

/** 65 bytes of a public key in any form; undefined when it is not on the curve. */
export function uncompressPublicKey(publicKey: Uint8Array): Uint8Array | undefined {
  return isPublicKeyShaped(publicKey) ? curve().convertPublicKey(publicKey, false) : undefined;
}

/** The 32 bytes are the x of a point (Core: XOnlyPubKey::IsFullyValid). */
export function isValidXOnlyKey(xOnly: Uint8Array): boolean {
  return xOnly.length === 32 && curve().isX(xOnly);
}

/** P + tweak·G of a public key, compressed; undefined when tweak is not below n or the sum is infinity. */
export function addPublicKeyTweak(publicKey: Uint8Array, tweak: Uint8Array): Uint8Array | undefined {
  return curve().addTweak(publicKey, tweak);
}

/** secret + tweak mod n; undefined when tweak is not below n or the sum is zero. */
export function addSecretKeyTweak(secretKey: Uint8Array, tweak: Uint8Array): Uint8Array | undefined {
  const addend = readScalar(tweak);
  if (addend >= CURVE_ORDER) return undefined;
  const sum = modOrder(readScalar(secretKey) + addend);
  return sum === 0n ? undefined : scalarToBytes(sum);
}

/**
 * A DER signature without sighash byte, at most 70 bytes: deterministic nonce (RFC 6979), low s, and a counter as
 * extra entropy until r has its top bit clear (Core: CKey::Sign).
 */
export function signEcdsa(hash32: Uint8Array, secretKey: Uint8Array): Uint8Array {
  assert(isValidSecretKey(secretKey), 'the secret key is valid');
  // Core's library reduces the hash before it makes the nonce; not every engine does.
  const hash = readScalar(hash32) < CURVE_ORDER ? hash32 : scalarToBytes(modOrder(readScalar(hash32)));
  let compact = curve().signEcdsa(hash, secretKey, undefined);
  const extraEntropy = new Uint8Array(32);
  for (let counter = 1; compact[0]! >= 0x80; counter += 1) {
    new DataView(extraEntropy.buffer).setUint32(0, counter, true);
    compact = curve().signEcdsa(hash, secretKey, extraEntropy);
  }
  return encodeDer(compact);
}

/** A BIP340 signature of 64 bytes; `auxiliary` is 32 bytes of randomness, or zeros for a deterministic one. */
export function signSchnorr(message32: Uint8Array, secretKey: Uint8Array, auxiliary: Uint8Array): Uint8Array {
  const publicKey = publicKeyOf(secretKey);
  const xOnly = publicKey.subarray(1);
  const d = publicKey[0] === 2 ? readScalar(secretKey) : CURVE_ORDER - readScalar(secretKey);
  const masked = scalarToBytes(d);
  const mask = taggedHash('BIP0340/aux', auxiliary);
  for (let i = 0; i < 32; i += 1) masked[i]! ^= mask[i]!;
  const nonce = modOrder(readScalar(taggedHash('BIP0340/nonce', masked, xOnly, message32)));
  const point = curve().createPublicKey(scalarToBytes(nonce), true);
  assert(point !== undefined, 'a hash is not zero');
  const k = point[0] === 2 ? nonce : CURVE_ORDER - nonce;
  const signature = new Uint8Array(64);
  signature.set(point.subarray(1), 0);
  const e = readScalar(taggedHash('BIP0340/challenge', point.subarray(1), xOnly, message32));
  writeScalar(modOrder(k + e * d), signature, 32);
  return signature;
}

/**
 * The output key of an internal key: P + H_TapTweak(P ‖ merkleRoot)·G (BIP341). Undefined when the internal key is
 * not on the curve. Without a merkle root there is no script path.
 */
export function taprootTweakPublicKey(
  internalKey: Uint8Array,
  merkleRoot: Uint8Array | undefined,
): TaprootOutputKey | undefined {
  const point = curve().addTweak(evenKey(internalKey), tapTweak(internalKey, merkleRoot));
  return point && { key: point.slice(1), parity: point[0] === 3 ? 1 : 0 };
}

/** Whether `outputKey` with `parity` commits to the internal key and merkle root (Core: XOnlyPubKey::CheckTapTweak). */
export function checkTapTweak(
  outputKey: Uint8Array,
  parity: number,
  internalKey: Uint8Array,
  merkleRoot: Uint8Array,
): boolean {
  const point = curve().addTweak(evenKey(internalKey), tapTweak(internalKey, merkleRoot));
  if (point === undefined || point[0] !== 2 + parity) return false;
  for (let i = 0; i < 32; i += 1) if (point[i + 1] !== outputKey[i]) return false;
  return true;
}

/** The secret key that signs for `taprootTweakPublicKey` of this secret's public key. */
export function taprootTweakSecretKey(secretKey: Uint8Array, merkleRoot: Uint8Array | undefined): Uint8Array {
  const publicKey = publicKeyOf(secretKey);
  const d = readScalar(secretKey);
  const even = scalarToBytes(publicKey[0] === 2 ? d : CURVE_ORDER - d);
  const tweaked = addSecretKeyTweak(even, tapTweak(publicKey.subarray(1), merkleRoot));
  assert(tweaked !== undefined, 'a hash is not the negative of a key');
  return tweaked;
}

/** The tweak of `taprootTweakPublicKey`: 32 bytes. */
export function tapTweak(internalKey: Uint8Array, merkleRoot: Uint8Array | undefined): Uint8Array {
  return merkleRoot === undefined
    ? taggedHash('TapTweak', internalKey)
    : taggedHash('TapTweak', internalKey, merkleRoot);
}
