/**
 * Rules about the unconfirmed family that a transaction would join: the limits of clusters, TRUC (BIP431), and dust that
 * must be spent at once. Source: Core src/txmempool.cpp (CheckMemPoolPolicyLimits), policy/truc_policy.cpp,
 * policy/ephemeral_policy.cpp.
 */
import { hashToHex } from '../base/bytes.ts';
import { keyOf, outPointKey } from '../chain/coin.ts';
import { Reject } from '../consensus/reject.ts';
import { type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import type { AcceptContext, Candidate } from './accept-context.ts';
import { closure } from './cluster.ts';
import { dustOutputs } from './policy.ts';
import { ancestorsOf, type PoolEntry } from './tx-pool.ts';

const TRUC_VERSION = 3;
/** Virtual bytes of a version 3 transaction, and of one with an unconfirmed parent (BIP431). */
const TRUC_SIZE_MAX = 10_000;
const TRUC_CHILD_SIZE_MAX = 1_000;

/** Throws Reject when the cluster that the transaction would join is over its limits; `replaced` will be gone. */
export function checkCluster(
  { tx, weight }: Candidate,
  replaced: ReadonlySet<PoolEntry>,
  { pool, options }: AcceptContext,
): void {
  const members = new Set<PoolEntry>();
  for (const parent of pool.parentsOf(tx)) if (!replaced.has(parent)) members.add(parent);
  for (const member of members) {
    for (const next of [...member.parents, ...member.children]) if (!replaced.has(next)) members.add(next);
  }
  let total = weight;
  for (const member of members) total += member.weight;
  if (members.size + 1 > options.clusterCountMax || total > options.clusterSizeMax * WITNESS_SCALE_FACTOR)
    throw new Reject('too-large-cluster');
}

/**
 * Version 3 transactions stay in families of one parent and one child. A lone sibling that stands in the way is
 * returned: it may be replaced as if it conflicted. Throws Reject.
 */
export function checkTruc(
  { tx, virtualSize }: Candidate,
  conflicts: ReadonlySet<PoolEntry>,
  context: AcceptContext,
  { allowSiblingEviction }: { readonly allowSiblingEviction: boolean },
): PoolEntry | undefined {
  // In Core's order: of several that break the rule the same one is named.
  const parents = [...context.pool.parentsOf(tx)].sort((a, b) => (a.tx.txid < b.tx.txid ? -1 : 1));
  const packageParents = parentsInPackage(tx, context);
  for (const parent of [...parents.map(entry => entry.tx), ...packageParents]) {
    const isTruc = parent.version === TRUC_VERSION;
    if (isTruc && tx.version !== TRUC_VERSION)
      throw violation(`non-version=3 ${nameOf(tx)} cannot spend from version=3 ${nameOf(parent)}`);
    if (!isTruc && tx.version === TRUC_VERSION)
      throw violation(`version=3 ${nameOf(tx)} cannot spend from non-version=3 ${nameOf(parent)}`);
  }
  if (tx.version !== TRUC_VERSION) return undefined;
  if (virtualSize > TRUC_SIZE_MAX)
    throw violation(`version=3 ${nameOf(tx)} is too big: ${virtualSize} > ${TRUC_SIZE_MAX} virtual bytes`);
  const parentCount = parents.length + packageParents.length;
  if (parentCount === 0) return undefined;
  const hasGrandparent =
    parents.some(entry => entry.parents.size > 0) ||
    packageParents.some(
      parent => context.pool.parentsOf(parent).size > 0 || parentsInPackage(parent, context).length > 0,
    );
  if (parentCount > 1 || hasGrandparent) throw violation(`${nameOf(tx)} would have too many ancestors`);
  if (virtualSize > TRUC_CHILD_SIZE_MAX) {
    throw violation(
      `version=3 child ${nameOf(tx)} is too big: ${virtualSize} > ${TRUC_CHILD_SIZE_MAX} virtual bytes`,
    );
  }
  const only = parents[0]?.tx ?? packageParents[0]!;
  const isFamilyFull = [...context.package.values()].some(other =>
    other.inputs.some(input => input.prevout.txid === only.txid),
  );
  if (isFamilyFull) throw violation(`${nameOf(only)} would exceed descendant count limit`);
  return parents[0] && checkSiblings(parents[0], conflicts, allowSiblingEviction);
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

/** Throws Reject unless the dust of unconfirmed parents is spent: whoever spends the parent must spend it too. */
export function checkEphemeralSpends(tx: Transaction, context: AcceptContext): void {
  const { pool, options } = context;
  const spent = new Set(tx.inputs.map(input => keyOf(input.prevout)));
  const parents = [...Array.from(pool.parentsOf(tx), entry => entry.tx), ...parentsInPackage(tx, context)];
  for (const parent of parents) {
    for (const index of dustOutputs(parent, options.dustRelayFeeRate)) {
      if (spent.has(outPointKey(parent.txid, index))) continue;
      const detail = `${nameOf(tx)} did not spend parent's ephemeral dust`;
      throw new Reject('missing-ephemeral-spends', { detail });
    }
  }
}

function parentsInPackage(tx: Transaction, { package: others }: AcceptContext): Transaction[] {
  if (others.size === 0) return [];
  const txids = new Set(tx.inputs.map(input => input.prevout.txid));
  return [...txids].flatMap(txid => others.get(txid) ?? []);
}

function violation(detail: string): Reject {
  return new Reject('TRUC-violation', { detail });
}

function nameOf(tx: Transaction): string {
  return `tx ${hashToHex(tx.txid)} (wtxid=${hashToHex(tx.wtxid)})`;
}
