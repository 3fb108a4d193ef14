/** An index beside its chain: it neither holds it up, nor misses a block, nor forgets one. */
import { expect, test } from 'vitest';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { base } from '../../support/forking-blocks.ts';
import { Follower, INDEX_CRASHES, INDEXES, indexCrashRun } from '../../support/index-crash.ts';
import { mineBlock, mineBlocks, NOW, REGTEST, TestChain } from '../../support/test-chain.ts';

/** Runs of each. */
const SEEDS = 8;

test.each(INDEX_CRASHES)(
  '%s, %s: killed and without power at random points, it ends as one that nothing disturbed',
  async (kind, scene) => {
    for (let seed = 1; seed <= SEEDS; seed += 1) await indexCrashRun(kind, scene, seed);
  },
);

test('the chain may run ahead: the index neither holds it up nor misses a block', async () => {
  const chain = new TestChain();
  const follower = new Follower(chain, INDEXES.coinstats);
  await follower.start();
  for (const block of base) chain.submit(block);
  expect(follower.runner.best).toBe(0);
  await follower.reached();
  expect(follower.runner.best).toBe(chain.chain.tip());
  // A block that leaves the chain stays known until another takes its place.
  const tip = chain.chain.tip();
  chain.run(chain.chain.invalidateBlock(tip, NOW));
  await follower.reached();
  expect(follower.runner.best).toBe(tip);
  expect(follower.runner.covers(chain.chain.tip())).toBe(true);
  chain.submit(mineBlock(base[101]!, 102, { tag: 5 }));
  await follower.reached();
  expect(follower.runner.best).toBe(chain.chain.tip());
  await follower.runner.stop();
});

test('an index that is empty yet keeps all blocks from being deleted, also before it is set to work', async () => {
  const chain = new TestChain(
    { prune: { targetBytes: undefined, afterHeight: 0 } },
    new MemoryStorage({ crashable: true, fileBytesMax: 1300 }),
  );
  const follower = new Follower(chain, INDEXES.filters);
  follower.create();
  await follower.runner.open();
  for (const block of mineBlocks(REGTEST.genesis, 0, 320)) chain.submit(block);
  chain.run(chain.chain.pruneTo(320, NOW));
  expect(chain.chain.pruneHeight()).toBeUndefined();
  follower.runner.start();
  await follower.reached();
  expect(follower.failure).toBeUndefined();
  expect(follower.runner.best).toBe(chain.chain.tip());
  await follower.runner.stop();
});

test('blocks that an index would need again after a crash are not deleted', async () => {
  const chain = new TestChain(
    { prune: { targetBytes: undefined, afterHeight: 0 } },
    new MemoryStorage({ crashable: true, fileBytesMax: 1300 }),
  );
  const prune = () => chain.run(chain.chain.pruneTo(320, NOW));
  const follower = new Follower(chain, INDEXES.filters);
  await follower.start();
  for (const block of mineBlocks(REGTEST.genesis, 0, 340)) chain.submit(block);
  await follower.reached();
  // It has seen all blocks, and nothing of that is certain to be on disk.
  prune();
  const restart = async () => {
    chain.restart();
    follower.store.crash(0);
    await follower.start();
    expect(follower.failure).toBeUndefined();
    expect(follower.runner.best).toBe(chain.chain.tip());
  };
  await restart();
  await follower.runner.beforePruning();
  prune();
  expect(chain.chain.pruneHeight()).toBeGreaterThan(40);
  await restart();
  await follower.runner.stop();
});

test('a place that the chain does not know is refused', async () => {
  const chain = new TestChain();
  const follower = new Follower(chain, INDEXES.txindex);
  for (const block of base) chain.submit(block);
  chain.flush();
  await follower.start();
  await follower.runner.stop();
  const other = new Follower(new TestChain(), INDEXES.txindex);
  Object.assign(other, { store: follower.store });
  await expect(other.start()).rejects.toThrow('best block of txindex not found. Please rebuild the index.');
});
