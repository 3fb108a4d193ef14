/** A disk that fills up, or gives back other bytes than were written: a clear error and a clean end, and a way to mend it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { launcher } from '../../scripts/regtest/process.ts';
import type { Block } from '../../src/wire/block.ts';
import { type DiskChain, type DiskChainOptions, openDiskChain } from '../support/disk-chain.ts';
import { eventually, Sandbox } from '../support/process.ts';
import { coinbaseOf, mineBlock, mineBlocks, NOW, REGTEST, spend } from '../support/test-chain.ts';

let folder = '';
let made = 0;
let template = '';
let expected = '';
const sandbox = new Sandbox();
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'hearsay-disk-errors-'));
  template = next();
  const disk = await open(template);
  await submit(disk, chainBlocks());
  expected = await fingerprint(disk);
  await disk.stop();
  // What was in the databases' logs goes to tables.
  await (await open(template)).stop();
});
afterAll(async () => {
  await sandbox.close();
  rmSync(folder, { recursive: true, force: true });
});

const next = () => path.join(folder, String(made++));
const startupCheck = { blocks: 6, level: 3, mustBeWhole: false };
const open = (directory: string, options: Partial<DiskChainOptions> = {}) =>
  openDiskChain(REGTEST, directory, { now: NOW, blocksXor: false, startupCheck, ...options });

function chainBlocks(): Block[] {
  const base = mineBlocks(REGTEST.genesis, 0, 110);
  const transactions = [spend([coinbaseOf(base[0]!)], [1, 2, 3])];
  return [...base, mineBlock(base.at(-1)!, 110, { transactions })];
}

async function submit({ chain, writer }: DiskChain, blocks: readonly Block[]): Promise<void> {
  for (const block of blocks)
    await writer.enqueue('submit', () => chain.submitBlock(block, { requested: true, now: NOW }));
}

async function fingerprint(disk: DiskChain): Promise<string> {
  const stats = await disk.host.coinStats(disk.chain, disk.writer, { hash: 'hash_serialized_3', now: NOW });
  return `${stats.height} ${stats.hash} ${stats.totalAmount}`;
}

function copyOfTemplate(): string {
  const directory = next();
  cpSync(template, directory, { recursive: true });
  return directory;
}

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at < 0 ? bytes.length + at : at]! ^= 4;
  writeFileSync(file, bytes);
}

function onlyFile(directory: string, pattern: RegExp): string {
  const name = readdirSync(directory).find(each => pattern.test(each));
  expect(name, `${pattern} in ${directory}`).toBeDefined();
  return path.join(directory, name!);
}

describe('a flipped bit', () => {
  test.each([
    ['a block', 'blk00000.dat'],
    ['undo data', 'rev00000.dat'],
  ])('in %s is seen at the start, and -reindex mends it as far as blocks are there', async (_what, name) => {
    const directory = copyOfTemplate();
    flip(path.join(directory, 'blocks', name), -40);
    await expect(open(directory)).rejects.toThrow('Corrupted block database detected');
    const mended = await open(directory, { rebuild: 'index' });
    await submit(mended, chainBlocks());
    expect(await fingerprint(mended)).toBe(expected);
    await mended.stop();
  });

  test('in an old block is seen when that is read, and by verifychain', async () => {
    const directory = copyOfTemplate();
    flip(path.join(directory, 'blocks', 'blk00000.dat'), 3000);
    const disk = await open(directory);
    const verify = (blocks: number) =>
      disk.writer.enqueue('verify', () => disk.chain.verify({ level: 1, blocks }));
    expect(await verify(6)).toBe('good');
    expect(await verify(0)).toBe('corrupted');
    // A way back over it ends the node, which has stored nothing wrong.
    const invalidate = disk.writer.enqueue('invalidate', () =>
      disk.chain.invalidateBlock(disk.chain.atHeight(5)!, NOW),
    );
    await expect(invalidate).rejects.toThrow(
      'A fatal internal error occurred, see debug.log for details: Failed to disconnect block.',
    );
    await disk.kill();
    const again = await open(directory);
    expect(await fingerprint(again)).toBe(expected);
    await again.stop();
  });

  test('in the coins is seen before they are used, and -reindex-chainstate mends it', async () => {
    const directory = copyOfTemplate();
    const table = onlyFile(path.join(directory, 'chainstate'), /\.ldb$/);
    flip(table, Math.floor(statSync(table).size / 3));
    await expect(open(directory)).rejects.toThrow(/^Error opening coins database: .*\.ldb is damaged/);
    const mended = await open(directory, { rebuild: 'coins' });
    expect(await fingerprint(mended)).toBe(expected);
    await mended.stop();
  });

  test('in the index is seen before it is used, and -reindex mends it', async () => {
    const directory = copyOfTemplate();
    const table = onlyFile(path.join(directory, 'blocks', 'index'), /\.ldb$/);
    flip(table, Math.floor(statSync(table).size / 2));
    await expect(open(directory)).rejects.toThrow(/^Error loading block database: .*\.ldb is damaged/);
    const mended = await open(directory, { rebuild: 'index' });
    expect(await fingerprint(mended)).toBe(expected);
    await mended.stop();
  });
});

describe('a process', () => {
  test('whose disk is full says so and ends; with room again it goes on from where it stood', async () => {
    const args = ['--debuglogfile=0', '--dbcache=4', '--listen=0', '--disablewallet'];
    // No file may be longer than 200 blocks of 512 bytes; what would go beyond fails as on a full disk, without the signal.
    const shell = ['sh', '-c', `trap '' XFSZ; ulimit -f 200; exec "$0" "$@"`];
    const startArgs = (place: { readonly directory: string; readonly rpcPort: number }) => [
      ...['--datadir', place.directory, '--rpcport', String(place.rpcPort), '--printtoconsole=0', ...args],
    ];
    const full = await sandbox.add('full', startArgs, [
      ...shell,
      process.execPath,
      launcher('node'),
      'start',
    ]);
    await full.start();
    const script = `raw(6a${'ff'.repeat(20_000)})`;
    let height = 0;
    const fill = async () => {
      for (; height < 100; height += 1) await full.rpc('generateblock', script, []);
    };
    await expect(fill()).rejects.toThrow();
    await eventually('it has ended', async () => /Error: /.test(readFileSync(full.log, 'utf8')));
    const said = readFileSync(full.log, 'utf8').trim();
    expect(said).toMatch(
      /^Error: A fatal internal error occurred, see debug\.log for details: Cannot use .*blk00000\.dat: EFBIG/m,
    );
    await full.kill();
    expect(height).toBeGreaterThan(3);
    const roomy = await sandbox.add('full', startArgs);
    await roomy.start();
    expect(await roomy.rpc('getblockcount')).toBe(height);
    expect(await roomy.rpc('verifychain', 4, 0)).toBe(true);
    await roomy.stop();
  });
});
