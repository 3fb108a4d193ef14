/** Would this block connect to the tip? Core's TestBlockValidity: for templates, proposals and `generateblock`. */
import type { Milliseconds } from '../base/clock.ts';
import { checkBlock, contextualCheckBlock } from '../consensus/block.ts';
import { contextualCheckBlockHeader } from '../consensus/header.ts';
import { Reject } from '../consensus/reject.ts';
import type { Block } from '../wire/block.ts';
import type { ChainState } from './chain-state.ts';
import { checkOntoTip } from './connect-block.ts';
import { settle } from './connecting.ts';
import type { WriterTask } from './effects.ts';

export interface TestBlockOptions {
  readonly now: Milliseconds;
  /** Templates have no proof of work yet, and some no merkle root. */
  readonly checkPow: boolean;
  readonly checkMerkleRoot: boolean;
}

/** `block` must name the tip as its parent. Nothing is stored, and no notice is given. */
export function* testBlock(
  state: ChainState,
  block: Block,
  { now, ...checks }: TestBlockOptions,
): WriterTask<Reject | undefined> {
  yield* settle(state);
  const { headers, params } = state;
  const parent = state.tip();
  if (block.header.prevHash !== headers.hashOf(parent))
    throw new RangeError('The block is not one for the tip');
  try {
    checkBlock(block, params, checks);
    contextualCheckBlockHeader(block.header, parent, { headers, params, now });
    contextualCheckBlock(block, parent, { headers, params });
    yield* checkOntoTip(state, block);
    return undefined;
  } catch (error) {
    if (error instanceof Reject) return error;
    throw error;
  }
}
