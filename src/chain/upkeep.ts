/**
 * What the chain does for its storage between blocks: a flush when one is due, and old block files deleted where that is
 * wanted. Only while no block is on its way (connecting.ts): nothing that may be invalid reaches the disk.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { ChainState } from './chain-state.ts';
import type { WriterTask } from './effects.ts';
import { flush, isFlushDue } from './flush.ts';
import { pruneIfFull } from './prune.ts';

/** Blocks between two looks at the space that block files take, while they come one close upon the other. */
const PRUNE_CHECK_BLOCKS = 32;

/** No further block should be begun before those on their way are settled and `upkeep` was done. */
export function isUpkeepDue(state: ChainState, now: Milliseconds): boolean {
  if (isFlushDue(state, now)) return true;
  return (
    state.tree.prune?.targetBytes !== undefined && state.height - state.upkeepHeight >= PRUNE_CHECK_BLOCKS
  );
}

export function* upkeep(state: ChainState, now: Milliseconds): WriterTask<void> {
  if (state.connecting.length > 0) return;
  if (isFlushDue(state, now)) yield* flush(state, now);
  if (state.target === undefined && !state.tree.isStarting) yield* pruneIfFull(state, now);
  state.upkeepHeight = state.height;
}
