import { describe, expect, test } from 'vitest';
import { MemoryStore } from '../../../src/store/memory.ts';
import { testStore } from '../../support/store-suite.ts';

describe('memory store', () => {
  testStore(() => Promise.resolve(new MemoryStore()));
  testCrash();
});

function testCrash(): void {
  const key = Uint8Array.of(1);
  const value = (n: number) => Uint8Array.of(n);

  test('a crash takes back whole batches, newest first, never a durable one', () => {
    for (let kept = 0; kept <= 3; kept += 1) {
      const store = new MemoryStore({ crashable: true });
      store.batchSync([{ type: 'put', key, value: value(10) }], { durable: true });
      for (let n = 1; n <= 3; n += 1) {
        store.batchSync(
          [
            { type: 'put', key, value: value(n) },
            { type: 'put', key: value(100 + n), value: key },
          ],
          { durable: false },
        );
      }
      expect(store.volatileBatches).toBe(3);
      store.crash(kept);
      expect(store.get(key)).toEqual(value(kept === 0 ? 10 : kept));
      expect(store.size).toBe(1 + kept);
      expect(store.volatileBatches).toBe(0);
    }
  });

  test('a durable batch makes those before it durable', () => {
    const store = new MemoryStore({ crashable: true });
    store.batchSync([{ type: 'put', key, value: value(1) }], { durable: false });
    store.batchSync([{ type: 'put', key: value(2), value: value(2) }], { durable: true });
    store.crash(0);
    expect(store.size).toBe(2);
  });

  test('a crash takes back a deletion too', () => {
    const store = new MemoryStore({ crashable: true });
    store.batchSync([{ type: 'put', key, value: value(1) }], { durable: true });
    store.batchSync(
      [
        { type: 'del', key },
        { type: 'put', key, value: value(2) },
        { type: 'del', key },
      ],
      {
        durable: false,
      },
    );
    expect(store.get(key)).toBeUndefined();
    store.crash(0);
    expect(store.get(key)).toEqual(value(1));
  });
}
