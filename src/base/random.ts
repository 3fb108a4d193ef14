/**
 * Randomness as a dependency. The daemon's comes from the operating system, a test's and a simulated node's from
 * a seed, so that the same seed gives the same run.
 */
export interface Random {
  /** Uniform over 0 … 2^32 − 1. */
  u32(): number;
  bytes(length: number): Uint8Array;
}

/** Uniform over 0 … `bound` − 1, without modulo bias; `bound` is 1 … 2^32. */
export function randomBelow(random: Random, bound: number): number {
  if (!(bound >= 1 && bound <= 0x1_0000_0000)) throw new RangeError(`Bound out of range: ${bound}`);
  const limit = 0x1_0000_0000 - (0x1_0000_0000 % bound);
  for (;;) {
    const value = random.u32();
    if (value < limit) return value % bound;
  }
}

export function randomU64(random: Random): bigint {
  return (BigInt(random.u32()) << 32n) | BigInt(random.u32());
}

/** Uniform over [0, 1) with 53 bits. */
function randomFraction(random: Random): number {
  return ((random.u32() >>> 5) * 0x400_0000 + (random.u32() >>> 6)) / 0x20_0000_0000_0000;
}

/** A waiting time of a Poisson process with the given mean (Core: rand_exp_duration). */
export function randomExponential(random: Random, mean: number): number {
  return -Math.log1p(-randomFraction(random)) * mean;
}

/** Fisher–Yates, in place. */
export function shuffle<T>(random: Random, items: T[]): T[] {
  for (let i = items.length - 1; i > 0; i -= 1) {
    const j = randomBelow(random, i + 1);
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}

/** xoshiro128** (Blackman and Vigna, public domain), seeded through splitmix32: fast, reproducible, not secret. */
export class SeededRandom implements Random {
  // Four fields of 32 bits: an array would be three objects more, of which each node of a simulated world has its own.
  #s0 = 0;
  #s1 = 0;
  #s2 = 0;
  #s3 = 0;

  constructor(seed: number) {
    let mix = seed >>> 0;
    const next = () => {
      mix = (mix + 0x9e37_79b9) >>> 0;
      let z = mix;
      z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
      return z ^ (z >>> 15);
    };
    this.#s0 = next();
    this.#s1 = next();
    this.#s2 = next();
    this.#s3 = next();
  }

  u32(): number {
    const s1 = this.#s1;
    const five = Math.imul(s1, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const s2 = this.#s2 ^ this.#s0;
    const s3 = this.#s3 ^ s1;
    this.#s1 = s1 ^ s2;
    this.#s0 ^= s3;
    this.#s2 = s2 ^ (s1 << 9);
    this.#s3 = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.u32();
      for (let j = 0; j < 4 && i + j < length; j += 1) bytes[i + j] = word >>> (8 * j);
    }
    return bytes;
  }
}
