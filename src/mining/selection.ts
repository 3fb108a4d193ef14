/**
 * Which transactions go into a block: whole chunks, the best fee rate first, until the block is full (Core:
 * node/miner.cpp, addChunks). A chunk that does not fit is passed over, and with it whatever its cluster has left,
 * since that may depend on it.
 */
import type { Txid } from '../base/bytes.ts';
import type { MempoolEntry, MempoolView } from '../mempool/mempool-view.ts';
import { type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';

/** Chunks that may fail in a row once the block is nearly full, and how near that is. */
const FAILURES_MAX = 1_000;
const FULL_ENOUGH_WEIGHT = 4_000;

/** What is asked of the mempool. */
export interface TemplatePool
  extends Pick<MempoolView, 'entries' | 'compareMiningOrder' | 'parentsOf' | 'childrenOf'> {
  /** The chunk that a transaction would be mined in: satoshi, and weight adjusted for signature operations. */
  chunkOf(txid: Txid): { readonly fee: number; readonly weight: number };
}

export interface SelectionLimits {
  readonly maxWeight: number;
  readonly reservedWeight: number;
  readonly maxSigOpCost: number;
  readonly reservedSigOpCost: number;
  /** Satoshi per 1000 virtual bytes of a chunk. */
  readonly minFeeRate: number;
  isFinal(tx: Transaction): boolean;
}

interface MiningChunk {
  readonly entries: readonly MempoolEntry[];
  readonly fee: number;
  readonly weight: number;
}

/** In the order of the block: parents before children. */
export function selectTransactions(pool: TemplatePool, limits: SelectionLimits): MempoolEntry[] {
  const selected: MempoolEntry[] = [];
  const passedOver = new Set<Txid>();
  let weight = limits.reservedWeight;
  let sigOpCost = limits.reservedSigOpCost;
  let failures = 0;
  for (const chunk of chunksOf(pool)) {
    if (passedOver.has(chunk.entries[0]!.tx.txid)) continue;
    const virtualSize = Math.ceil(chunk.weight / WITNESS_SCALE_FACTOR);
    if (chunk.fee * 1000 < limits.minFeeRate * virtualSize) break;
    const chunkSigOps = chunk.entries.reduce((sum, entry) => sum + entry.sigopCost, 0);
    const fits =
      weight + chunk.weight < limits.maxWeight &&
      sigOpCost + chunkSigOps < limits.maxSigOpCost &&
      chunk.entries.every(entry => limits.isFinal(entry.tx));
    if (!fits) {
      passOver(pool, chunk, passedOver);
      failures += 1;
      if (failures > FAILURES_MAX && weight + FULL_ENOUGH_WEIGHT > limits.maxWeight) break;
      continue;
    }
    failures = 0;
    for (const entry of chunk.entries) {
      selected.push(entry);
      weight += entry.tx.weight;
    }
    sigOpCost += chunkSigOps;
  }
  return selected;
}

/** In mining order the transactions of a chunk stand together; its weight tells where it ends. */
function* chunksOf(pool: TemplatePool): Generator<MiningChunk, void, undefined> {
  const order = [...pool.entries()].sort((a, b) => pool.compareMiningOrder(a.tx.txid, b.tx.txid));
  for (let i = 0; i < order.length; ) {
    const { fee, weight } = pool.chunkOf(order[i]!.tx.txid);
    const entries: MempoolEntry[] = [];
    for (let left = weight; left > 0 && i < order.length; i += 1) {
      const entry = order[i]!;
      entries.push(entry);
      left -= entry.weight;
    }
    yield { entries, fee, weight };
  }
}

/** Everything that is connected with the chunk. */
function passOver(pool: TemplatePool, chunk: MiningChunk, passedOver: Set<Txid>): void {
  const queue = chunk.entries.map(entry => entry.tx.txid);
  for (let txid = queue.pop(); txid !== undefined; txid = queue.pop()) {
    if (passedOver.has(txid)) continue;
    passedOver.add(txid);
    queue.push(...pool.parentsOf(txid), ...pool.childrenOf(txid));
  }
}
