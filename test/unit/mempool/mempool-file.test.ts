/** `mempool.dat`: what is written is read again, and nothing that is damaged. */
import { describe, expect, test } from 'vitest';
import type { Txid } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { decodeMempoolFile, encodeMempoolFile } from '../../../src/mempool/mempool-file.ts';
import { DecodeError } from '../../../src/wire/codec.ts';
import { change, funds, pay, TestPool } from '../../support/test-pool.ts';

const KEY = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);

function filled() {
  const pool = new TestPool();
  const parent = pool.add(pay([funds(0)], 1_000));
  const child = pool.add(pay([change(parent)], 90_000));
  const other = pay([funds(1)], 20_000);
  pool.submit(other, { origin: 'local' });
  pool.mempool.prioritise(child.txid, 500);
  pool.mempool.prioritise(pay([funds(2)], 1).txid, -7);
  return { pool, parent, child, other };
}

describe('mempool.dat', () => {
  test.each([
    ['with a key', KEY],
    ['as nodes of old read it', undefined],
  ])('survives, %s', (_, key) => {
    const { pool, parent, child, other } = filled();
    const dump = pool.mempool.dump();
    expect(dump.txs.map(({ tx }) => tx.txid)).toEqual([parent, child, other].map(tx => tx.txid));
    const file = encodeMempoolFile(dump, key);
    // What stands in it is not to be found by whoever scans files.
    expect(Buffer.from(file).includes(Buffer.from(other.raw))).toBe(key === undefined);
    const read = decodeMempoolFile(file);
    expect(read.txs.map(({ tx, time, feeDelta }) => [tx.wtxid, time, feeDelta])).toEqual([
      [parent.wtxid, Math.floor(pool.now / 1000), 0],
      [child.wtxid, Math.floor(pool.now / 1000), 500],
      [other.wtxid, Math.floor(pool.now / 1000), 0],
    ]);
    expect([...read.feeDeltas.values()]).toEqual([-7]);
    expect(read.unbroadcast).toEqual([other.txid]);
  });

  test('an empty one', () => {
    const empty = { txs: [], feeDeltas: new Map<Txid, number>(), unbroadcast: [] };
    expect(decodeMempoolFile(encodeMempoolFile(empty, KEY))).toEqual(empty);
  });

  test('a version that is not known, a count without transactions, and every truncation are refused', () => {
    const file = encodeMempoolFile(filled().pool.mempool.dump(), undefined);
    const newer = file.slice();
    newer[0] = 3;
    expect(() => decodeMempoolFile(newer)).toThrow('Version 3');
    const greedy = file.slice();
    greedy[12] = 1;
    expect(() => decodeMempoolFile(greedy)).toThrow(/transactions in a file of/);
    for (let length = 0; length < file.length; length += 7)
      expect(() => decodeMempoolFile(file.subarray(0, length))).toThrow(DecodeError);
  });

  test('random bytes are refused, and nothing else happens', () => {
    const random = new SeededRandom(1);
    const file = encodeMempoolFile(filled().pool.mempool.dump(), KEY);
    for (let i = 0; i < 300; i += 1) {
      const broken = file.slice();
      broken[randomBelow(random, file.length)]! ^= 1 + randomBelow(random, 255);
      try {
        decodeMempoolFile(broken);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }
  });

  test('what is read back counts from when it came', () => {
    const pool = new TestPool();
    const tx = pay([funds(0)], 1_000);
    pool.submit(tx, { entryTime: pool.now - 5_000 });
    expect(pool.mempool.get(tx.txid)!.time).toBe(pool.now - 5_000);
  });
});
