/**
 * ElligatorSwift (BIP324): a public key as 64 bytes that look random. They are two field elements u and t; XSwiftEC maps
 * them to the x of a point, and many pairs lead to the same x, of which one is drawn. The curve is y² = x³ + 7; names of
 * variables are BIP324's. The arithmetic takes time that depends on its inputs, as libsecp256k1's does here: only the
 * multiplication by the secret key must not, and that is the engine's (curve.ts). So is the question whether some x is
 * on the curve, which it answers in a tenth of the time that a power takes in bigint.
 */
import { assert } from '../base/assert.ts';
import type { Random } from '../base/random.ts';
import { curve } from './curve.ts';
import { taggedHash } from './hashes.ts';
import { publicKeyOf } from './keys.ts';
import { FIELD_SIZE as P, readScalar, scalarToBytes, writeScalar } from './scalar.ts';

/** Bytes of an encoded key. */
export const ELLSWIFT_BYTES = 64;
/** A square root of −3. */
const C = 0x0a2d_2ba9_3507_f1df_2337_70c2_a797_962c_c61f_6d15_da14_ecd4_7d8d_27ae_1cd5_f852n;
/** Branches of the inverse; a random one is tried for each random u. */
const CASES = 8;

/** The 64 bytes of a secret key's public key, drawn at random from all that stand for it. */
export function ellswiftCreate(secretKey: Uint8Array, random: Random): Uint8Array {
  const x = readScalar(publicKeyOf(secretKey), 1);
  const encoded = new Uint8Array(ELLSWIFT_BYTES);
  for (;;) {
    // 2^256 is so near to P that nobody will see a bias.
    const u = mod(readScalar(random.bytes(32)));
    const t = u === 0n ? undefined : xswiftecInverse(x, u, random.u32() % CASES);
    if (t === undefined) continue;
    writeScalar(u, encoded, 0);
    writeScalar(t, encoded, 32);
    return encoded;
  }
}

/** The x coordinate that 64 bytes stand for: any 64 bytes do. */
export function ellswiftDecode(encoded: Uint8Array): Uint8Array {
  const x = new Uint8Array(32);
  writeScalar(xswiftec(mod(readScalar(encoded)), mod(readScalar(encoded, 32))), x);
  return x;
}

/** The secret that both ends share (BIP324, v2_ecdh): 32 bytes. */
export function ellswiftSharedSecret(
  secretKey: Uint8Array,
  keys: { readonly ours: Uint8Array; readonly theirs: Uint8Array; readonly initiating: boolean },
): Uint8Array {
  const point = new Uint8Array(33);
  point[0] = 2;
  point.set(ellswiftDecode(keys.theirs), 1);
  const x = curve().multiplyForX(point, secretKey);
  assert(x !== undefined, 'every encoding names a point, and a valid secret key does not end at infinity');
  const [first, second] = keys.initiating ? [keys.ours, keys.theirs] : [keys.theirs, keys.ours];
  return taggedHash('bip324_ellswift_xonly_ecdh', first, second, x);
}

/** BIP324, XSwiftEC. */
export function xswiftec(u0: bigint, t0: bigint): bigint {
  const u = u0 === 0n ? 1n : u0;
  let t = t0 === 0n ? 1n : t0;
  const g = mod(u * mod(u * u) + 7n);
  if (mod(g + t * t) === 0n) t = mod(2n * t);
  // X = (g − t²) / 2t and Y = (X + t) / Cu = (g + t²) / 2tCu, over one denominator.
  const square = mod(t * t);
  const denominator = mod(mod(2n * t * C) * u);
  // Y and X / Y need the inverses of both; one inversion gives them.
  const numeratorY = mod(g + square);
  const numeratorX = mod(g - square);
  const inverse = invert(mod(denominator * numeratorY));
  const y = mod(mod(numeratorY * numeratorY) * inverse);
  // X / Y = (numeratorX / 2t) · (2tCu / numeratorY)
  const ratio = mod(mod(numeratorX * mod(C * u)) * mod(inverse * denominator));
  const x3 = mod(u + 4n * mod(y * y));
  if (isOnCurve(x3)) return x3;
  const x2 = mod((-ratio - u) * HALF);
  return isOnCurve(x2) ? x2 : mod((ratio - u) * HALF);
}

/** BIP324, XSwiftECInv: a t with xswiftec(u, t) = x by the branch `kind` (0 … 7); undefined when that branch has none. */
export function xswiftecInverse(x: bigint, u: bigint, kind: number): bigint | undefined {
  const squareU = mod(u * u);
  const g = mod(u * squareU + 7n);
  let v: bigint;
  let w: bigint;
  if ((kind & 2) === 0) {
    if (isOnCurve(mod(-x - u))) return undefined;
    v = x;
    // s = −g / d, and a = −g·d is a square when s is one: then 1 / √a gives √s = g / √a without a division.
    const a = mod(-g * mod(squareU + u * v + v * v));
    if (!isSquare(a)) return undefined;
    w = mod(g * inverseRoot(a));
    if (!isSquare(w)) w = P - w;
  } else {
    const s = mod(x - u);
    if (s === 0n || !isSquare(s)) return undefined;
    const q = mod(-s * mod(4n * g + 3n * s * squareU));
    if (!isSquare(q) || (q === 0n && (kind & 1) === 1)) return undefined;
    const inverse = inverseRoot(s);
    w = mod(s * inverse);
    v = mod((mod(mod(q * inverseRoot(q)) * mod(inverse * inverse)) - u) * HALF);
  }
  switch (kind & 5) {
    case 0:
      return mod(-w * mod(mod(u * (1n - C)) * HALF + v));
    case 1:
      return mod(w * mod(mod(u * (1n + C)) * HALF + v));
    case 4:
      return mod(w * mod(mod(u * (1n - C)) * HALF + v));
    default:
      return mod(-w * mod(mod(u * (1n + C)) * HALF + v));
  }
}

const HALF = (P + 1n) / 2n;

function mod(value: bigint): bigint {
  const rest = value % P;
  return rest < 0n ? rest + P : rest;
}

/** x³ + 7 is a square. */
function isOnCurve(x: bigint): boolean {
  return curve().isX(scalarToBytes(x));
}

/** By the law of quadratic reciprocity for Jacobi symbols, in a third of the time of a power. Zero is a square. */
function isSquare(value: bigint): boolean {
  let a = value;
  let n = P;
  let isResidue = true;
  while (a !== 0n) {
    let low = Number(BigInt.asUintN(32, a));
    while (low === 0) {
      // An even number of twos changes nothing.
      a >>= 32n;
      low = Number(BigInt.asUintN(32, a));
    }
    const twos = 31 - Math.clz32(low & -low);
    if (twos > 0) a >>= BigInt(twos);
    const residueN = Number(BigInt.asUintN(3, n));
    // 2 is a square modulo primes that are 1 or 7 modulo 8.
    if (twos % 2 === 1 && (residueN === 3 || residueN === 5)) isResidue = !isResidue;
    if (residueN % 4 === 3 && BigInt.asUintN(2, a) === 3n) isResidue = !isResidue;
    [a, n] = [n % a, a];
  }
  return isResidue;
}

/**
 * 1 / √a of a square, where √a is the root that is itself a square; zero for zero. P is 3 modulo 4, so it is
 * a^((P − 3) / 4), and √a is that times a.
 */
function inverseRoot(a: bigint): bigint {
  // The exponent is 223 ones, a zero, 22 ones and 00001011: runs of ones are built by doubling.
  const x2 = mod(square(a, 1) * a);
  const x3 = mod(square(x2, 1) * a);
  const x6 = mod(square(x3, 3) * x3);
  const x9 = mod(square(x6, 3) * x3);
  const x11 = mod(square(x9, 2) * x2);
  const x22 = mod(square(x11, 11) * x11);
  const x44 = mod(square(x22, 22) * x22);
  const x88 = mod(square(x44, 44) * x44);
  const x176 = mod(square(x88, 88) * x88);
  const x220 = mod(square(x176, 44) * x44);
  const x223 = mod(square(x220, 3) * x3);
  const high = mod(square(x223, 23) * x22);
  return mod(square(mod(square(high, 5) * a), 3) * x2);
}

function square(a: bigint, times: number): bigint {
  let power = a;
  for (let i = 0; i < times; i += 1) power = (power * power) % P;
  return power;
}

/** By Euclid; `a` is not zero. */
function invert(a: bigint): bigint {
  let [low, high] = [a, P];
  let [x, y] = [1n, 0n];
  while (low > 1n) {
    const quotient = high / low;
    [low, high] = [high - quotient * low, low];
    [x, y] = [y - quotient * x, x];
  }
  assert(low === 1n, 'only zero has no inverse');
  return mod(x);
}
