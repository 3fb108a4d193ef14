import { describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { overrideParams } from '../../../src/consensus/overrides.ts';
import type { Block } from '../../../src/wire/block.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

const { genesis } = REGTEST;
const base = mineBlocks(genesis, 0, 105);
const tail = (blocks: readonly Block[]) => blocks.at(-1)!;

function chainWith(...branches: readonly (readonly Block[])[]): TestChain {
  const chain = new TestChain();
  for (const block of branches.flat()) expect(chain.submit(block)).toBe('new');
  chain.takeNotices();
  return chain;
}

/** A branch on `parent` whose first block spends the coinbase `from`. */
function spendingBranch(parent: Block, height: number, from: Block, tag: number, count: number): Block[] {
  const first = mineBlock(parent, height, { transactions: [spend([coinbaseOf(from)], [tag, 7])], tag });
  return [first, ...mineBlocks(first, height + 1, count - 1, { tag })];
}

describe('the most work wins', () => {
  test('at equal work the first seen stays', () => {
    const [a, b] = [mineBlocks(tail(base), 105, 2, { tag: 1 }), mineBlocks(tail(base), 105, 3, { tag: 2 })];
    const test = chainWith(base, a, b.slice(0, 2));
    expect(test.tipHash).toBe(a[1]!.header.hash);
    test.submit(b[2]!);
    expect(test.tipHash).toBe(b[2]!.header.hash);
    expect(test.takeNotices()).toEqual(['-107', '-106', '+106', '+107', '+108', 'tip 108 fork 105']);
  });

  test.each([1, 5, 100])('at a depth of %i, and the coins are the branch’s', depth => {
    const root = 105 - depth;
    const parent = root === 0 ? genesis : base[root - 1]!;
    const from = base[0]!;
    const branch =
      root > 100
        ? spendingBranch(parent, root, from, 9, depth + 1)
        : mineBlocks(parent, root, depth + 1, { tag: 9 });
    const test = chainWith(base);
    for (const block of branch) test.submit(block);
    expect(test.tipHash).toBe(tail(branch).header.hash);
    const direct = chainWith(base.slice(0, root), branch);
    expect(test.coinsFingerprint()).toBe(direct.coinsFingerprint());
  });

  test('an invalid block in the better branch: back to the old one', () => {
    const a = spendingBranch(tail(base), 105, base[0]!, 1, 2);
    // The third block spends what the first has spent.
    const b = spendingBranch(tail(base), 105, base[0]!, 2, 2);
    const bad = mineBlock(tail(b), 107, { transactions: [spend([coinbaseOf(base[0]!)], [1])] });
    const test = chainWith(base, a);
    for (const block of b) test.submit(block);
    test.takeNotices();
    expect(test.submit(bad)).toBe('new');
    expect(test.takeNotices()).toEqual([
      '-107',
      '-106',
      '+106',
      '+107',
      expect.stringMatching(/^invalid .* bad-txns-inputs-missingorspent$/),
      '-107',
      '-106',
      '+106',
      '+107',
      'tip 107 fork 107',
    ]);
    expect(test.tipHash).toBe(tail(a).header.hash);
    expect(test.coinsFingerprint()).toBe(chainWith(base, a).coinsFingerprint());
    expect(test.chain.chainTips().map(({ status, branchLength }) => [status, branchLength])).toEqual([
      ['invalid', 3],
      ['active', 0],
    ]);
    // The valid part of the branch may still be built upon.
    const good = mineBlock(tail(b), 107, { tag: 5 });
    test.submit(good);
    expect(test.tipHash).toBe(good.header.hash);
  });

  test('descendants of a block that turns out to be invalid are invalid, stored or not', () => {
    const test = chainWith(base);
    const bad = mineBlock(base[103]!, 104, { coinbaseValue: 51e8, tag: 3 });
    const above = mineBlocks(bad, 105, 3, { tag: 3 });
    for (const block of [bad, ...above]) test.chain.acceptHeader(block.header, NOW);
    expect(test.chain.headers.heightOf(test.chain.bestHeader())).toBe(108);
    for (const block of [...above.slice(0, 2), bad]) test.submit(block);
    expect(test.tipHash).toBe(tail(base).header.hash);
    for (const block of [bad, ...above]) {
      const id = test.chain.headers.find(block.header.hash)!;
      expect(test.chain.headers.isInvalid(id)).toBe(true);
    }
    expect(test.chain.bestHeader()).toBe(test.chain.tip());
  });
});

describe('overruling by hand', () => {
  test('an invalidated block is left for the next best branch, and taken back when reconsidered', () => {
    const a = mineBlocks(tail(base), 105, 3, { tag: 1 });
    const b = mineBlocks(tail(base), 105, 2, { tag: 2 });
    const test = chainWith(base, a, b);
    const first = test.chain.headers.find(a[0]!.header.hash)!;
    test.run(test.chain.invalidateBlock(first, NOW));
    expect(test.tipHash).toBe(b[1]!.header.hash);
    expect(test.takeNotices()).toEqual([
      '-108',
      '-107',
      '-106',
      'tip 105 fork 105',
      '+106',
      'tip 106 fork 105',
      '+107',
      'tip 107 fork 106',
    ]);
    expect(test.submit(mineBlock(tail(a), 108))).toBe('bad-prevblk');
    test.restart();
    expect(test.tipHash).toBe(b[1]!.header.hash);
    const again = test.chain.headers.find(a[2]!.header.hash)!;
    expect(test.chain.headers.isInvalid(again)).toBe(true);
    test.run(test.chain.reconsiderBlock(again, NOW));
    expect(test.tipHash).toBe(a[2]!.header.hash);
    expect(test.chain.chainTips().map(({ status }) => status)).toEqual(['active', 'valid-fork']);
  });

  test('of branches with the same work one can be preferred, until another is or one of them grows', () => {
    const a = mineBlocks(tail(base), 105, 2, { tag: 1 });
    const b = mineBlocks(tail(base), 105, 2, { tag: 2 });
    const c = mineBlocks(tail(base), 105, 1, { tag: 3 });
    const test = chainWith(base, a, b, c);
    const prefer = (block: Block) => {
      test.run(test.chain.preciousBlock(test.chain.headers.find(block.header.hash)!, NOW));
      return test.tipHash;
    };
    expect(test.tipHash).toBe(tail(a).header.hash);
    for (const branch of [b, a, b, b]) expect(prefer(tail(branch))).toBe(tail(branch).header.hash);
    // Less work, and a block that is no tip.
    expect(prefer(tail(c))).toBe(tail(b).header.hash);
    expect(prefer(a[0]!)).toBe(tail(b).header.hash);
    const grown = mineBlock(tail(a), 107, { tag: 1 });
    test.submit(grown);
    expect(prefer(tail(b))).toBe(grown.header.hash);
    const rival = mineBlocks(tail(b), 107, 1, { tag: 2 });
    test.submit(rival[0]!);
    expect(test.tipHash).toBe(grown.header.hash);
    expect(prefer(rival[0]!)).toBe(rival[0]!.header.hash);
  });

  test('genesis cannot be invalidated', () => {
    const test = chainWith(base);
    test.run(test.chain.invalidateBlock(0, NOW));
    expect(test.chain.height).toBe(105);
  });
});

describe('testing a block', () => {
  const options = { now: NOW, checkPow: true, checkMerkleRoot: true };
  test('says what connecting it would, and changes nothing', () => {
    const test = chainWith(base);
    const before = test.coinsFingerprint();
    const good = mineBlock(tail(base), 105, { transactions: [spend([coinbaseOf(base[0]!)], [1])] });
    expect(test.run(test.chain.testBlock(good, options))).toBeUndefined();
    const bad = mineBlock(tail(base), 105, { coinbaseValue: 51e8 });
    expect(test.run(test.chain.testBlock(bad, options))?.text).toBe('bad-cb-amount');
    const old = mineBlock(tail(base), 105, { time: genesis.header.time });
    expect(test.run(test.chain.testBlock(old, options))?.text).toBe('time-too-old');
    expect(test.chain.headers.find(good.header.hash)).toBeUndefined();
    expect(test.takeNotices()).toEqual([]);
    expect(test.coinsFingerprint()).toBe(before);
  });
});

test('unrequested blocks are stored only near the tip and with enough work', () => {
  const chain = chainWith(base.slice(0, 10));
  const ahead = mineBlocks(base[9]!, 10, 300, { tag: 4 });
  for (const block of ahead) chain.chain.acceptHeader(block.header, NOW);
  const submit = (block: Block) =>
    chain.run(chain.chain.submitBlock(block, { requested: false, now: NOW })) as { newBlock?: boolean };
  expect(submit(ahead[287]!).newBlock).toBe(true);
  expect(submit(ahead[288]!).newBlock).toBe(false);
  expect(submit(mineBlock(base[0]!, 1, { tag: 6 })).newBlock).toBe(false);
  const refused = chain.run(
    chain.chain.submitBlock(mineBlock(base[9]!, 10), { requested: true, now: NOW, minPowChecked: false }),
  );
  expect(refused).toMatchObject({ status: 'rejected', reject: { reason: 'too-little-chainwork' } });
});

test('random trees end on the same coins as their best branch alone', () => {
  for (let seed = 1; seed <= 15; seed += 1) {
    const random = new SeededRandom(seed);
    const tree = new TestChain();
    for (const block of base) tree.submit(block);
    const branches: Block[][] = [[]];
    for (let i = 0; i < 40; i += 1) {
      const from = branches[randomBelow(random, branches.length)]!;
      const cut = from.slice(0, randomBelow(random, from.length + 1));
      const parent = cut.at(-1) ?? tail(base);
      // Coinbases 0–3 are spent again and again, so that some branches are invalid.
      const transactions =
        randomBelow(random, 3) === 0 ? [spend([coinbaseOf(base[randomBelow(random, 4)]!)], [i + 1])] : [];
      const block = mineBlock(parent, 105 + cut.length, { transactions, tag: i });
      if (tree.submit(block) === 'new') branches.push([...cut, block]);
    }
    const { chain } = tree;
    const best: Block[] = [];
    for (let height = 106; height <= chain.height; height += 1) {
      const hash = chain.headers.hashOf(chain.atHeight(height)!);
      best.push(branches.flat().find(block => block.header.hash === hash)!);
    }
    const direct = chainWith(base, best);
    expect(tree.coinsFingerprint(), `seed ${seed}`).toBe(direct.coinsFingerprint());
    // No valid branch has more work.
    for (const { id, status } of chain.chainTips())
      if (status !== 'invalid')
        expect(chain.headers.heightOf(id), `seed ${seed}`).toBeLessThanOrEqual(chain.height);
  }
});

test('blocks that came before segwit was thought to hold have to come again', () => {
  const late = overrideParams(REGTEST, { activationHeights: ['segwit@10'] });
  const early = overrideParams(REGTEST, { activationHeights: ['segwit@5'] });
  const storage = new MemoryStorage({ crashable: true });
  const test = new TestChain({}, storage, late);
  for (const block of mineBlocks(genesis, 0, 8)) test.submit(block);
  test.run(test.chain.flush(NOW));
  expect(new TestChain({}, storage, late).chain.height).toBe(8);
  expect(
    new TestChain({}, storage, overrideParams(REGTEST, { activationHeights: ['segwit@9'] })).chain.height,
  ).toBe(8);
  const text = 'Witness data for blocks after height 5 requires validation. Please restart with -reindex.';
  expect(() => new TestChain({}, storage, early)).toThrow(text);
});
