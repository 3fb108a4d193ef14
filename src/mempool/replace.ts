/**
 * Replacement: a transaction that conflicts with others may take their place when it pays for what leaves, for its own
 * relay, and makes the mempool better for miners at every size. Source: Core src/policy/rbf.cpp, validation.cpp
 * (ReplacementChecks).
 */
import { hashToHex } from '../base/bytes.ts';
import { formatMoney } from '../consensus/amount.ts';
import { Reject } from '../consensus/reject.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { AcceptContext, Candidate } from './accept-context.ts';
import { type Chunk, chunksOf, clusterOf, improvesDiagram } from './cluster.ts';
import { feeAt } from './fee-rate.ts';
import { checkCluster } from './topology.ts';
import { ancestorsOf, type PoolEntry, type TxPool, withDescendants } from './tx-pool.ts';

/** Clusters that one replacement may touch (Core: MAX_REPLACEMENT_CANDIDATES). */
const REPLACEMENT_CLUSTERS_MAX = 100;

/** Throws Reject unless the candidate may replace `conflicts`; returns everything that leaves. */
export function checkReplacement(
  candidate: Candidate,
  conflicts: ReadonlySet<PoolEntry>,
  context: AcceptContext,
  { isSiblingEviction }: { readonly isSiblingEviction: boolean },
): Set<PoolEntry> {
  const { tx, fee, virtualSize } = candidate;
  const rejecting = `rejecting replacement ${hashToHex(tx.txid)}`;
  const suffix = isSiblingEviction ? ' (including sibling eviction)' : '';
  const clusters = new Set([...conflicts].map(conflict => conflict.place.cluster));
  if (clusters.size > REPLACEMENT_CLUSTERS_MAX) {
    const detail = `${rejecting}; too many conflicting clusters (${clusters.size} > ${REPLACEMENT_CLUSTERS_MAX})`;
    throw new Reject('too many potential replacements', { suffix, detail });
  }
  const replaced = withDescendants(conflicts);
  let oldFee = 0;
  for (const entry of replaced) oldFee += entry.modifiedFee;
  if (fee < oldFee) {
    const detail = `${rejecting}, less fees than conflicting txs; ${formatMoney(fee)} < ${formatMoney(oldFee)}`;
    throw new Reject('insufficient fee', { suffix, detail });
  }
  const relayFee = feeAt(context.options.incrementalRelayFeeRate, virtualSize);
  if (fee - oldFee < relayFee) {
    const detail = `${rejecting}, not enough additional fees to relay; ${formatMoney(fee - oldFee)} < ${formatMoney(relayFee)}`;
    throw new Reject('insufficient fee', { suffix, detail });
  }
  checkCluster(candidate, replaced, context);
  const { before, after } = diagrams(candidate, replaced, context.pool);
  if (!improvesDiagram(before, after)) {
    throw new Reject('replacement-failed', {
      detail: 'insufficient feerate: does not improve feerate diagram',
    });
  }
  return replaced;
}

/** A transaction that spends what it would replace contradicts itself. */
export function checkSpendsNoConflict(
  tx: Transaction,
  conflicts: ReadonlySet<PoolEntry>,
  pool: TxPool,
): void {
  if (conflicts.size === 0) return;
  for (const parent of pool.parentsOf(tx)) {
    for (const ancestor of [parent, ...ancestorsOf(parent)]) {
      if (!conflicts.has(ancestor)) continue;
      const detail = `${hashToHex(tx.txid)} spends conflicting transaction ${hashToHex(ancestor.tx.txid)}`;
      throw new Reject('bad-txns-spends-conflicting-tx', { detail });
    }
  }
}

/** A stand-in graph for "what if": nodes that copy the entries concerned. */
interface Node {
  readonly modifiedFee: number;
  readonly weight: number;
  readonly parents: Set<Node>;
  readonly children: Set<Node>;
}

function newNode({ modifiedFee, weight }: Pick<Node, 'modifiedFee' | 'weight'>): Node {
  return { modifiedFee, weight, parents: new Set(), children: new Set() };
}

function link(parent: Node, child: Node): void {
  parent.children.add(child);
  child.parents.add(parent);
}

/** The chunks of all clusters that the replacement touches, before and after it. */
function diagrams(
  { tx, fee, weight }: Candidate,
  replaced: ReadonlySet<PoolEntry>,
  pool: TxPool,
): { before: Chunk<unknown>[]; after: Chunk<unknown>[] } {
  const parents = pool.parentsOf(tx);
  const touched = new Set<PoolEntry>();
  for (const start of [...replaced, ...parents])
    if (!touched.has(start)) for (const member of clusterOf<PoolEntry>(start)) touched.add(member);
  const before = [...new Set([...touched].map(entry => entry.place.chunk))];
  const nodes = new Map<PoolEntry, Node>();
  for (const entry of touched) if (!replaced.has(entry)) nodes.set(entry, newNode(entry));
  for (const [entry, node] of nodes) {
    for (const child of entry.children) {
      const childNode = nodes.get(child);
      if (childNode !== undefined) link(node, childNode);
    }
  }
  const added = newNode({ modifiedFee: fee, weight });
  for (const parent of parents) {
    const node = nodes.get(parent);
    if (node !== undefined) link(node, added);
  }
  const after: Chunk<unknown>[] = [];
  const done = new Set<Node>();
  for (const node of [...nodes.values(), added]) {
    if (done.has(node)) continue;
    const cluster = clusterOf<Node>(node);
    for (const member of cluster) done.add(member);
    after.push(...chunksOf(cluster));
  }
  return { before, after };
}
