import { expect, test } from 'vitest';
import { LateMap, LateSet } from '../../../src/base/late-map.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';

test('does what a map does, empty or not', () => {
  const random = new SeededRandom(1);
  const late = new LateMap<number, number>();
  const map = new Map<number, number>();
  for (let i = 0; i < 500; i += 1) {
    const key = randomBelow(random, 8);
    const what = randomBelow(random, 20);
    if (what === 0) {
      late.clear();
      map.clear();
    } else if (what < 10) expect(late.delete(key)).toBe(map.delete(key));
    else {
      late.set(key, i);
      map.set(key, i);
    }
    expect([late.size, late.has(key), late.get(key)]).toEqual([map.size, map.has(key), map.get(key)]);
    expect([[...late], [...late.keys()], [...late.values()]]).toEqual([[...map], [...map.keys()], [...map.values()]]); // biome-ignore format: one comparison
  }
});

test('does what a set does, empty or not', () => {
  const random = new SeededRandom(2);
  const late = new LateSet<number>();
  const set = new Set<number>();
  for (let i = 0; i < 500; i += 1) {
    const item = randomBelow(random, 8);
    const what = randomBelow(random, 20);
    if (what === 0) {
      late.clear();
      set.clear();
    } else if (what < 10) expect(late.delete(item)).toBe(set.delete(item));
    else {
      late.add(item);
      set.add(item);
    }
    expect([late.size, late.has(item), [...late]]).toEqual([set.size, set.has(item), [...set]]);
  }
});
