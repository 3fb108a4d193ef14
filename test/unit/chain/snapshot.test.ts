/** Files with all coins: what is written is read back in pieces of any size; what is damaged is refused in Core's words. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToHash } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { COIN_KEYS } from '../../../src/chain/coin-records.ts';
import {
  decodeSnapshotHeader,
  encodeSnapshotHeader,
  SNAPSHOT_HEADER_BYTES,
  type SnapshotHeader,
  SnapshotReader,
  SnapshotWriter,
} from '../../../src/chain/snapshot.ts';
import { covered, undoneBy } from '../../../src/node/rolled-back-coins.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import type { Entry } from '../../../src/store/store.ts';
import { coinbaseOf, mineBlock, mineBlocks, REGTEST, spend, TestChain } from '../../support/test-chain.ts';

const base = mineBlocks(REGTEST.genesis, 0, 103);
const spending = mineBlock(base.at(-1)!, 103, {
  transactions: [
    spend(
      [coinbaseOf(base[0]!), coinbaseOf(base[1]!)],
      Array.from({ length: 300 }, () => 7),
    ),
  ],
});

function chainTo(...blocks: readonly (typeof spending)[]): TestChain {
  const chain = new TestChain();
  for (const block of blocks) chain.submit(block);
  chain.flush();
  return chain;
}

const tip = chainTo(...base, spending);
const entries = [...tip.storage.coins.entries(COIN_KEYS)];
const header: SnapshotHeader = { baseBlock: spending.header.hash, coins: entries.length };
const body = bodyOf(entries);

function bodyOf(coins: readonly Entry[]): Uint8Array {
  const writer = new SnapshotWriter();
  const parts = coins.map(entry => writer.add(entry));
  return concatBytes(...[...parts, writer.end()].filter(part => part !== undefined));
}

function read(bytes: Uint8Array, { coins }: { readonly coins: number }, chunkBytes: number): Entry[] {
  const reader = new SnapshotReader({ baseBlock: header.baseBlock, coins }, 104);
  const found: Entry[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    found.push(...reader.push(bytes.subarray(at, at + chunkBytes)));
  reader.end();
  return found;
}

const hexOf = (coins: readonly Entry[]) => coins.map(entry => entry.map(bytesToHex).join(' '));

test.each([1, 7, 64, 1_000_000])('is read back in pieces of %i bytes', chunkBytes => {
  expect(hexOf(read(body, header, chunkBytes))).toEqual(hexOf(entries));
});

describe('damage', () => {
  test.each([
    ['a coin too few', entries.length - 1, body, /coins left over after deserializing 401 coins/],
    ['a coin too many', entries.length + 1, body, /truncated snapshot after deserializing 402 coins/],
    [
      'cut short',
      entries.length,
      body.subarray(0, 1_000),
      /truncated snapshot after deserializing \d+ coins/,
    ],
    ['more behind', entries.length, concatBytes(body, body), /coins left over after deserializing 402 coins/],
  ])('%s', (_name, coins, bytes, message) => {
    for (const chunkBytes of [50, 100_000]) expect(() => read(bytes, { coins }, chunkBytes)).toThrow(message);
  });

  test('more coins of a transaction than there are', () => {
    const bytes = body.slice();
    bytes.set([0xfd, 0xff, 0xff], 32);
    expect(() => read(bytes, header, 100)).toThrow('Mismatch in coins count');
  });

  test('random bytes are refused or read, never anything else', () => {
    const random = new SeededRandom(4);
    for (let i = 0; i < 300; i += 1) {
      const bytes = body.slice(0, 2_000);
      for (let n = 0; n < 5; n += 1) bytes[randomBelow(random, bytes.length)] = randomBelow(random, 256);
      expect(() => read(bytes, header, 300)).toThrow(/^Bad snapshot|^Mismatch/);
    }
  });
});

describe('the header', () => {
  const bytes = encodeSnapshotHeader(header, REGTEST.magic);
  const decode = (changed: Uint8Array) => decodeSnapshotHeader(changed, REGTEST, () => 'signet');
  const withByte = (at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

  test('is read back', () => {
    expect(bytes).toHaveLength(SNAPSHOT_HEADER_BYTES);
    expect(decode(bytes)).toEqual(header);
    expect(decode(encodeSnapshotHeader({ baseBlock: hexToHash('11'.repeat(32)), coins: 1 }, REGTEST.magic)).coins).toBe(1); // biome-ignore format: one call
  });

  test.each([
    [0, /Invalid UTXO set snapshot magic bytes/],
    [5, /Version of snapshot 3 does not match/],
    [8, /The network of the snapshot \(signet\) does not match the network of this node \(regtest\)/],
  ])('another byte at %i', (at, message) => expect(() => decode(withByte(at))).toThrow(message));

  test('cut short', () => expect(() => decode(bytes.subarray(0, 40))).toThrow('end of file'));
});

test('coins rolled back are those that an earlier chain had', async () => {
  const changes = new MemoryStore();
  const { chain } = tip;
  for (let height = 104; height > 50; height -= 1) {
    const id = chain.atHeight(height)!;
    const block = tip.run(chain.readBlock(id));
    await changes.batch(undoneBy(block, tip.run(chain.readUndo(id))), { durable: false });
  }
  const found: Entry[] = [];
  for await (const entry of covered(tip.storage.coins, changes, COIN_KEYS)) found.push(entry);
  expect(hexOf(found)).toEqual(hexOf([...chainTo(...base.slice(0, 50)).storage.coins.entries(COIN_KEYS)]));
});
