/**
 * Taking in headers and blocks: what Core does in AcceptBlockHeader, AcceptBlock and ReceivedBlockTransactions
 * (validation.cpp). A block that passes lies in the block file before anybody is told; whether it becomes part of
 * the active chain is decided in activate.ts.
 */
import { hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { checkBlock, contextualCheckBlock } from '../consensus/block.ts';
import { checkBlockHeader, contextualCheckBlockHeader } from '../consensus/header.ts';
import { Reject } from '../consensus/reject.ts';
import type { Block, BlockHeader } from '../wire/block.ts';
import { activateBestChain } from './activate.ts';
import { VALID_TRANSACTIONS, WITNESS_DATA } from './block-status.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import type { BlockResult, FilePosition, WriterTask } from './effects.ts';

/** Unrequested blocks further above the tip are not stored (Core: MIN_BLOCKS_TO_KEEP). */
const BLOCKS_AHEAD_MAX = 288;

export interface SubmitBlockOptions {
  /** We asked for it: stored also when it has little work or is far ahead. */
  readonly requested: boolean;
  readonly now: Milliseconds;
  /** False: a header with too little work behind it, from a peer, is refused. */
  readonly minPowChecked?: boolean;
}

/** Finds the header or adds it to the tree. Throws Reject. */
export function acceptHeader(
  state: ChainState,
  header: BlockHeader,
  { now, minPowChecked = true }: Omit<SubmitBlockOptions, 'requested'>,
): HeaderId {
  const { headers, params, log } = state;
  const known = headers.find(header.hash);
  if (known !== undefined) {
    if (!headers.isInvalid(known)) return known;
    const detail = `block ${hashToHex(header.hash)} was previously marked invalid`;
    throw new Reject('duplicate-invalid', { detail });
  }
  checkBlockHeader(header, params);
  const parent = headers.find(header.prevHash);
  if (parent === undefined) throw new Reject('prev-blk-not-found');
  if (headers.isInvalid(parent)) throw new Reject('bad-prevblk');
  checkInTree(state, header, { parent, now });
  if (!minPowChecked) {
    const what = 'missing anti-dos proof-of-work validation';
    log.debug('validation', () => `AcceptBlockHeader: not adding new block header ${hashToHex(header.hash)}, ${what}`); // biome-ignore format: one line of the log
    throw new Reject('too-little-chainwork');
  }
  return addHeader(state, header);
}

/** As a descendant of its parent. Throws Reject. */
function checkInTree(
  { headers, params, log }: ChainState,
  header: BlockHeader,
  { parent, now }: { readonly parent: HeaderId; readonly now: Milliseconds },
): void {
  try {
    contextualCheckBlockHeader(header, parent, { headers, params, now });
  } catch (error) {
    if (error instanceof Reject) {
      const { message } = error;
      log.debug('validation', () => `AcceptBlockHeader: Consensus::ContextualCheckBlockHeader: ${hashToHex(header.hash)}, ${message}`); // biome-ignore format: one line of the log
    }
    throw error;
  }
}

/** Adds a header that has been checked. */
export function addHeader(state: ChainState, header: BlockHeader): HeaderId {
  const { headers } = state;
  const id = headers.add(header);
  if (headers.compareWork(id, state.tree.bestHeader) > 0) state.tree.bestHeader = id;
  return id;
}

/** Checks and stores a block, then moves to the best chain. A rejection is also told by `blockInvalid`. */
export function* submitBlock(
  state: ChainState,
  block: Block,
  options: SubmitBlockOptions,
): WriterTask<BlockResult> {
  let newBlock: boolean;
  try {
    newBlock = yield* acceptBlock(state, block, options);
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    yield { kind: 'notify', notice: { kind: 'blockInvalid', hash: block.header.hash, reason: error } };
    return { status: 'rejected', reject: error };
  }
  yield* activateBestChain(state, options.now, block);
  return { status: 'accepted', newBlock };
}

/** Returns whether the block was stored now. Throws Reject. */
function* acceptBlock(state: ChainState, block: Block, options: SubmitBlockOptions): WriterTask<boolean> {
  const { headers } = state;
  // Before the header is taken in, so that a block that somebody damaged leaves no trace.
  checkBlock(block, state.params);
  const id = acceptHeader(state, block.header, options);
  if (headers.hasData(id) || (!options.requested && !isWanted(state, id))) return false;
  checkInContext(state, id, block);
  const position = (yield {
    kind: 'appendBlock',
    raw: block.raw,
    height: headers.heightOf(id),
    time: block.header.time,
  }) as FilePosition;
  const isNext = headers.parentOf(id) === state.tip();
  receiveBlock(state, id, block, position);
  if (isNext && !state.isInitialBlockDownload(options.now))
    yield { kind: 'notify', notice: { kind: 'blockStored', id, block } };
  return true;
}

/**
 * Takes in a block found in the block files behind what the index knows. Returns undefined while its parent is
 * unknown. Throws Reject; not for its time, since it was accepted once, whatever the clock says now.
 */
export function adoptStoredBlock(
  state: ChainState,
  block: Block,
  position: FilePosition,
): HeaderId | undefined {
  const { headers } = state;
  const isGenesis = block.header.hash === state.params.genesis.header.hash;
  if (!isGenesis && headers.find(block.header.prevHash) === undefined) return undefined;
  checkBlock(block, state.params);
  const id = acceptHeader(state, block.header, { now: Number.MAX_SAFE_INTEGER });
  if (headers.hasData(id)) return id;
  if (!isGenesis) checkInContext(state, id, block);
  receiveBlock(state, id, block, position);
  return id;
}

/** The block is in the files: it and stored descendants may now be connectable. */
export function receiveBlock(state: ChainState, id: HeaderId, block: Block, position: FilePosition): void {
  const { headers } = state;
  headers.setData(id, position, block.transactions.length);
  if (headers.heightOf(id) >= state.params.buried.segwit) headers.setStatus(id, WITNESS_DATA);
  headers.raiseValidity(id, VALID_TRANSACTIONS);
  linkBlock(state, id);
}

/** Makes `id` and what was waiting for it connectable, if all ancestors are; else it waits itself. */
export function linkBlock(state: ChainState, id: HeaderId): void {
  const { headers, tree } = state;
  const parent = headers.parentOf(id);
  if (parent !== undefined && !headers.hasChainData(parent)) {
    tree.addUnlinked(id);
    return;
  }
  const queue = [id];
  for (let i = 0; i < queue.length; i += 1) {
    const next = queue[i]!;
    const above = headers.parentOf(next);
    const before = above === undefined ? 0 : headers.chainTxCountOf(above);
    headers.setConnectable(next, before + headers.txCountOf(next), tree.nextSequence);
    tree.nextSequence += 1;
    if (state.isConnectable(next)) for (const follower of tree.followers) follower.addCandidate(next);
    const waiting = tree.unlinked.get(next);
    if (waiting === undefined) continue;
    queue.push(...waiting);
    tree.unlinked.delete(next);
  }
}

/** Whether a block that nobody asked for is worth storing. */
function isWanted(state: ChainState, id: HeaderId): boolean {
  const { headers } = state;
  const work = headers.chainWorkOf(id);
  return (
    // We had it once, and deleted it.
    headers.txCountOf(id) === 0 &&
    work >= headers.chainWorkOf(state.tip()) &&
    headers.heightOf(id) <= state.height + BLOCKS_AHEAD_MAX &&
    work >= state.tree.minimumChainWork
  );
}

/** The rules that need the ancestors' headers. A block that breaks one is invalid for good, unless it was damaged. */
function checkInContext(state: ChainState, id: HeaderId, block: Block): void {
  try {
    const parent = state.headers.parentOf(id)!;
    contextualCheckBlock(block, parent, { headers: state.headers, params: state.params });
  } catch (error) {
    if (error instanceof Reject && error.kind !== 'mutated') state.tree.markInvalid(id, state.tip());
    throw error;
  }
}
