/** What can be asked of the transactions in the pool, by id: each with its kin, its cluster and its place in the order of mining. */
import { assert } from '../base/assert.ts';
import type { Txid, Wtxid } from '../base/bytes.ts';
import { keyOf } from '../chain/coin.ts';
import type { OutPoint } from '../wire/transaction.ts';
import { clusterOf } from './cluster.ts';
import { feeAt } from './fee-rate.ts';
import type { MempoolEntry } from './mempool-view.ts';
import { ancestorsOf, compareMiningOrder, type PoolEntry, TxPool, withDescendants } from './tx-pool.ts';

export class PoolReader {
  protected readonly pool = new TxPool();

  get size(): number {
    return this.pool.size;
  }

  get bytes(): number {
    return this.pool.bytes;
  }

  get usage(): number {
    return this.pool.usage;
  }

  get totalFee(): number {
    return this.pool.totalFee;
  }

  has(txid: Txid): boolean {
    return this.pool.get(txid) !== undefined;
  }

  get(txid: Txid): MempoolEntry | undefined {
    return this.pool.get(txid);
  }

  getByWtxid(wtxid: Wtxid): MempoolEntry | undefined {
    return this.pool.getByWtxid(wtxid);
  }

  spenderOf(outPoint: OutPoint): MempoolEntry | undefined {
    return this.pool.spenderOf(keyOf(outPoint));
  }

  entries(): Iterable<MempoolEntry> {
    return this.pool.entries();
  }

  parentsOf(txid: Txid): readonly Txid[] {
    return txidsOf(this.pool.get(txid)?.parents);
  }

  childrenOf(txid: Txid): readonly Txid[] {
    return txidsOf(this.pool.get(txid)?.children);
  }

  ancestorsOf(txid: Txid): readonly Txid[] {
    const entry = this.pool.get(txid);
    return txidsOf(entry && ancestorsOf(entry));
  }

  descendantsOf(txid: Txid): readonly Txid[] {
    const entry = this.pool.get(txid);
    return txidsOf(entry && withDescendants([entry])).filter(other => other !== txid);
  }

  clusterCountOf(txid: Txid): number {
    const entry = this.pool.get(txid);
    return entry === undefined ? 0 : clusterOf<PoolEntry>(entry).length;
  }

  combinedBumpFee(txids: Iterable<Txid>, feeRate: number): number {
    const waiting = new Set<PoolEntry>();
    for (const txid of txids) {
      const entry = this.pool.get(txid);
      if (entry === undefined) continue;
      for (const member of [entry, ...ancestorsOf(entry)]) {
        const { fee, txs } = member.place.chunk;
        // A chunk that pays the rate is mined without help.
        if (fee < feeAt(feeRate, sizeOf(txs))) waiting.add(member);
      }
    }
    let paid = 0;
    for (const { modifiedFee } of waiting) paid += modifiedFee;
    return Math.max(0, feeAt(feeRate, sizeOf(waiting)) - paid);
  }

  compareMiningOrder(a: Txid, b: Txid): number {
    const [left, right] = [this.pool.get(a), this.pool.get(b)];
    assert(left !== undefined && right !== undefined, 'only transactions of the mempool are compared');
    return compareMiningOrder(left, right);
  }

  /** The chunk that it would be mined in: satoshi, and weight adjusted for signature operations. */
  chunkOf(txid: Txid): { readonly fee: number; readonly weight: number; readonly count: number } {
    const { chunk } = this.#placeOf(txid);
    return { fee: chunk.fee, weight: chunk.size, count: chunk.txs.length };
  }

  /** The chunks of its whole cluster, best first. */
  clusterOf(
    txid: Txid,
  ): { readonly fee: number; readonly weight: number; readonly txids: readonly Txid[] }[] {
    return this.#placeOf(txid).cluster.chunks.map(({ fee, size, txs }) => ({
      fee,
      weight: size,
      txids: txidsOf(txs),
    }));
  }

  #placeOf(txid: Txid): PoolEntry['place'] {
    const entry = this.pool.get(txid);
    assert(entry !== undefined, 'only transactions of the mempool have a chunk');
    return entry.place;
  }
}

function sizeOf(entries: Iterable<PoolEntry>): number {
  let bytes = 0;
  for (const { virtualSize } of entries) bytes += virtualSize;
  return bytes;
}

function txidsOf(entries: Iterable<PoolEntry> | undefined): Txid[] {
  return entries === undefined ? [] : Array.from(entries, entry => entry.tx.txid);
}
