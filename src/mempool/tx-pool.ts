/**
 * The mempool's memory: entries, who spends what, and the graph between them. Adding and removing keep all indexes in
 * step; whether something may be added is decided elsewhere (accept.ts).
 */
import { assert } from '../base/assert.ts';
import type { Txid, Wtxid } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';
import { keyOf, type OutPointKey, outPointKey } from '../chain/coin.ts';
import { type OutPoint, type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { type Chunk, chunksOf, closure, clusterOf, compareRates } from './cluster.ts';
import { feeRateOf } from './fee-rate.ts';
import type { MempoolEntry } from './mempool-view.ts';

/** What is known of a transaction when it enters. */
export interface EntryFacts {
  readonly tx: Transaction;
  readonly fee: number;
  /** Adjusted for signature operations, as the virtual size. */
  readonly weight: number;
  readonly virtualSize: number;
  readonly sigopCost: number;
  readonly time: Milliseconds;
  readonly entryHeight: number;
  readonly sequence: number;
  readonly spendsCoinbase: boolean;
}

/** One cluster in order, good until one of its transactions comes or goes. */
interface Cluster {
  /** Tells clusters of equal rates apart: the smallest `order` among the members. */
  readonly age: number;
  /** Best first. */
  readonly chunks: readonly Chunk<PoolEntry>[];
  isCurrent: boolean;
  isQueued: boolean;
}

interface Place {
  readonly chunk: Chunk<PoolEntry>;
  /** Place of the transaction in the order of its cluster. */
  readonly index: number;
  readonly cluster: Cluster;
}

/** An entry with its place in the graph. */
export class PoolEntry implements MempoolEntry {
  readonly tx: Transaction;
  readonly fee: number;
  readonly virtualSize: number;
  /** Adjusted for signature operations, as the virtual size. */
  readonly weight: number;
  readonly sigopCost: number;
  readonly time: Milliseconds;
  readonly entryHeight: number;
  readonly sequence: number;
  readonly spendsCoinbase: boolean;
  /** Counts entries of the pool. */
  readonly order: number;
  readonly parents = new Set<PoolEntry>();
  readonly children = new Set<PoolEntry>();
  /** What `prioritisetransaction` added, in satoshi. Written by TxPool. */
  feeDelta = 0;
  #place: Place | undefined;

  constructor(facts: EntryFacts, order: number) {
    this.tx = facts.tx;
    this.fee = facts.fee;
    this.virtualSize = facts.virtualSize;
    this.weight = facts.weight;
    this.sigopCost = facts.sigopCost;
    this.time = facts.time;
    this.entryHeight = facts.entryHeight;
    this.sequence = facts.sequence;
    this.spendsCoinbase = facts.spendsCoinbase;
    this.order = order;
  }

  get modifiedFee(): number {
    return this.fee + this.feeDelta;
  }

  get chunkFeeRate(): number {
    return chunkFeeRate(this.place.chunk);
  }

  /** Where it would be mined; worked out for the whole cluster when first asked. */
  get place(): Place {
    if (this.#place === undefined) {
      const members = clusterOf<PoolEntry>(this);
      const chunks = chunksOf(members);
      const age = members.reduce((least, member) => Math.min(least, member.order), this.order);
      const cluster: Cluster = { age, chunks, isCurrent: true, isQueued: false };
      let index = 0;
      for (const chunk of chunks) {
        for (const member of chunk.txs) {
          member.#place = { chunk, index, cluster };
          index += 1;
        }
      }
    }
    return this.#place!;
  }

  /** The cluster has changed: all members' places are worked out anew. */
  forgetPlaces(): void {
    for (const member of clusterOf<PoolEntry>(this)) {
      if (member.#place !== undefined) member.#place.cluster.isCurrent = false;
      member.#place = undefined;
    }
  }
}

/** Satoshi per 1000 virtual bytes. */
export function chunkFeeRate({ fee, size }: Chunk<PoolEntry>): number {
  return feeRateOf(fee, Math.ceil(size / WITNESS_SCALE_FACTOR));
}

/** Memory of an entry beside its bytes: objects, map entries, views of scripts (measured on Node 20, rounded up). */
const ENTRY_OVERHEAD_BYTES = 1_000;
const INPUT_OVERHEAD_BYTES = 250;
const OUTPUT_OVERHEAD_BYTES = 120;
/** Though an item may be of one byte. */
const WITNESS_ITEM_OVERHEAD_BYTES = 120;

/** What an entry of `tx` takes, in bytes. */
export function memoryOf(tx: Transaction): number {
  return (
    tx.size +
    ENTRY_OVERHEAD_BYTES +
    INPUT_OVERHEAD_BYTES * tx.inputCount +
    OUTPUT_OVERHEAD_BYTES * tx.outputCount +
    WITNESS_ITEM_OVERHEAD_BYTES * witnessItems(tx)
  );
}

function witnessItems(tx: Transaction): number {
  const witness = tx.witnessCursor();
  let items = 0;
  for (let i = 0; witness !== undefined && i < tx.inputCount; i += 1) {
    witness.next();
    items += witness.count;
  }
  return items;
}

export class TxPool {
  readonly #byTxid = new Map<Txid, PoolEntry>();
  readonly #byWtxid = new Map<Wtxid, PoolEntry>();
  readonly #spenders = new Map<OutPointKey, PoolEntry>();
  /** Clusters by the rate of their last chunk, worst first; those that have changed since are passed over. */
  #worst = new MinHeap<Cluster>();
  /** At least one member of each cluster that is not in the heap. */
  readonly #unqueued = new Set<PoolEntry>();
  #added = 0;
  /** Sum of virtual sizes. */
  bytes = 0;
  usage = 0;
  totalFee = 0;

  get size(): number {
    return this.#byTxid.size;
  }

  /** Outputs that entries spend. */
  get spentCount(): number {
    return this.#spenders.size;
  }

  get(txid: Txid): PoolEntry | undefined {
    return this.#byTxid.get(txid);
  }

  getByWtxid(wtxid: Wtxid): PoolEntry | undefined {
    return this.#byWtxid.get(wtxid);
  }

  spenderOf(outPoint: OutPoint): PoolEntry | undefined {
    return this.#spenders.get(keyOf(outPoint));
  }

  /** In order of entry. */
  entries(): IterableIterator<PoolEntry> {
    return this.#byTxid.values();
  }

  /** Entries whose outputs `tx` spends, each once. */
  parentsOf(tx: Transaction): Set<PoolEntry> {
    const parents = new Set<PoolEntry>();
    for (const { prevout } of tx.inputs) {
      const parent = this.#byTxid.get(prevout.txid);
      if (parent !== undefined) parents.add(parent);
    }
    return parents;
  }

  /**
   * None of the inputs is spent by another entry. Children may be here already (a block given back by a reorg).
   * `feeDelta`: what `prioritisetransaction` added.
   */
  add(facts: EntryFacts, feeDelta: number): PoolEntry {
    const { tx } = facts;
    assert(!this.#byTxid.has(tx.txid), 'a transaction enters the mempool once');
    const entry = new PoolEntry(facts, this.#added);
    entry.feeDelta = feeDelta;
    this.#added += 1;
    for (const parent of this.parentsOf(tx)) {
      entry.parents.add(parent);
      parent.children.add(entry);
    }
    for (const { prevout } of tx.inputs) {
      assert(
        !this.#spenders.has(keyOf(prevout)),
        'conflicts leave the mempool before their replacement enters',
      );
      this.#spenders.set(keyOf(prevout), entry);
    }
    tx.outputs.forEach((_, index) => {
      const child = this.#spenders.get(outPointKey(tx.txid, index));
      if (child === undefined) return;
      entry.children.add(child);
      child.parents.add(entry);
    });
    this.#byTxid.set(tx.txid, entry);
    this.#byWtxid.set(tx.wtxid, entry);
    this.bytes += entry.virtualSize;
    this.usage += memoryOf(tx);
    this.totalFee += entry.fee;
    entry.forgetPlaces();
    this.#unqueued.add(entry);
    return entry;
  }

  setFeeDelta(entry: PoolEntry, feeDelta: number): void {
    entry.forgetPlaces();
    entry.feeDelta = feeDelta;
    this.#unqueued.add(entry);
  }

  /** Children stay, and lose this parent. */
  remove(entry: PoolEntry): void {
    const { tx } = entry;
    entry.forgetPlaces();
    this.#unqueued.delete(entry);
    for (const parent of entry.parents) {
      parent.children.delete(entry);
      this.#unqueued.add(parent);
    }
    for (const child of entry.children) {
      child.parents.delete(entry);
      this.#unqueued.add(child);
    }
    for (const { prevout } of tx.inputs) this.#spenders.delete(keyOf(prevout));
    this.#byTxid.delete(tx.txid);
    this.#byWtxid.delete(tx.wtxid);
    this.bytes -= entry.virtualSize;
    this.usage -= memoryOf(tx);
    this.totalFee -= entry.fee;
  }

  /** The chunk that pays least: what leaves first when the pool is full. Nobody spends from it. */
  worstChunk(): Chunk<PoolEntry> | undefined {
    // Most of the heap is outdated: what is current comes anew.
    if (this.#worst.size > 2 * this.size + OUTDATED_MAX) {
      this.#worst = new MinHeap();
      for (const entry of this.#byTxid.values()) {
        entry.place.cluster.isQueued = false;
        this.#unqueued.add(entry);
      }
    }
    for (const { place } of this.#unqueued) {
      const { cluster } = place;
      if (cluster.isQueued) continue;
      cluster.isQueued = true;
      const { fee, size } = cluster.chunks.at(-1)!;
      this.#worst.push(fee / size, cluster);
    }
    this.#unqueued.clear();
    while (this.#worst.peek()?.isCurrent === false) this.#worst.pop();
    return this.#worst.peek()?.chunks.at(-1);
  }
}

/** Clusters that have changed may be in the heap up to this many, and as many as there are transactions twice. */
const OUTDATED_MAX = 1_000;

/** Negative when `a` is mined first: better chunk, then cluster by age, then the cluster's own order. */
export function compareMiningOrder(a: PoolEntry, b: PoolEntry): number {
  const [left, right] = [a.place, b.place];
  const byRate = compareRates(left.chunk, right.chunk);
  return byRate || left.cluster.age - right.cluster.age || left.index - right.index;
}

/** With the entries themselves. */
export function withDescendants(entries: Iterable<PoolEntry>): Set<PoolEntry> {
  const all = new Set<PoolEntry>(entries);
  for (const entry of all) for (const child of entry.children) all.add(child);
  return all;
}

export function ancestorsOf(entry: PoolEntry): Set<PoolEntry> {
  return closure<PoolEntry>(entry, 'parents');
}
