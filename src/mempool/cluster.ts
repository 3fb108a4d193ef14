/**
 * The order in which transactions that depend on each other would be mined.
 *
 * Transactions connected by spending form a cluster. A cluster is put in order by taking, again and again, the
 * transaction whose not yet taken ancestors together pay the best rate; the order is then cut into chunks, each paying
 * at least as much as the next: what a miner takes together. Chunks of all clusters merged by rate give the mempool's
 * fee-rate diagram, and a replacement must improve it everywhere.
 * Source of the model: Core doc/design and src/cluster_linearize.h (whose search for the best order goes further).
 */

/** What the order needs of a transaction. `parents` and `children` are direct and in the mempool. */
export interface ClusterTx<T> {
  readonly modifiedFee: number;
  /** Adjusted for signature operations. */
  readonly weight: number;
  readonly parents: ReadonlySet<T>;
  readonly children: ReadonlySet<T>;
}

export interface Chunk<T> {
  readonly txs: readonly T[];
  /** Satoshi. */
  readonly fee: number;
  /** Weight units. */
  readonly size: number;
}

export interface FeeAndSize {
  readonly fee: number;
  readonly size: number;
}

/** Negative when `a` pays the better rate. Exact as long as fee × size is a safe integer, which 21 M coin × 1 kB is. */
export function compareRates(a: FeeAndSize, b: FeeAndSize): number {
  const left = a.fee * b.size;
  const right = b.fee * a.size;
  if (Number.isSafeInteger(left) && Number.isSafeInteger(right)) return right - left;
  const exact = BigInt(b.fee) * BigInt(a.size) - BigInt(a.fee) * BigInt(b.size);
  return exact > 0n ? 1 : exact < 0n ? -1 : 0;
}

/** All transactions reachable from `start` through parents and children, `start` first. */
export function clusterOf<T extends ClusterTx<T>>(start: T): T[] {
  if (start.parents.size === 0 && start.children.size === 0) return [start];
  const seen = new Set<T>([start]);
  for (const tx of seen) {
    for (const parent of tx.parents) seen.add(parent);
    for (const child of tx.children) seen.add(child);
  }
  return [...seen];
}

/** All of `direct`'s closure, without the start itself. */
export function closure<T extends ClusterTx<T>>(start: T, direction: 'parents' | 'children'): Set<T> {
  const seen = new Set<T>(start[direction]);
  for (const tx of seen) for (const next of tx[direction]) seen.add(next);
  return seen;
}

/** Cuts one cluster into chunks, best first. `cluster` is whole: every parent and child of a member is a member. */
export function chunksOf<T extends ClusterTx<T>>(cluster: readonly T[]): Chunk<T>[] {
  return cutIntoChunks(linearize(cluster));
}

function linearize<T extends ClusterTx<T>>(cluster: readonly T[]): T[] {
  if (cluster.length === 1) return [...cluster];
  const order: T[] = [];
  const taken = new Set<T>();
  const ancestors = new Map(cluster.map(tx => [tx, closure(tx, 'parents')]));
  while (order.length < cluster.length) {
    let best: { readonly tx: T; readonly fee: number; readonly size: number } | undefined;
    for (const tx of cluster) {
      if (taken.has(tx)) continue;
      let fee = tx.modifiedFee;
      let size = tx.weight;
      for (const ancestor of ancestors.get(tx)!) {
        if (taken.has(ancestor)) continue;
        fee += ancestor.modifiedFee;
        size += ancestor.weight;
      }
      const candidate = { tx, fee, size };
      // Of equal rates the smaller set goes first: it can only be a part of what follows.
      if (
        best === undefined ||
        compareRates(candidate, best) < 0 ||
        (compareRates(candidate, best) === 0 && size < best.size)
      ) {
        best = candidate;
      }
    }
    const open = [...ancestors.get(best!.tx)!].filter(tx => !taken.has(tx));
    open.sort((a, b) => ancestors.get(a)!.size - ancestors.get(b)!.size);
    for (const tx of [...open, best!.tx]) {
      order.push(tx);
      taken.add(tx);
    }
  }
  return order;
}

function cutIntoChunks<T extends ClusterTx<T>>(order: readonly T[]): Chunk<T>[] {
  const chunks: { txs: T[]; fee: number; size: number }[] = [];
  for (const tx of order) {
    chunks.push({ txs: [tx], fee: tx.modifiedFee, size: tx.weight });
    while (chunks.length > 1 && compareRates(chunks.at(-1)!, chunks.at(-2)!) < 0) {
      const last = chunks.pop()!;
      const before = chunks.at(-1)!;
      before.txs.push(...last.txs);
      before.fee += last.fee;
      before.size += last.size;
    }
  }
  return chunks;
}

/**
 * Whether the diagram of `after` is nowhere below that of `before` and somewhere above. A diagram is the total fee over
 * the total size when chunks are taken best first; the shorter one goes on level (Core: CompareChunks).
 */
export function improvesDiagram(before: readonly FeeAndSize[], after: readonly FeeAndSize[]): boolean {
  const old = corners(before);
  const fresh = corners(after);
  let [i, j] = [1, 1];
  let isAbove = false;
  // From left to right: the next corner of either diagram against the line of the other one at that place.
  while (i < old.length || j < fresh.length) {
    const isFresh = i === old.length || (j < fresh.length && fresh[j]!.size <= old[i]!.size);
    const gain = isFresh
      ? heightAbove(fresh[j]!, old[i - 1]!, old[i])
      : -heightAbove(old[i]!, fresh[j - 1]!, fresh[j]);
    if (gain < 0) return false;
    if (gain > 0) isAbove = true;
    if (isFresh) j += 1;
    else i += 1;
  }
  return isAbove;
}

/** The sign of how far `point` lies above the line from `from` to `to`; the line is level where there is no `to`. */
function heightAbove(point: FeeAndSize, from: FeeAndSize, to: FeeAndSize | undefined): number {
  if (to === undefined) return point.fee - from.fee;
  return -compareRates(difference(point, from), difference(to, from));
}

function difference(a: FeeAndSize, b: FeeAndSize): FeeAndSize {
  return { fee: a.fee - b.fee, size: a.size - b.size };
}

function corners(chunks: readonly FeeAndSize[]): FeeAndSize[] {
  const points: FeeAndSize[] = [{ fee: 0, size: 0 }];
  for (const chunk of [...chunks].sort(compareRates)) {
    const last = points.at(-1)!;
    points.push({ fee: last.fee + chunk.fee, size: last.size + chunk.size });
  }
  return points;
}
