/** Random choices of the fuzzer, all from one seed: the same seed makes the same cases. */
import { randomBelow, SeededRandom } from '../../src/base/random.ts';

/** Where rules for integers have their edges: script numbers, lock times, counts, lengths. */
const EDGES: readonly number[] = [
  -2147483649, -2147483648, -2147483647, -65536, -256, -255, -129, -128, -127, -17, -2, -1, 0, 1, 2, 3, 15, 16, 17,
  19, 20, 21, 74, 75, 76, 127, 128, 129, 200, 201, 202, 254, 255, 256, 257, 519, 520, 521, 999, 1000, 1001, 9999, 10000,
  10001, 32767, 32768, 65535, 65536, 0x7fffff, 0x800000, 0x7fffffff, 0x80000000, 0xffffffff, 499999999, 500000000,
  0x3fffff, 0x400000, 0x400001, 549755813887, 549755813888,
]; // biome-ignore format: a table

export class Dice {
  readonly #random: SeededRandom;

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  u32(): number {
    return this.#random.u32();
  }

  bytes(length: number): Uint8Array {
    return this.#random.bytes(length);
  }

  /** 0 … bound − 1. */
  below(bound: number): number {
    return randomBelow(this.#random, bound);
  }

  /** From `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.#random.u32() < probability * 0x1_0000_0000;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }

  /** Of [weight, item] pairs. */
  weighted<T>(items: readonly (readonly [number, T])[]): T {
    let left = this.below(items.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, item] of items) {
      if (left < weight) return item;
      left -= weight;
    }
    return items[0]![1];
  }

  edge(): number {
    return this.pick(EDGES);
  }

  /** Small most of the time. */
  count(max: number): number {
    let value = 1;
    while (value < max && this.chance(0.4)) value += 1;
    return value;
  }
}
