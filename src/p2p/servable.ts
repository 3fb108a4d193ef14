/** Which blocks others may have of us, or learn that we have them (Core: BlockRequestAllowed in src/net_processing.cpp). */
import { DAY_MS, SECOND_MS } from '../base/clock.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import { blockProof } from '../consensus/pow.ts';

/** Blocks off our chain that are older are not given out (Core: STALE_RELAY_AGE_LIMIT). */
const STALE_AGE_MAX_MS = 30 * DAY_MS;

/** On our chain; or valid once, and young by its time as well as by the work on top: else an old branch tells who we are. */
export function isServable(chain: ChainView, id: HeaderId): boolean {
  const { headers } = chain;
  if (chain.isActive(id)) return true;
  const best = chain.bestHeader();
  const ageMs = (headers.timeOf(best) - headers.timeOf(id)) * SECOND_MS;
  const missingWork = headers.chainWorkOf(best) - headers.chainWorkOf(id);
  const blocks = missingWork / blockProof(headers.bitsOf(best));
  const workAgeMs = Number(blocks) * chain.params.powTargetSpacing * SECOND_MS;
  return headers.isFullyValid(id) && ageMs < STALE_AGE_MAX_MS && workAgeMs < STALE_AGE_MAX_MS;
}
