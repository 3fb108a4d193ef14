/** What a block may hold (Core: consensus/consensus.h). */

/** Weight units (BIP141). */
export const BLOCK_WEIGHT_MAX = 4_000_000;
/** Cost of signature checks, four for one outside a witness (BIP141). */
export const BLOCK_SIGOPS_COST_MAX = 80_000;
/** Seconds that a header may be ahead of our clock (Core: MAX_FUTURE_BLOCK_TIME). */
export const FUTURE_BLOCK_SECONDS_MAX = 2 * 60 * 60;
/** Seconds that the first block of a period may be before its parent, under BIP94 (Core: MAX_TIMEWARP). */
export const TIMEWARP_SECONDS_MAX = 600;
