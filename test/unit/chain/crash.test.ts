/** What the writer does for its storage, in which order, and what a death in the middle of it costs. */
import { expect, test } from 'vitest';
import { BEST_BLOCK_KEY, HEAD_BLOCKS_KEY } from '../../../src/chain/coin-records.ts';
import { arrivals, crashRun, prepared } from '../../support/chain-crash.ts';
import { base, last } from '../../support/forking-blocks.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

test.each(['power loss', 'kill', 'full disk'] as const)('%s at 40 random points', death => {
  for (let seed = 1; seed <= 40; seed += 1) crashRun(seed, death);
});

test('a flush writes files, index, heads, coins and best block in that order', () => {
  const chain = prepared();
  for (const block of arrivals.slice(0, 6)) chain.submit(block);
  chain.effects.length = 0;
  chain.flush();
  const kinds = chain.effects.map(({ kind }) => kind).filter(kind => kind !== 'pause');
  const index = kinds.lastIndexOf('writeIndex');
  expect(kinds[0]).toBe('syncBlockFiles');
  expect(new Set(kinds.slice(1, index + 1))).toEqual(new Set(['writeIndex']));
  expect(new Set(kinds.slice(index + 1))).toEqual(new Set(['writeCoins']));
  const writes = chain.effects.filter(effect => effect.kind === 'writeIndex' || effect.kind === 'writeCoins');
  expect(writes.filter(({ durable }) => durable).map(({ kind }) => kind)).toEqual([
    'writeIndex',
    'writeCoins',
  ]);
  const coins = writes.filter(({ kind }) => kind === 'writeCoins');
  expect(coins.length).toBeGreaterThan(2);
  expect(coins[0]!.ops.slice(0, 2)).toMatchObject([
    { type: 'del', key: BEST_BLOCK_KEY },
    { type: 'put', key: HEAD_BLOCKS_KEY },
  ]);
  expect(coins.at(-1)!.ops.slice(-2)).toMatchObject([
    { type: 'del', key: HEAD_BLOCKS_KEY },
    { type: 'put', key: BEST_BLOCK_KEY },
  ]);
  for (const { ops } of writes) expect(ops.length).toBeLessThan(10);
});

test('coins made and spent between two flushes never touch the store', () => {
  const chain = prepared();
  const before = chain.storage.coins.size;
  const first = spend([coinbaseOf(base[0]!)], [5, 6]);
  const block = mineBlock(last, 103, { transactions: [first] });
  const next = mineBlock(block, 104, { transactions: [spend([{ txid: first.txid, index: 0 }], [5])] });
  chain.submit(block);
  chain.submit(next);
  chain.effects.length = 0;
  chain.flush();
  const ops = chain.effects.flatMap(effect => (effect.kind === 'writeCoins' ? effect.ops : []));
  // Heads and best block, twice each; a spent coinbase; two new coinbases; two outputs that are left.
  expect(ops).toHaveLength(4 + 1 + 2 + 2);
  expect(chain.storage.coins.size).toBe(before - 1 + 4);
});

test('a full cache is flushed in the middle of a reorganisation too', () => {
  const chain = new TestChain({ coinsCacheBytes: 2000 });
  const branch = mineBlocks(REGTEST.genesis, 0, 104, { tag: 1 });
  for (const block of [...base, ...branch]) chain.submit(block);
  expect(chain.tipHash).toBe(branch.at(-1)!.header.hash);
  const direct = new TestChain();
  for (const block of branch) direct.submit(block);
  expect(chain.coinsFingerprint()).toBe(direct.coinsFingerprint());
});

test('a full cache is flushed after the block', () => {
  const chain = new TestChain({ coinsCacheBytes: 2000 });
  for (const block of base) chain.submit(block);
  expect(chain.storage.coins.size).toBeGreaterThan(90);
  expect(chain.chain.coinsCacheBytes).toBeLessThan(4000);
});

test('time alone brings a flush too', () => {
  const chain = new TestChain();
  chain.submit(base[0]!);
  expect(chain.storage.coins.size).toBe(0);
  chain.run(chain.chain.submitBlock(base[1]!, { requested: true, now: NOW + 5 * 60_000 }));
  expect(chain.storage.coins.size).toBe(3);
});
