/**
 * Replacement: a transaction that conflicts with others may take their place when it pays for what leaves, for its own
 * relay, and makes the mempool better for miners at every size. Source: Core src/policy/rbf.cpp, validation.cpp
 * (ReplacementChecks).
 */
import { hashToHex, type Txid } from '../base/bytes.ts';
import { formatMoney } from '../consensus/amount.ts';
import { Reject } from '../consensus/reject.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { AcceptContext, Candidate } from './accept-context.ts';
import { type Chunk, chunksOf, clusterOf, improvesDiagram } from './cluster.ts';
import { feeAt, feeRateOf } from './fee-rate.ts';
import { PackageReject } from './package-reject.ts';
import { areClustersWithinLimits, spends } from './topology.ts';
import { ancestorsOf, type PoolEntry, withDescendants } from './tx-pool.ts';

/** Clusters that one replacement may touch (Core: MAX_REPLACEMENT_CANDIDATES). */
const REPLACEMENT_CLUSTERS_MAX = 100;

/** Throws Reject unless the transaction may replace what conflicts with it; returns everything that leaves. */
export function checkReplacement(checked: Replacement, context: AcceptContext): Set<PoolEntry> {
  const { tx, conflicts, modifiedFee, virtualSize, isSiblingEviction } = checked;
  const suffix = isSiblingEviction ? ' (including sibling eviction)' : '';
  const tooMany = tooManyClusters(tx, conflicts);
  if (tooMany !== undefined) throw new Reject('too many potential replacements', { suffix, detail: tooMany });
  const replaced = withDescendants(conflicts);
  const tooLittle = paysTooLittle(tx, { fee: modifiedFee, virtualSize }, replaced, context);
  if (tooLittle !== undefined) throw new Reject('insufficient fee', { suffix, detail: tooLittle });
  if (!areClustersWithinLimits([checked], replaced, context)) throw new Reject('too-large-cluster');
  if (!improvesPool([checked], replaced)) throw new Reject('replacement-failed', { detail: NO_BETTER });
  return replaced;
}

/**
 * A parent and its child may replace together what either conflicts with: the child may pay for both, but only for a
 * parent that pays too little. Throws PackageReject; returns everything that leaves.
 */
export function checkPackageReplacement(
  members: readonly Replacement[],
  context: AcceptContext,
): Set<PoolEntry> {
  const [parent, child] = members;
  if (members.length !== 2 || !spends(child!.tx, parent!.tx))
    throw new PackageReject('package RBF failed: package must be 1-parent-1-child');
  for (const { parents } of members)
    if (parents.size > 0)
      throw new PackageReject('package RBF failed: new transaction cannot have mempool ancestors');
  const conflicts = new Set(members.flatMap(member => [...member.conflicts]));
  const tooMany = tooManyClusters(child!.tx, conflicts);
  if (tooMany !== undefined)
    throw new PackageReject(`package RBF failed: too many potential replacements, ${tooMany}`);
  const replaced = withDescendants(conflicts);
  const fee = parent!.modifiedFee + child!.modifiedFee;
  const virtualSize = parent!.virtualSize + child!.virtualSize;
  const tooLittle = paysTooLittle(child!.tx, { fee, virtualSize }, replaced, context);
  if (tooLittle !== undefined)
    throw new PackageReject(`package RBF failed: insufficient anti-DoS fees, ${tooLittle}`);
  if (fee * parent!.virtualSize <= parent!.modifiedFee * virtualSize) {
    const [whole, alone] = [rateText(fee, virtualSize), rateText(parent!.modifiedFee, parent!.virtualSize)];
    throw new PackageReject(
      `package RBF failed: package feerate is less than or equal to parent feerate, package feerate ${whole} <= parent feerate is ${alone}`,
    );
  }
  if (!areClustersWithinLimits(members, replaced, context)) throw new PackageReject('too-large-cluster');
  if (!improvesPool(members, replaced)) throw new PackageReject(`package RBF failed: ${NO_BETTER}`);
  return replaced;
}

/** What is looked at of a transaction that conflicts with the pool. */
type Replacement = Candidate & {
  readonly conflicts: ReadonlySet<PoolEntry>;
  readonly isSiblingEviction: boolean;
};

const NO_BETTER = 'insufficient feerate: does not improve feerate diagram';

/** What is wrong, if too many clusters would have to be put in order anew. */
function tooManyClusters(tx: Transaction, conflicts: ReadonlySet<PoolEntry>): string | undefined {
  const count = new Set([...conflicts].map(conflict => conflict.place.cluster)).size;
  if (count <= REPLACEMENT_CLUSTERS_MAX) return undefined;
  return `${rejecting(tx)}; too many conflicting clusters (${count} > ${REPLACEMENT_CLUSTERS_MAX})`;
}

/** What is wrong, if what comes pays less than what leaves, or not for its own relay (BIP125's rules 3 and 4). */
function paysTooLittle(
  tx: Transaction,
  { fee, virtualSize }: { readonly fee: number; readonly virtualSize: number },
  replaced: ReadonlySet<PoolEntry>,
  { options }: AcceptContext,
): string | undefined {
  let oldFee = 0;
  for (const entry of replaced) oldFee += entry.modifiedFee;
  if (fee < oldFee)
    return `${rejecting(tx)}, less fees than conflicting txs; ${formatMoney(fee)} < ${formatMoney(oldFee)}`;
  const relayFee = feeAt(options.incrementalRelayFeeRate, virtualSize);
  if (fee - oldFee >= relayFee) return undefined;
  return `${rejecting(tx)}, not enough additional fees to relay; ${formatMoney(fee - oldFee)} < ${formatMoney(relayFee)}`;
}

function rejecting(tx: Transaction): string {
  return `rejecting replacement ${hashToHex(tx.txid)}`;
}

/** As Core writes fee rates (CFeeRate::ToString). */
function rateText(fee: number, virtualSize: number): string {
  return `${formatMoney(feeRateOf(fee, virtualSize))} BTC/kvB`;
}

function improvesPool(candidates: readonly Candidate[], replaced: ReadonlySet<PoolEntry>): boolean {
  const { before, after } = diagrams(candidates, replaced);
  return improvesDiagram(before, after);
}

/** A transaction that spends what it would replace contradicts itself. */
export function checkSpendsNoConflict({
  tx,
  parents,
  conflicts,
}: Omit<Replacement, 'isSiblingEviction'>): void {
  if (conflicts.size === 0) return;
  for (const parent of parents) {
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
  candidates: readonly Candidate[],
  replaced: ReadonlySet<PoolEntry>,
): { before: Chunk<unknown>[]; after: Chunk<unknown>[] } {
  const parents = candidates.flatMap(candidate => [...candidate.parents]);
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
  const added = new Map<Txid, Node>();
  for (const candidate of candidates) {
    const node = newNode(candidate);
    for (const parent of candidate.parents) {
      const parentNode = nodes.get(parent);
      if (parentNode !== undefined) link(parentNode, node);
    }
    // Parents in the same package come before.
    for (const { prevout } of candidate.tx.inputs) {
      const parentNode = added.get(prevout.txid);
      if (parentNode !== undefined) link(parentNode, node);
    }
    added.set(candidate.tx.txid, node);
  }
  const after: Chunk<unknown>[] = [];
  const done = new Set<Node>();
  for (const node of [...nodes.values(), ...added.values()]) {
    if (done.has(node)) continue;
    const cluster = clusterOf<Node>(node);
    for (const member of cluster) done.add(member);
    after.push(...chunksOf(cluster));
  }
  return { before, after };
}
