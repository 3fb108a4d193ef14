/** A set that may forget, but never invents. */
import { expect, test } from 'vitest';
import { DigestSet } from '../../../src/base/digest-set.ts';
import { SeededRandom } from '../../../src/base/random.ts';

const random = new SeededRandom(1);

test.each([0, 1, 1_000, 4_096, 1 << 20])('%i bytes are not exceeded, but for one bucket', bytes => {
  const memory = DigestSet.allocate(bytes);
  expect(memory.byteLength).toBeLessThanOrEqual(Math.max(bytes, 264));
  expect(new DigestSet(memory).capacity).toBe(8 * Math.max(1, Math.floor((bytes / 4 - 1) / 65)));
});

test('what was added is found until eight newer ones fell into its bucket, and nothing else ever', () => {
  const set = new DigestSet(DigestSet.allocate(0));
  expect(set.isUntouched).toBe(true);
  const digests = Array.from({ length: 50 }, () => random.bytes(32));
  digests.forEach((digest, i) => {
    expect(set.has(digest)).toBe(false);
    set.add(digest);
    set.add(digest);
    expect(digests.map(each => set.has(each))).toEqual(digests.map((_, j) => j <= i && j > i - 8));
  });
  expect(set.isUntouched).toBe(false);
});

test('a digest that differs in one bit is another one', () => {
  const set = new DigestSet(DigestSet.allocate(4_096));
  const digest = random.bytes(32);
  set.add(digest);
  for (let bit = 0; bit < 256; bit += 1) {
    const other = digest.slice();
    other[bit >> 3]! ^= 1 << (bit & 7);
    expect(set.has(other), `bit ${bit}`).toBe(false);
  }
  expect(set.has(digest)).toBe(true);
});

test('half filled it keeps nearly all', () => {
  const set = new DigestSet(DigestSet.allocate(1 << 20));
  const digests = Array.from({ length: set.capacity / 2 }, () => random.bytes(32));
  for (const digest of digests) set.add(digest);
  const kept = digests.filter(digest => set.has(digest)).length;
  expect(kept / digests.length).toBeGreaterThan(0.97);
});

test('a digest that another thread is writing is neither the old one nor the new one', () => {
  const memory = DigestSet.allocate(0);
  const set = new DigestSet(memory);
  const [old, next] = [random.bytes(32), random.bytes(32)];
  set.add(old);
  const words = new Int32Array(memory);
  const nextWords = new Int32Array(next.slice().buffer);
  for (let i = 0; i < 7; i += 1) {
    words[1 + i] = nextWords[i]!;
    expect([set.has(old), set.has(next)]).toEqual([false, false]);
  }
  words[8] = nextWords[7]!;
  expect([set.has(old), set.has(next)]).toEqual([false, true]);
});
