/**
 * MuSig2 (BIP327): several keys sign as one Schnorr key. Aggregating keys and tweaking the sum is `musig-keys.ts`; here
 * are nonces, partial signatures and their sum. Whoever contributed what cannot be right is told by `MusigError`.
 */
import { concatBytes, equalBytes } from '../base/bytes.ts';
import { taggedHash } from './hashes.ts';
import {
  aggregateMusigKeys,
  type CurvePoint,
  hasEvenY,
  keyCoefficient,
  MusigError,
  type MusigKeys,
  multiply,
  POINT_BYTES,
  readPoint,
  tweakMusigKeys,
  xBytes,
} from './musig-keys.ts';
import { noble } from './noble.ts';
import { CURVE_ORDER, modOrder, readScalar, scalarToBytes } from './scalar.ts';

/** Two points; and two scalars with the public key of their signer. */
const PUBLIC_NONCE_BYTES = 66;
const SECRET_NONCE_BYTES = 97;

export interface MusigTweak {
  /** 32 bytes. */
  readonly tweak: Uint8Array;
  /** `xOnly`: the sum counts as an x-only key before it is added. */
  readonly kind: 'plain' | 'xOnly';
}

/** What a signature is made over: the same for all who sign. */
export interface MusigSession {
  readonly publicKeys: readonly Uint8Array[];
  readonly tweaks: readonly MusigTweak[];
  readonly aggregateNonce: Uint8Array;
  readonly message: Uint8Array;
}

interface SessionValues {
  readonly keys: MusigKeys;
  readonly nonceCoefficient: bigint;
  readonly noncePoint: CurvePoint;
  readonly challenge: bigint;
}

/** `random`: 32 fresh bytes. A secret nonce must never sign twice. */
export function createMusigNonce(options: {
  readonly random: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly secretKey?: Uint8Array | undefined;
  /** x-only. */
  readonly aggregateKey?: Uint8Array | undefined;
  readonly message?: Uint8Array | undefined;
  readonly extra?: Uint8Array | undefined;
}): { readonly secretNonce: Uint8Array; readonly publicNonce: Uint8Array } {
  const { random, publicKey, secretKey, message } = options;
  const seed = random.slice();
  if (secretKey !== undefined) {
    const mask = taggedHash('MuSig/aux', random);
    for (let i = 0; i < 32; i += 1) seed[i] = secretKey[i]! ^ mask[i]!;
  }
  const aggregateKey = options.aggregateKey ?? new Uint8Array(0);
  const extra = options.extra ?? new Uint8Array(0);
  const scalars = [0, 1].map(i =>
    modOrder(
      readScalar(
        taggedHash(
          'MuSig/nonce',
          seed,
          Uint8Array.of(publicKey.length),
          publicKey,
          Uint8Array.of(aggregateKey.length),
          aggregateKey,
          message === undefined
            ? Uint8Array.of(0)
            : concatBytes(Uint8Array.of(1), bigEndian(message.length, 8), message),
          bigEndian(extra.length, 4),
          extra,
          Uint8Array.of(i),
        ),
      ),
    ),
  );
  return {
    secretNonce: concatBytes(...scalars.map(scalarToBytes), publicKey),
    publicNonce: concatBytes(...scalars.map(scalar => multiply(noble.Point.BASE, scalar).toBytes(true))),
  };
}

/** Throws MusigError with the index of the nonce that is none. */
export function aggregateMusigNonces(publicNonces: readonly Uint8Array[]): Uint8Array {
  const halves = [0, POINT_BYTES].map(at =>
    publicNonces.reduce<CurvePoint>((sum, nonce, signer) => {
      const point =
        nonce.length === PUBLIC_NONCE_BYTES ? readPoint(nonce.subarray(at, at + POINT_BYTES)) : undefined;
      if (point === undefined) throw new MusigError('nonce', signer);
      return sum.add(point);
    }, noble.Point.ZERO),
  );
  return concatBytes(
    ...halves.map(point => (point.is0() ? new Uint8Array(POINT_BYTES) : point.toBytes(true))),
  );
}

/** 32 bytes. Throws MusigError. */
export function signMusigPartially(
  secretNonce: Uint8Array,
  secretKey: Uint8Array,
  session: MusigSession,
): Uint8Array {
  const { keys, nonceCoefficient, noncePoint, challenge } = sessionValues(session);
  const nonces = [0, 32].map(at => readScalar(secretNonce, at));
  const isUsable = nonces.every(nonce => nonce > 0n && nonce < CURVE_ORDER);
  if (secretNonce.length !== SECRET_NONCE_BYTES || !isUsable) throw new MusigError('secretNonce', undefined);
  const [k1, k2] = nonces.map(nonce => (hasEvenY(noncePoint) ? nonce : CURVE_ORDER - nonce)) as [
    bigint,
    bigint,
  ];
  const d = readScalar(secretKey);
  if (d === 0n || d >= CURVE_ORDER) throw new MusigError('secretKey', undefined);
  const publicKey = multiply(noble.Point.BASE, d).toBytes(true);
  if (!equalBytes(publicKey, secretNonce.subarray(64))) throw new MusigError('secretNonce', undefined);
  if (!session.publicKeys.some(key => equalBytes(key, publicKey)))
    throw new MusigError('secretKey', undefined);
  const sign = hasEvenY(keys.point) ? 1n : CURVE_ORDER - 1n;
  const a = keyCoefficient(session.publicKeys, publicKey);
  const key = modOrder(modOrder(sign * keys.sign) * d);
  return scalarToBytes(modOrder(k1 + nonceCoefficient * k2 + modOrder(challenge * a) * key));
}

/** Whether the signature is that of signer `index`. Throws MusigError for contributions that are none. */
export function verifyMusigPartially(
  signature: Uint8Array,
  publicNonces: readonly Uint8Array[],
  index: number,
  session: Omit<MusigSession, 'aggregateNonce'>,
): boolean {
  const aggregateNonce = aggregateMusigNonces(publicNonces);
  const { keys, nonceCoefficient, noncePoint, challenge } = sessionValues({ ...session, aggregateNonce });
  const s = readScalar(signature);
  if (s >= CURVE_ORDER) return false;
  const nonce = publicNonces[index]!;
  const own = readPoint(nonce.subarray(0, POINT_BYTES))!.add(
    multiply(readPoint(nonce.subarray(POINT_BYTES))!, nonceCoefficient),
  );
  const publicKey = session.publicKeys[index]!;
  const a = keyCoefficient(session.publicKeys, publicKey);
  const sign = hasEvenY(keys.point) ? 1n : CURVE_ORDER - 1n;
  const factor = modOrder(modOrder(challenge * a) * modOrder(sign * keys.sign));
  const right = (hasEvenY(noncePoint) ? own : own.negate()).add(multiply(readPoint(publicKey)!, factor));
  return multiply(noble.Point.BASE, s).equals(right);
}

/** The Schnorr signature of the tweaked key. Throws MusigError with the index of a partial signature that is none. */
export function aggregateMusigSignatures(
  signatures: readonly Uint8Array[],
  session: MusigSession,
): Uint8Array {
  const { keys, noncePoint, challenge } = sessionValues(session);
  let sum = 0n;
  for (const [signer, signature] of signatures.entries()) {
    const s = readScalar(signature);
    if (s >= CURVE_ORDER) throw new MusigError('signature', signer);
    sum = modOrder(sum + s);
  }
  const sign = hasEvenY(keys.point) ? 1n : CURVE_ORDER - 1n;
  sum = modOrder(sum + modOrder(challenge * sign) * keys.tweak);
  return concatBytes(xBytes(noncePoint), scalarToBytes(sum));
}

function sessionValues({ publicKeys, tweaks, aggregateNonce, message }: MusigSession): SessionValues {
  const keys = tweaks.reduce(tweakMusigKeys, aggregateMusigKeys(publicKeys));
  const halves = [0, POINT_BYTES].map(at => {
    const bytes = aggregateNonce.subarray(at, at + POINT_BYTES);
    const point = bytes.every(byte => byte === 0) ? noble.Point.ZERO : readPoint(bytes);
    if (point === undefined) throw new MusigError('aggregateNonce', undefined);
    return point;
  }) as [CurvePoint, CurvePoint];
  const x = xBytes(keys.point);
  const nonceCoefficient = modOrder(readScalar(taggedHash('MuSig/noncecoef', aggregateNonce, x, message)));
  const sum = halves[0].add(multiply(halves[1], nonceCoefficient));
  const noncePoint = sum.is0() ? noble.Point.BASE : sum;
  const challenge = modOrder(readScalar(taggedHash('BIP0340/challenge', xBytes(noncePoint), x, message)));
  return { keys, nonceCoefficient, noncePoint, challenge };
}

function bigEndian(value: number, bytes: 4 | 8): Uint8Array {
  const encoded = new Uint8Array(bytes);
  new DataView(encoded.buffer).setUint32(bytes - 4, value);
  return encoded;
}
