/**
 * The writer and what it writes: chain, mempool, their storage and script workers, put together. Whoever wants to follow
 * (wallets, gossip, waiting RPCs) listens to notices: told in order, before the writer goes on.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { runTaskAsync } from '../base/task.ts';
import { Chain } from '../chain/chain.ts';
import type { ChainOptions } from '../chain/chain-state.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import { ScriptCache } from '../chain/script-cache.ts';
import { isScriptEffect, performScripts } from '../chain/script-effects.ts';
import { type BlockUndo, blockUndo } from '../chain/undo.ts';
import type { ChainParams } from '../consensus/params.ts';
import { createSignatureCache, SALT_BYTES } from '../crypto/signature-cache.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import type { MempoolEffect, MempoolTask } from '../mempool/effects.ts';
import { Mempool, type SubmitOptions } from '../mempool/mempool.ts';
import type { MempoolNotice, PackageResult, TxResult } from '../mempool/mempool-view.ts';
import type { MempoolOptions } from '../mempool/options.ts';
import type { SubmitPackageOptions } from '../mempool/submit-package.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { decodeAll } from '../wire/codec.ts';
import type { Transaction } from '../wire/transaction.ts';
import { type ChainHost, openChainHost } from './chain-host.ts';
import type { StorageOptions } from './engine-options.ts';
import { ScriptWorkers } from './script-workers.ts';
import { Writer } from './writer.ts';

/** Called for each notice; a promise is waited for. */
export interface NoticeListener {
  onChain(notice: ChainNotice): void | Promise<void>;
  onMempool(notice: MempoolNotice): void | Promise<void>;
}

export interface EngineOptions {
  readonly params: ChainParams;
  readonly storage: StorageOptions;
  readonly chain: ChainOptions;
  readonly mempool: MempoolOptions;
  /** Threads beside the main one that check scripts. */
  readonly workers: number;
  /** Of the caches of what was verified, together. */
  readonly validationCacheBytes: number;
}

export interface EngineDeps {
  readonly log: Log;
  readonly random: Random;
  readonly verifier: SignatureVerifier;
  readonly now: () => Milliseconds;
  /** Storage failed, or a bug surfaced: the writer has stopped for good. */
  readonly onFatal: (error: Error) => void;
  /** Ends the process at once. */
  readonly die?: () => void;
}

export class Engine {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly writer: Writer<MempoolEffect>;
  readonly host: ChainHost;
  readonly #workers: ScriptWorkers;
  readonly #now: () => Milliseconds;
  readonly #listeners: NoticeListener[] = [];
  #hasStarted = false;

  constructor(deps: EngineDeps, options: EngineOptions, host: ChainHost) {
    this.host = host;
    this.#now = deps.now;
    const { log, random, verifier } = deps;
    const cacheBytes = options.validationCacheBytes / 2;
    const scriptCache = new ScriptCache(random.bytes(SALT_BYTES), cacheBytes);
    const signatures = createSignatureCache(random.bytes(SALT_BYTES), cacheBytes);
    this.chain = new Chain(
      { params: options.params, log, scriptCache, coinsSalt: random.u32() },
      options.chain,
    );
    this.mempool = new Mempool({ chain: this.chain, coins: this.chain, log, scriptCache }, options.mempool);
    this.#workers = new ScriptWorkers({ verifier, signatures }, { workers: options.workers });
    this.writer = new Writer({ perform: effect => this.#perform(effect), onFatal: deps.onFatal });
  }

  /** Opens or makes the storage; `start` must follow. Throws StoreError. */
  static async open(deps: EngineDeps, options: EngineOptions): Promise<Engine> {
    const { storage, params } = options;
    return new Engine(
      deps,
      options,
      await openChainHost(deps, {
        ...storage,
        magic: params.magic,
        snapshots: params.assumeUtxo.map(({ blockHash }) => blockHash),
      }),
    );
  }

  /** Brings the chain to where it stood. */
  async start(): Promise<void> {
    await this.host.startChain(this.chain, this.writer, this.#now());
    this.#hasStarted = true;
  }

  /** Notices go to listeners in the order in which these were added. */
  listen(listener: NoticeListener): () => void {
    this.#listeners.push(listener);
    return () => {
      const at = this.#listeners.indexOf(listener);
      if (at !== -1) this.#listeners.splice(at, 1);
    };
  }

  enqueue<Result>(name: string, create: () => MempoolTask<Result>): Promise<Result> {
    return this.writer.enqueue(name, create);
  }

  submitBlock(block: Block, options: { readonly requested: boolean }): Promise<BlockResult> {
    const submission = () => this.chain.submitBlock(block, { ...options, now: this.#now() });
    return this.writer.enqueue('submitBlock', submission, { overlaps: true });
  }

  submitTx(tx: Transaction, options: Omit<SubmitOptions, 'now'>): Promise<TxResult> {
    return this.enqueue('submitTx', () => this.mempool.submit(tx, { ...options, now: this.#now() }));
  }

  submitPackage(
    txs: readonly Transaction[],
    options: Omit<SubmitPackageOptions, 'now'>,
  ): Promise<PackageResult> {
    return this.enqueue('submitPackage', () =>
      this.mempool.submitPackage(txs, { ...options, now: this.#now() }),
    );
  }

  /** The block's bytes, past the writer; undefined when they are not on disk. */
  async readRawBlock(id: HeaderId): Promise<Uint8Array | undefined> {
    const position = this.chain.headers.dataPositionOf(id);
    if (position === undefined) return undefined;
    try {
      return await this.host.readBlockBytes(position);
    } catch (error) {
      // Its file may have been pruned meanwhile.
      if (!this.chain.headers.hasData(id)) return undefined;
      throw error;
    }
  }

  async readBlock(id: HeaderId): Promise<Block | undefined> {
    const raw = await this.readRawBlock(id);
    return raw && decodeBlock(raw);
  }

  async readUndo(id: HeaderId): Promise<BlockUndo | undefined> {
    const { headers } = this.chain;
    const position = headers.undoPositionOf(id);
    const parent = headers.parentOf(id);
    if (position === undefined || parent === undefined) return undefined;
    return decodeAll(blockUndo, await this.host.readUndoBytes(position, headers.hashOf(parent)));
  }

  /** Lets what is under way end, brings everything to disk, and closes. */
  async close(): Promise<void> {
    this.chain.interrupt();
    try {
      if (this.#hasStarted) await this.enqueue('flush', () => this.chain.flush(this.#now()));
    } catch {
      // The writer had stopped for good: what is on disk is whole, and whoever stopped it has told why.
    }
    await this.writer.close();
    await this.#workers.close();
    await this.host.close();
  }

  #perform(effect: MempoolEffect): unknown {
    switch (effect.kind) {
      case 'notify':
        return this.#tellChain(effect.notice);
      case 'notifyMempool':
        return this.#tell(listener => listener.onMempool(effect.notice));
      default:
        if (isScriptEffect(effect))
          return performScripts(effect, (checks, use) => this.#workers.check(checks, use));
        return this.host.perform(effect);
    }
  }

  /** The mempool is part of the writer: it follows first, so that listeners see both as they are. */
  async #tellChain(notice: ChainNotice): Promise<void> {
    await runTaskAsync(this.mempool.onChainNotice(notice, this.#now()), effect => this.#perform(effect));
    await this.#tell(listener => listener.onChain(notice));
    // Its turn comes when no block is on its way: then the coins stand at the tip. What it finds closes the writer.
    if (notice.kind === 'tipChanged' && this.mempool.isCheckDue())
      this.enqueue('checkMempool', () => this.mempool.check()).catch(() => {});
  }

  async #tell(call: (listener: NoticeListener) => void | Promise<void>): Promise<void> {
    for (const listener of [...this.#listeners]) await call(listener);
  }
}
