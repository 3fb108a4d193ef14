/**
 * The aggregate key of MuSig2 (BIP327, KeyAgg and ApplyTweak): a sum of keys, each times a coefficient that depends on
 * all of them, so that nobody can choose a key that cancels the others.
 */
import { compareBytes, concatBytes, equalBytes } from '../base/bytes.ts';
import { taggedHash } from './hashes.ts';
import { noble } from './noble.ts';
import { CURVE_ORDER, modOrder, readScalar, scalarToBytes } from './scalar.ts';

export const POINT_BYTES = 33;

export type CurvePoint = InstanceType<typeof noble.Point>;

/** Something that a signer contributed, or that was put together, is not what it should be. */
export class MusigError extends Error {
  override readonly name = 'MusigError';
  readonly signer: number | undefined;
  readonly what: MusigPart;

  constructor(what: MusigPart, signer: number | undefined) {
    super(signer === undefined ? `MuSig2: invalid ${what}` : `MuSig2: invalid ${what} of signer ${signer}`);
    this.what = what;
    this.signer = signer;
  }
}
export type MusigPart =
  | 'publicKey'
  | 'tweak'
  | 'nonce'
  | 'aggregateNonce'
  | 'secretNonce'
  | 'secretKey'
  | 'signature';

/** The sum with what has been done to it. */
export interface MusigKeys {
  readonly point: CurvePoint;
  /** 1 or n − 1: whether the keys count negated (BIP327: gacc). */
  readonly sign: bigint;
  /** What tweaks have added, with that sign (BIP327: tacc). */
  readonly tweak: bigint;
}

/** Throws MusigError with the index of a key that is none. The order of keys matters. */
export function aggregateMusigKeys(publicKeys: readonly Uint8Array[]): MusigKeys {
  const point = publicKeys.reduce<CurvePoint>((sum, key, signer) => {
    const own = readPoint(key);
    if (own === undefined) throw new MusigError('publicKey', signer);
    return sum.add(multiply(own, keyCoefficient(publicKeys, key)));
  }, noble.Point.ZERO);
  if (point.is0()) throw new MusigError('publicKey', undefined);
  return { point, sign: 1n, tweak: 0n };
}

/** Throws MusigError for a tweak that is not below n or makes the key vanish. */
export function tweakMusigKeys(
  keys: MusigKeys,
  { tweak, kind }: { readonly tweak: Uint8Array; readonly kind: 'plain' | 'xOnly' },
): MusigKeys {
  const t = readScalar(tweak);
  if (t >= CURVE_ORDER) throw new MusigError('tweak', undefined);
  const isNegated = kind === 'xOnly' && !hasEvenY(keys.point);
  const base = isNegated ? keys.point.negate() : keys.point;
  const point = base.add(multiply(noble.Point.BASE, t));
  if (point.is0()) throw new MusigError('tweak', undefined);
  const sign = isNegated ? CURVE_ORDER - 1n : 1n;
  return { point, sign: modOrder(sign * keys.sign), tweak: modOrder(t + sign * keys.tweak) };
}

/** The sum as a compressed key. */
export function musigPublicKey({ point }: MusigKeys): Uint8Array {
  return point.toBytes(true);
}

/** In the order that makes the aggregate independent of who names the keys (BIP327: KeySort). */
export function sortMusigKeys(publicKeys: readonly Uint8Array[]): Uint8Array[] {
  return [...publicKeys].sort(compareBytes);
}

/** 1 for the second distinct key and all equal to it, which saves a multiplication. */
export function keyCoefficient(publicKeys: readonly Uint8Array[], publicKey: Uint8Array): bigint {
  const second = publicKeys.find(key => !equalBytes(key, publicKeys[0]!));
  if (second !== undefined && equalBytes(second, publicKey)) return 1n;
  const list = taggedHash('KeyAgg list', concatBytes(...publicKeys));
  return modOrder(readScalar(taggedHash('KeyAgg coefficient', list, publicKey)));
}

/** Of a compressed key; undefined for anything else. */
export function readPoint(bytes: Uint8Array): CurvePoint | undefined {
  if (bytes.length !== POINT_BYTES || (bytes[0] !== 2 && bytes[0] !== 3)) return undefined;
  try {
    return noble.Point.fromBytes(bytes);
  } catch {
    return undefined;
  }
}

export function multiply(point: CurvePoint, scalar: bigint): CurvePoint {
  return scalar === 0n || point.is0() ? noble.Point.ZERO : point.multiply(scalar);
}

export function hasEvenY(point: CurvePoint): boolean {
  return point.toAffine().y % 2n === 0n;
}

export function xBytes(point: CurvePoint): Uint8Array {
  return scalarToBytes(point.toAffine().x);
}
