/**
 * The chain: header tree, coins and active chain, with one writer. Reading is a call, and so is accepting a header;
 * all else is a task that yields effects (effects.ts) and must run alone, in the writer's queue.
 *
 * A start is `loadIndex`, then `adoptStoredBlock` for each block in the files from `lastStoredPosition` on, then the
 * task `start`.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { Deployments } from '../consensus/deployments.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { Reject } from '../consensus/reject.ts';
import { StoreError } from '../store/errors.ts';
import type { Block, BlockHeader } from '../wire/block.ts';
import type { OutPoint } from '../wire/transaction.ts';
import {
  acceptHeader,
  adoptStoredBlock,
  linkBlock,
  type SubmitBlockOptions,
  submitBlock,
} from './accept-block.ts';
import { activateBestChain, readBlock, readUndo } from './activate.ts';
import { BlockTree, type PruneOptions } from './block-tree.ts';
import { type ChainDeps, type ChainOptions, ChainState } from './chain-state.ts';
import { type ChainTip, chainTips } from './chain-tips.ts';
import type { ChainView, HeaderAcceptor, HeaderId } from './chain-view.ts';
import { BlockTreeCheck } from './check-block-tree.ts';
import type { Coin } from './coin.ts';
import { fetchCoins } from './connect-block.ts';
import { settle } from './connecting.ts';
import type { BlockFileUsage, BlockResult, CoinsStore, FilePosition, WriterTask } from './effects.ts';
import { flush } from './flush.ts';
import type { HeaderTree } from './header-tree.ts';
import { assumeBase, extendHistory } from './history.ts';
import { type IndexFlags, IndexLoad } from './index-load.ts';
import { addAllCandidates, invalidateBlock, preciousBlock, reconsiderBlock } from './invalidate.ts';
import { abandonedFiles, pruneHeight, pruneIfFull, pruneTo } from './prune.ts';
import { type ChainstateRecords, endImport, lastStoredPosition, start } from './startup.ts';
import { type TestBlockOptions, testBlock } from './test-block.ts';
import type { BlockUndo } from './undo.ts';
import { type ValidatedChain, validatedChain } from './validated-chain.ts';
import { type VerifyOptions, type VerifyResult, verifyChain } from './verify-chain.ts';

/** Of the coins caches, while a history is validated beside the chain. */
const HISTORY_CACHE_PART = 0.05;

export class Chain implements ChainView, HeaderAcceptor {
  readonly #tree: BlockTree;
  readonly #coinsOptions: ConstructorParameters<typeof ChainState>[2];
  /** The chainstate that everybody sees. */
  #state: ChainState;
  /** The chainstate that validates what lies below a snapshot (history.ts). */
  #history: ChainState | undefined;
  #validated: ValidatedChain | undefined;
  /** How far soft forks are, at any block. */
  readonly deployments: Deployments;
  readonly #check: BlockTreeCheck;
  /** Written by whoever reads them. */
  isLoadingBlocks = false;

  constructor(deps: ChainDeps, options: ChainOptions = {}) {
    this.#tree = new BlockTree(deps, options);
    this.#check = new BlockTreeCheck(options.checkRatio ?? 0);
    this.#coinsOptions = {
      ...options,
      ...(deps.coinsSalt === undefined ? {} : { coinsSalt: deps.coinsSalt }),
    };
    this.#state = this.#addChainstate('main');
    this.deployments = deps.deployments ?? new Deployments(this.#tree.headers, deps.params);
  }

  /** The chain whose blocks have all been validated, whatever lies below the tip: what indexes follow. */
  get validated(): ValidatedChain {
    this.#validated ??= validatedChain(this, () => this.#history ?? this.#state);
    return this.#validated;
  }

  get params(): ChainParams {
    return this.#tree.params;
  }

  get headers(): HeaderTree {
    return this.#tree.headers;
  }

  tip(): HeaderId {
    return this.#state.tip();
  }

  get height(): number {
    return this.#state.height;
  }

  bestHeader(): HeaderId {
    return this.#tree.bestHeader;
  }

  atHeight(height: number): HeaderId | undefined {
    return this.#state.atHeight(height);
  }

  isActive(id: HeaderId): boolean {
    return this.#state.isActive(id);
  }

  isInitialBlockDownload(now: Milliseconds): boolean {
    return this.#state.isInitialBlockDownload(now);
  }

  /** Below this work the chain is not believed to be the whole one. */
  get minimumChainWork(): bigint {
    return this.#tree.minimumChainWork;
  }

  /** Memory of the coins cache, roughly. */
  get coinsCacheBytes(): number {
    return this.#state.coins.bytes;
  }

  /** Best first (Core: getchaintips). */
  chainTips(): ChainTip[] {
    return chainTips(this.#state);
  }

  /** Why a stored block could not be connected; undefined too when that was before this process started. */
  invalidReason(id: HeaderId): Reject | undefined {
    return this.#tree.invalidReasons.get(id);
  }

  /** Throws Reject. */
  acceptHeader(
    header: BlockHeader,
    now: Milliseconds,
    options: { readonly minPowChecked?: boolean } = {},
  ): HeaderId {
    return acceptHeader(this.#state, header, { now, ...options });
  }

  /**
   * First step of a start: `add` takes the records of `BLOCK_INDEX_KEYS`, in the order of their keys, `finish` comes after
   * the last; `snapshot` is the block of a snapshot that was loaded and is not validated yet. All throw StoreError.
   */
  loadIndex(
    flags: IndexFlags & { readonly snapshot?: BlockHash | undefined } = {},
  ): Pick<IndexLoad, 'add' | 'finish'> {
    const load = new IndexLoad(this.#state, flags);
    return {
      add: entry => load.add(entry),
      finish: () => {
        load.finish();
        if (flags.snapshot !== undefined) this.#standOn(flags.snapshot);
      },
    };
  }

  #standOn(snapshot: BlockHash): void {
    const base = this.headers.find(snapshot);
    if (base === undefined) {
      throw new StoreError(
        'corrupted',
        `The snapshot stands at block ${hashToHex(snapshot)}, which the index does not know`,
      );
    }
    this.#split(base);
  }

  /** Of the block files found at a start, those that were to be deleted. */
  abandonedFiles(usage: readonly BlockFileUsage[]): number[] {
    return abandonedFiles(this.#state, usage);
  }

  /** Where in the block files to look for blocks that the index does not know; undefined: at the beginning. */
  lastStoredPosition(): FilePosition | undefined {
    return lastStoredPosition(this.#state);
  }

  /** Second step: a block found there. Returns undefined while its parent is unknown. Throws Reject. */
  adoptStoredBlock(block: Block, position: FilePosition): HeaderId | undefined {
    return adoptStoredBlock(this.#state, block, position);
  }

  /** Third step. Throws StoreError. */
  *start(records: ChainstateRecords, now: Milliseconds): WriterTask<void> {
    this.#tree.isStarting = true;
    yield* start(this.#history ?? this.#state, records, now);
    if (this.#history !== undefined) {
      assert(records.snapshot !== undefined, 'a snapshot has a store');
      refuseEmpty(records.snapshot);
      yield* start(this.#state, records.snapshot, now);
      yield* this.#extendHistory(now);
    }
    this.#tree.isStarting = false;
    this.#checkTree();
  }

  /**
   * The coins of a snapshot of block `base` lie in the other store: the chain goes on from there at once, while the
   * history is validated. Returns false when the chain is better already.
   */
  *activateSnapshot(base: HeaderId, now: Milliseconds): WriterTask<boolean> {
    assert(
      this.#history === undefined && this.#state.assumedBase === undefined,
      'there is one snapshot at most',
    );
    yield* settle(this.#state);
    const before = this.#state.tip();
    if (!this.headers.isBetter(base, before)) return false;
    yield* flush(this.#state, now);
    this.#split(base);
    const hash = this.headers.hashOf(base);
    this.#state.coins.bestBlock = hash;
    this.#state.coins.storedBlock = hash;
    this.#state.setTip(base);
    this.#state.addCandidate(base);
    addAllCandidates(this.#state);
    this.#state.log.info(`[snapshot] successfully activated snapshot ${hashToHex(hash)}`);
    const fork = this.headers.forkOf(base, before);
    yield { kind: 'notify', notice: { kind: 'tipChanged', tip: base, fork } };
    yield* activateBestChain(this.#state, now);
    yield* this.#extendHistory(now);
    this.#checkTree();
    return true;
  }

  /** While the history below a snapshot is validated: how far it is, and where it ends. */
  history(): { readonly tip: HeaderId; readonly end: HeaderId } | undefined {
    const history = this.#history;
    return history && { tip: history.tip(), end: history.target! };
  }

  /** The active one last. */
  chainstates(): readonly {
    readonly tip: HeaderId;
    readonly coinsCacheBytes: number;
    readonly snapshotBase: HeaderId | undefined;
    readonly isValidated: boolean;
  }[] {
    const states = this.#history === undefined ? [this.#state] : [this.#history, this.#state];
    return states.map(state => ({
      tip: state.tip(),
      coinsCacheBytes: state.coinsCacheBytes,
      snapshotBase: state.snapshotBase,
      isValidated: state.assumedBase === undefined,
    }));
  }

  /** The snapshot that the tip stands on. */
  get snapshotBase(): HeaderId | undefined {
    return this.#state.snapshotBase;
  }

  #checkTree(): void {
    this.#check.chance(this.#tree, [...(this.#history === undefined ? [] : [this.#history]), this.#state]);
  }

  #addChainstate(store: CoinsStore): ChainState {
    const state = new ChainState(this.#tree, store, this.#coinsOptions);
    this.#tree.followers.add(state);
    return state;
  }

  /** The chainstate that there is becomes the history of one that begins at `base`. */
  #split(base: HeaderId): void {
    const history = this.#state;
    history.target = base;
    for (const id of [...history.candidates])
      if (!this.headers.isAncestor(id, base)) history.candidates.delete(id);
    if (history.hasTip) history.candidates.add(history.tip());
    assumeBase(history, base);
    this.#history = history;
    this.#state = this.#addChainstate('snapshot');
    this.#state.assumedBase = base;
    this.#state.snapshotBase = base;
    // What waited for the snapshot's block waits no longer.
    for (const child of this.#tree.unlinked.get(base) ?? []) linkBlock(this.#state, child);
    this.#tree.unlinked.delete(base);
    // Nearly all memory for the chain that somebody looks at until it has caught up (Core: MaybeRebalanceCaches).
    const total = history.coinsCacheBytes;
    history.coinsCacheBytes = total * HISTORY_CACHE_PART;
    this.#state.coinsCacheBytes = total - history.coinsCacheBytes;
  }

  *#extendHistory(now: Milliseconds, block?: Block): WriterTask<void> {
    const history = this.#history;
    if (history === undefined || this.#tree.isImporting) return;
    if (yield* extendHistory(history, this.#state, now, block)) {
      this.#history = undefined;
      this.#state.coinsCacheBytes += history.coinsCacheBytes;
      // Not before: whoever is told looks.
      yield { kind: 'notify', notice: { kind: 'historyMoved', tip: undefined } };
    }
  }

  /** All block files have been read (`IndexFlags.isImporting`). */
  *endImport(now: Milliseconds): WriterTask<void> {
    yield* endImport(this.#state, now);
    yield* this.#extendHistory(now);
    this.#checkTree();
  }

  /** The node stops: the task that is on its way to the best chain ends at the next block. */
  interrupt(): void {
    this.#tree.isInterrupted = true;
  }

  /** Checks and stores a block and moves to the best chain. What became of it in the chain, the view tells. */
  *submitBlock(block: Block, options: SubmitBlockOptions): WriterTask<BlockResult> {
    const result = yield* submitBlock(this.#state, block, options);
    yield* this.#extendHistory(options.now, block);
    this.#checkTree();
    return result;
  }

  /** Whether `block` would connect to the tip; nothing is stored (Core: TestBlockValidity). */
  testBlock(block: Block, options: TestBlockOptions): WriterTask<Reject | undefined> {
    return testBlock(this.#state, block, options);
  }

  *invalidateBlock(id: HeaderId, now: Milliseconds): WriterTask<void> {
    yield* invalidateBlock(this.#state, id, now);
    this.#checkTree();
  }

  *reconsiderBlock(id: HeaderId, now: Milliseconds): WriterTask<void> {
    yield* reconsiderBlock(this.#state, id, now);
    this.#checkTree();
  }

  *preciousBlock(id: HeaderId, now: Milliseconds): WriterTask<void> {
    yield* preciousBlock(this.#state, id, now);
    this.#checkTree();
  }

  /** Coins of the active chain; undefined where spent or never made. */
  fetchCoins(outPoints: readonly OutPoint[]): WriterTask<(Coin | undefined)[]> {
    return fetchCoins(this.#state, outPoints);
  }

  /** Of a block for which `headers.hasData` holds. */
  readBlock(id: HeaderId): WriterTask<Block> {
    return readBlock(this.#state, id);
  }

  /** Of a block that was part of the active chain once. */
  readUndo(id: HeaderId): WriterTask<BlockUndo> {
    return readUndo(this.#state, id);
  }

  /** Looks through the last blocks once more; what is wrong is logged. */
  verify(options: VerifyOptions): WriterTask<VerifyResult> {
    return verifyChain(this.#state, options);
  }

  /** The block files are being read again: nothing is connected before that ends (Core: LoadingBlocks). */
  get isImporting(): boolean {
    return this.#tree.isImporting;
  }

  /** Old blocks are deleted, by themselves or when asked for. */
  get prune(): PruneOptions | undefined {
    return this.#tree.prune;
  }

  /** Height of the last block of the active chain of which block or undo data are gone; undefined when none are. */
  pruneHeight(): number | undefined {
    return pruneHeight(this.#state);
  }

  /** Deletes block files that hold nothing above `height`, as far as the rules let them go. */
  *pruneTo(height: number, now: Milliseconds): WriterTask<void> {
    yield* settle(this.#state);
    yield* pruneTo(this.#state, height, now);
  }

  /** Deletes block files when they take more than the target: for a start, which may have another one than before. */
  *pruneIfFull(now: Milliseconds): WriterTask<void> {
    yield* settle(this.#state);
    yield* pruneIfFull(this.#state, now);
  }

  /**
   * Keeps all blocks from `first` on until the next call (Core: UpdatePruneLock); undefined lifts the lock. `firstOnDisk`: as
   * far as what was done with the blocks survives a crash; before blocks go, the notice `pruning` gives a chance to see to it.
   */
  setPruneLock(name: string, first: number | undefined, firstOnDisk = first): void {
    if (first === undefined || firstOnDisk === undefined) this.#tree.pruneLocks.delete(name);
    else this.#tree.pruneLocks.set(name, { first, firstOnDisk });
  }

  /** Brings everything to disk. */
  *flush(now: Milliseconds): WriterTask<void> {
    for (const state of [this.#history, this.#state]) {
      if (state === undefined) continue;
      yield* settle(state);
      yield* flush(state, now);
    }
  }
}

/** A snapshot is loaded to its end, or not taken: what has no coins now has lost them. */
function refuseEmpty({ bestBlock, headBlocks }: ChainstateRecords): void {
  if ((bestBlock ?? headBlocks) !== undefined) return;
  throw new StoreError(
    'corrupted',
    'The coins of the snapshot are gone. Please restart with -reindex-chainstate, which goes on without it',
  );
}
