import { describe, expect, test } from 'vitest';
import type { Block } from '../../../src/wire/block.ts';
import { type Transaction, withInputs } from '../../../src/wire/transaction.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  OP_TRUE_SCRIPT,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

const { genesis } = REGTEST;
/** Spendable coinbases for all tests. */
const base = mineBlocks(genesis, 0, 110);

function chainWith(blocks: readonly Block[]): TestChain {
  const chain = new TestChain();
  for (const block of blocks) expect(chain.submit(block)).toBe('new');
  chain.takeNotices();
  return chain;
}

const tail = (blocks: readonly Block[]) => blocks.at(-1)!;

describe('connecting', () => {
  test('starts at genesis', () => {
    const test = new TestChain();
    expect(test.chain.height).toBe(0);
    expect(test.chain.tip()).toBe(0);
    expect(test.chain.chainTips()).toEqual([{ id: 0, branchLength: 0, status: 'active' }]);
    expect(test.chain.isInitialBlockDownload(NOW)).toBe(true);
  });

  test('each block is told of, then the tip', () => {
    const test = new TestChain();
    expect(test.submit(base[0]!)).toBe('new');
    expect(test.takeNotices()).toEqual(['+1', 'tip 1 fork 0']);
    expect(test.submit(base[0]!)).toBe('known');
    expect(test.submit(base[2]!)).toBe('prev-blk-not-found');
    expect(test.takeNotices()).toEqual([expect.stringContaining('prev-blk-not-found')]);
  });

  test('blocks may come in any order once their headers are known', () => {
    const test = new TestChain();
    for (const block of base.slice(0, 10)) test.chain.acceptHeader(block.header, NOW);
    expect(test.chain.bestHeader()).toBe(10);
    for (const i of [3, 9, 5, 1, 2, 8, 4, 7, 6]) expect(test.submit(base[i]!)).toBe('new');
    expect(test.chain.height).toBe(0);
    expect(test.chain.chainTips().map(({ status }) => status)).toEqual(['headers-only', 'active']);
    expect(test.submit(base[0]!)).toBe('new');
    expect(test.chain.height).toBe(10);
  });

  test('a long branch that has waited for one block costs no look at all of it for each block', () => {
    const test = new TestChain();
    test.chain.acceptHeader(base[0]!.header, NOW);
    for (const block of base.slice(1)) test.submit(block);
    const { headers } = test.chain;
    const compare = headers.isBetter.bind(headers);
    let comparisons = 0;
    headers.isBetter = (a, b) => {
      comparisons += 1;
      return compare(a, b);
    };
    test.submit(base[0]!);
    expect(test.chain.height).toBe(110);
    expect(comparisons).toBeLessThan(10 * base.length);
  });

  test('spends coins, also those made in the same block', () => {
    const test = chainWith(base);
    const first = spend([coinbaseOf(base[0]!)], [30, 20]);
    const second = spend([{ txid: first.txid, index: 0 }, coinbaseOf(base[1]!)], [10]);
    expect(test.submit(mineBlock(tail(base), 110, { transactions: [first, second] }))).toBe('new');
    expect(test.chain.height).toBe(111);
    const coins = test.run(
      test.chain.fetchCoins([
        { txid: first.txid, index: 0 },
        { txid: first.txid, index: 1 },
        { txid: second.txid, index: 0 },
        coinbaseOf(base[0]!),
      ]),
    );
    const coin = (value: number) => ({ value, scriptPubKey: OP_TRUE_SCRIPT, height: 111, isCoinbase: false });
    expect(coins).toEqual([undefined, coin(20), coin(10), undefined]);
  });

  test('a block that breaks a rule is refused, and its descendants', () => {
    const test = chainWith(base);
    const invalid = mineBlock(tail(base), 110, { coinbaseValue: 50e8 + 1 });
    expect(test.submit(invalid)).toBe('new');
    expect(test.takeNotices()).toEqual([expect.stringMatching(/^invalid .* bad-cb-amount$/)]);
    const id = test.chain.headers.find(invalid.header.hash)!;
    expect(test.chain.headers.isInvalid(id)).toBe(true);
    expect(test.chain.invalidReason(id)?.text).toBe('bad-cb-amount');
    expect(test.chain.height).toBe(110);
    expect(test.submit(invalid)).toBe('duplicate-invalid');
    expect(test.submit(mineBlock(invalid, 111))).toBe('bad-prevblk');
    expect(test.chain.chainTips().map(({ status }) => status)).toEqual(['invalid', 'active']);
  });

  const rules: readonly [reason: string, make: () => Block][] = [
    ['bad-txns-inputs-missingorspent', () => blockWith(spend([coinbaseOf(base[0]!)], [1]), spend([coinbaseOf(base[0]!)], [2]))],
    ['bad-txns-premature-spend-of-coinbase', () => blockWith(spend([coinbaseOf(base[50]!)], [1]))],
    ['bad-txns-in-belowout', () => blockWith(spend([coinbaseOf(base[0]!)], [50e8 + 1]))],
  ]; // biome-ignore format: a table
  const blockWith = (...transactions: ReturnType<typeof spend>[]) =>
    mineBlock(tail(base), 110, { transactions });
  test.each(rules)('%s', (reason, make) => {
    const test = chainWith(base);
    test.submit(make());
    expect(test.takeNotices()).toEqual([expect.stringContaining(reason)]);
    expect(test.chain.height).toBe(110);
  });

  test('stands still at the height where it is to stop', () => {
    const test = new TestChain({ stopAtHeight: 3 });
    for (const block of base.slice(0, 6)) expect(test.submit(block)).toBe('new');
    expect(test.chain.height).toBe(3);
  });

  test('leaves initial block download once, when the tip is young and has the work', () => {
    const test = new TestChain({ minimumChainWork: 8n });
    for (const block of base.slice(0, 2)) test.submit(block);
    const tipTime = base[2]!.header.time * 1000;
    expect(test.chain.isInitialBlockDownload(tipTime)).toBe(true);
    test.submit(base[2]!);
    expect(test.chain.isInitialBlockDownload(tipTime + 86_401_000)).toBe(true);
    expect(test.chain.isInitialBlockDownload(tipTime + 86_400_000)).toBe(false);
    expect(test.chain.isInitialBlockDownload(tipTime + 1e12)).toBe(false);
  });

  test('scripts are skipped only below the assumed-valid block, deep under the best header', () => {
    const bad = mineBlock(base[109]!, 110, { transactions: [spendWrongly(base[0]!)] });
    // Two weeks of regtest blocks, and the assumed-valid one above the bad one.
    const above = mineBlocks(bad, 111, 2020);
    for (const [assumed, headers, isTaken] of [
      [above[0]!, above.length, true],
      [above[0]!, 100, false],
      [base[50]!, above.length, false],
      [undefined, above.length, false],
    ] as const) {
      const test = new TestChain({ assumedValidBlock: assumed?.header.hash ?? null });
      for (const block of base) test.submit(block);
      for (const block of [bad, ...above.slice(0, headers)])
        test.chain.acceptHeader(block.header, NOW + 2020 * 600_000);
      test.submit(bad);
      expect(test.chain.height).toBe(isTaken ? 111 : 110);
    }
  });
});

/** Its script leaves false on the stack. */
function spendWrongly(block: Block): Transaction {
  const parts = spend([coinbaseOf(block)], [1]);
  return withInputs(
    parts,
    parts.inputs.map(input => ({ ...input, scriptSig: Uint8Array.of(0x6a) })),
  );
}
