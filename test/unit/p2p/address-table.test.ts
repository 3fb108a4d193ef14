import { expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { AddressTable, BUCKET_SIZE, slotOf } from '../../../src/p2p/address-table.ts';

const BUCKETS = 4;

/** The same choices as a table without memory of what is filled: every slot of the bucket is looked at. */
test.each([1, 2, 3])('draws what looking at every slot finds, as items come and go (seed %i)', seed => {
  const random = new SeededRandom(seed);
  const table = new AddressTable();
  const slots = new Map<number, number>();
  /** Non-empty buckets in the table's order: a bucket that empties is replaced by the last. */
  const used: number[] = [];
  const count = (bucket: number) => [...slots.keys()].filter(slot => slot >> 6 === bucket).length;
  const remove = (slot: number) => {
    slots.delete(slot);
    table.remove(slot);
    const bucket = slot >> 6;
    if (count(bucket) > 0) return;
    const last = used.pop()!;
    if (last !== bucket) used[used.indexOf(bucket)] = last;
  };
  for (let step = 0; step < 3_000; step += 1) {
    const bucket = randomBelow(random, BUCKETS);
    const slot = slotOf(bucket, randomBelow(random, BUCKET_SIZE));
    // Nearly empty for a while, then nearly full; and now and then a bucket loses all.
    if (step % 40 === 0)
      for (const gone of [...slots.keys()].filter(each => each >> 6 === bucket)) remove(gone);
    else if (slots.has(slot)) remove(slot);
    else if (randomBelow(random, 3_000) < step) {
      if (count(bucket) === 0) used.push(bucket);
      slots.set(slot, step);
      table.put(slot, step);
    }
    if (used.length === 0) continue;
    const fits = (item: number) => item % 3 !== step % 3;
    const [mine, its] = [new SeededRandom(step), new SeededRandom(step)];
    const chosen = used[randomBelow(mine, used.length)]!;
    const start = randomBelow(mine, BUCKET_SIZE);
    const around = Array.from({ length: BUCKET_SIZE }, (_, i) =>
      slots.get(slotOf(chosen, (start + i) % BUCKET_SIZE)),
    );
    expect(table.draw(its, fits)).toBe(around.find(item => item !== undefined && fits(item)));
  }
  expect(table.entries()).toEqual([...slots].sort(([a], [b]) => a - b));
});
