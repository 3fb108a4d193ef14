/**
 * How much we send in a day (`-maxuploadtarget`; Core: CConnman::OutboundTargetReached in src/net.cpp). It is a target, not
 * a limit: new blocks and transactions flow whatever it says. What is kept back are old blocks, early enough that each
 * block that may still be found today can be sent once, and whole pools.
 */
import { DAY_MS, MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';

/** Core: MAX_UPLOAD_TIMEFRAME. */
const CYCLE_MS = DAY_MS;
/** Core: MAX_BLOCK_SERIALIZED_SIZE, one in ten minutes. */
const BLOCK_BYTES_MAX = 4_000_000;
const BLOCK_INTERVAL_MS = 10 * MINUTE_MS;

export class UploadTarget {
  /** Bytes in a cycle; 0: no target. */
  readonly limit: number;
  #sent = 0;
  /** 0: nothing has been sent yet. */
  #cycleStart: Milliseconds = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  record(bytes: number, now: Milliseconds): void {
    if (this.#cycleStart + CYCLE_MS < now) {
      this.#cycleStart = now;
      this.#sent = 0;
    }
    this.#sent += bytes;
  }

  /** `historical`: nothing is left but what new blocks will need. */
  isReached(scope: 'all' | 'historical', now: Milliseconds): boolean {
    if (this.limit === 0) return false;
    const left = Math.floor(this.timeLeft(now) / BLOCK_INTERVAL_MS);
    const reserved = scope === 'historical' ? left * BLOCK_BYTES_MAX : 0;
    return this.#sent >= this.limit - reserved;
  }

  bytesLeft(): number {
    return Math.max(0, this.limit - this.#sent);
  }

  /** In whole seconds. */
  timeLeft(now: Milliseconds): Milliseconds {
    if (this.limit === 0) return 0;
    if (this.#cycleStart === 0) return CYCLE_MS;
    const left = Math.max(0, this.#cycleStart + CYCLE_MS - now);
    return Math.floor(left / SECOND_MS) * SECOND_MS;
  }
}
