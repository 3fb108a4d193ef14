/**
 * The mempool on disk: `mempool.dat` is written at a clean stop and when RPC asks for it, and read back after a start
 * (`-persistmempool`), so that a restart loses no unconfirmed transaction (Core: src/node/mempool_persist.cpp). Reading
 * goes through the writer, one transaction at a time, while everything else runs.
 */
import fs from 'node:fs';
import path from 'node:path';
import { SECOND_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { decodeMempoolFile, encodeMempoolFile, type MempoolDump } from '../mempool/mempool-file.ts';
import { DecodeError } from '../wire/codec.ts';
import type { NodeClock } from './clocks.ts';
import type { Engine } from './engine.ts';

const MEMPOOL_FILE = 'mempool.dat';
const KEY_BYTES = 8;

export interface MempoolImport {
  /** Transactions count as if they came now; else when they came. */
  readonly useCurrentTime: boolean;
  readonly applyFeeDeltas: boolean;
  readonly applyUnbroadcast: boolean;
}

export interface MempoolStoreOptions {
  readonly directory: string;
  /** `-persistmempool`. */
  readonly isPersistent: boolean;
  /** `-persistmempoolv1`: as nodes of old read it. */
  readonly withoutKey: boolean;
}

interface Deps {
  readonly engine: Engine;
  readonly clock: NodeClock;
  readonly random: Random;
  readonly log: Log;
}

export class MempoolStore {
  readonly #deps: Deps;
  readonly #options: MempoolStoreOptions;
  readonly #file: string;
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #isStopping = false;

  constructor(deps: Deps, options: MempoolStoreOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#file = path.join(options.directory, MEMPOOL_FILE);
  }

  /** What was on disk has been read, or cannot be. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Begins to read what the last run left. */
  startLoading(): void {
    const isWanted = this.#options.isPersistent && fs.existsSync(this.#file);
    const own: MempoolImport = { useCurrentTime: false, applyFeeDeltas: true, applyUnbroadcast: true };
    this.#loading = (isWanted ? this.import(this.#file, own) : Promise.resolve(false)).then(() => {
      this.#isLoaded = !this.#isStopping;
    });
  }

  /** Ends reading; what is there is written, unless it was not all read. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#loading;
    if (this.#options.isPersistent && this.#isLoaded) this.save();
  }

  /** Returns where it is; undefined when it could not be written, which the log tells. */
  save(): string | undefined {
    const { engine, log, random } = this.#deps;
    const dump = engine.mempool.dump();
    log.info(`Writing ${dump.txs.length} mempool transactions to file...`);
    log.info(`Writing ${dump.unbroadcast.length} unbroadcast transactions to file.`);
    const bytes = encodeMempoolFile(dump, this.#options.withoutKey ? undefined : random.bytes(KEY_BYTES));
    try {
      // Through a temporary file and a rename: a crash leaves the old one or the new one.
      fs.writeFileSync(`${this.#file}.new`, bytes, { mode: 0o600, flush: true });
      fs.renameSync(`${this.#file}.new`, this.#file);
    } catch (error) {
      log.info(`Failed to dump mempool: ${(error as Error).message}. Continuing anyway.`);
      return undefined;
    }
    log.info(`Dumped mempool: ${bytes.length} bytes dumped to file`);
    return this.#file;
  }

  /** False when it could not be read, which the log tells. */
  async import(file: string, options: MempoolImport): Promise<boolean> {
    const { log } = this.#deps;
    let dump: MempoolDump;
    try {
      dump = decodeMempoolFile(fs.readFileSync(file));
    } catch (error) {
      if (!(error instanceof DecodeError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
      log.info(`Failed to deserialize mempool data on file: ${(error as Error).message}. Continuing anyway.`);
      return false;
    }
    return this.#take(dump, options);
  }

  async #take(dump: MempoolDump, options: MempoolImport): Promise<boolean> {
    const { clock, engine, log } = this.#deps;
    const { mempool } = engine;
    const counts = { succeeded: 0, failed: 0, expired: 0, there: 0 };
    log.info(`Loading ${dump.txs.length} mempool transactions from file...`);
    for (const { tx, time, feeDelta } of dump.txs) {
      if (this.#isStopping) return false;
      const now = clock.now();
      const entryTime = options.useCurrentTime ? now : time * SECOND_MS;
      if (options.applyFeeDeltas && feeDelta !== 0) mempool.prioritise(tx.txid, feeDelta);
      if (entryTime <= now - mempool.options.expiryMs) counts.expired += 1;
      else if (mempool.has(tx.txid)) counts.there += 1;
      else {
        const { status } = await engine.submitTx(tx, { origin: 'peer', entryTime });
        if (status === 'accepted') counts.succeeded += 1;
        else counts.failed += 1;
      }
    }
    if (options.applyFeeDeltas) for (const [txid, delta] of dump.feeDeltas) mempool.prioritise(txid, delta);
    if (options.applyUnbroadcast) for (const txid of dump.unbroadcast) mempool.markUnbroadcast(txid);
    log.info(
      `Imported mempool transactions from file: ${counts.succeeded} succeeded, ${counts.failed} failed, ${counts.expired} expired, ${counts.there} already there, ${options.applyUnbroadcast ? dump.unbroadcast.length : 0} waiting for initial broadcast`,
    );
    return true;
  }
}
