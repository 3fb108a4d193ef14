/** What every Store must do; each implementation's test runs this suite. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import type { BatchOp, Range, ReadableStore, Store } from '../../src/store/store.ts';

const put = (key: string, value: string): BatchOp => ({
  type: 'put',
  key: hexToBytes(key),
  value: hexToBytes(value),
});
const del = (key: string): BatchOp => ({ type: 'del', key: hexToBytes(key) });

async function list(store: ReadableStore, range: Range = {}): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of store.iterate(range))
    found.push(`${bytesToHex(key)}=${bytesToHex(value)}`);
  return found;
}

/** `open` gives an empty store each time. */
export function testStore(open: () => Promise<Store>): void {
  test('gives back what was put, and undefined for what was not', async () => {
    const store = await open();
    await store.batch([put('01', 'aa'), put('0100', ''), put('ff', 'bbcc')], { durable: false });
    expect(store.get(hexToBytes('01'))).toEqual(hexToBytes('aa'));
    expect(store.get(hexToBytes('0100'))).toEqual(new Uint8Array(0));
    expect(store.get(hexToBytes('02'))).toBeUndefined();
    const many = await store.getMany(['ff', '02', '01', 'ff'].map(hexToBytes));
    expect(many).toEqual([hexToBytes('bbcc'), undefined, hexToBytes('aa'), hexToBytes('bbcc')]);
    expect(await store.getMany([])).toEqual([]);
    await store.close();
  });

  test('within a batch the last operation on a key counts', async () => {
    const store = await open();
    await store.batch([put('01', 'aa'), del('01'), put('02', '01'), del('03'), put('02', '02')], {
      durable: true,
    });
    expect(await list(store)).toEqual(['02=02']);
    await store.batch([], { durable: true });
    await store.batch([del('02')], { durable: true });
    expect(await list(store)).toEqual([]);
    await store.close();
  });

  test('keeps its own copy of keys and values, and hands out copies', async () => {
    const store = await open();
    const op = put('01', 'aa');
    const written = store.batch([op], { durable: false });
    await written;
    if (op.type === 'put') op.value.fill(0);
    op.key.fill(0);
    const got = store.get(hexToBytes('01'))!;
    expect(got).toEqual(hexToBytes('aa'));
    got.fill(0);
    expect(store.get(hexToBytes('01'))).toEqual(hexToBytes('aa'));
    await store.close();
  });

  const sorted = ['00', '00ff', '01', '7f', '80', '80aa', 'ff', 'ffff'];
  const ranges: readonly [name: string, range: Range, expected: readonly string[]][] = [
    ['all', {}, sorted],
    ['gte', { gte: hexToBytes('01') }, sorted.slice(2)],
    ['gt', { gt: hexToBytes('80') }, sorted.slice(5)],
    ['lt', { lt: hexToBytes('80') }, sorted.slice(0, 4)],
    ['lte', { lte: hexToBytes('80') }, sorted.slice(0, 5)],
    ['between absent keys', { gt: hexToBytes('0001'), lt: hexToBytes('7fff') }, sorted.slice(1, 4)],
    ['limit', { gte: hexToBytes('01'), limit: 2 }, ['01', '7f']],
    ['reverse', { reverse: true, limit: 3 }, ['ffff', 'ff', '80aa']],
    ['reverse range', { gte: hexToBytes('01'), lt: hexToBytes('80aa'), reverse: true }, ['80', '7f', '01']],
    ['nothing', { gt: hexToBytes('80'), lt: hexToBytes('01') }, []],
  ];
  test('iterates in byte order within a range', async () => {
    const store = await open();
    await store.batch(
      [...sorted].reverse().map(key => put(key, key)),
      { durable: false },
    );
    for (const [name, range, expected] of ranges)
      expect(await list(store, range), name).toEqual(expected.map(key => `${key}=${key}`));
    await store.close();
  });

  test('a snapshot shows what was there, whatever is written later', async () => {
    const store = await open();
    await store.batch([put('01', 'aa'), put('02', 'bb')], { durable: false });
    const snapshot = store.snapshot();
    await store.batch([put('01', 'cc'), del('02'), put('03', 'dd')], { durable: false });
    expect(await list(snapshot)).toEqual(['01=aa', '02=bb']);
    expect(snapshot.get(hexToBytes('03'))).toBeUndefined();
    expect(await snapshot.getMany([hexToBytes('02')])).toEqual([hexToBytes('bb')]);
    expect(await list(store)).toEqual(['01=cc', '03=dd']);
    await snapshot.close();
    await store.close();
  });

  test('writing while iterating does not disturb the iteration', async () => {
    const store = await open();
    const ops = Array.from({ length: 3000 }, (_, i) => put((10_000 + i).toString(16).padStart(6, '0'), '01'));
    await store.batch(ops, { durable: false });
    let seen = 0;
    for await (const [key] of store.iterate({})) {
      if (seen % 500 === 0) await store.batch([{ type: 'del', key }, put('ff', '00')], { durable: false });
      seen += 1;
    }
    expect(seen).toBe(3000);
    await store.close();
  });
}
