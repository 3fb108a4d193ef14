/**
 * Keys and signatures in all the encodings that consensus or policy treats in some way of its own: compressed,
 * uncompressed, hybrid and broken keys; strict DER, lax DER, high S, and whatever no parser should take.
 */
import { concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { publicKeyOf, signEcdsa } from '../../src/crypto/keys.ts';
import type { Dice } from './dice.ts';

/** Few keys, so that signatures of one fit another case and caches are hit. */
const KEY_COUNT = 8;
const CURVE_ORDER = 0xffff_ffff_ffff_ffff_ffff_ffff_ffff_fffe_baae_dce6_af48_a03b_bfd2_5e8c_d036_4141n;

export interface Key {
  readonly secret: Uint8Array;
  readonly compressed: Uint8Array;
  readonly uncompressed: Uint8Array;
  readonly xOnly: Uint8Array;
}

export const KEYS: readonly Key[] = Array.from({ length: KEY_COUNT }, (_, i) => {
  const secret = new Uint8Array(32).fill(i + 1);
  const compressed = publicKeyOf(secret);
  const uncompressed = publicKeyOf(secret, { compressed: false });
  return { secret, compressed, uncompressed, xOnly: compressed.subarray(1) };
});

/** A key as ECDSA scripts hold it. */
export function ecdsaKey(dice: Dice, key: Key): Uint8Array {
  return dice.weighted<() => Uint8Array>([
    [60, () => key.compressed],
    [12, () => key.uncompressed],
    [8, () => hybrid(key, 0)],
    [2, () => hybrid(key, 1)],
    [2, () => withByte(key.compressed, 0, dice.pick([0, 1, 4, 5, 6, 7, 8, 255]))],
    [2, () => withByte(key.uncompressed, 0, dice.pick([0, 2, 3, 5, 8]))],
    [1, () => key.compressed.subarray(0, 32)],
    [1, () => key.uncompressed.subarray(0, 64)],
    [1, () => concatBytes(key.compressed, Uint8Array.of(0))],
    [1, () => EMPTY_BYTES],
    [1, () => concatBytes(Uint8Array.of(2), dice.bytes(32))],
    [1, () => concatBytes(Uint8Array.of(4), dice.bytes(64))],
    [1, () => concatBytes(Uint8Array.of(2), new Uint8Array(32).fill(255))],
    [1, () => withByte(key.uncompressed, 64, key.uncompressed[64]! ^ 1)],
  ])();
}

/** A key as tapscripts hold it: 32 bytes, or of a type that has no rules yet. */
export function tapscriptKey(dice: Dice, key: Key): Uint8Array {
  return dice.weighted<() => Uint8Array>([
    [80, () => key.xOnly],
    [3, () => key.compressed],
    [2, () => key.uncompressed],
    [2, () => EMPTY_BYTES],
    [2, () => Uint8Array.of(dice.below(256))],
    [2, () => dice.bytes(31)],
    [2, () => dice.bytes(32)],
    [1, () => new Uint8Array(32).fill(255)],
    [1, () => new Uint8Array(32)],
  ])();
}

/** The hash type's last byte of a signature: mostly a defined one. */
export function hashTypeByte(dice: Dice): number {
  if (dice.chance(0.6)) return 1;
  return dice.chance(0.8)
    ? dice.pick([1, 2, 3, 0x81, 0x82, 0x83])
    : dice.pick([0, 4, 0x80, 0x84, 5, 0x1f, 0x41, 0xff]);
}

/** DER with the hash type behind it; `sloppiness` is the chance of something else than strict DER with a low S. */
export function ecdsaSignature(
  dice: Dice,
  hash: Uint8Array,
  key: Key,
  hashType: number,
  sloppiness: number,
): Uint8Array {
  const strict = signEcdsa(hash, key.secret);
  const der = dice.chance(sloppiness) ? oddDer(dice, strict) : strict;
  return concatBytes(der, Uint8Array.of(hashType));
}

interface Scalars {
  readonly r: Uint8Array;
  readonly s: Uint8Array;
}

function oddDer(dice: Dice, strict: Uint8Array): Uint8Array {
  const { r, s } = parse(strict);
  return dice.pick<() => Uint8Array>([
    () => encode({ r, s: minusS(s) }),
    () => encode({ r, s: minusS(s) }),
    () => encode({ r: pad(r), s }),
    () => encode({ r, s: pad(s) }),
    // Without the zero that keeps a number positive.
    () => encode({ r: stripped(r), s: stripped(minusS(s)) }),
    () => concatBytes(strict, dice.bytes(dice.between(1, 3))),
    () => strict.subarray(0, strict.length - dice.between(1, 3)),
    () => withByte(strict, 0, dice.below(256)),
    () => withByte(strict, 1, dice.below(256)),
    () => withByte(strict, 2, dice.below(256)),
    () => withByte(strict, 3, dice.below(256)),
    () => withByte(strict, 4 + r.length, dice.below(256)),
    () => withByte(strict, 5 + r.length, dice.below(256)),
    // Lengths in long form, which only a lax parser takes.
    () => concatBytes(Uint8Array.of(0x30, 0x81, strict[1]!), strict.subarray(2)),
    () => concatBytes(Uint8Array.of(0x30, 0x82, 0, strict[1]!), strict.subarray(2)),
    () => longForm({ r, s }, 1),
    () => longForm({ r, s }, 3),
    () => encode({ r: EMPTY_BYTES, s }),
    () => encode({ r, s: EMPTY_BYTES }),
    () => encode({ r: Uint8Array.of(0), s: Uint8Array.of(0) }),
    () => encode({ r, s: toBytes(CURVE_ORDER) }),
    () => encode({ r: toBytes(CURVE_ORDER), s }),
    () => encode({ r, s: toBytes(CURVE_ORDER - 1n) }),
    () => encode({ r: concatBytes(Uint8Array.of(1), new Uint8Array(32)), s }),
    () => EMPTY_BYTES,
    () => dice.bytes(dice.between(1, 80)),
  ])();
}

function parse(der: Uint8Array): Scalars {
  const r = der.subarray(4, 4 + der[3]!);
  return { r, s: der.subarray(6 + r.length) };
}

function encode({ r, s }: Scalars): Uint8Array {
  return concatBytes(
    Uint8Array.of(0x30, 4 + r.length + s.length, 2, r.length),
    r,
    Uint8Array.of(2, s.length),
    s,
  );
}

function longForm({ r, s }: Scalars, zeros: number): Uint8Array {
  const length = (bytes: Uint8Array) =>
    concatBytes(Uint8Array.of(0x80 + zeros), new Uint8Array(zeros - 1), Uint8Array.of(bytes.length));
  const body = concatBytes(Uint8Array.of(2), length(r), r, Uint8Array.of(2), length(s), s);
  return concatBytes(Uint8Array.of(0x30, body.length), body);
}

function minusS(s: Uint8Array): Uint8Array {
  return toBytes(CURVE_ORDER - BigInt(`0x${Buffer.from(s).toString('hex')}`));
}

function toBytes(value: bigint): Uint8Array {
  const bytes = new Uint8Array(Buffer.from(value.toString(16).padStart(64, '0'), 'hex'));
  const start = bytes.findIndex(byte => byte !== 0);
  const minimal = bytes.subarray(start < 0 ? 31 : start);
  return minimal[0]! & 0x80 ? pad(minimal) : minimal;
}

function pad(bytes: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(0), bytes);
}

function stripped(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}

function hybrid(key: Key, wrongness: 0 | 1): Uint8Array {
  return withByte(key.uncompressed, 0, 6 + ((key.uncompressed[64]! & 1) ^ wrongness));
}

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  if (at < copy.length) copy[at] = value;
  return copy;
}
