/** Databases that are wiped, and killed in the middle of it. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { MARKER_FILE, openMarked, wipeDatabase } from '../../../src/node/marked-store.ts';

const root = mkdtempSync(join(tmpdir(), 'hearsay-marked-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const KEY = Uint8Array.of(1);

async function filled(name: string): Promise<string> {
  const folder = join(root, name);
  const store = await openMarked(folder, 'coins', SILENT_LOG);
  await store.batch([{ type: 'put', key: KEY, value: Uint8Array.of(7) }], { durable: true });
  await store.close();
  return folder;
}

async function valueIn(folder: string): Promise<Uint8Array | undefined> {
  const store = await openMarked(folder, 'coins', SILENT_LOG);
  const value = store.get(KEY);
  await store.close();
  return value;
}

test('what is in one stays, and is gone when it was wiped, but for the marker', async () => {
  const folder = await filled('whole');
  expect(await valueIn(folder)).toEqual(Uint8Array.of(7));
  wipeDatabase(folder, SILENT_LOG);
  expect(readdirSync(folder)).toEqual([MARKER_FILE]);
  expect(await valueIn(folder)).toBeUndefined();
});

test('one that a kill left half wiped is empty', async () => {
  const folder = await filled('half');
  // Its first step, and no other.
  rmSync(join(folder, 'CURRENT'));
  expect(readdirSync(folder).some(name => name.endsWith('.log'))).toBe(true);
  expect(await valueIn(folder)).toBeUndefined();
  expect(existsSync(join(folder, 'CURRENT'))).toBe(true);
});
