/**
 * The few operations on secp256k1 that keys need, native where the native module loads, else by noble. Inputs have
 * been checked for length; undefined means that the mathematics refuses (zero, overflow, off the curve, infinity).
 */
import { once } from '../base/once.ts';
import { type NativeSecp256k1, nativeSecp256k1 } from './native.ts';
import { noble } from './noble.ts';
import { readScalar } from './scalar.ts';

export interface Curve {
  /** secret·G. */
  createPublicKey(secretKey: Uint8Array, compressed: boolean): Uint8Array | undefined;
  /** Parses 33 or 65 bytes, hybrid keys too, and writes them in the wanted form. */
  convertPublicKey(publicKey: Uint8Array, compressed: boolean): Uint8Array | undefined;
  /** Whether the 32 bytes are the x of a point. */
  isX(x: Uint8Array): boolean;
  /** P + tweak·G, compressed. */
  addTweak(publicKey: Uint8Array, tweak: Uint8Array): Uint8Array | undefined;
  /** The x coordinate of secret·P, in time that does not depend on the secret where the engine is native. */
  multiplyForX(publicKey: Uint8Array, secretKey: Uint8Array): Uint8Array | undefined;
  /** r ‖ s with a low s, nonce by RFC 6979 with `extraEntropy` (32 bytes) mixed in. */
  signEcdsa(hash: Uint8Array, secretKey: Uint8Array, extraEntropy: Uint8Array | undefined): Uint8Array;
}

export const nobleCurve: Curve = {
  createPublicKey: (secretKey, compressed) => orUndefined(() => noble.getPublicKey(secretKey, compressed)),
  convertPublicKey: (publicKey, compressed) => orUndefined(() => parsePoint(publicKey).toBytes(compressed)),
  isX: x => orUndefined(() => parsePoint(evenKey(x))) !== undefined,
  addTweak: (publicKey, tweak) =>
    orUndefined(() => {
      const scalar = readScalar(tweak);
      const point = parsePoint(publicKey);
      // multiply refuses zero and everything from n up; only zero is a tweak.
      const sum = scalar === 0n ? point : point.add(noble.Point.BASE.multiply(scalar, false));
      return sum.is0() ? undefined : sum.toBytes(true);
    }),
  multiplyForX: (publicKey, secretKey) =>
    orUndefined(() => noble.getSharedSecret(secretKey, publicKey, true).slice(1)),
  signEcdsa: (hash, secretKey, extraEntropy) =>
    noble.sign(hash, secretKey, { prehash: false, extraEntropy: extraEntropy ?? false }),
};

/** The fastest there is. */
export const curve = once((): Curve => {
  const native = nativeSecp256k1();
  return native === undefined ? nobleCurve : nativeCurve(native);
});

function nativeCurve(native: NativeSecp256k1): Curve {
  return {
    createPublicKey: (secretKey, compressed) =>
      orUndefined(() => native.publicKeyCreate(secretKey, compressed)),
    convertPublicKey: (publicKey, compressed) =>
      orUndefined(() => native.publicKeyConvert(publicKey, compressed)),
    isX: x => native.publicKeyVerify(evenKey(x)),
    addTweak: (publicKey, tweak) => orUndefined(() => native.publicKeyTweakAdd(publicKey, tweak, true)),
    multiplyForX: (publicKey, secretKey) =>
      orUndefined(() => native.ecdh(publicKey, secretKey, { hashfn: x => x.slice() }, new Uint8Array(32))),
    signEcdsa: (hash, secretKey, extraEntropy) =>
      native.ecdsaSign(hash, secretKey, extraEntropy === undefined ? {} : { data: extraEntropy }).signature,
  };
}

/** An x-only key as the compressed key with even y. */
export function evenKey(xOnly: Uint8Array): Uint8Array {
  const publicKey = new Uint8Array(33);
  publicKey[0] = 2;
  publicKey.set(xOnly, 1);
  return publicKey;
}

function parsePoint(publicKey: Uint8Array): InstanceType<typeof noble.Point> {
  return noble.Point.fromBytes(withoutHybrid(publicKey) ?? publicKey);
}

/** A hybrid key (06, 07) as the uncompressed key it repeats; undefined when its parity is wrong. Others unchanged. */
export function withoutHybrid(publicKey: Uint8Array): Uint8Array | undefined {
  const kind = publicKey[0]!;
  if (kind !== 6 && kind !== 7) return publicKey;
  if ((publicKey[64]! & 1) !== (kind & 1)) return undefined;
  const plain = publicKey.slice();
  plain[0] = 4;
  return plain;
}

function orUndefined<T>(compute: () => T): T | undefined {
  try {
    return compute();
  } catch {
    return undefined;
  }
}
