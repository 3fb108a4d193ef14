import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openLevelStore } from '../../../src/store/level.ts';
import { testStore } from '../../support/store-suite.ts';

describe('LevelDB store', () => {
  let folder = '';
  let opened = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearsay-level-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const next = () => join(folder, String(opened++));

  testStore(() => openLevelStore(next()));

  test('keeps what was written when it is opened again', async () => {
    const location = next();
    const first = await openLevelStore(location);
    await first.batch([{ type: 'put', key: Uint8Array.of(1), value: Uint8Array.of(2) }], { durable: true });
    await first.close();
    const second = await openLevelStore(location);
    expect(second.get(Uint8Array.of(1))).toEqual(Uint8Array.of(2));
    await second.close();
  });

  test('says which database is in use, corrupted or impossible to open', async () => {
    const location = next();
    const store = await openLevelStore(location);
    await expect(openLevelStore(location)).rejects.toMatchObject({
      name: 'StoreError',
      code: 'locked',
      message: `The database ${location} is in use by another process`,
    });
    await store.close();
    writeFileSync(join(location, 'CURRENT'), 'MANIFEST-nonsense\n');
    await expect(openLevelStore(location)).rejects.toMatchObject({
      name: 'StoreError',
      code: /corrupted|io/,
    });
    const file = next();
    writeFileSync(file, '');
    await expect(openLevelStore(join(file, 'db'))).rejects.toMatchObject({ name: 'StoreError', code: 'io' });
  });

  test('a closed store says so', async () => {
    const store = await openLevelStore(next());
    await store.close();
    expect(() => store.get(Uint8Array.of(1))).toThrow(/is closed/);
    await expect(store.batch([], { durable: true })).rejects.toThrow(/is closed/);
  });
});
