import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { loadConfig } from '../../../src/node/config.ts';
import { takeDirectories, walletDirectory } from '../../../src/node/directories.ts';
import { parseDashArguments } from '../../../src/node/settings.ts';

const root = mkdtempSync(join(tmpdir(), 'directories-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

function config(...args: string[]) {
  return loadConfig(parseDashArguments(['-regtest', ...args]), 'bitcoind');
}
function folder(): string {
  return mkdtempSync(join(root, 'x-'));
}

test('a second node gets neither the data directory nor the block files of the first', () => {
  const [one, other] = [folder(), folder()];
  const held = takeDirectories(config(`-datadir=${one}`));
  const blocks = join(one, 'regtest', 'blocks');
  mkdirSync(join(blocks, 'index'));
  writeFileSync(join(blocks, 'index', 'HEARSAY'), '');
  writeFileSync(join(blocks, 'blk00000.dat'), 'a block');
  expect(() => takeDirectories(config(`-datadir=${one}`))).toThrow(
    `Cannot obtain a lock on directory ${join(one, 'regtest')}. Bitcoin Core is probably already running.`,
  );
  expect(() => takeDirectories(config(`-datadir=${other}`, `-blocksdir=${one}`))).toThrow(
    `Cannot obtain a lock on directory ${blocks}. Bitcoin Core is probably already running.`,
  );
  takeDirectories(config(`-datadir=${other}`)).release();
  held.release();
  takeDirectories(config(`-datadir=${one}`)).release();
});

test('-blocksdir moves the blocks, and has to be there', () => {
  const [data, blocks] = [folder(), folder()];
  takeDirectories(config(`-datadir=${data}`, `-blocksdir=${blocks}`)).release();
  expect(existsSync(join(blocks, 'regtest', 'blocks'))).toBe(true);
  expect(existsSync(join(data, 'regtest', 'blocks'))).toBe(false);
  const missing = join(root, 'missing');
  expect(() => config(`-datadir=${data}`, `-blocksdir=${missing}`)).toThrow(
    `Specified blocks directory "${missing}" does not exist.`,
  );
});

test('nothing is made where another program lives', () => {
  const data = folder();
  const chainstate = join(data, 'regtest', 'chainstate');
  mkdirSync(chainstate, { recursive: true });
  writeFileSync(join(chainstate, 'CURRENT'), 'MANIFEST-000001\n');
  expect(() => takeDirectories(config(`-datadir=${data}`))).toThrow('belongs to another program');
  expect(readdirSync(join(data, 'regtest'))).toEqual(['chainstate']);
});

test.each<[string, () => string, string]>([
  ['nowhere', () => join(folder(), 'absent'), 'does not exist'],
  ['a file', () => new URL(import.meta.url).pathname, 'is not a directory'],
  ['relative', () => 'src', 'is a relative path'],
])('-walletdir=%s is refused', (_, where, why) => {
  const wanted = where();
  expect(() => walletDirectory(config(`-datadir=${folder()}`, `-walletdir=${wanted}`))).toThrow(
    `Specified -walletdir "${wanted}" ${why}`,
  );
});

test('-walletdir that is there counts', () => {
  const wanted = folder();
  expect(walletDirectory(config(`-datadir=${folder()}`, `-walletdir=${wanted}`))).toBe(wanted);
});
