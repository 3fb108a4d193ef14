/** What must hold of the mempool: each planted fault is found, and a pool that has none passes. */
import { expect, test } from 'vitest';
import type { Coin } from '../../../src/chain/coin.ts';
import { checkPool, confirmedPrevouts, PoolCheck } from '../../../src/mempool/check-pool.ts';
import { DEFAULT_MEMPOOL_OPTIONS } from '../../../src/mempool/options.ts';
import { type PoolEntry, TxPool } from '../../../src/mempool/tx-pool.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { NOW } from '../../support/test-chain.ts';
import { COIN_VALUE, change, coin, funds, pay, TRUE_SCRIPT_HASH } from '../../support/test-pool.ts';

const HEIGHT = 120;
const parent = pay([funds(0)], 1000, { count: 2 });
const child = pay([change(parent), funds(1)], 5000);
const alone = pay([funds(2)], 300);
const COINBASE_COIN: Coin = { value: COIN_VALUE, scriptPubKey: TRUE_SCRIPT_HASH, height: HEIGHT - 1, isCoinbase: true }; // biome-ignore format: one coin

function facts(tx: Transaction, fee: number) {
  const rest = {
    sigopCost: 0,
    time: NOW,
    entryHeight: HEIGHT,
    sequence: 1,
    spendsCoinbase: false,
    cameBack: false,
  };
  return { tx, fee, weight: tx.weight, virtualSize: Math.ceil(tx.weight / 4), ...rest };
}

function scene() {
  const pool = new TxPool();
  const [first, second, third] = [
    pool.add(facts(parent, 1000), 0),
    pool.add(facts(child, 5000), 0),
    pool.add(facts(alone, 300), 50),
  ] as const;
  const coins: (Coin | undefined)[] = confirmedPrevouts(pool).map(() => ({
    ...COINBASE_COIN,
    isCoinbase: false,
  }));
  return { pool, first, second, third, coins, limits: { ...DEFAULT_MEMPOOL_OPTIONS } };
}

function check({ pool, coins, limits }: ReturnType<typeof scene>): void {
  checkPool(pool, limits, { coins, height: HEIGHT });
}

test('a pool of a parent, its child and a stranger is whole', () => {
  expect(confirmedPrevouts(scene().pool)).toEqual([coin(0), coin(1), coin(2)]);
  expect(() => check(scene())).not.toThrow();
});

/** What only the pool itself writes. */
function withValues<K extends keyof PoolEntry>(entry: PoolEntry, values: Pick<PoolEntry, K>): void {
  Object.assign(entry, values);
}

test.each<[string, (planted: ReturnType<typeof scene>) => void, RegExp]>([
  ['a coin that is spent', ({ coins }) => coins.splice(0, 1, undefined), /bad-txns-inputs-missingorspent/],
  ['a coinbase that is young', ({ coins }) => coins.splice(1, 1, COINBASE_COIN), /premature-spend/],
  [
    'less in than out',
    ({ coins }) => coins.splice(2, 1, { ...COINBASE_COIN, isCoinbase: false, value: 1 }),
    /in-belowout/,
  ],
  ['a fee that is not paid', ({ third }) => withValues(third, { fee: 299 }), /pays the fee/],
  ['a parent that is not noted', ({ second }) => (second.parents as Set<PoolEntry>).clear(), /parents are/],
  [
    'a child that is not noted',
    ({ pool, first }) => {
      // Mined first by itself, too.
      pool.setFeeDelta(first, 100_000);
      (first.children as Set<PoolEntry>).clear();
    },
    /children are/,
  ],
  [
    'a child of nobody',
    ({ third, first }) => {
      third.addChild(first);
      (first.parents as Set<PoolEntry>).clear();
    },
    /children are/,
  ],
  [
    'a spender that is not noted',
    ({ pool, second }) => {
      pool.remove(second);
      pool.add(facts(pay([funds(1)], 9), 9), 0);
      pool.get(parent.txid)!.addChild(second);
    },
    /children are/,
  ],
  [
    'sizes',
    ({ pool }) => {
      pool.bytes += 1;
    },
    /sizes add up/,
  ],
  [
    'memory',
    ({ pool }) => {
      pool.usage -= 1;
    },
    /memory adds up/,
  ],
  [
    'fees',
    ({ pool }) => {
      pool.totalFee += 1;
    },
    /fees add up/,
  ],
  [
    'a cluster of too many',
    ({ limits }) => Object.assign(limits, { clusterCountMax: 1 }),
    /no more transactions/,
  ],
  [
    'a cluster that is too large',
    ({ limits }) => Object.assign(limits, { clusterSizeMax: 100 }),
    /no larger/,
  ],
  [
    'a chunk that is out of date',
    ({ third }) => {
      third.place;
      third.feeDelta = 70;
    },
    /a chunk pays/,
  ],
])('found: %s', (_, plant, message) => {
  const planted = scene();
  plant(planted);
  expect(() => check(planted)).toThrow(message);
});

test.each([
  ['never', 0, 5, 0],
  ['of an empty pool there is nothing to see', 1, 0, 0],
  ['each time', 1, 5, 12],
  ['one in four', 4, 5, 3],
  ['a large pool less often', 1, 2_000, 3],
])('%s', (_, ratio, size, expected) => {
  const due = new PoolCheck(ratio);
  expect(Array.from({ length: 12 }, () => due.isDue(size)).filter(Boolean)).toHaveLength(expected);
});
