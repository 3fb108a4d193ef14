import { describe, expect, test } from 'vitest';
import { type BlockHash, bytesToHex, concatBytes, type Txid } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { type Coin, keyOf } from '../../../src/chain/coin.ts';
import { coinRecordKey, decodeCoin, encodeCoin } from '../../../src/chain/coin-records.ts';
import { CoinTable } from '../../../src/chain/coin-table.ts';
import { CoinsCache } from '../../../src/chain/coins.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import { encode } from '../../../src/wire/codec.ts';
import { type OutPoint, outPoint as outPointCodec } from '../../../src/wire/transaction.ts';
import { mustBe } from '../../support/must-be.ts';

const at = (n: number): OutPoint => ({ txid: String.fromCharCode(n & 255).repeat(32) as Txid, index: n });
/** Its script has `value % 90` bytes: in the row, and beside it. */
const coin = (value: number): Coin => ({
  value,
  scriptPubKey: new Uint8Array(value % 90).fill(value & 255),
  height: value + 1,
  isCoinbase: value % 2 === 0,
});
const recordOf = (each: Coin) => bytesToHex(encodeCoin(each));
const bytesOf = (point: OutPoint) => encode(outPointCodec, point);
const hash = (n: number) => String.fromCharCode(n).repeat(32) as BlockHash;

/** Its script lies behind something else. */
function put(table: CoinTable, point: OutPoint, each: Coin): number {
  const row = table.insert(bytesOf(point), 0);
  const bytes = concatBytes(Uint8Array.of(9, 9), each.scriptPubKey);
  table.setCoin(row, each, { bytes, scriptStart: 2, scriptEnd: bytes.length });
  return row;
}

describe('coins cache', () => {
  const add = (cache: CoinsCache, n: number, each: Coin, overwrites: boolean) =>
    cache.add(at(n), each, { overwrites });
  const spend = (cache: CoinsCache, n: number) => cache.spend(at(n));
  const record = (n: number) => coinRecordKey(keyOf(at(n)));

  test('a coin made and spent between flushes leaves no change behind', () => {
    const cache = new CoinsCache();
    add(cache, 1, coin(80), false);
    spend(cache, 1);
    expect([...cache.changes()]).toEqual([]);
    expect(cache.size).toBe(0);
    expect(cache.get(at(1))).toBeUndefined();
  });

  test('one that may overwrite another is deleted from the store when spent', () => {
    const cache = new CoinsCache();
    add(cache, 1, coin(5), true);
    spend(cache, 1);
    expect(cache.get(at(1))).toBeNull();
    expect([...cache.changes()]).toEqual([{ type: 'del', key: record(1) }]);
  });

  test('asks nothing of a store that has never had a coin', () => {
    const cache = new CoinsCache();
    expect(cache.isKnown(at(1))).toBe(true);
    cache.bestBlock = hash(1);
    cache.flushed(0);
    expect(cache.isKnown(at(1))).toBe(false);
    spend(cache, 1);
    expect(cache.isKnown(at(1))).toBe(true);
  });

  test('gives all memory back when it is emptied', () => {
    const cache = new CoinsCache();
    const before = cache.bytes;
    for (let n = 0; n < 5000; n += 1) add(cache, n, coin(n), false);
    expect(cache.bytes).toBeGreaterThan(5000 * 88);
    cache.flushed(0);
    expect(cache.bytes).toBe(before);
    expect(cache.size).toBe(0);
  });

  test('any sequence of changes and flushes leaves the store with what a plain table holds', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new SeededRandom(seed);
      const cache = new CoinsCache(seed);
      const store = new MemoryStore();
      const table = new Map<number, number>();
      const stored = (n: number) => {
        const value = store.get(record(n));
        return value && decodeCoin(value);
      };
      for (let step = 0; step < 200; step += 1) {
        const n = randomBelow(random, 12);
        const exists = table.has(n);
        const choice = randomBelow(random, 10);
        if (choice === 0) {
          store.batchSync([...cache.changes()], { durable: true });
          cache.bestBlock = hash(step);
          cache.flushed(randomBelow(random, 2) * 1e6);
          mustBe(cache.storedBlock, hash(step));
          for (let i = 0; i < 12; i += 1) mustBe(stored(i)?.value, table.get(i), `seed ${seed}`);
        } else if (choice < 5) {
          // Not an overwrite only where the table has none.
          add(cache, n, coin(step), exists || choice === 1);
          table.set(n, step);
        } else if (choice < 8 && exists) {
          if (choice === 5 && cache.get(at(n)) === undefined) cache.loadAt(bytesOf(at(n)), 0, stored(n)!);
          spend(cache, n);
          table.delete(n);
        }
        const seen = cache.get(at(n)) ?? (cache.get(at(n)) === null ? undefined : stored(n));
        const value = table.get(n);
        mustBe(
          seen && recordOf(seen),
          value === undefined ? undefined : recordOf(coin(value)),
          `seed ${seed}`,
        );
      }
    }
  });
});

describe('coin table', () => {
  test('finds what a map finds, through growth, removal and reuse', () => {
    const random = new SeededRandom(7);
    const table = new CoinTable(99);
    const map = new Map<string, { outPoint: OutPoint; value: number }>();
    const randomOutPoint = (): OutPoint => ({
      txid: String.fromCharCode(...random.bytes(3), ...new Uint8Array(29)) as Txid,
      index: randomBelow(random, 3),
    });
    for (let step = 0; step < 60_000; step += 1) {
      const outPoint = randomOutPoint();
      const key = keyOf(outPoint);
      const row = table.find(bytesOf(outPoint), 0);
      mustBe(row >= 0, map.has(key));
      if (row < 0) {
        put(table, outPoint, { ...coin(step), scriptPubKey: new Uint8Array(step % 60) });
        map.set(key, { outPoint, value: step });
      }
      if (randomBelow(random, 3) === 0) {
        const [oldest] = map.keys();
        const { outPoint: gone } = map.get(oldest!)!;
        table.remove(table.find(bytesOf(gone), 0));
        map.delete(oldest!);
      }
    }
    expect(table.size).toBe(map.size);
    expect([...table.rows()]).toHaveLength(map.size);
    for (const { outPoint, value } of map.values()) {
      const found = table.coinOf(table.find(bytesOf(outPoint), 0));
      mustBe(found.value, value);
      mustBe(found.scriptPubKey.length, value % 60);
    }
  });

  test('keeps amounts beyond 32 bits and heights beyond 24', () => {
    const table = new CoinTable(0);
    const outPoint = { txid: at(1).txid, index: 0xffff_ffff };
    const large = { value: 20_999_999_9769_0000, scriptPubKey: Uint8Array.of(1), height: 2 ** 30, isCoinbase: true }; // biome-ignore format: one coin
    const row = put(table, outPoint, large);
    table.setFlags(row, 5);
    expect(table.find(bytesOf(outPoint), 0)).toBe(row);
    const start = table.startOf(row);
    expect(table.bytesOf(row).slice(start, start + 36)).toEqual(bytesOf(outPoint));
    expect(table.coinOf(row)).toEqual(large);
    expect(table.flagsOf(row)).toBe(5);
  });

  test('takes a hundred bytes a coin', () => {
    const table = new CoinTable(1);
    const txids = new SeededRandom(3);
    for (let i = 0; i < 100_000; i += 1) {
      const txid = String.fromCharCode(...txids.bytes(32)) as Txid;
      put(table, { txid, index: 0 }, { ...coin(i), scriptPubKey: new Uint8Array(22) });
    }
    expect(table.bytes / table.size).toBeLessThan(130);
  });
});
