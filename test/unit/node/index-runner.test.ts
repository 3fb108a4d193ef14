/**
 * An index beside a chain that forks, is killed and loses power: whatever happened, it ends where an index ends that
 * nothing disturbed. Its store and files fail and lose what was not durable, as the chain's do.
 */
import { expect, test } from 'vitest';
import { type BlockHash, bytesToHex, hashToHex } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { type Random, randomBelow, SeededRandom } from '../../../src/base/random.ts';
import type { HeaderId } from '../../../src/chain/chain-view.ts';
import type { ChainIndex, FileWrite } from '../../../src/chain/indexes/chain-index.ts';
import { CoinStatsIndex } from '../../../src/chain/indexes/coin-stats-index.ts';
import { FilterIndex, filterOf } from '../../../src/chain/indexes/filter-index.ts';
import { SpenderIndex } from '../../../src/chain/indexes/spender-index.ts';
import { TxIndex } from '../../../src/chain/indexes/tx-index.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { IndexRunner } from '../../../src/node/index-runner.ts';
import { RecentBlocks } from '../../../src/node/recent-blocks.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import type { BatchOp } from '../../../src/store/store.ts';
import { base, forkingBlocks } from '../../support/forking-blocks.ts';
import { mineBlock, mineBlocks, NOW, REGTEST, TestChain } from '../../support/test-chain.ts';

const arrivals = forkingBlocks(24, 7);

class IndexStoppedError extends Error {}

/** Fails after a number of batches, and loses power. */
class FailingStore extends MemoryStore {
  batchesUntilFailure = Number.POSITIVE_INFINITY;

  constructor() {
    super({ crashable: true });
  }

  override batch(ops: readonly BatchOp[], options: { readonly durable: boolean }): Promise<void> {
    if (this.batchesUntilFailure === 0) return Promise.reject(new IndexStoppedError());
    this.batchesUntilFailure -= 1;
    return super.batch(ops, options);
  }
}

/** What was not synced may be gone, or there. */
class MemoryFiles {
  readonly durable = new Map<string, Uint8Array>();
  readonly written = new Map<string, Uint8Array>();

  write({ position, bytes }: FileWrite): void {
    this.written.set(`${position.file}:${position.offset}`, bytes);
  }

  sync(): void {
    for (const [place, bytes] of this.written) this.durable.set(place, bytes);
    this.written.clear();
  }

  crash(random: Random): void {
    for (const [place, bytes] of this.written)
      if (randomBelow(random, 2) === 0) this.durable.set(place, bytes);
    this.written.clear();
  }

  close(): void {}
}

/** Runs of each index. */
const SEEDS = 12;

const INDEXES = {
  txindex: () => new TxIndex(),
  spenders: () => new SpenderIndex(new SeededRandom(3)),
  filters: () => new FilterIndex(),
  coinstats: () => new CoinStatsIndex(REGTEST),
} as const;

class Follower<T extends ChainIndex> {
  readonly store = new FailingStore();
  readonly files = new MemoryFiles();
  readonly #chain: TestChain;
  readonly #create: () => T;
  index!: T;
  runner!: IndexRunner;
  failure: Error | undefined;

  constructor(chain: TestChain, create: () => T) {
    this.#chain = chain;
    this.#create = create;
  }

  async start(): Promise<void> {
    this.create();
    await this.runner.open();
    this.runner.start();
    await this.reached();
  }

  create(): void {
    const test = this.#chain;
    this.failure = undefined;
    this.index = this.#create();
    this.runner = new IndexRunner({
      index: this.index,
      store: this.store,
      files: this.files,
      engine: {
        get chain() {
          return test.chain.validated;
        },
        readBlock: async (id: HeaderId) => test.run(test.chain.readBlock(id)),
        readUndo: async (id: HeaderId) => test.run(test.chain.readUndo(id)),
      },
      recent: new RecentBlocks(),
      log: SILENT_LOG,
      onFatal: error => {
        this.failure = error;
      },
    });
  }

  async reached(): Promise<void> {
    this.runner.notice();
    while (!this.runner.isSynced && this.failure === undefined) await new Promise(setImmediate);
    await this.runner.caughtUp();
  }
}

/** Everything that the index says of the chain's blocks. */
async function answers(chain: TestChain, follower: Follower<ChainIndex>): Promise<string[]> {
  const { index, files } = follower;
  const found: string[] = [];
  for (let height = 0; height <= chain.chain.height; height += 1) {
    const id = chain.chain.atHeight(height)!;
    const hash: BlockHash = chain.chain.headers.hashOf(id);
    const block = chain.run(chain.chain.readBlock(id));
    const here = chain.chain.headers.dataPositionOf(id)!;
    if (index instanceof CoinStatsIndex) {
      const { muhash, ...rest } = index.find({ hash, height })!;
      found.push(`${hashToHex(muhash)} ${Object.values(rest).join(' ')}`);
    }
    if (index instanceof FilterIndex) {
      const record = index.find({ hash, height })!;
      const place = `${record.position.file}:${record.position.offset}`;
      const bytes = files.written.get(place) ?? files.durable.get(place)!;
      found.push(`${bytesToHex(filterOf(bytes, record)!)} ${hashToHex(record.header)}`);
    }
    for (const tx of block.transactions) {
      if (index instanceof TxIndex && height > 0)
        found.push(`${index.find(tx.txid)?.block.offset === here.offset}`);
      if (!(index instanceof SpenderIndex) || tx.isCoinbase) continue;
      const places = await index.candidates(tx.inputs[0]!.prevout);
      found.push(`${places.some(({ block: place }) => place.offset === here.offset)}`);
    }
  }
  return found;
}

async function undisturbed(create: () => ChainIndex): Promise<string[]> {
  const chain = new TestChain();
  for (const block of [...base, ...arrivals]) chain.submit(block);
  const follower = new Follower(chain, create);
  await follower.start();
  const found = await answers(chain, follower);
  await follower.runner.stop();
  return found;
}

test.each(Object.keys(INDEXES) as (keyof typeof INDEXES)[])(
  '%s: killed and without power at random points, it ends as one that nothing disturbed',
  async name => {
    const create: () => ChainIndex = INDEXES[name];
    const expected = await undisturbed(create);
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const random = new SeededRandom(seed);
      const chain = new TestChain();
      const follower = new Follower(chain, create);
      for (const block of base.slice(0, randomBelow(random, 103))) chain.submit(block);
      if (randomBelow(random, 2) === 0) chain.flush();
      await follower.start();
      for (const block of [...base, ...arrivals]) {
        if (randomBelow(random, 12) === 0) follower.store.batchesUntilFailure = randomBelow(random, 4);
        chain.submit(block);
        if (randomBelow(random, 6) === 0) chain.flush();
        if (randomBelow(random, 3) > 0) await follower.reached();
        if (follower.failure === undefined) continue;
        expect(follower.failure, `seed ${seed}`).toBeInstanceOf(IndexStoppedError);
        if (randomBelow(random, 2) === 0) chain.restart();
        else {
          chain.crash(random);
          follower.store.crash(randomBelow(random, follower.store.volatileBatches + 1));
          follower.files.crash(random);
        }
        follower.store.batchesUntilFailure = Number.POSITIVE_INFINITY;
        await follower.start();
      }
      follower.store.batchesUntilFailure = Number.POSITIVE_INFINITY;
      if (follower.failure !== undefined) await follower.start();
      // What power loss took from the chain comes again.
      for (const block of [...base, ...arrivals]) chain.submit(block);
      await follower.reached();
      expect(follower.failure, `seed ${seed}`).toBeUndefined();
      expect(await answers(chain, follower), `seed ${seed}`).toEqual(expected);
      // A clean stop keeps all of it.
      chain.flush();
      await follower.runner.stop();
      await follower.start();
      expect(follower.runner.nextHeight(), `seed ${seed}`).toBe(chain.chain.height + 1);
      await follower.runner.stop();
    }
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
