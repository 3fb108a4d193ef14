/**
 * Rules about the unconfirmed family that a transaction would join: the limits of clusters, TRUC (BIP431), and dust that
 * must be spent at once. Source: Core src/txmempool.cpp (CheckMemPoolPolicyLimits), policy/truc_policy.cpp,
 * policy/ephemeral_policy.cpp.
 */
import { hashToHex } from '../base/bytes.ts';
import { outPointKey } from '../chain/coin.ts';
import { Reject } from '../consensus/reject.ts';
import { type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import type { AcceptContext, Candidate } from './accept-context.ts';
import { closure } from './cluster.ts';
import { dustOutputs } from './policy.ts';
import { ancestorsOf, type PoolEntry } from './tx-pool.ts';

/** Topologically restricted transactions (BIP431): nothing else may build on one that is not confirmed. */
export const TRUC_VERSION = 3;
/** Virtual bytes of a version 3 transaction, and of one with an unconfirmed parent (BIP431). */
export const TRUC_SIZE_MAX = 10_000;
export const TRUC_CHILD_SIZE_MAX = 1_000;

type ClusterMember = Pick<Candidate, 'tx' | 'weight' | 'parents'>;

/**
 * Whether the clusters that the transactions would join or form are within their limits; `replaced` will be gone.
 * Several are the members of a package.
 */
export function areClustersWithinLimits(
  candidates: readonly ClusterMember[],
  replaced: ReadonlySet<PoolEntry>,
  { options }: Pick<AcceptContext, 'options'>,
): boolean {
  const { clusterCountMax, clusterSizeMax } = options;
  const [first] = candidates;
  // The usual case: it joins nobody.
  if (first !== undefined && candidates.length === 1 && first.parents.size === 0)
    return clusterCountMax > 0 && first.weight <= clusterSizeMax * WITNESS_SCALE_FACTOR;
  const seen = new Set<ClusterMember>();
  for (const start of candidates) {
    if (seen.has(start)) continue;
    const entries = new Set<PoolEntry>();
    const members = new Set<ClusterMember>([start]);
    const joinAll = (): void => {
      for (const member of members)
        for (const parent of member.parents) if (!replaced.has(parent)) entries.add(parent);
      for (const entry of entries)
        for (const next of [...entry.parents, ...entry.children]) if (!replaced.has(next)) entries.add(next);
    };
    joinAll();
    // Another member of the package that touches the cluster brings its own with it.
    for (let count = 0; count !== members.size; ) {
      count = members.size;
      for (const other of candidates)
        if (!members.has(other) && touches(other, members, entries)) members.add(other);
      if (members.size !== count) joinAll();
    }
    let weight = 0;
    for (const member of members) {
      weight += member.weight;
      seen.add(member);
    }
    for (const entry of entries) weight += entry.weight;
    if (members.size + entries.size > clusterCountMax || weight > clusterSizeMax * WITNESS_SCALE_FACTOR)
      return false;
  }
  return true;
}

function touches(
  { tx }: ClusterMember,
  members: ReadonlySet<ClusterMember>,
  entries: ReadonlySet<PoolEntry>,
): boolean {
  const spent = new Set(tx.inputs.map(input => input.prevout.txid));
  for (const entry of entries) if (spent.has(entry.tx.txid)) return true;
  for (const member of members) if (spent.has(member.tx.txid) || spends(member.tx, tx)) return true;
  return false;
}

/** Whether `child` spends an output of `parent`. */
export function spends(child: Transaction, parent: Transaction): boolean {
  return child.inputs.some(input => input.prevout.txid === parent.txid);
}

/**
 * Version 3 transactions stay in families of one parent and one child. A lone sibling that stands in the way is
 * returned: it may be replaced as if it conflicted. Throws Reject.
 */
export function checkTruc(
  { tx, virtualSize, parents: unsorted }: Pick<Candidate, 'tx' | 'virtualSize' | 'parents'>,
  conflicts: ReadonlySet<PoolEntry>,
  { allowSiblingEviction }: { readonly allowSiblingEviction: boolean },
): PoolEntry | undefined {
  if (tx.version !== TRUC_VERSION && unsorted.size === 0) return undefined;
  // In Core's order: of several that break the rule the same one is named.
  const parents = [...unsorted].sort((a, b) => (a.tx.txid < b.tx.txid ? -1 : 1));
  for (const parent of parents) checkInheritance(tx, parent.tx);
  if (tx.version !== TRUC_VERSION) return undefined;
  if (virtualSize > TRUC_SIZE_MAX)
    throw violation(`version=3 ${nameOf(tx)} is too big: ${virtualSize} > ${TRUC_SIZE_MAX} virtual bytes`);
  if (parents.length > 1) throw violation(`${nameOf(tx)} would have too many ancestors`);
  const [parent] = parents;
  if (parent === undefined) return undefined;
  if (parent.parents.size > 0) throw violation(`${nameOf(tx)} would have too many ancestors`);
  checkTrucChildSize(tx, virtualSize);
  return checkSiblings(parent, conflicts, allowSiblingEviction);
}

/**
 * The same rule among the members of a package, parents first, each of which has passed `checkTruc`. Throws Reject.
 */
export function checkTrucPackage(candidates: readonly Candidate[]): void {
  const txs = candidates.map(({ tx }) => tx);
  for (const [at, { tx, virtualSize, parents }] of candidates.entries()) {
    const inPool = [...parents];
    const inPackage = txs.slice(0, at).filter(other => spends(tx, other));
    if (tx.version !== TRUC_VERSION) {
      for (const parent of [...inPool.map(entry => entry.tx), ...inPackage]) checkInheritance(tx, parent);
      continue;
    }
    const tooMany = violation(`${nameOf(tx)} would have too many ancestors`);
    if (inPool.length + inPackage.length > 1 || (inPool[0] && inPool[0].parents.size > 0)) throw tooMany;
    const parent = inPool[0]?.tx ?? inPackage[0];
    if (parent === undefined) continue;
    checkTrucChildSize(tx, virtualSize);
    checkInheritance(tx, parent);
    const tooManyChildren = violation(`${nameOf(parent)} would exceed descendant count limit`);
    for (const other of txs) {
      if (other === tx) continue;
      if (spends(other, parent)) throw tooManyChildren;
      if (spends(other, tx)) throw violation(`${nameOf(other)} would have too many ancestors`);
    }
    if (inPool[0] && inPool[0].children.size > 0) throw tooManyChildren;
  }
}

function checkInheritance(tx: Transaction, parent: Transaction): void {
  const isTruc = parent.version === TRUC_VERSION;
  if (isTruc && tx.version !== TRUC_VERSION)
    throw violation(`non-version=3 ${nameOf(tx)} cannot spend from version=3 ${nameOf(parent)}`);
  if (!isTruc && tx.version === TRUC_VERSION)
    throw violation(`version=3 ${nameOf(tx)} cannot spend from non-version=3 ${nameOf(parent)}`);
}

function checkTrucChildSize(tx: Transaction, virtualSize: number): void {
  if (virtualSize <= TRUC_CHILD_SIZE_MAX) return;
  throw violation(
    `version=3 child ${nameOf(tx)} is too big: ${virtualSize} > ${TRUC_CHILD_SIZE_MAX} virtual bytes`,
  );
}

/** More than one descendant of a version 3 parent is possible after a reorganisation only. */
function checkSiblings(
  parent: PoolEntry,
  conflicts: ReadonlySet<PoolEntry>,
  allowSiblingEviction: boolean,
): PoolEntry | undefined {
  const descendants = [...closure<PoolEntry>(parent, 'children')];
  if (descendants.length === 0 || descendants.some(entry => conflicts.has(entry))) return undefined;
  const [sibling] = descendants;
  if (allowSiblingEviction && descendants.length === 1 && ancestorsOf(sibling!).size === 1) return sibling;
  throw violation(`${nameOf(parent.tx)} would exceed descendant count limit`);
}

/**
 * Throws Reject unless the dust of unconfirmed parents is spent: whoever spends the parent must spend it too. Parents are
 * in the pool or among `others` of the same package.
 */
export function checkEphemeralSpends(
  { tx, parents }: Candidate,
  others: readonly Transaction[],
  { options }: AcceptContext,
): void {
  const inPackage = others.filter(other => spends(tx, other));
  if (parents.size === 0 && inPackage.length === 0) return;
  const spent = new Set(tx.prevoutKeys);
  for (const parent of [...Array.from(parents, entry => entry.tx), ...inPackage]) {
    for (const index of dustOutputs(parent, options.dustRelayFeeRate)) {
      if (spent.has(outPointKey(parent.txid, index))) continue;
      const detail = `${nameOf(tx)} did not spend parent's ephemeral dust`;
      throw new Reject('missing-ephemeral-spends', { detail });
    }
  }
}

function violation(detail: string): Reject {
  return new Reject('TRUC-violation', { detail });
}

function nameOf(tx: Transaction): string {
  return `tx ${hashToHex(tx.txid)} (wtxid=${hashToHex(tx.wtxid)})`;
}
