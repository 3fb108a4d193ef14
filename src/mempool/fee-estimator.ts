/**
 * Which fee rate a transaction needs to be in a block within so many blocks, learned from those that were seen to enter
 * the mempool and to be mined (Core: CBlockPolicyEstimator in src/policy/fees/block_policy_estimator.cpp). Only what
 * entered at the tip, alone and with confirmed inputs counts: of everything else the fee rate says too little.
 *
 * Three statistics look back over hours, a day and a week. Fee rates are satoshi per 1000 virtual bytes.
 */
import { assert } from '../base/assert.ts';
import type { Txid } from '../base/bytes.ts';
import { type ConfirmData, ConfirmStats, emptyConfirmData, type RateEstimate } from './confirm-stats.ts';
import { feeRateOf } from './fee-rate.ts';

export const HORIZONS = ['short', 'medium', 'long'] as const;
export type Horizon = (typeof HORIZONS)[number];

interface HorizonShape {
  /** Periods of `scale` blocks that are told apart. */
  readonly periods: number;
  readonly scale: number;
  /** Half of an average is gone after 18, 144 and 1008 blocks. */
  readonly decay: number;
  /** Transactions a block, on the mean, that a range of fee rates must have to say something. */
  readonly enough: number;
}

const SHAPES: Readonly<Record<Horizon, HorizonShape>> = {
  short: { periods: 12, scale: 1, decay: 0.962, enough: 0.5 },
  medium: { periods: 24, scale: 2, decay: 0.9952, enough: 0.1 },
  long: { periods: 42, scale: 24, decay: 0.99931, enough: 0.1 },
};

/** Share of the transactions that must be confirmed within half the target, the target, and twice the target. */
const HALF_SUCCESS = 0.6;
const SUCCESS = 0.85;
const DOUBLE_SUCCESS = 0.95;
/** What was learned before this many blocks says nothing any more. */
const HISTORY_BLOCKS_MAX = 6 * 1_008;
/** Of the buckets: the lowest, the highest but one, and how they grow. */
const FEE_RATE_MIN = 100;
const FEE_RATE_MAX = 1e7;
const SPACING = 1.05;
const FEE_RATE_BEYOND = 1e99;

/** How an estimate came about, in Core's words (StringForFeeReason). */
export type EstimateReason =
  | 'Half Target 60% Threshold'
  | 'Target 85% Threshold'
  | 'Double Target 95% Threshold'
  | 'Conservative Double Target longer horizon';

export interface SmartEstimate {
  /** Undefined: too little is known. */
  readonly feeRate: number | undefined;
  /** The target that it is for: not that asked for, when too few blocks were seen to say so much. */
  readonly blocks: number;
  readonly reason: EstimateReason | undefined;
}

/** What enters the mempool, as the estimator sees it. */
export interface EstimatorEntry {
  readonly tx: { readonly txid: Txid };
  readonly fee: number;
  readonly virtualSize: number;
  readonly entryHeight: number;
}

/** What lasts over restarts. */
export interface EstimatorData {
  readonly bestHeight: number;
  /** Heights of the first and the last block that was learned from; 0: none. */
  readonly first: number;
  readonly last: number;
  /** Upper ends of the buckets of fee rates, ascending. */
  readonly buckets: Float64Array;
  readonly stats: Readonly<Record<Horizon, ConfirmData>>;
}

export class FeeEstimator {
  #buckets: Float64Array;
  #stats: Readonly<Record<Horizon, ConfirmStats>>;
  /** What is followed: where it counts. */
  readonly #tracked = new Map<Txid, { readonly height: number; readonly bucket: number }>();
  #bestHeight = 0;
  #firstRecorded = 0;
  /** Of the data that this began with. */
  #history = { first: 0, last: 0 };

  constructor(data?: EstimatorData) {
    this.#buckets = data?.buckets ?? feeRateBuckets();
    const buckets = this.#buckets;
    this.#stats = mapHorizons(horizon => {
      const empty = () => emptyConfirmData({ ...SHAPES[horizon], buckets: buckets.length });
      return new ConfirmStats(buckets, data?.stats[horizon] ?? empty());
    });
    if (data === undefined) return;
    this.#bestHeight = data.bestHeight;
    this.#history = { first: data.first, last: data.last };
  }

  get trackedCount(): number {
    return this.#tracked.size;
  }

  /** Of estimates over this horizon, in blocks. */
  highestTarget(horizon: Horizon): number {
    return this.#stats[horizon].maxTarget;
  }

  /** `counts`: it came alone, not from a reorganisation, at a tip that is current, and all its inputs are confirmed. */
  entered(entry: EstimatorEntry, counts: boolean): void {
    const { tx, fee, virtualSize, entryHeight: height } = entry;
    // Not in step with the chain: it will be, with the next block.
    if (this.#tracked.has(tx.txid) || height !== this.#bestHeight || !counts) return;
    const bucket = this.#bucketOf(feeRateOf(fee, virtualSize));
    this.#tracked.set(tx.txid, { height, bucket });
    for (const horizon of HORIZONS) this.#stats[horizon].entered(height, bucket);
  }

  /** It left the mempool, and not into a block. */
  left(txid: Txid): void {
    this.#untrack(txid, false);
  }

  /** A block of the active chain, with what it took out of the mempool. */
  blockConnected(height: number, mined: readonly EstimatorEntry[]): void {
    // Who could reorganise the chain at will could do worse than mislead this.
    if (height <= this.#bestHeight) return;
    this.#bestHeight = height;
    for (const horizon of HORIZONS) this.#stats[horizon].beginBlock(height);
    let counted = 0;
    for (const { tx, fee, virtualSize, entryHeight } of mined) {
      const place = this.#untrack(tx.txid, true);
      const blocks = height - entryHeight;
      if (place === undefined || blocks <= 0) continue;
      const feeRate = feeRateOf(fee, virtualSize);
      for (const horizon of HORIZONS) this.#stats[horizon].confirmed(blocks, place.bucket, feeRate);
      counted += 1;
    }
    if (this.#firstRecorded === 0 && counted > 0) this.#firstRecorded = height;
  }

  /** Before a stop: whatever still waits has not been confirmed so far. */
  forgetUnconfirmed(): void {
    for (const txid of [...this.#tracked.keys()]) this.#untrack(txid, false);
  }

  /** `target` in blocks, as `highestTarget` allows; `threshold`: 0 … 1. */
  estimateRaw(target: number, threshold: number, horizon: Horizon): RateEstimate & ConfirmShape {
    const { decay, scale } = this.#stats[horizon].data;
    const estimate = this.#estimate(horizon, target, threshold);
    return { ...estimate, feeRate: roundedRate(estimate.feeRate), decay, scale };
  }

  /**
   * The highest of the rates with which 60 % are confirmed in half the time, 85 % in time and 95 % in twice the time, each
   * over the shortest horizon that knows such times; `conservative`: the last over longer horizons too.
   */
  estimateSmart(target: number, { conservative }: { readonly conservative: boolean }): SmartEstimate {
    if (target < 1 || target > this.highestTarget('long'))
      return { feeRate: undefined, blocks: target, reason: undefined };
    // Nothing is known of the very next block.
    const blocks = Math.min(Math.max(target, 2), this.#maxUsableTarget());
    if (blocks <= 1) return { feeRate: undefined, blocks, reason: undefined };
    let feeRate: number | undefined;
    let reason: EstimateReason | undefined;
    const consider = (rate: number | undefined, why: EstimateReason) => {
      if (rate === undefined || (feeRate !== undefined && rate <= feeRate)) return;
      feeRate = rate;
      reason = why;
    };
    const half = Math.floor(blocks / 2);
    consider(this.#combined(half, HALF_SUCCESS, true), 'Half Target 60% Threshold');
    consider(this.#combined(blocks, SUCCESS, true), 'Target 85% Threshold');
    // A conservative estimate shall not fall because of what the last hours were like.
    consider(this.#combined(2 * blocks, DOUBLE_SUCCESS, !conservative), 'Double Target 95% Threshold');
    if (conservative || feeRate === undefined)
      consider(this.#overLongerHorizons(2 * blocks), 'Conservative Double Target longer horizon');
    return { feeRate: roundedRate(feeRate), blocks, reason };
  }

  data(): EstimatorData {
    const isOwnLonger = this.#ownSpan() > this.#historySpan() / 2;
    const span = isOwnLonger ? { first: this.#firstRecorded, last: this.#bestHeight } : this.#history;
    const stats = mapHorizons(horizon => this.#stats[horizon].data);
    return { bestHeight: this.#bestHeight, ...span, buckets: this.#buckets, stats };
  }

  #untrack(txid: Txid, isConfirmed: boolean): { readonly bucket: number } | undefined {
    const place = this.#tracked.get(txid);
    if (place === undefined) return undefined;
    this.#tracked.delete(txid);
    for (const horizon of HORIZONS) this.#stats[horizon].left(place, this.#bestHeight, isConfirmed);
    return place;
  }

  /** The first whose upper end is not below. */
  #bucketOf(feeRate: number): number {
    let [low, high] = [0, this.#buckets.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#buckets[middle]! < feeRate) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #estimate(horizon: Horizon, target: number, threshold: number): RateEstimate {
    return this.#stats[horizon].estimate(target, SHAPES[horizon].enough, threshold, this.#bestHeight);
  }

  /** Over the shortest horizon that knows `target`; with `orShorter`, over shorter ones for less, if that is lower. */
  #combined(target: number, threshold: number, orShorter: boolean): number | undefined {
    const [shortMax, mediumMax, longMax] = HORIZONS.map(horizon => this.highestTarget(horizon));
    if (target < 1 || target > longMax!) return undefined;
    const horizon = target <= shortMax! ? 'short' : target <= mediumMax! ? 'medium' : 'long';
    let { feeRate } = this.#estimate(horizon, target, threshold);
    if (!orShorter) return feeRate;
    for (const [shorter, most] of [
      ['medium', mediumMax!],
      ['short', shortMax!],
    ] as const) {
      if (target <= most) continue;
      const other = this.#estimate(shorter, most, threshold).feeRate;
      if (other !== undefined && other > 0 && (feeRate === undefined || other < feeRate)) feeRate = other;
    }
    return feeRate;
  }

  /** What 95 % need within `target` over each horizon longer than the shortest that knows it: the most. */
  #overLongerHorizons(target: number): number | undefined {
    let feeRate: number | undefined;
    for (const [horizon, knows] of [
      ['medium', 'short'],
      ['long', 'medium'],
    ] as const) {
      if (target > this.highestTarget(knows)) continue;
      const other = this.#estimate(horizon, target, DOUBLE_SUCCESS).feeRate;
      if (other !== undefined && (feeRate === undefined || other > feeRate)) feeRate = other;
    }
    return feeRate;
  }

  /** Half of the blocks that were seen: there must be time to see something fail. */
  #maxUsableTarget(): number {
    const span = Math.max(this.#ownSpan(), this.#historySpan());
    return Math.min(this.highestTarget('long'), Math.floor(span / 2));
  }

  #ownSpan(): number {
    if (this.#firstRecorded === 0) return 0;
    assert(this.#bestHeight >= this.#firstRecorded, 'blocks are learned from in order');
    return this.#bestHeight - this.#firstRecorded;
  }

  #historySpan(): number {
    const { first, last } = this.#history;
    if (first === 0 || this.#bestHeight - last > HISTORY_BLOCKS_MAX) return 0;
    return last - first;
  }
}

type ConfirmShape = Pick<ConfirmData, 'decay' | 'scale'>;

function mapHorizons<T>(value: (horizon: Horizon) => T): Record<Horizon, T> {
  return { short: value('short'), medium: value('medium'), long: value('long') };
}

function feeRateBuckets(): Float64Array {
  const ends: number[] = [];
  for (let end = FEE_RATE_MIN; end <= FEE_RATE_MAX; end *= SPACING) ends.push(end);
  return Float64Array.from([...ends, FEE_RATE_BEYOND]);
}

/** A rate of nothing is none. */
function roundedRate(feeRate: number | undefined): number | undefined {
  return feeRate === undefined ? undefined : Math.round(feeRate) || undefined;
}
