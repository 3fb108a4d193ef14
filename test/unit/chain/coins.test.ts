import { describe, expect, test } from 'vitest';
import type { BlockHash, Txid } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { type Coin, outPointKey } from '../../../src/chain/coin.ts';
import { coinRecordKey, decodeCoin } from '../../../src/chain/coin-records.ts';
import { CoinsCache } from '../../../src/chain/coins.ts';
import { MemoryStore } from '../../../src/store/memory.ts';

const key = (n: number) => outPointKey(String.fromCharCode(n).repeat(32) as Txid, n);
const coin = (value: number): Coin => ({
  value,
  scriptPubKey: Uint8Array.of(0x51),
  height: 1,
  isCoinbase: false,
});
const hash = (n: number) => String.fromCharCode(n).repeat(32) as BlockHash;

describe('coins cache', () => {
  test('a coin made and spent between flushes leaves no change behind', () => {
    const cache = new CoinsCache();
    cache.add(key(1), coin(5), { overwrites: false });
    cache.spend(key(1));
    expect([...cache.changes()]).toEqual([]);
    expect(cache.size).toBe(0);
    expect(cache.bytes).toBe(0);
  });

  test('one that may overwrite another is deleted from the store when spent', () => {
    const cache = new CoinsCache();
    cache.add(key(1), coin(5), { overwrites: true });
    cache.spend(key(1));
    expect([...cache.changes()]).toEqual([{ type: 'del', key: coinRecordKey(key(1)) }]);
  });

  test('copies scripts, so that a block is not kept for one coin', () => {
    const cache = new CoinsCache();
    const script = new Uint8Array(1000).subarray(10, 12);
    cache.add(key(1), { ...coin(5), scriptPubKey: script }, { overwrites: false });
    expect(cache.get(key(1))!.scriptPubKey.buffer.byteLength).toBe(2);
  });

  test('any sequence of changes and flushes leaves the store with what a plain table holds', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new SeededRandom(seed);
      const cache = new CoinsCache();
      const store = new MemoryStore();
      const table = new Map<number, number>();
      const stored = (n: number) => {
        const record = store.get(coinRecordKey(key(n)));
        return record && decodeCoin(record);
      };
      for (let step = 0; step < 200; step += 1) {
        const n = randomBelow(random, 12);
        const exists = table.has(n);
        const choice = randomBelow(random, 10);
        if (choice === 0) {
          store.batchSync([...cache.changes()], { durable: true });
          cache.bestBlock = hash(step);
          cache.flushed(randomBelow(random, 2) * 1e6);
          expect(cache.storedBlock).toBe(hash(step));
          for (let i = 0; i < 12; i += 1) expect(stored(i)?.value, `seed ${seed}`).toBe(table.get(i));
        } else if (choice < 5) {
          // Not an overwrite only where the table has none.
          cache.add(key(n), coin(step), { overwrites: exists || choice === 1 });
          table.set(n, step);
        } else if (choice < 8 && exists) {
          if (choice === 5 && cache.get(key(n)) === undefined) cache.load(key(n), stored(n)!);
          cache.spend(key(n));
          table.delete(n);
        }
        const seen = cache.get(key(n)) ?? (cache.get(key(n)) === null ? undefined : stored(n));
        expect(seen?.value, `seed ${seed}`).toBe(table.get(n));
      }
    }
  });
});
