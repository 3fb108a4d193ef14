/** The mempool follows the chain, time, and its own size. */
import { describe, expect, test } from 'vitest';
import { feeAt, feeRateOf } from '../../../src/mempool/fee-rate.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { coinbaseOf, mineBlock, mineBlocks } from '../../support/test-chain.ts';
import {
  build,
  COIN_VALUE,
  change,
  coin,
  FUNDED,
  funds,
  input,
  output,
  pay,
  TestPool,
} from '../../support/test-pool.ts';

const TIP = FUNDED.at(-1)!;
const HOUR_MS = 3_600_000;

describe('blocks', () => {
  test('what is mined leaves, children stay; what conflicts leaves with its children', () => {
    const pool = new TestPool();
    const mined = pool.add(pay([funds(0)], 1_000));
    const child = pool.add(pay([change(mined)], 1_000));
    const loser = pool.add(pay([funds(1)], 1_000));
    const orphan = pool.add(pay([change(loser)], 1_000));
    const bystander = pool.add(pay([funds(2)], 1_000));
    const winner = pay([funds(1)], 2_000);
    pool.takeNotices();
    pool.connect(mineBlock(TIP, 111, { transactions: [mined, winner] }));
    expect(pool.takeNotices({ mined, child, loser, orphan, bystander })).toEqual([
      '-mined block', '-orphan conflict', '-loser conflict',
    ]); // biome-ignore format: one list
    expect(pool.txids).toEqual(new Set([child.txid, bystander.txid]));
    expect(pool.mempool.parentsOf(child.txid)).toEqual([]);
    expect([pool.mempool.size, pool.mempool.totalFee]).toEqual([2, 2_000]);
  });

  test('it all leaves at once: who is told of the first has none of the others before them', () => {
    const pool = new TestPool();
    const first = pool.add(pay([funds(0)], 1_000));
    const second = pool.add(pay([funds(1)], 1_000));
    const block = mineBlock(TIP, 111, { transactions: [first, second] });
    const task = pool.mempool.onChainNotice(
      { kind: 'blockConnected', id: 0, block, undo: { spent: [] } },
      pool.now,
    );
    expect(task.next().value).toMatchObject({ kind: 'notifyMempool' });
    expect(pool.mempool.size).toBe(0);
  });
});

describe('reorganisations', () => {
  /** A branch of two empty blocks instead of the block at 112. */
  const branch = mineBlocks(TIP, 111, 2, { tag: 7 });

  test('transactions come back, under children that are here', () => {
    const pool = new TestPool();
    const parent = pay([funds(0)], 1_000, { count: 2 });
    const second = pay([change(parent)], 1_500);
    pool.connect(mineBlock(TIP, 111, { transactions: [parent, second] }));
    const child = pool.add(pay([change(second), change(parent, 1)], 2_000));
    pool.takeNotices();
    pool.connect(...branch);
    expect(pool.takeNotices({ parent, second, child })).toEqual(['+parent', '+second']);
    const { mempool } = pool;
    expect(mempool.get(parent.txid)!.sequence).toBe(0);
    expect(mempool.get(child.txid)!.sequence).toBeGreaterThan(0);
    expect(new Set(mempool.ancestorsOf(child.txid))).toEqual(new Set([parent.txid, second.txid]));
    expect(new Set(mempool.descendantsOf(parent.txid))).toEqual(new Set([second.txid, child.txid]));
    expect(mempool.compareMiningOrder(parent.txid, child.txid)).toBeLessThan(0);
  });

  test('what comes back is told from what a file held, and from what is new', () => {
    const pool = new TestPool();
    const [mined, loaded, heard] = [pay([funds(0)], 1_000), pay([funds(1)], 1_000), pay([funds(2)], 1_000)];
    pool.connect(mineBlock(TIP, 111, { transactions: [mined] }));
    pool.connect(...branch);
    pool.submit(loaded, { entryTime: pool.now });
    pool.add(heard);
    expect(pool.notices.map(each => [each.entry.tx.txid, each.kind === 'txAdded' && each.entrance])).toEqual([
      [mined.txid, 'reorg'],
      [loaded.txid, 'file'],
      [heard.txid, 'alone'],
    ]);
  });

  test('what the new branch has confirmed does not come back; what it contradicts takes its children along', () => {
    const pool = new TestPool();
    const same = pay([funds(0)], 1_000);
    const loser = pay([funds(1)], 1_000);
    const winner = pay([funds(1)], 2_000);
    pool.connect(mineBlock(TIP, 111, { transactions: [same, loser] }));
    const kept = pool.add(pay([change(same)], 1_000));
    const lost = pool.add(pay([change(loser)], 1_000));
    pool.takeNotices();
    const first = mineBlock(TIP, 111, { transactions: [same, winner], tag: 8 });
    pool.connect(first, mineBlock(first, 112));
    expect(pool.takeNotices({ same, loser, winner, kept, lost })).toEqual(['-lost reorg']);
    expect(pool.txids).toEqual(new Set([kept.txid]));
  });

  test('neither fee nor dust keeps a transaction from coming back', () => {
    const pool = new TestPool();
    const free = pay([funds(0)], 0);
    const dusty = build([input(coin(1))], [output(COIN_VALUE - 1_100), output(100)]);
    pool.connect(mineBlock(TIP, 111, { transactions: [free] }));
    pool.connect(...branch);
    expect(pool.txids).toEqual(new Set([free.txid]));
    // Dust is a matter of standardness, which holds for them too.
    expect(pool.submit(dusty)).toMatch(/^dust/);
  });

  test('a coinbase that is young again, or gone, takes its spenders along', () => {
    const pool = new TestPool({ requireStandard: false });
    const blocks = mineBlocks(TIP, 111, 2);
    pool.connect(...blocks);
    const own = (i: number) =>
      build([input(coinbaseOf(FUNDED[i]!), { scriptSig: new Uint8Array(0) })], [output(49e8)]);
    // The coinbase of height 13 or 14 may be spent in a block at 113 or 114.
    const old = pool.add(own(12));
    const young = pool.add(own(13));
    const child = pool.add(pay([change(young)], 1_000));
    pool.takeNotices();
    pool.run(pool.mempool.expire(pool.now));
    invalidateTip(pool);
    expect(pool.takeNotices({ old, young, child })).toEqual(['-child reorg', '-young reorg']);
    expect(pool.txids).toEqual(new Set([old.txid]));
  });

  // Found by scripts/differential.ts.
  test('of blocks that are invalidated by hand only the last ten give their transactions back', () => {
    const pool = new TestPool();
    const txs = [pay([funds(0)], 1_000)];
    let block = mineBlock(TIP, 111, { transactions: txs });
    pool.connect(block);
    for (let height = 112; height < 122; height += 1) {
      txs.push(height === 112 ? pay([change(txs[0]!)], 1_000) : pay([funds(height)], 1_000));
      block = mineBlock(block, height, { transactions: txs.slice(-1) });
      pool.connect(block);
    }
    const child = pool.add(pay([change(txs[1]!)], 1_000));
    invalidateFrom(pool, 112);
    // The eleventh from the top is lost, and so are those that spent from it.
    expect(pool.txids).toEqual(new Set(txs.slice(2).map(tx => tx.txid)));
    expect(pool.has(child)).toBe(false);
  });

  test('locks that are closed again', () => {
    const pool = new TestPool();
    const blocks = mineBlocks(TIP, 111, 2);
    pool.connect(...blocks);
    const byHeight = pool.add(
      build([input(coin(0), { sequence: 0 })], [output(COIN_VALUE - 1_000)], { lockTime: 113 }),
    );
    const relative = pool.add(build([input(coin(1), { sequence: 3 })], [output(COIN_VALUE - 1_000)]));
    const open = pool.add(build([input(coin(2), { sequence: 2 })], [output(COIN_VALUE - 1_000)]));
    const child = pool.add(pay([change(relative)], 1_000));
    pool.takeNotices();
    invalidateTip(pool);
    expect(new Set(pool.takeNotices({ byHeight, relative, open, child }))).toEqual(
      new Set(['-byHeight reorg', '-relative reorg', '-child reorg']),
    );
    expect(pool.txids).toEqual(new Set([open.txid]));
  });

  test('clusters that grow together are cut to their limit, what pays least first', () => {
    const pool = new TestPool();
    const parent = pay([funds(0)], 1_000, { count: 3 });
    pool.connect(mineBlock(TIP, 111, { transactions: [parent] }));
    const lines = [0, 1, 2].map(index => {
      const txs: Transaction[] = [];
      let last = change(parent, index);
      for (let i = 0; i < 30; i += 1) {
        txs.push(pool.add(pay([last], 1_000 * (index + 1))));
        last = change(txs.at(-1)!);
      }
      return txs;
    });
    pool.connect(...branch);
    const left = lines.map(txs => txs.filter(tx => pool.has(tx)).length);
    expect(left).toEqual([3, 30, 30]);
    expect(pool.has(parent)).toBe(true);
    expect(pool.mempool.size).toBe(64);
  });

  test('a long chain from a block comes back as far as a cluster reaches', () => {
    const pool = new TestPool();
    const txs: Transaction[] = [];
    let last = funds(0);
    for (let i = 0; i < 300; i += 1) {
      txs.push(pay([last], 1_000));
      last = change(txs.at(-1)!);
    }
    pool.connect(mineBlock(TIP, 111, { transactions: txs }));
    const child = pool.add(pay([last], 1_000));
    pool.connect(...branch);
    expect(pool.mempool.size).toBe(64);
    expect(pool.has(txs[63]!)).toBe(true);
    expect(pool.has(child)).toBe(false);
  });
});

/** Takes the last block away without another in its place. */
function invalidateTip(pool: TestPool): void {
  invalidateFrom(pool, pool.chain.chain.height);
}

function invalidateFrom(pool: TestPool, height: number): void {
  const { chain } = pool.chain;
  pool.chain.run(chain.invalidateBlock(chain.atHeight(height)!, pool.now));
  for (const notice of pool.chain.notices.splice(0)) pool.run(pool.mempool.onChainNotice(notice, pool.now));
}

describe('time', () => {
  test('after 336 hours a transaction leaves with its children', () => {
    const pool = new TestPool();
    const old = pool.add(pay([funds(0)], 1_000));
    pool.now += HOUR_MS;
    const child = pool.add(pay([change(old)], 1_000));
    const young = pool.add(pay([funds(1)], 1_000));
    pool.takeNotices();
    pool.now += 335 * HOUR_MS;
    pool.run(pool.mempool.expire(pool.now));
    expect(pool.takeNotices()).toEqual([]);
    pool.now += 1;
    const trigger = pool.add(pay([funds(2)], 1_000));
    expect(pool.takeNotices({ old, child, young, trigger })).toEqual([
      '+trigger',
      '-child expiry',
      '-old expiry',
    ]);
    pool.now += HOUR_MS;
    pool.run(pool.mempool.expire(pool.now));
    expect(pool.txids).toEqual(new Set([trigger.txid]));
  });
});

describe('size', () => {
  /** Room for about ten transactions of 10 kB. */
  const usageMax = 120_000;
  const large = (i: number, fee: number) => pay([funds(i)], fee, { padding: 10_000 });

  function full(): { pool: TestPool; txs: Transaction[] } {
    const pool = new TestPool({ usageMax });
    const txs = Array.from({ length: 10 }, (_, i) => large(i, 10_000 + 1_000 * i));
    pool.add(...txs);
    return { pool, txs };
  }

  test('what pays least leaves, and its rate is the new floor', () => {
    const { pool, txs } = full();
    expect(pool.mempool.usage).toBeLessThanOrEqual(usageMax);
    expect(pool.mempool.minFeeRate(pool.now)).toBe(100);
    pool.add(large(10, 50_000));
    expect(pool.has(txs[0]!)).toBe(false);
    expect(pool.mempool.size).toBe(10);
    const floor = feeRateOf(10_000, txs[0]!.virtualSize) + 100;
    expect(pool.mempool.minFeeRate(pool.now)).toBe(floor);
    const low = large(11, feeAt(floor, txs[0]!.virtualSize) - 1);
    expect(pool.submit(low)).toMatch(/^mempool min fee not met, \d+ < \d+$/);
  });

  test('who pays least itself does not enter', () => {
    const { pool } = full();
    expect(pool.submit(large(10, 9_000))).toBe('mempool full');
    expect(pool.mempool.size).toBe(10);
  });

  test('a parent that its child pays for stays with it', () => {
    const pool = new TestPool({ usageMax });
    const parent = pool.add(pay([funds(20)], 1_100, { padding: 10_000 }));
    const child = pool.add(pay([change(parent)], 90_000));
    for (let i = 0; i < 12; i += 1) pool.submit(large(i, 20_000));
    expect([pool.has(parent), pool.has(child)]).toEqual([true, true]);
  });

  test('the floor halves in twelve hours after a block, faster in an emptier pool, and ends', () => {
    const { pool } = full();
    pool.add(large(10, 50_000));
    const floor = pool.mempool.minFeeRate(pool.now);
    pool.now += 24 * HOUR_MS;
    expect(pool.mempool.minFeeRate(pool.now), 'no block yet').toBe(floor);
    const stays = [...pool.mempool.entries()].map(entry => entry.tx);
    const first = mineBlock(TIP, 111);
    pool.connect(first);
    pool.now += 12 * HOUR_MS;
    expect(pool.mempool.minFeeRate(pool.now)).toBe(Math.round(floor / 2));
    pool.connect(mineBlock(first, 112, { transactions: stays }));
    pool.now += 3 * HOUR_MS;
    expect(pool.mempool.minFeeRate(pool.now), 'below a quarter full').toBe(Math.round(floor / 4));
    pool.now += 24 * HOUR_MS;
    expect(pool.mempool.minFeeRate(pool.now)).toBe(100);
    expect(pool.mempool.poolMinFeeRate(pool.now)).toBe(0);
  });
});
