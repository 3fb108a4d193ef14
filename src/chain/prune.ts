/**
 * Deleting old block files: by themselves when they take more than the target (`-prune=N`), or up to a height that the
 * user names (`pruneblockchain`). Always whole files with their undo files, never one with a block that a reorganisation
 * may need (the last 288) or that somebody has locked (an index behind the tip), never the one being filled.
 * Source: Core's FindFilesToPrune, FindFilesToPruneManual, FlushStateToDisk.
 *
 * In the order that a crash at any point leaves something to go on from: everything to disk, so that neither the coins nor
 * those who have locked blocks need any of these any more; the index without them, durable; then the files go. What a crash leaves of them is found at
 * the next start (`abandonedFiles`).
 */
import { assert } from '../base/assert.ts';
import type { Milliseconds } from '../base/clock.ts';
import { FLAG_SET, PRUNED_KEY } from './block-index.ts';
import type { PruneLock } from './block-tree.ts';
import type { ChainState } from './chain-state.ts';
import type { BlockFileUsage, WriterTask } from './effects.ts';
import { flush, writeIndex } from './flush.ts';

/** Blocks below the tip that are never deleted (Core: MIN_BLOCKS_TO_KEEP). */
const BLOCKS_KEPT_MIN = 288;
/** Blocks that a lock keeps besides those it names (Core: PRUNE_LOCK_BUFFER). */
const LOCK_BUFFER_BLOCKS = 10;
/** What files may grow by until the next look at them (Core: BLOCKFILE_CHUNK_SIZE + UNDOFILE_CHUNK_SIZE). */
const BUFFER_BYTES = 17 * 2 ** 20;
/** Bytes of a block that is still to come, by estimate (Core: average_block_size). */
const COMING_BLOCK_BYTES = 1_000_000;
const MEBIBYTE = 2 ** 20;

/** After a block: when the files take too much. */
export function* pruneIfFull(state: ChainState, now: Milliseconds): WriterTask<void> {
  const { headers, height } = state;
  const { prune } = state.tree;
  if (prune?.targetBytes === undefined || height <= prune.afterHeight) return;
  const usage = (yield { kind: 'blockFileUsage' }) as readonly BlockFileUsage[];
  let total = usage.reduce((sum, { bytes }) => sum + bytes, 0);
  let buffer = BUFFER_BYTES;
  if (total + buffer < prune.targetBytes) return;
  // While catching up, more goes at once: each time costs a flush.
  const missing = headers.heightOf(state.tree.bestHeader) - height;
  if (missing > 0 && state.isInitialBlockDownload(now)) buffer += COMING_BLOCK_BYTES * missing;
  const lastHeight = lastPrunable(state, height);
  const doomed: number[] = [];
  for (const { file, bytes } of usage.slice(0, -1)) {
    if (total + buffer < prune.targetBytes) break;
    if (!isPrunable(state, file, lastHeight)) continue;
    doomed.push(file);
    total -= bytes;
  }
  const removed = yield* deleteFiles(state, doomed, { height, now });
  if (removed > 0) {
    state.log.debug('prune', () => {
      const target = Math.floor(prune.targetBytes! / MEBIBYTE);
      const actual = Math.floor(total / MEBIBYTE);
      return `target=${target}MiB actual=${actual}MiB diff=${target - actual}MiB max_prune_height=${lastHeight} removed ${removed} blk/rev pairs`;
    });
  }
}

/** Files that hold nothing above `height`. */
export function* pruneTo(state: ChainState, height: number, now: Milliseconds): WriterTask<void> {
  assert(state.tree.prune !== undefined, 'only a node that prunes deletes blocks');
  const usage = (yield { kind: 'blockFileUsage' }) as readonly BlockFileUsage[];
  const lastHeight = lastPrunable(state, height);
  const doomed = usage
    .slice(0, -1)
    .map(({ file }) => file)
    .filter(file => isPrunable(state, file, lastHeight));
  const removed = yield* deleteFiles(state, doomed, { height, now });
  state.log.info(`Prune (Manual): prune_height=${lastHeight} removed ${removed} blk/rev pairs`);
}

/** Of the files on disk, those that a crash left behind after the index had forgotten them. */
export function abandonedFiles(state: ChainState, usage: readonly BlockFileUsage[]): number[] {
  if (!state.tree.hasPruned) return [];
  const known = usage.filter(({ file }) => state.headers.heightsInFile(file) !== undefined);
  const last = known.at(-1)?.file ?? 0;
  // What lies behind the last known file may hold blocks that the index has not heard of yet.
  return usage.map(({ file }) => file).filter(file => file < last && !known.some(each => each.file === file));
}

/** Height of the last block of the active chain of which block or undo data are gone; undefined when none are. */
export function pruneHeight(state: ChainState): number | undefined {
  const { headers } = state;
  for (let height = state.height; height > 0; height -= 1) {
    const id = state.atHeight(height)!;
    if (headers.dataPositionOf(id) === undefined || headers.undoPositionOf(id) === undefined) return height;
  }
  return undefined;
}

function isPrunable({ headers }: ChainState, file: number, lastHeight: number): boolean {
  const heights = headers.heightsInFile(file);
  return heights !== undefined && heights.last <= lastHeight;
}

/** The last height that may go, `wanted` or lower. */
function lastPrunable(state: ChainState, wanted: number, lock: keyof PruneLock = 'first'): number {
  let last = wanted;
  for (const [name, { [lock]: first }] of state.tree.pruneLocks) {
    const lockedFrom = Math.max(1, first - LOCK_BUFFER_BLOCKS - 1);
    if (lockedFrom >= last) continue;
    last = lockedFrom;
    state.log.debug('prune', () => `${name} limited pruning to height ${last}`);
  }
  return Math.min(last, Math.max(0, state.height - BLOCKS_KEPT_MIN));
}

/** Of `files`, whose locks allow it now, those for which that still holds when all is on disk. Returns their number. */
function* deleteFiles(
  state: ChainState,
  files: readonly number[],
  { height, now }: { readonly height: number; readonly now: Milliseconds },
): WriterTask<number> {
  if (files.length === 0) return 0;
  yield* flush(state, now);
  yield { kind: 'notify', notice: { kind: 'pruning' } };
  const lastHeight = lastPrunable(state, height, 'firstOnDisk');
  const doomed = files.filter(file => isPrunable(state, file, lastHeight));
  if (doomed.length === 0) return 0;
  for (const file of doomed) {
    for (const id of state.headers.forgetFile(file)) state.tree.forgetUnlinked(id);
  }
  state.tree.hasPruned = true;
  yield* writeIndex(state, [{ type: 'put', key: PRUNED_KEY, value: FLAG_SET }]);
  yield { kind: 'deleteBlockFiles', files: doomed };
  return doomed.length;
}
