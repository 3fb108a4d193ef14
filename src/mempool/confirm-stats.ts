/**
 * How long transactions of each fee rate took until a block had them, as averages over blocks that fade (Core:
 * TxConfirmStats in src/policy/fees/block_policy_estimator.cpp). Fee rates are put into buckets, the same ones for all
 * statistics of a node; times into periods of `scale` blocks. Fee rates are satoshi per 1000 virtual bytes.
 */

/** What was counted for a range of buckets. */
export interface RateRange {
  /** Fee rates above `start`, up to `end`. */
  readonly start: number;
  readonly end: number;
  /** Confirmed within the target, and ever; averages. */
  readonly withinTarget: number;
  readonly totalConfirmed: number;
  /** In the mempool for as long as the target or longer. */
  readonly inMempool: number;
  /** Left the mempool unconfirmed, after the target; average. */
  readonly leftMempool: number;
}

/** Of the lowest range of fee rates that are confirmed often enough, and the highest that are not. */
export interface RateEstimate {
  /** Undefined: no range is confirmed often enough, or there is too little data. */
  readonly feeRate: number | undefined;
  readonly pass: RateRange;
  readonly fail: RateRange;
}

/** What lasts over restarts. Rows are periods, or the one row there is; each has a number for every bucket. */
export interface ConfirmData {
  /** Each block, averages are multiplied by this. */
  readonly decay: number;
  /** Blocks of a period. */
  readonly scale: number;
  /** Sum of fee rates, and count, of what was confirmed. */
  readonly feeRateSum: Float64Array;
  readonly count: Float64Array;
  /** [y]: confirmed within y + 1 periods. */
  readonly confirmed: readonly Float64Array[];
  /** [y]: left the mempool after y + 1 periods. */
  readonly failed: readonly Float64Array[];
}

/** Nothing to tell. */
const NO_RANGE: RateRange = {
  start: -1,
  end: -1,
  withinTarget: 0,
  totalConfirmed: 0,
  inMempool: 0,
  leftMempool: 0,
};

export function emptyConfirmData(shape: {
  readonly buckets: number;
  readonly periods: number;
  readonly decay: number;
  readonly scale: number;
}): ConfirmData {
  const { buckets, periods, decay, scale } = shape;
  const row = () => new Float64Array(buckets);
  const rows = () => Array.from({ length: periods }, row);
  return { decay, scale, feeRateSum: row(), count: row(), confirmed: rows(), failed: rows() };
}

export class ConfirmStats {
  readonly data: ConfirmData;
  /** Upper ends, ascending; the last is beyond all fee rates. */
  readonly #buckets: Float64Array;
  /** By the height of entry, modulo the blocks that are told apart: what waits in the mempool. */
  readonly #waiting: readonly Int32Array[];
  /** What has waited for longer. */
  readonly #waitingLong: Int32Array;
  /** Nothing was counted yet, so that nothing can fade. */
  #isEmpty: boolean;

  constructor(buckets: Float64Array, data: ConfirmData) {
    this.data = data;
    this.#buckets = buckets;
    this.#waiting = Array.from({ length: this.maxTarget }, () => new Int32Array(buckets.length));
    this.#waitingLong = new Int32Array(buckets.length);
    this.#isEmpty = [data.count, ...data.failed].every(row => row.every(value => value === 0));
  }

  /** The longest time that is told apart, in blocks. */
  get maxTarget(): number {
    return this.data.scale * this.data.confirmed.length;
  }

  /** A transaction has entered the mempool. */
  entered(height: number, bucket: number): void {
    this.#waiting[height % this.maxTarget]![bucket]! += 1;
  }

  /** One has left it: into a block, or for another reason. `bestHeight`: of the last block that was counted. */
  left(
    { height, bucket }: { readonly height: number; readonly bucket: number },
    bestHeight: number,
    isConfirmed: boolean,
  ): void {
    const { scale, failed } = this.data;
    const age = bestHeight === 0 ? 0 : bestHeight - height;
    if (age < 0) return;
    const row = age >= this.maxTarget ? this.#waitingLong : this.#waiting[height % this.maxTarget]!;
    if (row[bucket]! > 0) row[bucket]! -= 1;
    if (isConfirmed || age < scale) return;
    this.#isEmpty = false;
    const periods = Math.min(Math.floor(age / scale), failed.length);
    for (let i = 0; i < periods; i += 1) failed[i]![bucket]! += 1;
  }

  /** A block begins to be counted: averages fade, and what has waited since a whole round of heights waits long. */
  beginBlock(height: number): void {
    const oldest = this.#waiting[height % this.maxTarget]!;
    for (let i = 0; i < oldest.length; i += 1) this.#waitingLong[i]! += oldest[i]!;
    oldest.fill(0);
    if (this.#isEmpty) return;
    const { decay, feeRateSum, count, confirmed, failed } = this.data;
    for (const row of [feeRateSum, count, ...confirmed, ...failed])
      for (let i = 0; i < row.length; i += 1) row[i]! *= decay;
  }

  /** That block has a transaction of this fee rate, `blocks` (at least 1) after it entered the mempool. */
  confirmed(blocks: number, bucket: number, feeRate: number): void {
    const { scale, feeRateSum, count, confirmed } = this.data;
    this.#isEmpty = false;
    for (let period = Math.ceil(blocks / scale); period <= confirmed.length; period += 1)
      confirmed[period - 1]![bucket]! += 1;
    count[bucket]! += 1;
    feeRateSum[bucket]! += feeRate;
  }

  /**
   * The lowest fee rates of which at least `threshold` (0 … 1) are confirmed within `target` blocks: from the highest
   * bucket downwards, as many together as have had `enough` transactions a block on the mean. The estimate is the mean of
   * the bucket in which the range has its median.
   */
  estimate(target: number, enough: number, threshold: number, bestHeight: number): RateEstimate {
    const { decay, scale, count, confirmed, failed } = this.data;
    const period = Math.ceil(target / scale) - 1;
    const needed = enough / (1 - decay);
    const last = this.#buckets.length - 1;
    let best: { readonly low: number; readonly high: number; readonly counts: Counts } | undefined;
    let firstFail: RateRange | undefined;
    let counts = new Counts();
    let gathered = 0;
    /** Where the range begins that is being counted; undefined between two. */
    let high: number | undefined = last;
    for (let bucket = last; bucket >= 0; bucket -= 1) {
      high ??= bucket;
      counts.withinTarget += confirmed[period]![bucket]!;
      counts.total += count[bucket]!;
      counts.failed += failed[period]![bucket]!;
      counts.waiting += this.#waitingSince(target, bucket, bestHeight);
      gathered += count[bucket]!;
      if (gathered < needed) continue;
      gathered = 0;
      if (counts.successRate < threshold) {
        firstFail ??= this.#range(bucket, high, counts);
        continue;
      }
      best = { low: bucket, high, counts };
      firstFail = undefined;
      counts = new Counts();
      high = undefined;
    }
    // The last buckets had too little to say.
    const fail = firstFail ?? (high === undefined ? NO_RANGE : this.#range(0, high, counts));
    if (best === undefined) return { feeRate: undefined, pass: NO_RANGE, fail };
    const pass = this.#range(best.low, best.high, best.counts);
    return { feeRate: this.#medianOf(best.low, best.high), pass, fail };
  }

  /** How many wait in the mempool since `blocks` blocks or longer. */
  #waitingSince(blocks: number, bucket: number, bestHeight: number): number {
    let sum = this.#waitingLong[bucket]!;
    for (let ago = blocks; ago < this.maxTarget; ago += 1)
      // At the beginning of a chain, heights wrap as 32 bits do.
      sum += this.#waiting[((bestHeight - ago) >>> 0) % this.maxTarget]![bucket]!;
    return sum;
  }

  #range(low: number, high: number, counts: Counts): RateRange {
    return {
      start: low === 0 ? 0 : this.#buckets[low - 1]!,
      end: this.#buckets[high]!,
      withinTarget: counts.withinTarget,
      totalConfirmed: counts.total,
      inMempool: counts.waiting,
      leftMempool: counts.failed,
    };
  }

  #medianOf(low: number, high: number): number | undefined {
    const { count, feeRateSum } = this.data;
    let left = 0;
    for (let bucket = low; bucket <= high; bucket += 1) left += count[bucket]!;
    if (left === 0) return undefined;
    left /= 2;
    for (let bucket = low; bucket <= high; bucket += 1) {
      if (count[bucket]! >= left) return feeRateSum[bucket]! / count[bucket]!;
      left -= count[bucket]!;
    }
    return undefined;
  }
}

/** Of the buckets that are counted together. */
class Counts {
  withinTarget = 0;
  total = 0;
  failed = 0;
  waiting = 0;

  get successRate(): number {
    return this.withinTarget / (this.total + this.failed + this.waiting);
  }
}
