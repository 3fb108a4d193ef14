import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hexToBytes, textToBytes } from '../../../src/base/bytes.ts';
import type { BatchOp, Store } from '../../../src/store/store.ts';
import { openWalletFile } from '../../../src/store/wallet-file.ts';
import { testStore } from '../../support/store-suite.ts';

let folder = '';
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'wallet-file-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

function fresh(): string {
  count += 1;
  return join(folder, `${count}.dat`);
}
const put = (key: string, value: string): BatchOp => ({
  type: 'put',
  key: textToBytes(key),
  value: textToBytes(value),
});
const DURABLE = { durable: true };

async function content(store: Store): Promise<string[]> {
  const found: string[] = [];
  for await (const [key, value] of store.iterate({})) {
    found.push(`${Buffer.from(key).toString()}=${Buffer.from(value).toString()}`);
  }
  return found;
}

describe('as a store', () => testStore(() => openWalletFile(fresh(), 'create')));

test('holds what was written when it is opened again, for its owner only', async () => {
  const path = fresh();
  const file = await openWalletFile(path, 'create');
  await file.batch([put('a', '1'), put('b', '2')], DURABLE);
  await file.batch([{ type: 'del', key: textToBytes('a') }, put('b', '3')], DURABLE);
  await file.close();
  const again = await openWalletFile(path, 'open');
  expect(await content(again)).toEqual(['b=3']);
  expect(again.cutBytes).toBe(0);
  await again.close();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(openWalletFile(path, 'create')).rejects.toMatchObject({ code: 'io' });
});

test('cut at any byte it holds the batches that were whole, and goes on', async () => {
  const path = fresh();
  const file = await openWalletFile(path, 'create');
  const ends = [(await stat(path)).size];
  for (let i = 0; i < 4; i += 1) {
    await file.batch([put(`key${i}`, 'x'.repeat(i * 5)), put('last', `${i}`)], DURABLE);
    ends.push((await stat(path)).size);
  }
  await file.close();
  const whole = await readFile(path);
  for (let length = 0; length <= whole.length; length += 1) {
    await writeFile(path, whole.subarray(0, length));
    const torn = await openWalletFile(path, 'open');
    const batches = Math.max(0, ends.filter(end => end <= length).length - 1);
    const last = batches === 0 ? [] : [`last=${batches - 1}`];
    const expected = Array.from({ length: batches }, (_, i) => `key${i}=${'x'.repeat(i * 5)}`);
    expect(await content(torn), `cut at ${length}`).toEqual([...expected, ...last]);
    await torn.batch([put('more', 'yes')], DURABLE);
    await torn.close();
    const after = await openWalletFile(path, 'open');
    expect(await content(after)).toEqual([...expected, ...last, 'more=yes']);
    await after.close();
  }
});

test('a changed byte before the last record is damage, and the file is left as it is', async () => {
  const path = fresh();
  const file = await openWalletFile(path, 'create');
  await file.batch([put('a', '1')], DURABLE);
  const start = (await stat(path)).size;
  await file.batch([put('b', '2')], DURABLE);
  const end = (await stat(path)).size;
  await file.batch([put('c', '3')], DURABLE);
  await file.close();
  const whole = await readFile(path);
  for (let at = start; at < end; at += 1) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 0x40;
    await writeFile(path, damaged);
    await expect(openWalletFile(path, 'open'), `byte ${at}`).rejects.toMatchObject({ code: 'corrupted' });
    expect(await readFile(path)).toEqual(damaged);
  }
});

test.each([
  ['text', textToBytes('SQLite format 3\0 and so on')],
  ['zeros', new Uint8Array(64)],
  ['almost ours', hexToBytes('686561727361792077616c6c65742032')],
])('refuses a foreign file: %s', async (_, bytes) => {
  const path = fresh();
  await writeFile(path, bytes);
  await expect(openWalletFile(path, 'open')).rejects.toMatchObject({
    code: 'foreign',
    message: `${path} belongs to another program`,
  });
  expect(new Uint8Array(await readFile(path))).toEqual(bytes);
});

test('compacting drops what was overwritten', async () => {
  const path = fresh();
  const file = await openWalletFile(path, 'create');
  await file.batch([put('secret', 'plain words')], DURABLE);
  await file.batch([put('secret', 'sealed')], DURABLE);
  expect((await readFile(path)).includes('plain words')).toBe(true);
  await file.compact();
  expect((await readFile(path)).includes('plain words')).toBe(false);
  await file.batch([put('more', '1')], DURABLE);
  await file.close();
  const again = await openWalletFile(path, 'open');
  expect(await content(again)).toEqual(['more=1', 'secret=sealed']);
  await again.close();
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

test('a file that is mostly history shrinks by itself', async () => {
  const path = fresh();
  const file = await openWalletFile(path, 'create');
  const large = 'x'.repeat(300_000);
  for (let i = 0; i < 10; i += 1) await file.batch([put('same', large + i)], DURABLE);
  expect((await stat(path)).size).toBeLessThan(1_900_000);
  await file.close();
});
