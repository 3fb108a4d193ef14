import { expect, test } from 'vitest';
import { Few } from '../../../src/base/few.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';

const listOf = (few: Few<number>): number[] => {
  const list: number[] = [];
  few.forEach(item => {
    list.push(item);
  });
  return list;
};

test('does what a set does', () => {
  const random = new SeededRandom(1);
  const few = new Few<number>();
  const set = new Set<number>();
  for (let i = 0; i < 1_000; i += 1) {
    const item = randomBelow(random, 8);
    const what = randomBelow(random, 40);
    if (what === 0) {
      few.clear();
      set.clear();
    } else if (what < 20) {
      few.delete(item);
      set.delete(item);
    } else {
      few.add(item);
      set.add(item);
    }
    expect([few.size, listOf(few)]).toEqual([set.size, [...set]]);
  }
});

test('all are shown, though some go when they are', () => {
  const few = new Few<number>();
  for (let i = 0; i < 6; i += 1) few.add(i);
  const shown: number[] = [];
  few.forEach(item => {
    shown.push(item);
    if (item % 2 === 0) few.delete(item);
  });
  expect([shown, listOf(few)]).toEqual([[0, 1, 2, 3, 4, 5], [1, 3, 5]]); // biome-ignore format: one comparison
});
