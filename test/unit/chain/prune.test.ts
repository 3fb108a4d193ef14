/** Which block files go, in what order that happens, and what is left when the node dies in the middle. */
import { beforeAll, describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import type { Block } from '../../../src/wire/block.ts';
import { mineBlocks, NOW, PowerLoss, REGTEST, TestChain } from '../../support/test-chain.ts';

/** Five blocks each. */
const FILE_BYTES = 1300;
const MANUAL = { targetBytes: undefined, afterHeight: 100 };
let blocks: Block[] = [];
beforeAll(() => {
  blocks = mineBlocks(REGTEST.genesis, 0, 420);
});

function chainOf(count: number, prune: { targetBytes: number | undefined; afterHeight: number }): TestChain {
  const storage = new MemoryStorage({ crashable: true, fileBytesMax: FILE_BYTES });
  const chain = new TestChain({ prune }, storage);
  for (const block of blocks.slice(0, count)) chain.submit(block);
  return chain;
}

const prune = (chain: TestChain, height: number) => chain.run(chain.chain.pruneTo(height, NOW));
const files = (chain: TestChain) => chain.storage.usage().map(({ file }) => file);

describe('by hand', () => {
  test('whole files up to the height go; the last 288 blocks stay', () => {
    const chain = chainOf(400, MANUAL);
    const before = files(chain);
    expect(chain.chain.pruneHeight()).toBeUndefined();
    prune(chain, 50);
    const pruned = chain.chain.pruneHeight()!;
    expect(pruned).toBeGreaterThan(40);
    expect(pruned).toBeLessThanOrEqual(50);
    prune(chain, 400);
    expect(chain.chain.pruneHeight()).toBeLessThanOrEqual(400 - 288);
    expect(chain.chain.pruneHeight()).toBeGreaterThan(400 - 288 - 8);
    expect(files(chain).length).toBeLessThan(before.length);
    const { headers } = chain.chain;
    const gone = chain.chain.atHeight(20)!;
    expect(headers.hasData(gone)).toBe(false);
    expect(headers.undoPositionOf(gone)).toBeUndefined();
    expect(headers.txCountOf(gone)).toBe(1);
  });

  test('a lock keeps its blocks and ten more', () => {
    const chain = chainOf(400, MANUAL);
    chain.chain.setPruneLock('an index', 60);
    prune(chain, 112);
    expect(chain.chain.pruneHeight()).toBeLessThanOrEqual(49);
    expect(chain.chain.pruneHeight()).toBeGreaterThan(40);
    chain.chain.setPruneLock('an index', undefined);
    prune(chain, 112);
    expect(chain.chain.pruneHeight()).toBeGreaterThan(100);
  });

  test('everything to disk, others are told, then the index, then the files go', () => {
    const chain = chainOf(400, MANUAL);
    chain.effects.length = 0;
    prune(chain, 50);
    const steps = chain.effects.map(effect =>
      'durable' in effect && effect.durable ? `${effect.kind}!` : effect.kind,
    );
    expect(steps.filter(step => step !== 'pause' && step !== 'writeIndex' && step !== 'writeCoins')).toEqual([
      'blockFileUsage',
      'syncBlockFiles',
      'writeIndex!',
      'writeCoins!',
      'notify',
      'writeIndex!',
      'deleteBlockFiles',
    ]);
  });
});

describe('by itself', () => {
  test('the oldest files go when the target is exceeded, not below the height from which on that is done', () => {
    // The target leaves no room besides the buffer, so that whatever may go goes.
    const options = { targetBytes: 17 * 2 ** 20 + 1, afterHeight: 350 };
    const chain = chainOf(350, options);
    expect(chain.chain.pruneHeight()).toBeUndefined();
    for (const block of blocks.slice(350, 400)) chain.submit(block);
    expect(chain.chain.pruneHeight()).toBeGreaterThan(400 - 288 - 8);
    expect(chain.chain.pruneHeight()).toBeLessThanOrEqual(400 - 288);
  });

  test('nothing goes at a start before those who need old blocks could say so', () => {
    const { storage } = chainOf(400, MANUAL);
    // Its coins were never flushed: all blocks are connected once more.
    const chain = new TestChain({ prune: { targetBytes: 17 * 2 ** 20 + 1, afterHeight: 100 } }, storage);
    expect(chain.chain.height).toBe(400);
    expect(chain.chain.pruneHeight()).toBeUndefined();
    chain.chain.setPruneLock('an index', 40);
    chain.run(chain.chain.pruneIfFull(NOW));
    expect(chain.chain.pruneHeight()).toBeLessThanOrEqual(29);
    expect(chain.chain.pruneHeight()).toBeGreaterThan(20);
  });

  test('nothing goes while there is room', () => {
    expect(chainOf(400, { targetBytes: 2 ** 30, afterHeight: 100 }).chain.pruneHeight()).toBeUndefined();
  });
});

test('a start knows what is gone, and refuses to go on without pruning', () => {
  const chain = chainOf(400, MANUAL);
  prune(chain, 100);
  const height = chain.chain.pruneHeight();
  const bytes = () => chain.storage.usage().reduce((sum, file) => sum + file.bytes, 0);
  const before = bytes();
  chain.restart();
  expect(chain.chain.pruneHeight()).toBe(height);
  expect(chain.chain.height).toBe(400);
  // What is gone is still counted, and nothing of it comes back by itself.
  expect(chain.chain.headers.chainTxCountOf(chain.chain.tip())).toBe(401);
  expect(bytes()).toBe(before);
  expect(chain.submit(blocks[3]!)).toBe('new');
  expect(() => new TestChain({}, chain.storage)).toThrow(/-reindex to go back to unpruned mode/);
});

test('invalidateblock goes as far down as there are blocks to undo', () => {
  const chain = chainOf(400, MANUAL);
  prune(chain, 100);
  const { headers } = chain.chain;
  const [wanted, last] = [chain.chain.atHeight(50)!, chain.chain.pruneHeight()!];
  const above = chain.chain.atHeight(last + 1)!;
  chain.run(chain.chain.invalidateBlock(wanted, NOW));
  expect(chain.chain.height).toBe(last);
  expect([headers.isInvalid(wanted), headers.isInvalid(above)]).toEqual([false, true]);
  // Once more: there is nothing that could be undone.
  chain.run(chain.chain.invalidateBlock(wanted, NOW));
  chain.restart();
  expect(chain.chain.height).toBe(last);
  chain.run(chain.chain.reconsiderBlock(above, NOW));
  expect(chain.chain.height).toBe(400);
});

test('a branch that needs a block which is gone waits until that comes again', () => {
  const chain = chainOf(400, MANUAL);
  // A branch off block 100 that was stored and never had enough work.
  const branch = mineBlocks(blocks[99]!, 100, 301, { tag: 1 });
  for (const block of branch.slice(0, 5)) chain.submit(block);
  for (const block of blocks.slice(400)) chain.submit(block);
  for (let i = 0; i < 420 - 400; i += 1) prune(chain, 132);
  for (const block of branch.slice(5)) chain.submit(block);
  const missing = branch.filter(
    ({ header }) => !chain.chain.headers.hasData(chain.chain.headers.find(header.hash)!),
  );
  for (const block of missing) expect(chain.submit(block)).toBe('new');
  expect(chain.chain.height).toBe(420);
});

test('killed or without power at 30 random points it comes up whole', () => {
  const expected = chainOf(400, { targetBytes: undefined, afterHeight: 100 }).coinsFingerprint();
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = new SeededRandom(seed);
    const chain = chainOf(330, MANUAL);
    chain.flush();
    chain.effectsUntilCrash = randomBelow(random, 120);
    try {
      for (const [i, block] of blocks.slice(330, 400).entries()) {
        chain.submit(block);
        if (i % 10 === 0) prune(chain, 330 + i);
      }
    } catch (error) {
      if (!(error instanceof PowerLoss)) throw error;
    }
    if (seed % 2 === 0) chain.restart();
    else chain.crash(random);
    const { headers } = chain.chain;
    expect(chain.chain.height, `seed ${seed}`).toBeGreaterThanOrEqual(330);
    // What the index says is there can be read, and no file is kept for nothing.
    for (let id = 1; id < headers.size; id += 1)
      if (headers.hasData(id)) chain.run(chain.chain.readBlock(id));
    if (seed % 2 === 0)
      for (const file of files(chain)) expect(headers.heightsInFile(file), `seed ${seed}`).toBeDefined();
    for (const block of blocks.slice(330, 400)) chain.submit(block);
    expect(chain.coinsFingerprint(), `seed ${seed}`).toBe(expected);
  }
});
