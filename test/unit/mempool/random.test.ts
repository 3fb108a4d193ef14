/** Random histories: after each step everything the mempool knows is what a naive look at its transactions gives. */
import { expect, test } from 'vitest';
import type { Txid } from '../../../src/base/bytes.ts';
import { type Random, randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { keyOf } from '../../../src/chain/coin.ts';
import type { Block } from '../../../src/wire/block.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { mineBlock, mineBlocks } from '../../support/test-chain.ts';
import { change, FUNDED, funds, pay, TestPool } from '../../support/test-pool.ts';

const STEPS = 120;
const CLUSTER = 12;
const USAGE_MAX = 60_000;

function checkInvariants(pool: TestPool, where: string): void {
  const { mempool } = pool;
  const entries = [...mempool.entries()];
  const byTxid = new Map<Txid, Transaction>(entries.map(entry => [entry.tx.txid, entry.tx]));
  const sum = (of: (entry: (typeof entries)[number]) => number) =>
    entries.reduce((total, entry) => total + of(entry), 0);
  expect([mempool.size, mempool.bytes, mempool.totalFee], where).toEqual([
    byTxid.size,
    sum(entry => entry.virtualSize),
    sum(entry => entry.fee),
  ]);
  expect(mempool.usage, where).toBeLessThanOrEqual(USAGE_MAX);
  if (entries.length === 0) expect(mempool.usage, where).toBe(0);

  const spenders = new Map<string, Txid>();
  for (const { tx } of entries) {
    for (const { prevout } of tx.inputs) {
      expect(spenders.has(keyOf(prevout)), `${where}: spent twice`).toBe(false);
      spenders.set(keyOf(prevout), tx.txid);
      expect(mempool.spenderOf(prevout)?.tx.txid, where).toBe(tx.txid);
    }
    expect(mempool.getByWtxid(tx.wtxid)?.tx, where).toBe(tx);
  }
  const parentsOf = (tx: Transaction) =>
    new Set(tx.inputs.map(input => input.prevout.txid).filter(txid => byTxid.has(txid)));
  const ancestorsOf = (tx: Transaction): Set<Txid> => {
    const all = parentsOf(tx);
    for (const txid of all) for (const next of parentsOf(byTxid.get(txid)!)) all.add(next);
    return all;
  };
  for (const { tx } of entries) {
    expect(new Set(mempool.parentsOf(tx.txid)), where).toEqual(parentsOf(tx));
    expect(new Set(mempool.ancestorsOf(tx.txid)), where).toEqual(ancestorsOf(tx));
    for (const parent of parentsOf(tx)) expect(mempool.childrenOf(parent), where).toContain(tx.txid);
    for (const child of mempool.childrenOf(tx.txid))
      expect(mempool.parentsOf(child), where).toContain(tx.txid);
    for (const ancestor of ancestorsOf(tx)) {
      expect(mempool.descendantsOf(ancestor), where).toContain(tx.txid);
      expect(mempool.compareMiningOrder(ancestor, tx.txid), `${where}: parents first`).toBeLessThan(0);
    }
    const cluster = new Set<Txid>([tx.txid]);
    for (const txid of cluster)
      for (const next of [...mempool.parentsOf(txid), ...mempool.childrenOf(txid)]) cluster.add(next);
    expect(cluster.size, `${where}: cluster`).toBeLessThanOrEqual(CLUSTER);
  }
  const order = entries.map(entry => entry.tx.txid).sort((a, b) => mempool.compareMiningOrder(a, b));
  for (let i = 1; i < order.length; i += 1)
    expect(mempool.get(order[i]!)!.chunkFeeRate, where).toBeLessThanOrEqual(
      mempool.get(order[i - 1]!)!.chunkFeeRate,
    );
}

/** Spends a few things that were once seen, so that conflicts, children and orphans all occur. */
function randomTx(random: Random, seen: readonly Transaction[]): Transaction {
  const from = Array.from({ length: 1 + randomBelow(random, 3) }, () => {
    const known = seen.slice(-40);
    if (known.length === 0 || randomBelow(random, 3) === 0) return funds(randomBelow(random, 60));
    const tx = known[randomBelow(random, known.length)]!;
    return change(tx, randomBelow(random, tx.outputs.length));
  });
  const unique = [...new Map(from.map(each => [keyOf(each.prevout), each])).values()];
  const fee = 200 + randomBelow(random, 60_000);
  return pay(unique, fee, {
    count: 1 + randomBelow(random, 3),
    version: randomBelow(random, 8) === 0 ? 3 : 2,
  });
}

test.each([1, 2, 3, 4, 5, 6])('history %d', seed => {
  const random = new SeededRandom(seed);
  const pool = new TestPool({ usageMax: USAGE_MAX, clusterCountMax: CLUSTER });
  const seen: Transaction[] = [];
  let blocks: readonly Block[] = FUNDED;
  let accepted = 0;
  for (let step = 1; step <= STEPS; step += 1) {
    const where = `seed ${seed}, step ${step}`;
    pool.now += randomBelow(random, 20) * 60_000;
    const action = randomBelow(random, 20);
    if (action < 17) {
      const tx = randomTx(random, seen);
      if (tx.outputs.some(output => output.value < 1_000)) continue;
      const outcome = pool.submit(tx);
      if (outcome === 'ok') accepted += 1;
      if (outcome === 'ok') seen.push(tx);
      expect(pool.has(tx), where).toBe(outcome === 'ok' || outcome === 'txn-already-in-mempool');
    } else if (action < 19) {
      blocks = [...blocks, mineSome(pool, random, blocks, blocks.length)];
      pool.connect(blocks.at(-1)!);
    } else if (blocks.length > FUNDED.length + 1) {
      // Two blocks leave; three others come, the first with a part of what the first had.
      const mined = blocks.at(-2)!.transactions.slice(1);
      const transactions = mined.slice(0, randomBelow(random, mined.length + 1));
      const first = mineBlock(blocks.at(-3)!, blocks.length - 2, { transactions, tag: step });
      blocks = [...blocks.slice(0, -2), first, ...mineBlocks(first, blocks.length - 1, 2, { tag: step })];
      pool.connect(...blocks.slice(-3));
    }
    checkInvariants(pool, where);
  }
  expect(accepted).toBeGreaterThan(20);
});

/** A block of transactions that depend on nothing unconfirmed but each other, in mining order. */
function mineSome(pool: TestPool, random: Random, blocks: readonly Block[], tag: number): Block {
  const { mempool } = pool;
  const order = [...mempool.entries()].map(entry => entry.tx);
  order.sort((a, b) => mempool.compareMiningOrder(a.txid, b.txid));
  const transactions = order.slice(0, randomBelow(random, order.length + 1));
  return mineBlock(blocks.at(-1)!, blocks.length, { transactions, tag });
}
