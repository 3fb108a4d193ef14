/**
 * The chain: header tree, coins and active chain, with one writer. Reading is a call, and so is accepting a header;
 * all else is a task that yields effects (effects.ts) and must run alone, in the writer's queue.
 *
 * A start is `loadIndex`, then `adoptStoredBlock` for each block in the files from `lastStoredPosition` on, then the
 * task `start`.
 */
import type { Milliseconds } from '../base/clock.ts';
import { Deployments } from '../consensus/deployments.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { Reject } from '../consensus/reject.ts';
import type { Entry } from '../store/store.ts';
import type { Block, BlockHeader } from '../wire/block.ts';
import type { OutPoint } from '../wire/transaction.ts';
import { acceptHeader, adoptStoredBlock, type SubmitBlockOptions, submitBlock } from './accept-block.ts';
import { readBlock, readUndo } from './activate.ts';
import { type ChainDeps, type ChainOptions, ChainState, type PruneOptions } from './chain-state.ts';
import type { ChainView, HeaderAcceptor, HeaderId } from './chain-view.ts';
import type { Coin } from './coin.ts';
import { fetchCoins } from './connect-block.ts';
import { settle } from './connecting.ts';
import type { BlockFileUsage, BlockResult, FilePosition, WriterTask } from './effects.ts';
import { flush } from './flush.ts';
import type { HeaderTree } from './header-tree.ts';
import { invalidateBlock, preciousBlock, reconsiderBlock } from './invalidate.ts';
import { abandonedFiles, pruneHeight, pruneIfFull, pruneTo } from './prune.ts';
import {
  type ChainstateRecords,
  endImport,
  type IndexFlags,
  lastStoredPosition,
  loadIndex,
  start,
} from './startup.ts';
import { type TestBlockOptions, testBlock } from './test-block.ts';
import type { BlockUndo } from './undo.ts';
import { type VerifyOptions, type VerifyResult, verifyChain } from './verify-chain.ts';

/** A branch's end, as `getchaintips` tells of it. */
export interface ChainTip {
  readonly id: HeaderId;
  /** Blocks from the active chain to it; 0 for the active tip. */
  readonly branchLength: number;
  readonly status: 'active' | 'valid-fork' | 'valid-headers' | 'headers-only' | 'invalid';
}

export class Chain implements ChainView, HeaderAcceptor {
  readonly #state: ChainState;
  /** How far soft forks are, at any block. */
  readonly deployments: Deployments;

  constructor(deps: ChainDeps, options: ChainOptions = {}) {
    this.#state = new ChainState(deps, options);
    this.deployments = new Deployments(this.#state.headers, deps.params);
  }

  get params(): ChainParams {
    return this.#state.params;
  }

  get headers(): HeaderTree {
    return this.#state.headers;
  }

  tip(): HeaderId {
    return this.#state.tip();
  }

  get height(): number {
    return this.#state.height;
  }

  bestHeader(): HeaderId {
    return this.#state.bestHeader;
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
    return this.#state.minimumChainWork;
  }

  /** Where the coins on disk stand: a start finds the chain there or above. Undefined before the first flush. */
  flushedBlock(): HeaderId | undefined {
    const { storedBlock } = this.#state.coins;
    return storedBlock === undefined ? undefined : this.headers.find(storedBlock);
  }

  /** Memory of the coins cache, roughly. */
  get coinsCacheBytes(): number {
    return this.#state.coins.bytes;
  }

  /** Best first (Core: getchaintips). */
  chainTips(): ChainTip[] {
    const { headers } = this;
    const active = this.tip();
    const ids = new Set([...headers.tips().filter(id => !this.isActive(id)), active]);
    const tips = [...ids].map((id): ChainTip => {
      const branchLength = headers.heightOf(id) - headers.heightOf(this.#state.forkWithActive(id));
      return { id, branchLength, status: this.#tipStatus(id) };
    });
    return tips.sort((a, b) => headers.heightOf(b.id) - headers.heightOf(a.id) || a.id - b.id);
  }

  #tipStatus(id: HeaderId): ChainTip['status'] {
    const { headers } = this;
    if (this.isActive(id)) return 'active';
    if (headers.isInvalid(id)) return 'invalid';
    // Some block of the branch is missing.
    if (!headers.hasChainData(id)) return 'headers-only';
    // It was active once.
    return headers.isFullyValid(id) ? 'valid-fork' : 'valid-headers';
  }

  /** Why a stored block could not be connected; undefined too when that was before this process started. */
  invalidReason(id: HeaderId): Reject | undefined {
    return this.#state.invalidReasons.get(id);
  }

  /** Throws Reject. */
  acceptHeader(
    header: BlockHeader,
    now: Milliseconds,
    options: { readonly minPowChecked?: boolean } = {},
  ): HeaderId {
    return acceptHeader(this.#state, header, { now, ...options });
  }

  /** First step of a start: all records of `BLOCK_INDEX_KEYS`. Throws StoreError. */
  loadIndex(entries: Iterable<Entry>, flags?: IndexFlags): void {
    loadIndex(this.#state, entries, flags);
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
  start(records: ChainstateRecords, now: Milliseconds): WriterTask<void> {
    return start(this.#state, records, now);
  }

  /** All block files have been read (`IndexFlags.isImporting`). */
  endImport(now: Milliseconds): WriterTask<void> {
    return endImport(this.#state, now);
  }

  /** The node stops: the task that is on its way to the best chain ends at the next block. */
  interrupt(): void {
    this.#state.isInterrupted = true;
  }

  /** Checks and stores a block and moves to the best chain. What became of it in the chain, the view tells. */
  submitBlock(block: Block, options: SubmitBlockOptions): WriterTask<BlockResult> {
    return submitBlock(this.#state, block, options);
  }

  /** Whether `block` would connect to the tip; nothing is stored (Core: TestBlockValidity). */
  testBlock(block: Block, options: TestBlockOptions): WriterTask<Reject | undefined> {
    return testBlock(this.#state, block, options);
  }

  invalidateBlock(id: HeaderId, now: Milliseconds): WriterTask<void> {
    return invalidateBlock(this.#state, id, now);
  }

  reconsiderBlock(id: HeaderId, now: Milliseconds): WriterTask<void> {
    return reconsiderBlock(this.#state, id, now);
  }

  preciousBlock(id: HeaderId, now: Milliseconds): WriterTask<void> {
    return preciousBlock(this.#state, id, now);
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

  /** Old blocks are deleted, by themselves or when asked for. */
  get prune(): PruneOptions | undefined {
    return this.#state.prune;
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

  /** Keeps all blocks from `first` on until the next call (Core: UpdatePruneLock); undefined lifts the lock. */
  setPruneLock(name: string, first: number | undefined): void {
    if (first === undefined) this.#state.pruneLocks.delete(name);
    else this.#state.pruneLocks.set(name, first);
  }

  /** Brings everything to disk. */
  *flush(now: Milliseconds): WriterTask<void> {
    yield* settle(this.#state);
    yield* flush(this.#state, now);
  }
}
