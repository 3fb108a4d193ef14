/**
 * What must hold of the mempool, whatever happened (Core: CTxMemPool::check, with `-checkmempool`): every transaction
 * could be in the next block after those before it, nothing is spent twice, and all that is kept beside the transactions
 * is what they say.
 */
import { assert } from '../base/assert.ts';
import { type Coin, keyOf, type OutPointKey } from '../chain/coin.ts';
import { checkTxInputs } from '../consensus/tx.ts';
import type { OutPoint } from '../wire/transaction.ts';
import { WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { compareRates } from './cluster.ts';
import type { MempoolOptions } from './options.ts';
import { compareMiningOrder, memoryOf, type PoolEntry, type TxPool } from './tx-pool.ts';

/** Up to so many transactions for each look that is due; of a larger pool it is due less often. */
const ENTRIES_PER_CHANCE = 512;

/** Says when to look: at one in `ratio` of its chances; 0: never. */
export class PoolCheck {
  readonly #ratio: number;
  #chances = 0;

  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** The tip has moved. Of an empty pool there is nothing to look at. */
  isDue(size: number): boolean {
    if (this.#ratio === 0 || size === 0) return false;
    this.#chances += 1;
    if (this.#chances < this.#ratio * Math.ceil(size / ENTRIES_PER_CHANCE)) return false;
    this.#chances = 0;
    return true;
  }
}

/** The outputs of the chain that the pool spends. */
export function confirmedPrevouts(pool: TxPool): OutPoint[] {
  return [...pool.entries()]
    .flatMap(({ tx }) => tx.inputs.map(({ prevout }) => prevout))
    .filter(({ txid }) => pool.get(txid) === undefined);
}

/**
 * `coins`: of `confirmedPrevouts`, undefined where there is none; `height`: of the next block. Throws AssertionError, and
 * Reject for what no block may hold.
 */
export function checkPool(
  pool: TxPool,
  options: Pick<MempoolOptions, 'clusterCountMax' | 'clusterSizeMax'>,
  { coins, height }: { readonly coins: readonly (Coin | undefined)[]; readonly height: number },
): void {
  const available = new Map<OutPointKey, Coin>();
  confirmedPrevouts(pool).forEach((prevout, i) => {
    const coin = coins[i];
    if (coin !== undefined) available.set(keyOf(prevout), coin);
  });
  const total = { bytes: 0, usage: 0, fee: 0, inputs: 0, count: 0 };
  let before: PoolEntry | undefined;
  for (const entry of [...pool.entries()].sort(compareMiningOrder)) {
    const { tx } = entry;
    assert(!tx.isCoinbase, 'no coinbase is in the mempool');
    assert(pool.get(tx.txid) === entry, 'a transaction is found by its id');
    assert(pool.getByWtxid(tx.wtxid) === entry, 'and by the hash of all of it');
    checkRelatives(pool, entry);
    checkCluster(entry, options);
    assert(before === undefined || compareRates(before.place.chunk, entry.place.chunk) <= 0, 'better chunks are mined first'); // biome-ignore format: one rule
    before = entry;
    const spent = tx.inputs.map(({ prevout }) => available.get(keyOf(prevout)));
    assert(checkTxInputs(tx, spent, height) === entry.fee, 'a transaction pays the fee that is noted');
    for (const { prevout } of tx.inputs) available.delete(keyOf(prevout));
    for (const [index, { value, scriptPubKey }] of tx.outputs.entries())
      available.set(keyOf({ txid: tx.txid, index }), { value, scriptPubKey, height, isCoinbase: false });
    total.bytes += entry.virtualSize;
    total.usage += memoryOf(tx);
    total.fee += entry.fee;
    total.inputs += tx.inputs.length;
    total.count += 1;
  }
  assert(pool.size === total.count, 'all transactions are looked at');
  assert(pool.bytes === total.bytes, 'sizes add up');
  assert(pool.usage === total.usage, 'memory adds up');
  assert(pool.totalFee === total.fee, 'fees add up');
  assert(pool.spentCount === total.inputs, 'only transactions of the mempool spend');
}

function checkRelatives(pool: TxPool, entry: PoolEntry): void {
  const { tx } = entry;
  for (const key of tx.prevoutKeys)
    assert(pool.spenderOf(key) === entry, 'what a transaction spends is noted');
  assert(isSame(entry.parents, pool.parentsOf(tx)), 'parents are those whose outputs are spent');
  assert(isSame(entry.children, pool.spendersOf(tx)), 'children are those that spend its outputs');
}

/** Looked at from its first transaction. */
function checkCluster(
  { place: { chunk, cluster, index } }: PoolEntry,
  { clusterCountMax, clusterSizeMax }: Pick<MempoolOptions, 'clusterCountMax' | 'clusterSizeMax'>,
): void {
  assert(cluster.chunks.includes(chunk), 'a chunk is one of its cluster');
  if (index > 0) return;
  const [count, weight] = cluster.chunks.reduce(
    ([txs, size], each) => [txs + each.txs.length, size + each.size],
    [0, 0],
  );
  assert(count <= clusterCountMax, 'a cluster has no more transactions than it may');
  assert(
    count === 1 || weight <= clusterSizeMax * WITNESS_SCALE_FACTOR,
    'a cluster is no larger than it may',
  );
  for (const { txs, fee, size } of cluster.chunks) {
    assert(fee === sum(txs, tx => tx.modifiedFee), 'a chunk pays what its transactions pay');
    assert(size === sum(txs, tx => tx.weight), 'a chunk is as large as its transactions');
  }
}

function sum(entries: readonly PoolEntry[], of: (entry: PoolEntry) => number): number {
  return entries.reduce((total, entry) => total + of(entry), 0);
}

function isSame<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every(each => b.has(each));
}
