/** Byte by byte it is a line; done faster it must come to the same, wherever the bytes lie in memory and in the file. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { applyXorKey } from '../../../src/store/xor-key.ts';

const random = new SeededRandom(8);

test('each byte by its place in the file', () => {
  const key = random.bytes(8);
  for (let offset = 0; offset < 5; offset += 1) {
    for (const length of [0, 1, 3, 4, 7, 8, 9, 64, 1_001]) {
      for (let at = 0; at < 17; at += 1) {
        const bytes = random.bytes(offset + length).subarray(offset);
        const expected = bytes.map((byte, i) => byte ^ key[(at + i) % 8]!);
        applyXorKey(key, bytes, at);
        expect(bytes, `${length} bytes, ${offset} into memory, ${at} into the file`).toEqual(expected);
      }
    }
  }
});

test('nothing by a key of zeros', () => {
  const bytes = random.bytes(20);
  const before = bytes.slice();
  applyXorKey(new Uint8Array(8), bytes, 3);
  expect(bytes).toEqual(before);
});
