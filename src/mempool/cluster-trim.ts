/**
 * Who comes back from a block may find its children in the pool, and joins their clusters to one that is too large: what
 * is mined last of them leaves until that cluster is within its limits (Core: TxGraph::Trim).
 */
import { WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { clusterOf } from './cluster.ts';
import type { MempoolOptions } from './options.ts';
import {
  ancestorsOf, compareMiningOrder, type EntryFacts, type PoolEntry, type TxPool, withDescendants,
} from './tx-pool.ts'; // biome-ignore format: one list

/**
 * What must leave before `comer`, whose `children` are here, enters: one after the other, and each must be removed before
 * the next is asked for.
 */
export function* trimmedFor(
  { tx, weight: ownWeight }: Pick<EntryFacts, 'tx' | 'weight'>,
  children: readonly PoolEntry[],
  { pool, options }: { readonly pool: TxPool; readonly options: MempoolOptions },
): Generator<ReadonlySet<PoolEntry>, void, void> {
  if (children.length === 0) return;
  const parents = pool.parentsOf(tx);
  const ancestors = new Set([...parents].flatMap(parent => [parent, ...ancestorsOf(parent)]));
  const members = new Set([...children, ...parents].flatMap(member => clusterOf<PoolEntry>(member)));
  let weight = ownWeight;
  for (const member of members) weight += member.weight;
  const { clusterCountMax, clusterSizeMax } = options;
  for (const worst of [...members].sort(compareMiningOrder).reverse()) {
    if (members.size < clusterCountMax && weight <= clusterSizeMax * WITNESS_SCALE_FACTOR) return;
    if (!members.has(worst) || ancestors.has(worst)) continue;
    const leaving = withDescendants([worst]);
    for (const entry of leaving) {
      members.delete(entry);
      weight -= entry.weight;
    }
    yield leaving;
  }
}
