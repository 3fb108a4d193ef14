/**
 * What chainstates have in common: the header tree with what is stored of each block, which blocks wait for others, and
 * how this node validates. There is one chainstate on it, or two while the history below a snapshot is validated.
 */

import type { BlockHash } from '../base/bytes.ts';
import { LateMap } from '../base/late-map.ts';
import type { Log } from '../base/log.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { Reject } from '../consensus/reject.ts';
import { FAILED } from './block-status.ts';
import type { HeaderId } from './chain-view.ts';
import type { HeaderFacts } from './header-facts.ts';
import { HeaderTree } from './header-tree.ts';
import type { ScriptCache } from './script-cache.ts';

/** Of one batch to a store: larger ones stall the event loop (a million coins: 600 ms). */
const BATCH_BYTES_MAX = 4 * 1024 * 1024;

/** Deleting old block files (`-prune`). */
export interface PruneOptions {
  /** Bytes that block and undo files may take; undefined: only what the user asks for is deleted. */
  readonly targetBytes: number | undefined;
  /** A chain that is not higher keeps everything (Core: nPruneAfterHeight). */
  readonly afterHeight: number;
}

/** Somebody needs the blocks from a height on. */
export interface PruneLock {
  readonly first: number;
  /** The same after a crash now: what was done with those below `first` may not be on disk yet. */
  readonly firstOnDisk: number;
}

export interface StartupCheck {
  readonly blocks: number;
  readonly level: number;
  /** A check that memory does not allow for is a failure. */
  readonly mustBeWhole: boolean;
}

export interface TreeOptions {
  /** undefined: the network's; null: check every script. */
  readonly assumedValidBlock?: BlockHash | null;
  /** undefined: the network's. */
  readonly minimumChainWork?: bigint;
  /** `-dbbatchsize`. */
  readonly batchBytesMax?: number;
  /** The chain stands still from this height on (`-stopatheight`): whoever watches it stops the node. */
  readonly stopAtHeight?: number;
  /** undefined: every block is kept. */
  readonly prune?: PruneOptions;
  /** What a start looks through before it goes on (`-checkblocks`, `-checklevel`); undefined: nothing. */
  readonly startupCheck?: StartupCheck;
  /** At one in so many tasks the whole tree is looked through for what must not be (`-checkblockindex`); 0: at none. */
  readonly checkRatio?: number;
}

/** A chainstate, as far as the tree tells it of blocks. */
export interface Follower {
  /** The block may be connected. */
  addCandidate(id: HeaderId): void;
  /** It may not. */
  forget(id: HeaderId): void;
}

export class BlockTree {
  readonly params: ChainParams;
  readonly log: Log;
  readonly scriptCache: ScriptCache | undefined;
  readonly assumedValidBlock: BlockHash | null;
  readonly minimumChainWork: bigint;
  readonly batchBytesMax: number;
  readonly stopAtHeight: number;
  readonly prune: PruneOptions | undefined;
  readonly startupCheck: StartupCheck | undefined;
  readonly headers: HeaderTree;
  readonly followers = new Set<Follower>();
  /** Stored blocks that wait for an ancestor's data: parent → children (Core: m_blocks_unlinked). */
  readonly unlinked = new LateMap<HeaderId, HeaderId[]>();
  /** Why blocks that were stored turned out to be invalid, as far as this process has seen it. */
  readonly invalidReasons = new LateMap<HeaderId, Reject>();
  /** Who still needs blocks, by name (Core: m_prune_locks). */
  readonly pruneLocks = new LateMap<string, PruneLock>();
  /** The block files are being read: blocks are stored, and none is connected before that ends (Core: m_blockfiles_indexed). */
  isImporting = false;
  /** Nothing is deleted: who needs old blocks (an index, a history) says so only when the chain has been started. */
  isStarting = false;
  /** The node stops: no further block is connected. */
  isInterrupted = false;
  /** Some block file was deleted once: the index says so too. */
  hasPruned = false;
  bestHeader: HeaderId = 0;
  nextSequence = 1;

  constructor(
    deps: {
      readonly params: ChainParams;
      readonly log: Log;
      readonly scriptCache?: ScriptCache;
      /** Shared with other nodes in this process; absent: the tree's own. */
      readonly headerFacts?: HeaderFacts;
    },
    options: TreeOptions,
  ) {
    const { params } = deps;
    this.params = params;
    this.log = deps.log;
    this.scriptCache = deps.scriptCache;
    this.headers = new HeaderTree(deps.headerFacts);
    this.assumedValidBlock =
      options.assumedValidBlock === undefined ? params.assumedValidBlock : options.assumedValidBlock;
    this.minimumChainWork = options.minimumChainWork ?? params.minimumChainWork;
    this.batchBytesMax = options.batchBytesMax ?? BATCH_BYTES_MAX;
    this.stopAtHeight = options.stopAtHeight ?? Number.POSITIVE_INFINITY;
    this.prune = options.prune;
    this.startupCheck = options.startupCheck;
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

  /** The valid header with the most work, found anew; `tip` is one (Core: RecalculateBestHeader). */
  recomputeBestHeader(tip: HeaderId): void {
    let best = tip;
    this.headers.forEach(id => {
      if (!this.headers.isInvalid(id) && this.headers.compareWork(id, best) > 0) best = id;
    });
    this.bestHeader = best;
  }

  /** Marks `id` and everything on it as invalid, and finds the best header anew if it was among them. */
  markInvalid(id: HeaderId, tip: HeaderId): void {
    for (const each of this.headers.descendantsOf(id)) {
      this.headers.setStatus(each, FAILED);
      for (const follower of this.followers) follower.forget(each);
    }
    if (this.headers.isInvalid(this.bestHeader)) this.recomputeBestHeader(tip);
  }
}
