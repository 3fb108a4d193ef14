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
  readonly #state = new Uint32Array(4);

  constructor(seed: number) {
    let mix = seed >>> 0;
    for (let i = 0; i < 4; i += 1) {
      mix = (mix + 0x9e37_79b9) >>> 0;
      let z = mix;
      z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
      z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
      this.#state[i] = z ^ (z >>> 15);
    }
  }

  u32(): number {
    const s = this.#state;
    const five = Math.imul(s[1]!, 5);
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0;
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
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
