/**
 * What the writer keeps in memory: the header tree, the active chain, the candidates for the next tip and the coins
 * cache. The tasks that change it are in accept-block.ts, activate.ts, invalidate.ts, flush.ts and startup.ts.
 *
 * A candidate is a block with at least the work of the tip whose ancestors are all stored (Core:
 * setBlockIndexCandidates). The tip itself is always one, so there is one to go back to.
 */
import { assert } from '../base/assert.ts';
import type { BlockHash } from '../base/bytes.ts';
import { type Milliseconds, toUnixSeconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { Reject } from '../consensus/reject.ts';
import type { Block } from '../wire/block.ts';
import type { HeaderId } from './chain-view.ts';
import { CoinsCache } from './coins.ts';
import type { BegunScripts, ScriptCheck } from './effects.ts';
import { FAILED, HAVE_DATA, HeaderTree, VALID_MASK, VALID_TRANSACTIONS } from './header-tree.ts';
import type { ScriptCache } from './script-cache.ts';
import type { BlockUndo } from './undo.ts';

/** A tip older than this means that we are still catching up (Core: DEFAULT_MAX_TIP_AGE). */
const TIP_AGE_MAX_SECONDS = 24 * 60 * 60;
/** Memory for the coins cache (Core: DEFAULT_DB_CACHE, of which the coins get nearly all). */
const COINS_CACHE_BYTES = 440 * 1024 * 1024;
/** Of one batch to a store: larger ones stall the event loop (a million coins: 600 ms). */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

/** Deleting old block files (`-prune`). */
export interface PruneOptions {
  /** Bytes that block and undo files may take; undefined: only what the user asks for is deleted. */
  readonly targetBytes: number | undefined;
  /** A chain that is not higher keeps everything (Core: nPruneAfterHeight). */
  readonly afterHeight: number;
}

export interface StartupCheck {
  readonly blocks: number;
  readonly level: number;
  /** A check that memory does not allow for is a failure. */
  readonly mustBeWhole: boolean;
}

export interface ChainOptions {
  /** undefined: the network's; null: check every script. */
  readonly assumedValidBlock?: BlockHash | null;
  /** undefined: the network's. */
  readonly minimumChainWork?: bigint;
  readonly tipAgeMaxSeconds?: number;
  readonly coinsCacheBytes?: number;
  /** `-dbbatchsize`. */
  readonly batchBytesMax?: number;
  /** The chain stands still from this height on (`-stopatheight`): whoever watches it stops the node. */
  readonly stopAtHeight?: number;
  /** undefined: every block is kept. */
  readonly prune?: PruneOptions;
  /** What a start looks through before it goes on (`-checkblocks`, `-checklevel`); undefined: nothing. */
  readonly startupCheck?: StartupCheck;
}

/** A block on its way to becoming the tip (connecting.ts). */
export interface Connecting {
  readonly id: HeaderId;
  readonly block: Block;
  readonly undo: BlockUndo;
  readonly checks: readonly ScriptCheck[];
  /** undefined: there is nothing to check. */
  readonly begun: BegunScripts | undefined;
  readonly options: ConnectOptions;
  /** 'dropped': a block below it was invalid. */
  outcome: 'open' | 'connected' | 'invalid' | 'dropped';
}

export interface ConnectOptions {
  readonly now: Milliseconds;
  /** Whether `tipChanged` is told of this block by itself; a reorganisation tells once, when it is better off. */
  readonly tellsTip: 'each' | 'later';
}

export interface ChainDeps {
  readonly params: ChainParams;
  readonly log: Log;
  /** What the mempool has run needs not be run again; without it everything is. */
  readonly scriptCache?: ScriptCache;
  /** A number of 32 bits that nobody else knows: where coins lie in memory must not be for others to choose. */
  readonly coinsSalt?: number;
}

export class ChainState {
  readonly params: ChainParams;
  readonly log: Log;
  readonly scriptCache: ScriptCache | undefined;
  readonly assumedValidBlock: BlockHash | null;
  readonly minimumChainWork: bigint;
  readonly coinsCacheBytes: number;
  readonly batchBytesMax: number;
  readonly stopAtHeight: number;
  readonly prune: PruneOptions | undefined;
  readonly startupCheck: StartupCheck | undefined;
  readonly headers = new HeaderTree();
  readonly coins: CoinsCache;
  readonly candidates = new Set<HeaderId>();
  /** Stored blocks that wait for an ancestor's data: parent → children (Core: m_blocks_unlinked). */
  readonly unlinked = new Map<HeaderId, HeaderId[]>();
  /** Blocks above the tip that the coins have taken in while their scripts are being checked, lowest first. */
  readonly connecting: Connecting[] = [];
  /** Why blocks that were stored turned out to be invalid, as far as this process has seen it. */
  readonly invalidReasons = new Map<HeaderId, Reject>();
  /** Who still needs blocks, by name: from this height on (Core: m_prune_locks). */
  readonly pruneLocks = new Map<string, number>();
  /** The block files are being read: blocks are stored, and none is connected before that ends (Core: m_blockfiles_indexed). */
  isImporting = false;
  /** The node stops: no further block is connected. */
  isInterrupted = false;
  /** Some block file was deleted once: the index says so too. */
  hasPruned = false;
  /** Of the last look at what storage needs. */
  upkeepHeight = 0;
  bestHeader: HeaderId = 0;
  nextSequence = 1;
  /** What `preciousblock` gives next, and the tip's work at its last call (Core: nBlockReverseSequenceId). */
  precious = { nextSequence: -1, lastWork: 0n };
  /** When the last flush ended; undefined before the first. */
  lastFlush: Milliseconds | undefined;
  readonly #tipAgeMaxSeconds: number;
  readonly #active: HeaderId[] = [];
  #catchingUp = true;

  constructor({ params, log, scriptCache, coinsSalt = 0 }: ChainDeps, options: ChainOptions) {
    this.params = params;
    this.log = log;
    this.scriptCache = scriptCache;
    this.coins = new CoinsCache(coinsSalt);
    this.assumedValidBlock =
      options.assumedValidBlock === undefined ? params.assumedValidBlock : options.assumedValidBlock;
    this.minimumChainWork = options.minimumChainWork ?? params.minimumChainWork;
    this.coinsCacheBytes = options.coinsCacheBytes ?? COINS_CACHE_BYTES;
    this.batchBytesMax = options.batchBytesMax ?? BATCH_BYTES_MAX;
    this.stopAtHeight = options.stopAtHeight ?? Number.POSITIVE_INFINITY;
    this.prune = options.prune;
    this.startupCheck = options.startupCheck;
    this.#tipAgeMaxSeconds = options.tipAgeMaxSeconds ?? TIP_AGE_MAX_SECONDS;
  }

  get height(): number {
    return this.#active.length - 1;
  }

  get hasTip(): boolean {
    return this.#active.length > 0;
  }

  tip(): HeaderId {
    const tip = this.#active[this.#active.length - 1];
    assert(tip !== undefined, 'the chain has been started');
    return tip;
  }

  /** The block that the coins stand at: the tip, or the last of those above it whose scripts are being checked. */
  coinsTip(): HeaderId {
    return this.connecting.at(-1)?.id ?? this.tip();
  }

  atHeight(height: number): HeaderId | undefined {
    return this.#active[height];
  }

  isActive(id: HeaderId): boolean {
    return this.#active[this.headers.heightOf(id)] === id;
  }

  /** The last block of the active chain that `id` has too. */
  forkWithActive(id: HeaderId): HeaderId {
    const height = this.headers.heightOf(id);
    return this.headers.forkOf(
      height > this.height ? this.headers.ancestorOf(id, this.height) : id,
      this.tip(),
    );
  }

  pushTip(id: HeaderId): void {
    assert(this.headers.heightOf(id) === this.#active.length, 'heights are consecutive');
    this.#active.push(id);
  }

  popTip(): void {
    this.#active.pop();
  }

  /** Takes the chain that ends in `id` for the active one, whatever was before. */
  setTip(id: HeaderId): void {
    this.#active.length = 0;
    for (let at: HeaderId | undefined = id; at !== undefined; at = this.headers.parentOf(at))
      this.#active[this.headers.heightOf(at)] = at;
  }

  /** Core: IsInitialBlockDownload. Once false, false for ever. */
  isInitialBlockDownload(now: Milliseconds): boolean {
    if (this.isImporting) return true;
    if (!this.#catchingUp || !this.hasTip) return this.#catchingUp;
    const tip = this.tip();
    if (this.headers.chainWorkOf(tip) < this.minimumChainWork) return true;
    if (this.headers.timeOf(tip) < toUnixSeconds(now) - this.#tipAgeMaxSeconds) return true;
    this.log.info('Leaving InitialBlockDownload (latching to false)');
    this.#catchingUp = false;
    return false;
  }

  /** Stored with all its ancestors, and not known to be invalid. */
  isConnectable(id: HeaderId): boolean {
    const { headers } = this;
    const status = headers.statusOf(id);
    return (status & FAILED) === 0 && (status & VALID_MASK) >= VALID_TRANSACTIONS && headers.hasChainData(id);
  }

  /** Makes `id` a candidate if it could replace the tip. */
  addCandidate(id: HeaderId): void {
    if (!this.hasTip || !this.headers.isBetter(this.tip(), id)) this.candidates.add(id);
  }

  /** Forgets candidates that are worse than the tip. */
  pruneCandidates(): void {
    const tip = this.tip();
    for (const id of this.candidates) if (this.headers.isBetter(tip, id)) this.candidates.delete(id);
  }

  /**
   * The block with the most work that may be connected (Core: FindMostWorkChain). Candidates that turn out to stand
   * on an invalid or missing block are dropped on the way.
   */
  findMostWork(): HeaderId | undefined {
    for (;;) {
      let best: HeaderId | undefined;
      for (const id of this.candidates) if (best === undefined || this.headers.isBetter(id, best)) best = id;
      if (best === undefined || this.#isUsable(best)) return best;
    }
  }

  #isUsable(candidate: HeaderId): boolean {
    const path: HeaderId[] = [];
    let at: HeaderId | undefined = candidate;
    for (; at !== undefined && !this.isActive(at); at = this.headers.parentOf(at)) {
      const status = this.headers.statusOf(at);
      path.push(at);
      if ((status & FAILED) === 0 && (status & HAVE_DATA) !== 0) continue;
      const isMissing = (status & FAILED) === 0;
      for (const id of path) {
        // What stands on a missing block is tried again when that arrives.
        if (isMissing && id !== at) this.addUnlinked(id);
        this.candidates.delete(id);
      }
      return false;
    }
    return true;
  }

  addUnlinked(id: HeaderId): void {
    const parent = this.headers.parentOf(id)!;
    const children = this.unlinked.get(parent);
    if (children === undefined) this.unlinked.set(parent, [id]);
    else if (!children.includes(id)) children.push(id);
  }

  /** Its data are gone: when they come again, they are news. */
  forgetUnlinked(id: HeaderId): void {
    const parent = this.headers.parentOf(id);
    const children = parent === undefined ? undefined : this.unlinked.get(parent);
    if (children === undefined || !children.includes(id)) return;
    const others = children.filter(each => each !== id);
    if (others.length > 0) this.unlinked.set(parent!, others);
    else this.unlinked.delete(parent!);
  }

  /** The valid header with the most work, found anew (Core: RecalculateBestHeader). */
  recomputeBestHeader(): void {
    let best = this.hasTip ? this.tip() : 0;
    for (let id = 0; id < this.headers.size; id += 1)
      if (!this.headers.isInvalid(id) && this.headers.chainWorkOf(id) > this.headers.chainWorkOf(best))
        best = id;
    this.bestHeader = best;
  }

  /** Marks `id` and everything on it as invalid, and finds the best header anew if it was among them. */
  markInvalid(id: HeaderId): void {
    for (const each of this.headers.descendantsOf(id)) {
      this.headers.setStatus(each, FAILED);
      this.candidates.delete(each);
    }
    if (this.headers.isInvalid(this.bestHeader)) this.recomputeBestHeader();
  }
}
