import { describe, expect, test } from 'vitest';
import { bytesToHash, bytesToHex, concatBytes } from '../../../src/base/bytes.ts';
import { type Random, randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { OutPointSet } from '../../../src/consensus/out-point-set.ts';

/** As they lie in a transaction, one behind the other. */
const outPoints: readonly [string, (random: Random, i: number) => Uint8Array][] = [
  ['of anything', random => random.bytes(36)],
  ['of one transaction', (_, i) => concatBytes(new Uint8Array(32).fill(7), u32(i))],
  ['of one transaction, far apart', (_, i) => concatBytes(new Uint8Array(32).fill(7), u32(i << 16))],
  // Anybody may send inputs that spend what does not exist.
  ['alike but for the middle', (_, i) => concatBytes(new Uint8Array(12), u32(i), new Uint8Array(20))],
  ['alike but for the end of the txid', (_, i) => concatBytes(new Uint8Array(28), u32(i), new Uint8Array(4))],
];

describe('outpoints', () => {
  // With each compared to all before it, the last two would take minutes.
  test.each(outPoints)('%s are met once', (_, outPoint) => {
    const count = 60_000;
    const random = new SeededRandom(5);
    const points = Array.from({ length: count }, (_, i) => outPoint(random, i));
    const bytes = new Uint8Array(1 + 36 * count);
    for (const [i, point] of points.entries()) bytes.set(point, 1 + 36 * i);
    const met = new OutPointSet(count, bytesToHash(random.bytes(32)));
    const start = (i: number) => 1 + 36 * i;
    let added = 0;
    for (let i = 0; i < count; i += 1) {
      if (met.add(bytes, start(i))) added += 1;
      const again = randomBelow(random, i + 1);
      if (met.add(bytes, start(again)) || met.add(points[again]!, 0)) expect.fail(`${again} is met twice`);
    }
    expect(added).toBe(new Set(points.map(point => bytesToHex(point))).size);
  });
});

function u32(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}
