/**
 * Power lost, or the process killed, at any effect of the writer: the chain must come up whole, the process's death
 * must lose nothing that was answered, and going on must end where an undisturbed run ends.
 */
import { describe, expect, test } from 'vitest';
import type { BlockHash } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { BEST_BLOCK_KEY, HEAD_BLOCKS_KEY } from '../../../src/chain/coin-records.ts';
import type { Block } from '../../../src/wire/block.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  PowerLoss,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

const base = mineBlocks(REGTEST.genesis, 0, 103);
const last = base.at(-1)!;
/** Two branches that take turns being the best one, each spending coinbases, in order of arrival. */
const arrivals = forkingBlocks(30);
/** Small, so that a flush has many batches. */
const OPTIONS = { batchBytesMax: 200 };

function forkingBlocks(count: number): Block[] {
  const tips: { block: Block; height: number; spent: number }[] = [1, 2].map(() => ({
    block: last,
    height: 103,
    spent: 0,
  }));
  const random = new SeededRandom(99);
  const made: Block[] = [];
  while (made.length < count) {
    const which = randomBelow(random, 2);
    const tip = tips[which]!;
    for (let i = 0; i < 3; i += 1) {
      const canSpend = tip.spent < 3 && tip.height - tip.spent >= 100;
      const transactions = canSpend ? [spend([coinbaseOf(base[tip.spent]!)], [which + 1, i + 1, 1000])] : [];
      tip.block = mineBlock(tip.block, tip.height, { transactions, tag: which });
      tip.height += 1;
      tip.spent += canSpend ? 1 : 0;
      made.push(tip.block);
    }
  }
  return made;
}

/** The coins at each tip that a chain of these blocks can have, from runs that nothing disturbed. */
function fingerprints(): Map<BlockHash, string> {
  const found = new Map<BlockHash, string>();
  const byHash = new Map([...base, ...arrivals].map(block => [block.header.hash, block]));
  for (const block of [...base.slice(100), ...arrivals]) {
    const path: Block[] = [];
    for (let at: Block | undefined = block; at !== undefined; at = byHash.get(at.header.prevHash))
      path.unshift(at);
    const direct = new TestChain();
    for (const each of path) direct.submit(each);
    found.set(block.header.hash, direct.coinsFingerprint());
  }
  return found;
}
const expected = fingerprints();

function prepared(): TestChain {
  const chain = new TestChain(OPTIONS);
  for (const block of base) chain.submit(block);
  chain.flush();
  return chain;
}

/** Submits blocks with a flush now and then until power is lost; returns the work that was answered for. */
function runUntilCrash(chain: TestChain, random: SeededRandom, effects: number): bigint {
  let toldWork = chain.chain.headers.chainWorkOf(chain.chain.tip());
  chain.effectsUntilCrash = effects;
  try {
    for (const block of arrivals) {
      chain.submit(block);
      toldWork = chain.chain.headers.chainWorkOf(chain.chain.tip());
      if (randomBelow(random, 4) === 0) chain.flush();
    }
  } catch (error) {
    if (!(error instanceof PowerLoss)) throw error;
  }
  return toldWork;
}

describe.each(['power loss', 'kill'] as const)('%s', kind => {
  test('at 100 random points', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const random = new SeededRandom(seed);
      const chain = prepared();
      const toldWork = runUntilCrash(chain, random, randomBelow(random, 700));
      if (kind === 'kill') chain.restart();
      else chain.crash(random);
      const { headers } = chain.chain;
      const work = headers.chainWorkOf(chain.chain.tip());
      if (kind === 'kill') expect(work >= toldWork, `seed ${seed}: stands where it was told to`).toBe(true);
      expect(chain.coinsFingerprint(), `seed ${seed}: coins of the tip`).toBe(expected.get(chain.tipHash));
      // Sometimes again, in the middle of catching up.
      if (randomBelow(random, 2) === 0) {
        runUntilCrash(chain, random, randomBelow(random, 300));
        chain.crash(random);
      }
      for (const block of [...base, ...arrivals]) chain.submit(block);
      expect(chain.coinsFingerprint(), `seed ${seed}: the end`).toBe(expected.get(chain.tipHash));
      const undisturbed = prepared();
      for (const block of arrivals) undisturbed.submit(block);
      expect(chain.chain.height, `seed ${seed}`).toBe(undisturbed.chain.height);
    }
  });
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
