/**
 * What a full pool demands of newcomers (Core: CTxMemPool::GetMinFee, trackPackageRemoved): a little more than what had to
 * leave paid. It decays only after a block came since, and the faster the emptier the pool is.
 */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';

/** The pool's own demand halves in this time after a block (Core: ROLLING_FEE_HALFLIFE). */
const ROLLING_FEE_HALFLIFE_MS = 12 * 60 * 60 * SECOND_MS;
const ROLLING_FEE_STEP_MS = 10 * SECOND_MS;

/** All fee rates: satoshi per 1000 virtual bytes. */
export class RollingFee {
  readonly #incrementalRelayFeeRate: number;
  #feeRate = 0;
  #updatedAt: Milliseconds = 0;
  #isBlockSince = false;

  constructor(incrementalRelayFeeRate: number) {
    this.#incrementalRelayFeeRate = incrementalRelayFeeRate;
  }

  /** `fullness`: the part of its memory that the pool uses. */
  feeRate(now: Milliseconds, fullness: () => number): number {
    if (!this.#isBlockSince || this.#feeRate === 0) return Math.round(this.#feeRate);
    const elapsed = now - this.#updatedAt;
    if (elapsed > ROLLING_FEE_STEP_MS) {
      const full = fullness();
      const halflife = ROLLING_FEE_HALFLIFE_MS / (full < 1 / 4 ? 4 : full < 1 / 2 ? 2 : 1);
      this.#feeRate /= 2 ** (elapsed / halflife);
      this.#updatedAt = now;
      if (this.#feeRate < this.#incrementalRelayFeeRate / 2) {
        this.#feeRate = 0;
        return 0;
      }
    }
    return Math.max(Math.round(this.#feeRate), this.#incrementalRelayFeeRate);
  }

  /** Something that paid `feeRate` had to leave for lack of room. */
  evicted(feeRate: number): void {
    const demanded = feeRate + this.#incrementalRelayFeeRate;
    if (demanded <= this.#feeRate) return;
    this.#feeRate = demanded;
    this.#isBlockSince = false;
  }

  blockConnected(now: Milliseconds): void {
    this.#updatedAt = now;
    this.#isBlockSince = true;
  }
}
