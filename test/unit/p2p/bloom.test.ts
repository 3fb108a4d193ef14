import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { murmur3, RollingFilter } from '../../../src/p2p/bloom.ts';
import { hashOf } from './support.ts';

describe('the rolling filter', () => {
  test.each([10, 1_999, 5_000, 12_000])('remembers the last %i keys, exactly or as bits', capacity => {
    const filter = new RollingFilter(new SeededRandom(1), { capacity, falsePositiveRate: 0.001 });
    const total = capacity * 4;
    for (let i = 0; i < total; i += 1) {
      filter.add(hashOf(`k${i}`));
      if (i % 997 !== 0) continue;
      for (let back = 0; back < Math.min(capacity, i + 1); back += 97)
        expect(filter.has(hashOf(`k${i - back}`))).toBe(true);
    }
    for (let i = total - capacity; i < total; i += 1) expect(filter.has(hashOf(`k${i}`))).toBe(true);
    // Older than three generations is forgotten, but for wrong yeses.
    let old = 0;
    for (let i = 0; i < capacity; i += 1) if (filter.has(hashOf(`k${i}`))) old += 1;
    expect(old).toBeLessThanOrEqual(capacity * 0.01);
    filter.reset();
    expect(filter.has(hashOf(`k${total - 1}`))).toBe(false);
  });

  test('answers a wrong yes about as rarely as it promises', () => {
    const filter = new RollingFilter(new SeededRandom(2), { capacity: 6_000, falsePositiveRate: 0.01 });
    for (let i = 0; i < 9_000; i += 1) filter.add(hashOf(`in${i}`));
    let wrong = 0;
    for (let i = 0; i < 20_000; i += 1) if (filter.has(hashOf(`out${i}`))) wrong += 1;
    expect(wrong).toBeLessThan(20_000 * 0.015);
  });

  test('a key that comes again is young again', () => {
    const filter = new RollingFilter(new SeededRandom(3), { capacity: 100, falsePositiveRate: 0.001 });
    for (let i = 0; i < 1_000; i += 1) {
      filter.add(hashOf(`k${i}`));
      if (i % 90 === 0) filter.add(hashOf('again'));
      expect(filter.has(hashOf('again'))).toBe(true);
    }
  });

  // Values of Core's hash_tests.cpp (murmurhash3).
  test.each([
    ['', 0x00000000, 0x00000000],
    ['', 0xfba4c795, 0x6a396f08],
    ['', 0xffffffff, 0x81f16f39],
    ['\x00', 0x00000000, 0x514e28b7],
    ['\x00', 0xfba4c795, 0xea3f0b17],
    ['\xff', 0x00000000, 0xfd6cf10d],
    ['\x00\x11', 0x00000000, 0x16c6b7ab],
    ['\x00\x11\x22', 0x00000000, 0x8eb51c3d],
    ['\x00\x11\x22\x33', 0x00000000, 0xb4471bf8],
    ['\x00\x11\x22\x33\x44', 0x00000000, 0xe2301fa8],
    ['\x00\x11\x22\x33\x44\x55', 0x00000000, 0xfc2e4a15],
    ['\x00\x11\x22\x33\x44\x55\x66', 0x00000000, 0xb074502c],
    ['\x00\x11\x22\x33\x44\x55\x66\x77', 0x00000000, 0x8034d2a0],
    ['\x00\x11\x22\x33\x44\x55\x66\x77\x88', 0x00000000, 0xb4698def],
  ])('murmur3 of %j with seed %i', (key, seed, hash) => expect(murmur3(key, seed)).toBe(hash));
});
