/** The index and the coins, made anew from the block files. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import type { Block } from '../../src/wire/block.ts';
import { type DiskChain, type DiskChainOptions, openDiskChain } from '../support/disk-chain.ts';
import { ReindexCrashes } from '../support/reindex-crash.ts';
import { coinbaseOf, mineBlock, mineBlocks, NOW, REGTEST, spend, TestChain } from '../support/test-chain.ts';

let folder = '';
let made = 0;
let blocks: Block[] = [];
let expected = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hearsay-reindex-'));
  const base = mineBlocks(REGTEST.genesis, 0, 110);
  const transactions = [spend([coinbaseOf(base[0]!)], [1, 2, 3])];
  blocks = [...base, mineBlock(base.at(-1)!, 110, { transactions })];
  const memory = new TestChain();
  for (const block of blocks) memory.submit(block);
  expected = memory.coinsFingerprint();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const next = () => join(folder, String(made++));
const FILE_BYTES = 3000;
const open = (directory: string, options: Partial<DiskChainOptions> = {}) =>
  openDiskChain(REGTEST, directory, { now: NOW, blockFileBytesMax: FILE_BYTES, ...options });

async function submit({ chain, writer }: DiskChain, some: readonly Block[]): Promise<void> {
  for (const block of some)
    await writer.enqueue('submit', () => chain.submitBlock(block, { requested: true, now: NOW }));
}

async function fingerprint(disk: DiskChain): Promise<string> {
  const stats = await disk.host.coinStats(disk.chain, disk.writer, { hash: 'hash_serialized_3', now: NOW });
  return `${stats.hash} ${stats.outputs} ${stats.totalAmount}`;
}

/** A stopped chain of all blocks, in several files. */
async function written(arrivals: readonly Block[] = blocks): Promise<string> {
  const directory = next();
  const disk = await open(directory);
  await submit(disk, arrivals);
  await disk.stop();
  return directory;
}

async function expectWhole(directory: string, options: Partial<DiskChainOptions> = {}): Promise<void> {
  const disk = await open(directory, options);
  expect(disk.chain.height).toBe(111);
  expect(await fingerprint(disk)).toBe(expected);
  await disk.stop();
}

/** Changes what a file holds, not scrambled. */
function edit(directory: string, name: string, change: (bytes: Uint8Array) => Uint8Array): void {
  const key = readFileSync(join(directory, 'blocks', 'xor.dat'));
  const path = join(directory, 'blocks', name);
  const scrambled = (bytes: Uint8Array) => bytes.map((byte, i) => byte ^ key[i & 7]!);
  writeFileSync(path, scrambled(change(scrambled(new Uint8Array(readFileSync(path))))));
}

describe('-reindex', () => {
  test('builds the same chain, undo data anew, and a restart knows it', async () => {
    const directory = await written();
    const before = readdirSync(join(directory, 'blocks'));
    await expectWhole(directory, { rebuild: 'index' });
    expect(readdirSync(join(directory, 'blocks'))).toEqual(before);
    await expectWhole(directory);
    // Undo data are right when a reorganisation over old blocks gives back what they took.
    const disk = await open(directory);
    const branch = mineBlocks(blocks[104]!, 105, 10, { tag: 1 });
    await submit(disk, branch);
    expect(disk.chain.height).toBe(115);
    await disk.stop();
  });

  test('takes blocks in any order', async () => {
    const directory = next();
    const disk = await open(directory);
    // Children are stored before their parents when their headers are known.
    for (const { header } of blocks) disk.chain.acceptHeader(header, NOW);
    const order = [...blocks];
    const random = new SeededRandom(3);
    for (let i = order.length - 1; i > 0; i -= 1) {
      const j = randomBelow(random, i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    await submit(disk, order);
    await disk.stop();
    await expectWhole(directory, { rebuild: 'index' });
  });

  test('passes over damage, zeros and a torn end; what follows is stored so that the next start finds it', async () => {
    const directory = await written(blocks.slice(0, 100));
    const last = readdirSync(join(directory, 'blocks'))
      .filter(name => name.startsWith('blk'))
      .at(-1)!;
    edit(directory, 'blk00001.dat', bytes => new Uint8Array([1, 2, 3, 4, 5, ...bytes]));
    edit(directory, last, bytes => new Uint8Array([...bytes, ...REGTEST.magic, 200, 0, 0, 0, 9, 9]));
    const disk = await open(directory, { rebuild: 'index' });
    expect(disk.chain.height).toBe(100);
    await submit(disk, blocks.slice(100));
    await disk.kill();
    await expectWhole(directory);
  });

  test('a damaged block is missing, with all behind it', async () => {
    const directory = await written();
    edit(directory, 'blk00002.dat', bytes => {
      bytes[8 + 80 + 20]! ^= 1;
      return bytes;
    });
    const disk = await open(directory, { rebuild: 'index' });
    const height = disk.chain.height;
    expect(height).toBeGreaterThan(10);
    expect(height).toBeLessThan(50);
    await submit(disk, blocks.slice(height));
    expect(await fingerprint(disk)).toBe(expected);
    await disk.stop();
  });

  test('goes on after an interruption', async () => {
    const directory = await written();
    const abort = new AbortController();
    abort.abort();
    await expect(open(directory, { rebuild: 'index', signal: abort.signal })).rejects.toThrow('interrupted');
    expect(existsSync(join(directory, 'blocks', 'rev00000.dat'))).toBe(false);
    await expectWhole(directory);
  });

  test('with pruning, files behind a gap go', async () => {
    const directory = await written();
    rmSync(join(directory, 'blocks', 'blk00002.dat'));
    const prune = { targetBytes: undefined, afterHeight: 100 };
    const disk = await open(directory, { rebuild: 'index', prune });
    expect(disk.chain.height).toBeGreaterThan(10);
    expect(disk.chain.height).toBeLessThan(50);
    await submit(disk, blocks.slice(disk.chain.height));
    expect(await fingerprint(disk)).toBe(expected);
    await disk.stop();
  });
});

test('-reindex-chainstate makes the coins anew', async () => {
  const directory = await written();
  await expectWhole(directory, { rebuild: 'coins' });
  await expectWhole(directory);
});

describe('what is lost is told', () => {
  test('the index', async () => {
    const directory = await written();
    rmSync(join(directory, 'blocks', 'index'), { recursive: true });
    await expect(open(directory)).rejects.toThrow('Error initializing block database');
  });

  test('a block file', async () => {
    const directory = await written();
    rmSync(join(directory, 'blocks', 'blk00002.dat'));
    await expect(open(directory)).rejects.toThrow(/Error loading block database.*blk00002.dat is missing/);
  });
});

test('killed at any effect while it reads all again, a node is whole in the end', async () => {
  const crashes = new ReindexCrashes();
  try {
    for (let seed = 1; seed <= 12; seed += 1) await crashes.run(seed);
  } finally {
    crashes.close();
  }
});
