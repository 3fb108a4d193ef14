import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { openLevelStore } from '../../../src/store/level.ts';
import type { BatchOp } from '../../../src/store/store.ts';
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

  test('a flipped bit anywhere in a table or in the log is seen before anything is read', async () => {
    const made = next();
    const first = await openLevelStore(made);
    const random = new SeededRandom(7);
    for (let batch = 0; batch < 4; batch += 1) {
      const ops = Array.from({ length: 300 }, (_, i): BatchOp => {
        const value = concatBytes(random.bytes(30), new Uint8Array(40));
        return { type: 'put', key: Uint8Array.of(batch, i >> 8, i & 255, 7, 7, 7, 7), value };
      });
      await first.batch(ops, { durable: true });
    }
    await first.close();
    // Opening moves what is in the log to a table; then something new is in the log.
    const second = await openLevelStore(made);
    for (let i = 0; i < 3; i += 1)
      await second.batch([{ type: 'put', key: random.bytes(8), value: random.bytes(600) }], {
        durable: true,
      });
    await second.close();
    const names = readdirSync(made).filter(name => /\.(ldb|log)$/.test(name));
    expect(names.some(name => name.endsWith('.ldb'))).toBe(true);
    for (const name of names) {
      const bytes = readFileSync(join(made, name));
      // The last record of a log may be torn.
      const end = name.endsWith('.log') ? bytes.length - 700 : bytes.length;
      for (let i = 0; i < 30 && end > 0; i += 1) {
        const at = randomBelow(random, end);
        const copy = next();
        cpSync(made, copy, { recursive: true });
        bytes[at]! ^= 1 << randomBelow(random, 8);
        writeFileSync(join(copy, name), bytes);
        const opened = openLevelStore(copy);
        // What fills the footer up to its length means nothing.
        const isFilling = name.endsWith('.ldb') && at >= bytes.length - 48 && at < bytes.length - 8;
        if (isFilling) await opened.then(store => store.close()).catch(() => {});
        else
          await expect(opened.then(() => `${name} at ${at} of ${bytes.length}`)).rejects.toMatchObject({
            code: 'corrupted',
          });
        bytes.set(readFileSync(join(made, name)));
        rmSync(copy, { recursive: true });
      }
    }
    await (await openLevelStore(made)).close();
  });

  test('a closed store says so', async () => {
    const store = await openLevelStore(next());
    await store.close();
    expect(() => store.get(Uint8Array.of(1))).toThrow(/is closed/);
    await expect(store.batch([], { durable: true })).rejects.toThrow(/is closed/);
  });
});
