import { expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { BlockScanner } from '../../../src/node/block-scanner.ts';
import { mineBlocks, REGTEST } from '../../support/test-chain.ts';

const { magic, genesis } = REGTEST;
const blocks = mineBlocks(genesis, 0, 6);

function record(raw: Uint8Array, length = raw.length): Buffer {
  const header = Buffer.alloc(8);
  header.set(magic);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, raw]);
}

function scan(bytes: Buffer, chunkLength: () => number, xorKey?: Uint8Array): string[] {
  const scanner = new BlockScanner(magic, xorKey);
  const found: string[] = [];
  const take = (each: ReturnType<BlockScanner['end']>) => {
    for (const item of each) {
      if (item.kind === 'garbage') found.push(`${item.bytes} bytes at ${item.offset}: ${item.reason ?? ''}`);
      else found.push(`block ${blocks.findIndex(({ header }) => header.hash === item.block.header.hash)}`);
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const length = chunkLength();
    take(scanner.push(bytes.subarray(at, at + length)));
    at += length;
  }
  take(scanner.end());
  return found;
}

test('finds the same however the stream is cut', () => {
  const size = blocks[0]!.raw.length + 8;
  const bytes = Buffer.concat([
    record(blocks[0]!.raw),
    Buffer.alloc(50),
    record(blocks[1]!.raw),
    Buffer.from('garbage'),
    record(blocks[2]!.raw, blocks[2]!.raw.length + 1),
    record(blocks[3]!.raw),
    Buffer.from(magic),
    Buffer.from(magic),
    record(blocks[4]!.raw, 3_000_000),
    record(blocks[5]!.raw),
    Buffer.from(magic.subarray(0, 3)),
  ]);
  const at = 2 * size + 50;
  const expected = [
    'block 0',
    'block 1',
    `${size + 7} bytes at ${at}: 1 bytes left over after the block`,
    'block 3',
    expect.stringMatching(new RegExp(`^${size + 8} bytes at ${at + 2 * size + 7}: a length of \\d+ bytes$`)),
    'block 5',
    `3 bytes at ${bytes.length - 3}: `,
  ];
  for (const length of [1, 7, 64, bytes.length]) expect(scan(bytes, () => length)).toEqual(expected);
  const random = new SeededRandom(1);
  for (let round = 0; round < 20; round += 1)
    expect(scan(bytes, () => 1 + randomBelow(random, 300))).toEqual(expected);
});

test('a scrambled file, unwritten at its end', () => {
  const key = new SeededRandom(2).bytes(8);
  const plain = Buffer.concat([record(blocks[0]!.raw), Buffer.from('garbage'), record(blocks[1]!.raw)]);
  const bytes = Buffer.concat([plain.map((byte, i) => byte ^ key[i % 8]!), Buffer.alloc(1_000)]);
  const size = blocks[0]!.raw.length + 8;
  for (const length of [1, 5, 64, bytes.length]) {
    expect(scan(bytes, () => length, key)).toEqual(['block 0', `7 bytes at ${size}: `, 'block 1']);
  }
});
