/**
 * The estimator of fees at work: it follows mempool and chain, and what it has learned is kept in `fee_estimates.dat`,
 * written each hour and at a clean stop (Core: src/policy/fees/block_policy_estimator.cpp, init.cpp).
 */
import fs from 'node:fs';
import path from 'node:path';
import { HOUR_MS, SECOND_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ChainNotice } from '../chain/effects.ts';
import { decodeFeeEstimates, encodeFeeEstimates } from '../mempool/fee-estimates-file.ts';
import { type EstimatorData, FeeEstimator } from '../mempool/fee-estimator.ts';
import type { MempoolEntry, MempoolNotice } from '../mempool/mempool-view.ts';
import { DecodeError } from '../wire/codec.ts';
import type { NodeClock } from './clocks.ts';
import type { Engine, NoticeListener } from './engine.ts';

const FILE = 'fee_estimates.dat';
/** Older estimates say nothing of today (Core: MAX_FILE_AGE). */
const FILE_AGE_MAX_MS = 60 * HOUR_MS;
/** With an older tip we are behind, and see transactions that others have long mined (Core: MAX_FEE_ESTIMATION_TIP_AGE). */
const TIP_AGE_MAX_MS = 3 * HOUR_MS;

interface Deps {
  readonly engine: Pick<Engine, 'chain' | 'mempool'>;
  readonly clock: NodeClock;
  readonly log: Log;
}

export class FeeEstimates implements NoticeListener {
  readonly estimator: FeeEstimator;
  readonly #deps: Deps;
  readonly #file: string;
  /** What the block that is being connected has taken out of the mempool. */
  #mined: MempoolEntry[] = [];

  /** `acceptsStale`: reads the file however old it is. */
  constructor(deps: Deps, options: { readonly directory: string; readonly acceptsStale: boolean }) {
    this.#deps = deps;
    this.#file = path.join(options.directory, FILE);
    this.estimator = new FeeEstimator(this.#read(options.acceptsStale));
  }

  onMempool(notice: MempoolNotice): void {
    const { entry } = notice;
    if (notice.kind === 'txAdded')
      this.estimator.entered(
        entry,
        (notice.entrance === 'alone' || notice.entrance === 'file') &&
          this.#isCurrent() &&
          !this.#hasParents(entry),
      );
    else if (notice.reason === 'block') this.#mined.push(entry);
    else this.estimator.left(entry.tx.txid);
  }

  onChain(notice: ChainNotice): void {
    if (notice.kind !== 'blockConnected') return;
    this.estimator.blockConnected(this.#deps.engine.chain.headers.heightOf(notice.id), this.#mined);
    this.#mined = [];
  }

  save(): void {
    const { log } = this.#deps;
    try {
      // Through a temporary file and a rename: a crash leaves the old one or the new one.
      fs.writeFileSync(`${this.#file}.new`, encodeFeeEstimates(this.estimator.data()), { mode: 0o600 });
      fs.renameSync(`${this.#file}.new`, this.#file);
      log.debug('estimatefee', () => `Flushed fee estimates to ${this.#file}.`);
    } catch (error) {
      log.warn(
        `Failed to write fee estimates to ${this.#file}: ${(error as Error).message}. Continue anyway.`,
      );
    }
  }

  /** What still waits has not been confirmed until now. */
  stop(): void {
    this.estimator.forgetUnconfirmed();
    this.save();
  }

  #hasParents({ tx }: MempoolEntry): boolean {
    return this.#deps.engine.mempool.parentsOf(tx.txid).length > 0;
  }

  #isCurrent(): boolean {
    const { chain } = this.#deps.engine;
    const { headers } = chain;
    const now = this.#deps.clock.now();
    const tip = chain.tip();
    if (chain.isInitialBlockDownload(now)) return false;
    if (headers.timeOf(tip) * SECOND_MS < now - TIP_AGE_MAX_MS) return false;
    return headers.heightOf(tip) >= headers.heightOf(chain.bestHeader()) - 1;
  }

  #read(acceptsStale: boolean): EstimatorData | undefined {
    const { log } = this.#deps;
    try {
      const age = Date.now() - fs.statSync(this.#file).mtimeMs;
      if (age > FILE_AGE_MAX_MS && !acceptsStale) {
        const [hours, max] = [age, FILE_AGE_MAX_MS].map(ms => Math.floor(ms / HOUR_MS));
        log.warn(`Fee estimation file ${this.#file} too old (age=${hours} > ${max} hours) and will not be used to avoid serving stale estimates.`); // biome-ignore format: one line of the log
        return undefined;
      }
      return decodeFeeEstimates(fs.readFileSync(this.#file));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT')
        log.info(`${this.#file} is not found. Continue anyway.`);
      else if (error instanceof DecodeError || (error as NodeJS.ErrnoException).code !== undefined)
        log.warn(
          `Failed to read fee estimates from ${this.#file}: ${(error as Error).message}. Continue anyway.`,
        );
      else throw error;
      return undefined;
    }
  }
}
