/**
 * A chainstate: the coins of one chain of blocks, and how that chain goes on: its tip, and the candidates for the next one.
 * What it has in common with another chainstate is in block-tree.ts. The tasks that change it are in accept-block.ts, activate.ts, invalidate.ts, flush.ts and startup.ts.
 *
 * A candidate is a block with at least the work of the tip whose ancestors are all stored (Core:
 * setBlockIndexCandidates). The tip itself is always one, so there is one to go back to.
 */
import { assert } from '../base/assert.ts';
import { type Milliseconds, toUnixSeconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Deployments } from '../consensus/deployments.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { Block } from '../wire/block.ts';
import { FAILED, HAVE_DATA, VALID_MASK, VALID_TRANSACTIONS } from './block-status.ts';
import type { BlockTree, Follower, TreeOptions } from './block-tree.ts';
import type { HeaderId } from './chain-view.ts';
import { CoinsCache } from './coins.ts';
import type { BegunScripts, CoinsStore, ScriptCheck } from './effects.ts';
import type { HeaderFacts } from './header-facts.ts';
import type { HeaderTree } from './header-tree.ts';
import type { ScriptCache } from './script-cache.ts';
import type { BlockUndo } from './undo.ts';

/** A tip older than this means that we are still catching up (Core: DEFAULT_MAX_TIP_AGE). */
const TIP_AGE_MAX_SECONDS = 24 * 60 * 60;
/** Memory for the coins cache (Core: DEFAULT_DB_CACHE, of which the coins get nearly all). */
const COINS_CACHE_BYTES = 440 * 1024 * 1024;
/** Candidates that may be looked at for each block that becomes the tip. */
const CANDIDATES_PER_BLOCK = 4;

export interface ChainOptions extends TreeOptions {
  readonly tipAgeMaxSeconds?: number;
  /** Of all chainstates together. */
  readonly coinsCacheBytes?: number;
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
  /** Shared with other nodes in this process; absent: the tree's own. */
  readonly headerFacts?: HeaderFacts;
  /** Of a chain with the same facts and parameters; absent: its own. */
  readonly deployments?: Deployments;
  /** A number of 32 bits that nobody else knows: where coins lie in memory must not be for others to choose. */
  readonly coinsSalt?: number;
}

export class ChainState implements Follower {
  readonly tree: BlockTree;
  readonly store: CoinsStore;
  readonly coins: CoinsCache;
  readonly candidates = new Set<HeaderId>();
  /** Blocks above the tip that the coins have taken in while their scripts are being checked, lowest first. */
  readonly connecting: Connecting[] = [];
  /**
   * The chain ends here: its blocks lie below a snapshot that somebody else goes on from (Core: m_target_blockhash).
   * Then nobody but the indexes is told of them.
   */
  target: HeaderId | undefined;
  /** The coins came out of a snapshot of this block, in this run or the last. */
  snapshotBase: HeaderId | undefined;
  /** The same, while the blocks up to it are not validated. */
  assumedBase: HeaderId | undefined;
  /** Of the coins cache. */
  coinsCacheBytes: number;
  /** Of the last look at what storage needs. */
  upkeepHeight = 0;
  /** What `preciousblock` gives next, and the tip's work at its last call (Core: nBlockReverseSequenceId). */
  precious = { nextSequence: -1, lastWork: 0n };
  /** When the last flush ended; undefined before the first. */
  lastFlush: Milliseconds | undefined;
  readonly #tipAgeMaxSeconds: number;
  readonly #active: HeaderId[] = [];
  #blocksSincePrune = 0;
  #catchingUp = true;

  constructor(
    tree: BlockTree,
    store: CoinsStore,
    options: {
      readonly coinsSalt?: number;
      readonly coinsCacheBytes?: number;
      readonly tipAgeMaxSeconds?: number;
    },
  ) {
    this.tree = tree;
    this.store = store;
    this.coins = new CoinsCache(options.coinsSalt ?? 0);
    this.coinsCacheBytes = options.coinsCacheBytes ?? COINS_CACHE_BYTES;
    this.#tipAgeMaxSeconds = options.tipAgeMaxSeconds ?? TIP_AGE_MAX_SECONDS;
  }

  // What the tree holds, under the names that all tasks know.

  get params(): ChainParams {
    return this.tree.params;
  }

  get log(): Log {
    return this.tree.log;
  }

  get headers(): HeaderTree {
    return this.tree.headers;
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
    // From the genesis block on, since an array that is filled from its end is a hash table.
    this.#active.length = 0;
    const path = new Uint32Array(this.headers.heightOf(id) + 1);
    for (let at: HeaderId | undefined = id; at !== undefined; at = this.headers.parentOf(at))
      path[this.headers.heightOf(at)] = at;
    for (const at of path) this.#active.push(at);
  }

  /** Core: IsInitialBlockDownload. Once false, false for ever. */
  isInitialBlockDownload(now: Milliseconds): boolean {
    if (this.tree.isImporting) return true;
    if (!this.#catchingUp || !this.hasTip) return this.#catchingUp;
    const tip = this.tip();
    if (this.headers.chainWorkOf(tip) < this.tree.minimumChainWork) return true;
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
    if (this.target !== undefined && !this.headers.isAncestor(id, this.target)) return;
    // What is below a snapshot cannot be undone while nobody has seen it.
    if (this.assumedBase !== undefined && !this.headers.isAncestor(this.assumedBase, id)) return;
    // Before there is a tip, all could: `start` looks at them when there is one.
    if (this.hasTip && !this.headers.isBetter(this.tip(), id)) this.candidates.add(id);
  }

  /**
   * To be called after each block: `pruneCandidates`, but not each time. There may be as many candidates as the chain is
   * high (block files are read, or a long branch has waited for one block), and one that is worse than the tip is never
   * taken while the tip is there.
   */
  pruneCandidatesInTurn(): void {
    this.#blocksSincePrune += 1;
    if (this.#blocksSincePrune * CANDIDATES_PER_BLOCK >= this.candidates.size) this.pruneCandidates();
  }

  /** Forgets candidates that are worse than the tip. O(candidates). */
  pruneCandidates(): void {
    this.#blocksSincePrune = 0;
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
        if (isMissing && id !== at) this.tree.addUnlinked(id);
        this.candidates.delete(id);
      }
      return false;
    }
    return true;
  }

  /** The block cannot be connected. */
  forget(id: HeaderId): void {
    this.candidates.delete(id);
  }
}
