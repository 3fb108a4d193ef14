/**
 * The mempool's memory: entries, who spends what, and the graph between them. Adding and removing keep all indexes in
 * step; whether something may be added is decided elsewhere (accept.ts).
 */
import { assert } from '../base/assert.ts';
import type { Txid, Wtxid } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';
import { type OutPointKey, outPointKey } from '../chain/coin.ts';
import { type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { type Chunk, chunksOf, closure, clusterOf, compareRates, type FeeAndSize } from './cluster.ts';
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
  /** A reorganisation gave it back: its children may be here already. */
  readonly cameBack: boolean;
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

const NO_ENTRIES: ReadonlySet<PoolEntry> = new Set();

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
  /** Memory that counts against the pool's limit. */
  readonly usage: number;
  /** What `prioritisetransaction` added, in satoshi. Written by TxPool. */
  feeDelta = 0;
  /** Most have neither. */
  #parents: Set<PoolEntry> | undefined;
  #children: Set<PoolEntry> | undefined;
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
    this.usage = memoryOf(facts.tx);
  }

  get parents(): ReadonlySet<PoolEntry> {
    return this.#parents ?? NO_ENTRIES;
  }

  get children(): ReadonlySet<PoolEntry> {
    return this.#children ?? NO_ENTRIES;
  }

  addChild(child: PoolEntry): void {
    this.#children ??= new Set();
    this.#children.add(child);
    child.#parents ??= new Set();
    child.#parents.add(this);
  }

  removeChild(child: PoolEntry): void {
    this.#children?.delete(child);
    child.#parents?.delete(this);
  }

  get modifiedFee(): number {
    return this.fee + this.feeDelta;
  }

  /** It has no relatives here, so it is a cluster and a chunk by itself, and nothing need be worked out. */
  get isAlone(): boolean {
    return this.parents.size === 0 && this.children.size === 0;
  }

  get chunkFeeRate(): number {
    return chunkFeeRate(chunkOf(this));
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

/** What it would be mined with. */
function chunkOf(entry: PoolEntry): FeeAndSize {
  return entry.isAlone ? { fee: entry.modifiedFee, size: entry.weight } : entry.place.chunk;
}

/** Satoshi per 1000 virtual bytes. */
export function chunkFeeRate({ fee, size }: FeeAndSize): number {
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
  /**
   * Clusters by the rate of their last chunk, worst first; those that have changed since are passed over. Made when it is
   * first asked for: few pools are ever full.
   */
  #worst: MinHeap<Cluster> | undefined;
  /** At least one member of each cluster that is not in the heap, once there is one. */
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

  spenderOf(outPoint: OutPointKey): PoolEntry | undefined {
    return this.#spenders.get(outPoint);
  }

  /** In order of entry. */
  entries(): IterableIterator<PoolEntry> {
    return this.#byTxid.values();
  }

  /** Entries whose outputs `tx` spends, each once. */
  parentsOf(tx: Transaction): ReadonlySet<PoolEntry> {
    let parents: Set<PoolEntry> | undefined;
    for (const { prevout } of tx.inputs) {
      const parent = this.#byTxid.get(prevout.txid);
      if (parent === undefined) continue;
      parents ??= new Set();
      parents.add(parent);
    }
    return parents ?? NO_ENTRIES;
  }

  /** None of the inputs is spent by another entry. `feeDelta`: what `prioritisetransaction` added. */
  add(facts: EntryFacts, feeDelta: number): PoolEntry {
    const { tx } = facts;
    assert(!this.#byTxid.has(tx.txid), 'a transaction enters the mempool once');
    const entry = new PoolEntry(facts, this.#added);
    entry.feeDelta = feeDelta;
    this.#added += 1;
    for (const parent of this.parentsOf(tx)) parent.addChild(entry);
    for (const key of tx.prevoutKeys) {
      assert(!this.#spenders.has(key), 'conflicts leave the mempool before their replacement enters');
      this.#spenders.set(key, entry);
    }
    if (facts.cameBack) for (const child of this.spendersOf(tx)) entry.addChild(child);
    this.#byTxid.set(tx.txid, entry);
    this.#byWtxid.set(tx.wtxid, entry);
    this.bytes += entry.virtualSize;
    this.usage += entry.usage;
    this.totalFee += entry.fee;
    this.#changed(entry);
    return entry;
  }

  /** Entries that spend outputs of `tx`, each once, in the order of the outputs. */
  spendersOf(tx: Transaction): ReadonlySet<PoolEntry> {
    const spenders = new Set<PoolEntry>();
    for (let index = 0; index < tx.outputCount; index += 1) {
      const spender = this.#spenders.get(outPointKey(tx.txid, index));
      if (spender !== undefined) spenders.add(spender);
    }
    return spenders;
  }

  /** Its cluster is put in order anew when that is asked for. */
  #changed(entry: PoolEntry): void {
    entry.forgetPlaces();
    this.#unqueue(entry);
  }

  #unqueue(entry: PoolEntry): void {
    if (this.#worst !== undefined) this.#unqueued.add(entry);
  }

  setFeeDelta(entry: PoolEntry, feeDelta: number): void {
    entry.feeDelta = feeDelta;
    this.#changed(entry);
  }

  /** Children stay, and lose this parent. */
  remove(entry: PoolEntry): void {
    const { tx } = entry;
    entry.forgetPlaces();
    this.#unqueued.delete(entry);
    for (const parent of entry.parents) {
      parent.removeChild(entry);
      this.#unqueue(parent);
    }
    for (const child of entry.children) {
      entry.removeChild(child);
      this.#unqueue(child);
    }
    for (const key of tx.prevoutKeys) this.#spenders.delete(key);
    this.#byTxid.delete(tx.txid);
    this.#byWtxid.delete(tx.wtxid);
    this.bytes -= entry.virtualSize;
    this.usage -= entry.usage;
    this.totalFee -= entry.fee;
  }

  /** The chunk that pays least: what leaves first when the pool is full. Nobody spends from it. */
  worstChunk(): Chunk<PoolEntry> | undefined {
    // Where most of the heap is outdated, what is current comes anew.
    if (this.#worst === undefined || this.#worst.size > 2 * this.size + OUTDATED_MAX) {
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
  const byRate = compareRates(chunkOf(a), chunkOf(b));
  return byRate || ageOf(a) - ageOf(b) || indexOf(a) - indexOf(b);
}

/** Of its cluster. */
function ageOf(entry: PoolEntry): number {
  return entry.isAlone ? entry.order : entry.place.cluster.age;
}

function indexOf(entry: PoolEntry): number {
  return entry.isAlone ? 0 : entry.place.index;
}

/** With the entries themselves. */
export function withDescendants(entries: Iterable<PoolEntry>): Set<PoolEntry> {
  const all = new Set<PoolEntry>(entries);
  for (const entry of all) for (const child of entry.children) all.add(child);
  return all;
}

/** Children before their parents. */
export function childrenFirst(entries: ReadonlySet<PoolEntry>): PoolEntry[] {
  if (entries.size < 2) return [...entries];
  const depths = new Map(Array.from(entries, entry => [entry, ancestorsOf(entry).size]));
  return [...entries].sort((a, b) => depths.get(b)! - depths.get(a)!);
}

export function ancestorsOf(entry: PoolEntry): Set<PoolEntry> {
  return closure<PoolEntry>(entry, 'parents');
}
