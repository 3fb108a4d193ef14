import { describe, expect, test } from 'vitest';
import { IntMap } from '../../../src/base/int-map.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { mustBe } from '../../support/must-be.ts';

describe('a map of small whole numbers', () => {
  test.each([1, 2, 3])('holds what a Map holds, through growth and removal (seed %i)', seed => {
    const random = new SeededRandom(seed);
    const map = new IntMap();
    const expected = new Map<number, number>();
    // Few keys, so that they meet; and the largest.
    const keyOf = () => (randomBelow(random, 50) === 0 ? 0x7fff_fffe : randomBelow(random, 300));
    for (let step = 0; step < 20_000; step += 1) {
      const key = keyOf();
      // It fills and empties in turn.
      if (randomBelow(random, 10) < (step % 4_000 < 2_000 ? 7 : 3)) {
        const value = randomBelow(random, 0x7fff_ffff);
        map.set(key, value);
        expected.set(key, value);
      } else mustBe(map.delete(key), expected.delete(key));
      const asked = keyOf();
      mustBe(map.get(asked), expected.get(asked));
      mustBe(map.has(asked), expected.has(asked));
      mustBe(map.size, expected.size);
    }
    const byKey = (a: [number, number], b: [number, number]) => a[0] - b[0];
    expect([...map.entries()].sort(byKey)).toEqual([...expected].sort(byKey));
  });
});
