/**
 * Headers from a peer whose chain has not shown enough work yet (Core: src/headerssync.cpp). Storing them would let
 * anybody fill our memory with cheap headers, so the chain is fetched twice:
 *
 * - presync: headers are counted and thrown away, but for one bit of a keyed hash of every n-th. If the chain comes to
 *   the work that is wanted, it is fetched again from where it started;
 * - redownload: the bits are compared. Headers wait in a buffer until so many bits behind them were right that the peer
 *   cannot have swapped the chain, and are then handed over to be stored.
 *
 * Anything that does not fit ends the sync with this peer, without punishment: it may have switched branches.
 */

import { type BlockHash, binaryToBytes } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { toUnixSeconds } from '../base/clock.ts';
import { type Random, randomBelow, randomU64 } from '../base/random.ts';
import type { ChainView, HeaderId } from '../chain/chain-view.ts';
import { blockProof, permittedDifficultyTransition } from '../consensus/pow.ts';
import { sipHash24 } from '../crypto/siphash.ts';
import type { BlockHeader } from '../wire/block.ts';

/** A chain cannot be longer than this many blocks a second since its start: median times must rise. */
const BLOCKS_PER_SECOND_MAX = 6;
/** Core: MAX_FUTURE_BLOCK_TIME. */
const FUTURE_TIME_MAX_S = 2 * 60 * 60;

export type PresyncPhase = 'presync' | 'redownload' | 'done';

/** `headers` are proven: they may be stored. `more`: ask on with `nextLocator`. Not `ok`: the sync failed. */
export interface PresyncResult {
  readonly ok: boolean;
  readonly more: boolean;
  readonly headers: readonly BlockHeader[];
}

const FAILED: PresyncResult = { ok: false, more: false, headers: [] };

export class HeadersPresync {
  readonly #params: ChainView['params'];
  readonly #minimumWork: bigint;
  readonly #startHash: BlockHash;
  readonly #startHeight: number;
  readonly #startBits: number;
  readonly #startWork: bigint;
  readonly #commitmentsMax: number;
  /** Heights that leave this remainder are committed to; secret, so that a peer cannot spare the others. */
  readonly #offset: number;
  readonly #key: readonly [bigint, bigint];

  #phase: PresyncPhase = 'presync';
  #height: number;
  #work: bigint;
  #lastHash: BlockHash;
  #lastBits: number;
  #commitments: number[] = [];
  /** Commitments compared so far. */
  #compared = 0;
  #buffer: BlockHeader[] = [];
  #isProven = false;
  #proof = { bits: -1, work: 0n };

  constructor(
    deps: { readonly chain: ChainView; readonly random: Random },
    start: HeaderId,
    minimumWork: bigint,
    now: Milliseconds,
  ) {
    const { params, headers } = deps.chain;
    this.#params = params;
    this.#minimumWork = minimumWork;
    this.#startHash = headers.hashOf(start);
    this.#startHeight = headers.heightOf(start);
    this.#startBits = headers.bitsOf(start);
    this.#startWork = headers.chainWorkOf(start);
    const seconds = toUnixSeconds(now) - headers.medianTimePastOf(start) + FUTURE_TIME_MAX_S;
    this.#commitmentsMax = Math.floor((BLOCKS_PER_SECOND_MAX * seconds) / params.presync.commitmentPeriod);
    this.#offset = randomBelow(deps.random, params.presync.commitmentPeriod);
    this.#key = [randomU64(deps.random), randomU64(deps.random)];
    this.#height = this.#startHeight;
    this.#work = this.#startWork;
    this.#lastHash = this.#startHash;
    this.#lastBits = this.#startBits;
  }

  get phase(): PresyncPhase {
    return this.#phase;
  }

  /** Of the last header received. */
  get height(): number {
    return this.#height;
  }

  /** Where the next request starts; `startLocator` is the locator of the start. */
  nextLocator(startLocator: readonly BlockHash[]): BlockHash[] {
    return [this.#lastHash, ...startLocator];
  }

  /** Headers with proof of work, each after the other. `isFull`: the message held as many as it may, more may follow. */
  next(headers: readonly BlockHeader[], isFull: boolean): PresyncResult {
    const result =
      this.#phase === 'presync' ? this.#presync(headers, isFull) : this.#redownload(headers, isFull);
    if (!result.ok || !result.more) this.#finish();
    return result;
  }

  #presync(headers: readonly BlockHeader[], isFull: boolean): PresyncResult {
    if (headers[0]!.prevHash !== this.#lastHash) return FAILED;
    for (const header of headers) {
      if (!this.#advance(header)) return FAILED;
      if (!this.#isCommittedTo(this.#height)) continue;
      this.#commitments.push(this.#bitOf(header.hash));
      if (this.#commitments.length > this.#commitmentsMax) return FAILED;
    }
    if (this.#work >= this.#minimumWork) this.#startAgain();
    return { ok: true, more: isFull || this.#phase === 'redownload', headers: [] };
  }

  #startAgain(): void {
    this.#phase = 'redownload';
    this.#height = this.#startHeight;
    this.#work = this.#startWork;
    this.#lastHash = this.#startHash;
    this.#lastBits = this.#startBits;
  }

  #redownload(headers: readonly BlockHeader[], isFull: boolean): PresyncResult {
    for (const header of headers) {
      if (header.prevHash !== this.#lastHash || !this.#advance(header)) return FAILED;
      if (this.#work >= this.#minimumWork) this.#isProven = true;
      // What comes after the proof was perhaps not there the first time.
      if (!this.#isProven && this.#isCommittedTo(this.#height)) {
        if (this.#commitments[this.#compared] !== this.#bitOf(header.hash)) return FAILED;
        this.#compared += 1;
      }
      this.#buffer.push(header);
    }
    const kept = this.#isProven ? 0 : this.#params.presync.redownloadBufferSize;
    const ready = this.#buffer.splice(0, Math.max(0, this.#buffer.length - kept));
    return { ok: true, more: isFull && !this.#isProven, headers: ready };
  }

  /** False when the difficulty changes faster than it can. */
  #advance(header: BlockHeader): boolean {
    const height = this.#height + 1;
    if (!permittedDifficultyTransition(this.#params, height, this.#lastBits, header.bits)) return false;
    if (this.#proof.bits !== header.bits) this.#proof = { bits: header.bits, work: blockProof(header.bits) };
    this.#work += this.#proof.work;
    this.#height = height;
    this.#lastHash = header.hash;
    this.#lastBits = header.bits;
    return true;
  }

  #isCommittedTo(height: number): boolean {
    return height % this.#params.presync.commitmentPeriod === this.#offset;
  }

  #bitOf(hash: BlockHash): number {
    return Number(sipHash24(this.#key[0], this.#key[1], binaryToBytes(hash)) & 1n);
  }

  #finish(): void {
    this.#phase = 'done';
    this.#commitments = [];
    this.#buffer = [];
  }
}

/** Whether `headers` on top of a chain with `work` come to `threshold`. */
export function reachesWork(work: bigint, headers: readonly BlockHeader[], threshold: bigint): boolean {
  let total = work;
  let proof = { bits: -1, work: 0n };
  for (const { bits } of headers) {
    if (total >= threshold) return true;
    if (bits !== proof.bits) proof = { bits, work: blockProof(bits) };
    total += proof.work;
  }
  return total >= threshold;
}
