/**
 * The one writer of a simulated node: its chain and mempool, with the daemon's tasks performed at once on memory. Checking
 * takes a processor's time in the world, so here it takes virtual time: one thing after another.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { SILENT_LOG } from '../base/log.ts';
import { runTask } from '../base/task.ts';
import { Chain } from '../chain/chain.ts';
import type { BlockResult, ChainNotice } from '../chain/effects.ts';
import { type CheckScripts, isScriptEffect, performScripts } from '../chain/script-effects.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { MempoolEffect, MempoolTask } from '../mempool/effects.ts';
import { Mempool } from '../mempool/mempool.ts';
import type { MempoolNotice, PackageResult, TxResult } from '../mempool/mempool-view.ts';
import { DEFAULT_MEMPOOL_OPTIONS } from '../mempool/options.ts';
import { type Block, blockWeight } from '../wire/block.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Agenda } from './agenda.ts';
import type { BaseChain } from './base-chain.ts';
import type { Metrics } from './metrics.ts';
import type { ScriptVerdicts } from './script-verdicts.ts';
import type { SharedStorage } from './shared-storage.ts';
import { NodeStorage } from './storage.ts';
import type { Trace } from './trace.ts';

/** The coins cache is small: what is in it is there for each node anew. */
const COINS_CACHE_BYTES = 64 * 1024;
const BLOCK_WEIGHT_FULL = 4_000_000;

/** Virtual time that checks take. */
export interface ValidationCosts {
  readonly txMs: Milliseconds;
  /** Of a block without transactions, and what a full one takes beside that. */
  readonly blockMs: Milliseconds;
  readonly fullBlockMs: Milliseconds;
  /** Reading a block from disk. */
  readonly readMs: Milliseconds;
}

export interface WriterDeps {
  readonly agenda: Agenda;
  readonly metrics: Metrics;
  readonly trace: Trace;
  readonly scripts: ScriptVerdicts;
  readonly base: BaseChain;
  readonly storage: SharedStorage;
  readonly costs: ValidationCosts;
}

/** Told what the writer has done, in order. */
export interface WriterListener {
  onChain(notice: ChainNotice): void;
  onMempool(notice: MempoolNotice): void;
}

export class SimWriter {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly #deps: WriterDeps;
  readonly #node: number;
  readonly #listener: WriterListener;
  readonly #storage: NodeStorage;
  readonly #checkScripts: CheckScripts;
  readonly #perform = (effect: MempoolEffect): unknown => this.#performOne(effect);
  #freeAt: Milliseconds = 0;
  /** The node whose transaction or block is being taken in. */
  #source = -1;

  /** `node`: its index, for metrics and trace. */
  constructor(deps: WriterDeps, node: number, params: ChainParams, listener: WriterListener) {
    const { base } = deps;
    this.#deps = deps;
    this.#node = node;
    this.#listener = listener;
    const log = SILENT_LOG;
    const { headerFacts, deployments } = base;
    const hasOwnRules = params !== base.params;
    this.chain = new Chain(
      { params, log, headerFacts, ...(!hasOwnRules && { deployments }) },
      { coinsCacheBytes: COINS_CACHE_BYTES },
    );
    this.mempool = new Mempool({ chain: this.chain, coins: this.chain, log }, DEFAULT_MEMPOOL_OPTIONS);
    this.#checkScripts = deps.scripts.checker();
    this.#storage = new NodeStorage(deps.storage);
    this.#run(this.chain.start(this.#storage.load(this.chain), deps.agenda.now));
  }

  /** When all is done that waits. `source`: the node that it came from, −1 for its own. */
  queueBlock(
    block: Block,
    options: { readonly requested: boolean; readonly source: number },
    done: (result: BlockResult) => void,
  ): void {
    const { blockMs, fullBlockMs } = this.#deps.costs;
    const share = blockWeight(block) / BLOCK_WEIGHT_FULL;
    this.#after(blockMs + share * fullBlockMs, () => done(this.submitBlock(block, options)));
  }

  queueTx(tx: Transaction, source: number, done: (result: TxResult) => void): void {
    this.#after(this.#deps.costs.txMs, () => done(this.submitTx(tx, 'peer', source)));
  }

  queuePackage(txs: readonly Transaction[], source: number, done: (result: PackageResult) => void): void {
    this.#after(this.#deps.costs.txMs * txs.length, () => {
      this.#source = source;
      done(this.#run(this.mempool.submitPackage(txs, { now: this.#deps.agenda.now })));
    });
  }

  submitBlock(
    block: Block,
    { requested, source }: { readonly requested: boolean; readonly source: number },
  ): BlockResult {
    const { now } = this.#deps.agenda;
    this.#source = source;
    return this.#run(this.chain.submitBlock(block, { requested, now }));
  }

  submitTx(tx: Transaction, origin: 'local' | 'peer', source: number): TxResult {
    this.#source = source;
    return this.#run(this.mempool.submit(tx, { now: this.#deps.agenda.now, origin }));
  }

  /** Reading does not wait for the writer. */
  readBlock(hash: BlockHash, done: (raw: Uint8Array | undefined) => void): void {
    this.#deps.agenda.after(this.#deps.costs.readMs, () => {
      const id = this.chain.headers.find(hash);
      done(id === undefined ? undefined : this.#run(this.chain.readBlock(id)).raw);
    });
  }

  #after(cost: Milliseconds, action: () => void): void {
    const { agenda } = this.#deps;
    this.#freeAt = Math.max(agenda.now, this.#freeAt) + cost;
    agenda.at(this.#freeAt, action);
  }

  #run<Result>(task: MempoolTask<Result>): Result {
    return runTask(task, this.#perform);
  }

  #performOne(effect: MempoolEffect): unknown {
    switch (effect.kind) {
      case 'notify':
        this.#onChain(effect.notice);
        return;
      case 'notifyMempool':
        this.#onMempool(effect.notice);
        return;
      default:
        if (isScriptEffect(effect)) return performScripts(effect, this.#checkScripts);
        return this.#storage.perform(effect);
    }
  }

  #onChain(notice: ChainNotice): void {
    const { agenda, metrics, trace } = this.#deps;
    if (notice.kind === 'blockConnected') {
      metrics.reached(notice.block.header.hash, this.#node, this.#source, agenda.now);
      for (const { txid } of notice.block.transactions)
        metrics.reached(txid, this.#node, this.#source, agenda.now);
    }
    if (notice.kind === 'tipChanged') {
      trace.word(this.#node);
      trace.text(this.chain.headers.hashOf(notice.tip));
    }
    this.#run(this.mempool.onChainNotice(notice, agenda.now));
    this.#listener.onChain(notice);
  }

  #onMempool(notice: MempoolNotice): void {
    const { agenda, metrics } = this.#deps;
    if (notice.kind === 'txAdded')
      metrics.reached(notice.entry.tx.txid, this.#node, this.#source, agenda.now);
    this.#listener.onMempool(notice);
  }
}
