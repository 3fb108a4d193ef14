/** Sets in a few words: differences come out as long as they fit, and are never invented. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { combineSketches, createSketch, decodeSketch } from '../../../src/crypto/pin-sketch.ts';

function numbers(random: SeededRandom, count: number): number[] {
  const set = new Set<number>();
  while (set.size < count) set.add(1 + (random.u32() % 0xffff_ffff));
  return [...set];
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);

describe('PinSketch', () => {
  test('the sums of one element are its odd powers in GF(2^32)', () => {
    // 2 is x: its powers are shifts until x^32 comes back as x^7 + x^3 + x^2 + 1.
    expect([...createSketch([2], 17)].map(word => word.toString(16))).toEqual([
      '2', '8', '20', '80', '200', '800', '2000', '8000', '20000', '80000', '200000', '800000',
      '2000000', '8000000', '20000000', '80000000', '11a',
    ]); // biome-ignore format: a list
  });

  test.each([0, 1, 2, 3, 7, 12])('a set of %i comes out of a sketch that is large enough', count => {
    for (let seed = 1; seed <= 6; seed += 1) {
      const set = numbers(new SeededRandom(100 * count + seed), count);
      for (const capacity of [count, count + 1, count + 5])
        expect(sorted(decodeSketch(createSketch(set, capacity))!), `seed ${seed}`).toEqual(sorted(set));
    }
  });

  test('of two sets, what only one of them has', () => {
    const random = new SeededRandom(7);
    const [common, left, right] = [numbers(random, 200), numbers(random, 4), numbers(random, 5)];
    const a = createSketch([...common, ...left], 10);
    const b = createSketch([...right, ...common], 10);
    expect(sorted(decodeSketch(combineSketches(a, b))!)).toEqual(sorted([...left, ...right]));
  });

  test('too many are noticed', () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const set = numbers(new SeededRandom(seed), 9 + (seed % 5));
      expect(decodeSketch(createSketch(set, 8)), `seed ${seed}`).toBeUndefined();
    }
  });

  test('words that are no sketch of anything give no elements or those whose sketch they are', () => {
    const random = new SeededRandom(3);
    for (let i = 0; i < 60; i += 1) {
      const words = Uint32Array.from({ length: 4 }, () => random.u32());
      const found = decodeSketch(words);
      if (found !== undefined) expect([...createSketch(found, 4)]).toEqual([...words]);
    }
  });
});
