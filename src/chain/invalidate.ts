/**
 * Overruling the rules by hand: `invalidateblock`, `reconsiderblock` and `preciousblock` (Core:
 * Chainstate::InvalidateBlock, ResetBlockFailureFlags, PreciousBlock). The first two end on the best chain that is left,
 * and on disk, since somebody is told.
 */
import type { Milliseconds } from '../base/clock.ts';
import { activateBestChain, disconnectTip } from './activate.ts';
import { FAILED } from './block-status.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { settle } from './connecting.ts';
import type { WriterTask } from './effects.ts';
import { flush } from './flush.ts';

/** Invalidated blocks whose transactions go back to the mempool, from the tip down (Core: InvalidateBlock). */
const BLOCKS_GIVEN_BACK_MAX = 10;
const SEQUENCE_MIN = -(2 ** 31);

/** Treats the block, and all that stand on it, as invalid. Genesis stays. */
export function* invalidateBlock(state: ChainState, id: HeaderId, now: Milliseconds): WriterTask<void> {
  if (id === 0) return;
  yield* settle(state);
  const wasActive = state.isActive(id);
  let lowest = wasActive ? undefined : id;
  for (let count = 1; state.isActive(id); count += 1) {
    const tip = state.tip();
    if (!isStored(state, tip)) {
      // Deleted long ago, or below a snapshot: what stands above it is invalid at least, and a start finds the way back.
      state.log.warn('DisconnectTip(): Failed to read block');
      break;
    }
    yield* disconnectTip(state, now, { givesBack: count <= BLOCKS_GIVEN_BACK_MAX });
    lowest = tip;
  }
  if (lowest === undefined) return;
  state.tree.markInvalid(lowest, state.tip());
  addAllCandidates(state);
  if (wasActive) {
    const tip = state.tip();
    yield { kind: 'notify', notice: { kind: 'tipChanged', tip, fork: tip } };
  }
  yield* activateBestChain(state, now);
  yield* flush(state, now);
}

/** With all that taking it off the coins needs. */
function isStored({ headers }: ChainState, id: HeaderId): boolean {
  return headers.hasData(id) && headers.undoPositionOf(id) !== undefined;
}

/** Takes invalidity off the block, its ancestors and all that stand on it; they are checked again where needed. */
export function* reconsiderBlock(state: ChainState, id: HeaderId, now: Milliseconds): WriterTask<void> {
  yield* settle(state);
  const { headers } = state;
  const cleared = headers.descendantsOf(id);
  for (let at = headers.parentOf(id); at !== undefined; at = headers.parentOf(at)) cleared.push(at);
  for (const each of cleared) {
    headers.clearStatus(each, FAILED);
    state.tree.invalidReasons.delete(each);
  }
  addAllCandidates(state);
  state.tree.recomputeBestHeader(state.hasTip ? state.tip() : 0);
  yield* activateBestChain(state, now);
  yield* flush(state, now);
}

/** Of the chains with the most work, the one that ends in the block is preferred: as if it had come before all others. */
export function* preciousBlock(state: ChainState, id: HeaderId, now: Milliseconds): WriterTask<void> {
  yield* settle(state);
  const { headers, precious } = state;
  const tipWork = headers.chainWorkOf(state.tip());
  if (headers.chainWorkOf(id) < tipWork) return;
  // Sequences are compared between equals only, so a chain that has grown may count from the start.
  if (tipWork > precious.lastWork) precious.nextSequence = -1;
  precious.lastWork = tipWork;
  headers.setSequence(id, precious.nextSequence);
  if (precious.nextSequence > SEQUENCE_MIN) precious.nextSequence -= 1;
  if (state.isConnectable(id)) {
    state.addCandidate(id);
    state.pruneCandidates();
  }
  yield* activateBestChain(state, now);
}

/** Every block that could replace the tip, and the tip. */
export function addAllCandidates(state: ChainState): void {
  state.headers.forEach(id => {
    if (state.isConnectable(id)) state.addCandidate(id);
  });
}
