/** The ends of all branches that are known, and what is known of each (Core: getchaintips). */
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';

/** A branch's end, as `getchaintips` tells of it. */
export interface ChainTip {
  readonly id: HeaderId;
  /** Blocks from the active chain to it; 0 for the active tip. */
  readonly branchLength: number;
  readonly status: 'active' | 'valid-fork' | 'valid-headers' | 'headers-only' | 'invalid';
}

/** Best first. */
export function chainTips(state: ChainState): ChainTip[] {
  const { headers } = state;
  const active = state.tip();
  const ids = new Set([...headers.tips().filter(id => !state.isActive(id)), active]);
  const tips = [...ids].map((id): ChainTip => {
    const branchLength = headers.heightOf(id) - headers.heightOf(state.forkWithActive(id));
    return { id, branchLength, status: statusOf(id, state) };
  });
  return tips.sort((a, b) => headers.heightOf(b.id) - headers.heightOf(a.id) || a.id - b.id);
}

function statusOf(id: HeaderId, state: ChainState): ChainTip['status'] {
  const { headers } = state;
  if (state.isActive(id)) return 'active';
  if (headers.isInvalid(id)) return 'invalid';
  // Some block of the branch is missing.
  if (!headers.hasChainData(id)) return 'headers-only';
  // It was active once.
  return headers.isFullyValid(id) ? 'valid-fork' : 'valid-headers';
}
