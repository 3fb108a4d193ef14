import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type BlockHash, ZERO_HASH } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { BlockFiles, type BlockFilesOptions } from '../../../src/store/block-files.ts';

const MAGIC = Uint8Array.of(0xfa, 0xbf, 0xb5, 0xda);
const KEY = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
const random = new SeededRandom(7);

describe('block files', () => {
  let folder = '';
  let made = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearsay-block-files-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const next = () => join(folder, String(made++));
  const openIn = (path: string, options: Partial<BlockFilesOptions> = {}) =>
    new BlockFiles(path, { magic: MAGIC, newXorKey: undefined, ...options });

  async function scanAll(files: BlockFiles, from?: { file: number; offset: number }) {
    const found: [string, Uint8Array][] = [];
    for await (const { position, raw } of files.scan(from))
      found.push([`${position.file}:${position.offset}`, raw]);
    return found;
  }

  test('lies on disk as Core has it: magic, length, payload; undo with its checksum', async () => {
    const path = next();
    const files = openIn(path);
    const raw = random.bytes(300);
    expect(files.appendBlock(raw)).toEqual({ file: 0, offset: 8 });
    expect(files.appendBlock(raw)).toEqual({ file: 0, offset: 316 });
    const undo = files.appendUndo(0, Uint8Array.of(0), ZERO_HASH as BlockHash);
    expect(undo).toEqual({ file: 0, offset: 8 });
    await files.sync();
    files.close();
    expect(readdirSync(path).sort()).toEqual(['blk00000.dat', 'rev00000.dat', 'xor.dat']);
    const bytes = readFileSync(join(path, 'blk00000.dat'));
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from([...MAGIC, 0x2c, 1, 0, 0]));
    expect(bytes.subarray(8, 308)).toEqual(Buffer.from(raw));
    expect(readFileSync(join(path, 'rev00000.dat')).length).toBe(8 + 1 + 32);
    expect(readFileSync(join(path, 'xor.dat'))).toEqual(Buffer.alloc(8));
  });

  test('reads by position and after opening again, obfuscated or not', async () => {
    for (const newXorKey of [undefined, KEY]) {
      const path = next();
      const blocks = [random.bytes(100), random.bytes(1), random.bytes(5001)];
      const first = openIn(path, { newXorKey });
      const positions = blocks.map(raw => first.appendBlock(raw));
      const undo = first.appendUndo(0, blocks[0]!, ZERO_HASH as BlockHash);
      first.close();
      const second = openIn(path, { newXorKey });
      for (const [i, position] of positions.entries())
        expect(await second.readBlock(position)).toEqual(blocks[i]);
      const part = (from: number, length: number) => second.readBlockPart(positions[2]!, { from, length });
      expect(await part(0, 80)).toEqual(blocks[2]!.subarray(0, 80));
      expect(await part(4_003, 20)).toEqual(blocks[2]!.subarray(4_003, 4_023));
      expect(await part(4_990, 100)).toEqual(blocks[2]!.subarray(4_990));
      expect(await part(6_000, 10)).toHaveLength(0);
      await expect(second.readBlockPart({ file: 0, offset: 9 }, { from: 0, length: 1 })).rejects.toThrow(
        /no record/,
      );
      expect(await second.readUndo(undo, ZERO_HASH as BlockHash)).toEqual(blocks[0]);
      await expect(second.readUndo(undo, '1'.repeat(32) as BlockHash)).rejects.toThrow(/Wrong checksum/);
      await expect(second.readBlock({ file: 0, offset: 9 })).rejects.toThrow(/no record at offset 9/);
      await expect(second.readBlock({ file: 3, offset: 8 })).rejects.toThrow(/blk00003/);
      // Appending goes on behind the last record.
      await scanAll(second);
      expect(second.appendBlock(blocks[0]!).offset).toBe(positions[2]!.offset + 5001 + 8);
      second.close();
      const stored = readFileSync(join(path, 'blk00000.dat')).subarray(0, 4);
      const expected = newXorKey === undefined ? MAGIC : MAGIC.map((byte, i) => byte ^ KEY[i]!);
      expect([...stored]).toEqual([...expected]);
    }
  });

  test('the XOR key: a stored one counts, only a new folder gets one, and it cannot be switched off', () => {
    const path = next();
    openIn(path, { newXorKey: KEY }).close();
    openIn(path, { newXorKey: Uint8Array.of(9, 9, 9, 9, 9, 9, 9, 9) }).close();
    expect(readFileSync(join(path, 'xor.dat'))).toEqual(Buffer.from(KEY));
    expect(() => openIn(path)).toThrow(
      `The blocksdir XOR-key can not be disabled when a random key was already stored! ` +
        `Stored key: '0102030405060708', stored path: '${join(path, 'xor.dat')}'.`,
    );
    const old = next();
    openIn(old).close();
    rmSync(join(old, 'xor.dat'));
    writeFileSync(join(old, 'blk00000.dat'), '');
    openIn(old, { newXorKey: KEY }).close();
    expect(readFileSync(join(old, 'xor.dat'))).toEqual(Buffer.alloc(8));
  });

  test('goes to the next file when one is full', async () => {
    const path = next();
    const files = openIn(path, { fileBytesMax: 300 });
    const blocks = [90, 90, 100, 400, 10].map(length => random.bytes(length));
    const positions = blocks.map(raw => files.appendBlock(raw));
    expect(positions.map(({ file }) => file)).toEqual([0, 0, 1, 2, 3]);
    expect(files.appendUndo(1, Uint8Array.of(1), ZERO_HASH as BlockHash).file).toBe(1);
    expect((await scanAll(files)).map(([, raw]) => raw)).toEqual(blocks);
    expect((await scanAll(files, positions[2])).map(([, raw]) => raw)).toEqual(blocks.slice(2));
    expect(files.bytesOnDisk()).toBe(690 + 5 * 8 + 41);
    files.close();
  });

  test('a record torn at any byte is cut off, and appending goes on behind the last whole one', async () => {
    const blocks = [random.bytes(20), random.bytes(30)];
    for (let cut = 0; cut < 38; cut += 1) {
      const path = next();
      const first = openIn(path, { newXorKey: KEY });
      const positions = blocks.map(raw => first.appendBlock(raw));
      first.close();
      truncateSync(join(path, 'blk00000.dat'), positions[1]!.offset - 8 + cut);
      const second = openIn(path, { newXorKey: KEY });
      expect(await scanAll(second, positions[0])).toEqual([['0:8', blocks[0]]]);
      expect(second.appendBlock(blocks[1]!)).toEqual(positions[1]);
      expect(await second.readBlock(positions[1]!)).toEqual(blocks[1]);
      second.close();
      rmSync(path, { recursive: true });
    }
  });

  test('garbage at the end is cut off; a missing record that was known is an error', async () => {
    const path = next();
    const files = openIn(path);
    const position = files.appendBlock(random.bytes(20));
    files.close();
    appendFileSync(join(path, 'blk00000.dat'), random.bytes(1000));
    const again = openIn(path);
    expect(await scanAll(again, position)).toHaveLength(1);
    expect(readFileSync(join(path, 'blk00000.dat')).length).toBe(28);
    await expect(scanAll(again, { file: 0, offset: 36 })).rejects.toThrow(/no record at offset 36/);
    again.close();
  });
});
