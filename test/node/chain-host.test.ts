import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/log.ts';
import { BEST_BLOCK_KEY, HEAD_BLOCKS_KEY } from '../../src/chain/coin-records.ts';
import { ROW_WORDS } from '../../src/chain/header-tree.ts';
import { openLevelStore } from '../../src/store/level.ts';
import type { Block } from '../../src/wire/block.ts';
import { type DiskChain, type DiskChainOptions, Killed, openDiskChain } from '../support/disk-chain.ts';
import { coinbaseOf, mineBlock, mineBlocks, NOW, REGTEST, spend, TestChain } from '../support/test-chain.ts';

const base = mineBlocks(REGTEST.genesis, 0, 120);

describe('the chain on disk', () => {
  let folder = '';
  let made = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearsay-chain-host-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const next = () => join(folder, String(made++));
  const open = (directory: string, blockFileBytesMax?: number) =>
    openDiskChain(REGTEST, directory, {
      now: NOW,
      ...(blockFileBytesMax === undefined ? {} : { blockFileBytesMax }),
    });

  async function submit({ chain, writer }: DiskChain, blocks: readonly Block[]): Promise<void> {
    for (const block of blocks)
      await writer.enqueue('submit', () => chain.submitBlock(block, { requested: true, now: NOW }));
  }

  const statsOf = (disk: DiskChain) =>
    disk.host.coinStats(disk.chain, disk.writer, { hash: 'hash_serialized_3', now: NOW });

  test('one snapshot is loaded at a time', async () => {
    const disk = await open(next());
    const [store, other] = await Promise.all([disk.host.newSnapshotStore(), disk.host.newSnapshotStore()]);
    expect(other).toBeUndefined();
    await store!.batch([{ type: 'put', key: Uint8Array.of(1), value: Uint8Array.of(2) }], { durable: true });
    expect(await disk.host.newSnapshotStore()).toBeUndefined();
    expect(store!.get(Uint8Array.of(1))).toEqual(Uint8Array.of(2));
    // One that was refused makes room for the next, which begins with nothing.
    await disk.host.dropSnapshotStore(store!);
    const again = await disk.host.newSnapshotStore();
    expect(again!.get(Uint8Array.of(1))).toBeUndefined();
    await disk.host.dropSnapshotStore(again!);
    await disk.kill();
  });

  test('a killed process loses nothing that was answered, in one file or many', async () => {
    const memory = new TestChain();
    const extra = mineBlock(base.at(-1)!, 120, { transactions: [spend([coinbaseOf(base[0]!)], [1, 2, 3])] });
    const blocks = [...base, extra];
    for (const block of blocks) memory.submit(block);
    const expected = memory.coinsFingerprint();
    for (const fileBytes of [undefined, 2000]) {
      const directory = next();
      for (let at = 0; at < blocks.length; at += 40) {
        const disk = await open(directory, fileBytes);
        expect(disk.chain.height).toBe(at);
        await submit(disk, blocks.slice(at, at + 40));
        await disk.kill();
      }
      const disk = await open(directory, fileBytes);
      expect(disk.chain.height).toBe(121);
      const { hash, outputs, totalAmount, height } = await statsOf(disk);
      expect(`${hash} ${outputs} ${totalAmount}`).toBe(expected);
      expect(height).toBe(121);
      expect(readdirSync(join(directory, 'blocks')).some(name => name === 'blk00001.dat')).toBe(
        fileBytes !== undefined,
      );
      await disk.stop();
      const again = await open(directory, fileBytes);
      expect(again.chain.height).toBe(121);
      await again.kill();
    }
  });

  test('-dbcrashratio kills between batches of one flush, and the next start finishes it', async () => {
    const memory = new TestChain();
    for (const block of base) memory.submit(block);
    const directory = next();
    const lines: string[] = [];
    const log = { ...SILENT_LOG, warn: (line: string) => void lines.push(line) };
    const openSmall = (more: Partial<DiskChainOptions>) =>
      openDiskChain(REGTEST, directory, { now: NOW, log, ...more });
    // A flush of a single batch is whole: nobody dies.
    const whole = await openSmall({ crashRatio: 1 });
    await submit(whole, base.slice(0, 20));
    await whole.stop();
    expect(lines).toEqual([]);
    const cut = await openSmall({ crashRatio: 1, batchBytesMax: 400 });
    await submit(cut, base.slice(20));
    await expect(cut.stop()).rejects.toThrow(Killed);
    await cut.kill();
    expect(lines).toEqual(['Simulating a crash. Goodbye.']);
    const chainstate = await openLevelStore(join(directory, 'chainstate'));
    expect(chainstate.get(HEAD_BLOCKS_KEY)).toBeDefined();
    expect(chainstate.get(BEST_BLOCK_KEY)).toBeUndefined();
    await chainstate.close();
    // Finishing is a flush like any other, and can be cut as well.
    await expect(openSmall({ crashRatio: 1, batchBytesMax: 400 })).rejects.toThrow(Killed);
    const again = await openSmall({ crashRatio: 3, batchBytesMax: 4_000_000 });
    expect(again.host.recovered).toContain('a flush of the coins that was cut is finished');
    const { hash, outputs, totalAmount } = await statsOf(again);
    expect(`${hash} ${outputs} ${totalAmount}`).toBe(memory.coinsFingerprint());
    await again.stop();
  });

  test('a reorganisation over a restart reads blocks and undo data back', async () => {
    const directory = next();
    const first = await open(directory);
    await submit(first, base);
    await first.stop();
    const branch = mineBlocks(base[99]!, 100, 22, { tag: 1 });
    const second = await open(directory);
    await submit(second, branch);
    expect(second.chain.height).toBe(122);
    expect(second.notices.filter(({ kind }) => kind === 'blockDisconnected')).toHaveLength(20);
    const memory = new TestChain();
    for (const block of [...base.slice(0, 100), ...branch]) memory.submit(block);
    const { hash, outputs, totalAmount } = await statsOf(second);
    expect(`${hash} ${outputs} ${totalAmount}`).toBe(memory.coinsFingerprint());
    await second.kill();
  });

  test('a torn last record is forgotten, and its block may come again', async () => {
    const directory = next();
    const first = await open(directory);
    await submit(first, base.slice(0, 10));
    await first.kill();
    const file = join(directory, 'blocks', 'blk00000.dat');
    truncateSync(file, 1500);
    const second = await open(directory);
    const { height } = second.chain;
    expect(second.host.recovered).toEqual([
      `${height} blocks behind the index were taken in again`,
      expect.stringMatching(/^a torn record of \d+ bytes was cut off the block files$/),
    ]);
    expect(height).toBeGreaterThan(3);
    expect(height).toBeLessThan(10);
    await submit(second, base.slice(height, 10));
    expect(second.chain.height).toBe(10);
    await second.kill();
  });

  test('a directory of another program is refused, and nothing in it touched', async () => {
    const foreign = next();
    await (await openLevelStore(join(foreign, 'chainstate'))).close();
    const before = readdirSync(join(foreign, 'chainstate'));
    const refused = { code: 'foreign', message: `The data directory ${foreign} belongs to another program` };
    await expect(open(foreign)).rejects.toMatchObject(refused);
    expect(readdirSync(foreign)).toEqual(['chainstate']);
    expect(readdirSync(join(foreign, 'chainstate'))).toEqual(before);
    const files = next();
    mkdirSync(join(files, 'blocks'), { recursive: true });
    writeFileSync(join(files, 'blocks', 'blk00000.dat'), '');
    await expect(open(files)).rejects.toMatchObject({ code: 'foreign' });
    expect(existsSync(join(files, 'blocks', 'index'))).toBe(false);
  });

  test('a directory may be used by one process only, copied, but not for another network', async () => {
    const directory = next();
    const disk = await open(directory);
    await submit(disk, base.slice(0, 5));
    await expect(open(directory)).rejects.toMatchObject({ code: 'locked' });
    await disk.stop();
    const copy = next();
    cpSync(directory, copy, { recursive: true });
    const copied = await open(copy);
    expect(copied.chain.height).toBe(5);
    await copied.kill();
    const other = { ...REGTEST, genesis: base[0]! };
    await expect(openDiskChain(other, copy, { now: NOW })).rejects.toThrow(/Wrong datadir for network/);
  });

  test.each([
    ['of an earlier version', { type: 'put', key: Uint8Array.of(0x62, 1), value: Uint8Array.of(1) }, /format of an earlier version\. Please restart with -reindex$/],
    ['with a gap', { type: 'del', key: Uint8Array.of(0x68, 0, 0, 0, 1) }, /a record is missing before that of headers 64 and on$/],
    ['cut short', { type: 'put', key: Uint8Array.of(0x68, 0, 0, 0, 1), value: new Uint8Array(100) }, /does not end where a header does$/],
    ['of zeros', { type: 'put', key: Uint8Array.of(0x68, 0, 0, 0, 1), value: new Uint8Array(ROW_WORDS * 4) }, /header 32 does not follow from those before it$/],
  ] as const)('an index %s is refused, and made anew by a reindex', async (_, op, message) => {
    const directory = next();
    const first = await open(directory);
    await submit(first, base.slice(0, 80));
    await first.stop();
    const index = await openLevelStore(join(directory, 'blocks', 'index'));
    await index.batch([op], { durable: true });
    await index.close();
    await expect(open(directory)).rejects.toThrow(message);
    const mended = await openDiskChain(REGTEST, directory, { now: NOW, rebuild: 'index' });
    expect(mended.chain.height).toBe(80);
    await mended.stop();
  }); // biome-ignore format: a table

  test('an unwritable place is one clear error', async () => {
    const file = next();
    writeFileSync(file, '');
    await expect(open(file)).rejects.toMatchObject({ name: 'StoreError', code: 'io' });
  });
});
