/** What peers are told of blocks that the disk has lost or changed: nothing, and the node goes on. */
import { expect, test } from 'vitest';
import { readBlockForPeer } from '../../../src/node/block-reader.ts';
import type { Engine } from '../../../src/node/engine.ts';
import { StoreError } from '../../../src/store/errors.ts';
import { mineBlock, REGTEST } from '../../support/test-chain.ts';

const BLOCK = mineBlock(REGTEST.genesis, 0);
const RAW = BLOCK.raw;
const OTHER = REGTEST.genesis.raw;

test.each<[string, () => Uint8Array | undefined, Uint8Array | undefined, number]>([
  ['a block', () => RAW, RAW, 0],
  ['one that was pruned', () => undefined, undefined, 0],
  ['another one in its place', () => OTHER, undefined, 1],
  [
    'a file that is gone',
    () => {
      throw new StoreError('corrupted', 'There is no blk00000.dat');
    },
    undefined,
    1,
  ],
])('%s', async (_, read, expected, warnings) => {
  const said: string[] = [];
  const log = { info() {}, debug() {}, warn: (text: string) => void said.push(text) };
  const headers = { find: () => 1, heightOf: () => 1 };
  const engine = { chain: { headers }, readRawBlock: async () => read() } as unknown as Engine;
  expect(await readBlockForPeer(engine, log, BLOCK.header.hash)).toBe(expected);
  expect(said).toHaveLength(warnings);
});
