/**
 * What everybody but the writer sees of the chain: the header tree and the active chain. Views change only between
 * events of the writer; nothing here returns an object per header, so a million headers stay a few typed arrays.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds, UnixSeconds } from '../base/clock.ts';
import type { ChainParams } from '../consensus/params.ts';
import type { BlockHeader } from '../wire/block.ts';

/** A header's place in the tree: small, stable while the process runs, 0 is genesis. */
export type HeaderId = number;

/** What is known about a block, as Core's BlockStatus. */
export interface HeaderView {
  readonly size: number;
  find(hash: BlockHash): HeaderId | undefined;
  hashOf(id: HeaderId): BlockHash;
  headerOf(id: HeaderId): BlockHeader;
  /** undefined for genesis. */
  parentOf(id: HeaderId): HeaderId | undefined;
  heightOf(id: HeaderId): number;
  timeOf(id: HeaderId): UnixSeconds;
  bitsOf(id: HeaderId): number;
  versionOf(id: HeaderId): number;
  /** Sum of the work from genesis up to and with this block. */
  chainWorkOf(id: HeaderId): bigint;
  /** Positive: `a` has more of it. */
  compareWork(a: HeaderId, b: HeaderId): number;
  /** Median of the times of this block and its ten ancestors (BIP113). */
  medianTimePastOf(id: HeaderId): UnixSeconds;
  /** The ancestor of `id` (or itself) at `height`, in O(log n) steps. */
  ancestorOf(id: HeaderId, height: number): HeaderId;
  /** The last header that both branches have. */
  forkOf(a: HeaderId, b: HeaderId): HeaderId;
  /** Hashes of the branch that ends in `id`, by which somebody else finds out how much of it he has. */
  locatorOf(id: HeaderId): readonly BlockHash[];
  /** The block is on disk. */
  hasData(id: HeaderId): boolean;
  /** The block and all its ancestors were once on disk, so it may be connected. */
  hasChainData(id: HeaderId): boolean;
  /** Broke a rule, or descends from a block that did. */
  isInvalid(id: HeaderId): boolean;
  /** Scripts and amounts were checked: it was part of the active chain once. */
  isFullyValid(id: HeaderId): boolean;
  /** Transactions in the block; 0 while only the header is known. */
  txCountOf(id: HeaderId): number;
  /** Transactions from genesis up to and with this block; 0 while a block in between is missing. */
  chainTxCountOf(id: HeaderId): number;
  /** Headers without children that are known, best work first. */
  tips(): readonly HeaderId[];
}

export interface ChainView {
  readonly params: ChainParams;
  readonly headers: HeaderView;
  /** The last block of the active chain. */
  tip(): HeaderId;
  /** The header with the most work that is not known to be invalid. */
  bestHeader(): HeaderId;
  /** The active chain's block at `height`; undefined above the tip. */
  atHeight(height: number): HeaderId | undefined;
  isActive(id: HeaderId): boolean;
  /**
   * While the blocks below a snapshot are validated (chain/history.ts): the last that was, and the snapshot's. Blocks of the
   * active chain up to `end` are wanted then, and may not be there.
   */
  history(): { readonly tip: HeaderId; readonly end: HeaderId } | undefined;
  /** True until the tip is recent and has the minimum work; then false for ever (Core: IsInitialBlockDownload). */
  isInitialBlockDownload(now: Milliseconds): boolean;
  /** Block files are being read at the start: what peers know of the chain is of no use before that ends (Core: LoadingBlocks). */
  readonly isLoadingBlocks: boolean;
}

/** The one thing that p2p changes directly: the header tree is in memory, and it must decide inside one message. */
export interface HeaderAcceptor {
  /**
   * Checks the header's proof of work and context and adds it to the tree; a known header is found again.
   * Throws Reject. Whether there is enough work behind it to be worth keeping is for the caller to know.
   */
  acceptHeader(header: BlockHeader, now: Milliseconds): HeaderId;
}
