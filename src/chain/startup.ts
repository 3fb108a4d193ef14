/**
 * From disk to a running chain, in three steps:
 *
 * 1. `IndexLoad` builds the header tree from the index records (index-load.ts);
 * 2. blocks found in the block files behind what the index knows are taken in again (accept-block.ts), because
 *    somebody may have been told that we have them;
 * 3. `start` brings the coins to a whole state if a flush was cut, and moves to the best chain.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, hashToHex, ZERO_HASH } from '../base/bytes.ts';
import { type Milliseconds, toUnixSeconds } from '../base/clock.ts';
import { StoreError } from '../store/errors.ts';
import { receiveBlock } from './accept-block.ts';
import { activateBestChain, pathBetween, readBlock, readUndo } from './activate.ts';
import { REINDEXING_KEY } from './block-index.ts';
import { HAVE_DATA, HAVE_UNDO, VALID_SCRIPTS, WITNESS_DATA } from './block-status.ts';
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { decodeBestBlock, decodeHeadBlocks } from './coin-records.ts';
import { applyBlock, unapplyBlock } from './connect-block.ts';
import type { FilePosition, WriterTask } from './effects.ts';
import { flush } from './flush.ts';
import { comparePositions } from './index-load.ts';
import { addAllCandidates } from './invalidate.ts';
import { verifyChain } from './verify-chain.ts';

/** How far ahead of the clock a block may be (Core: MAX_FUTURE_BLOCK_TIME). */
const FUTURE_SECONDS_MAX = 2 * 60 * 60;
/** Blocks replayed between two lines of progress. */
const PROGRESS_BLOCKS = 1000;

/** What the chainstate store says about itself. */
export interface ChainstateRecords {
  readonly bestBlock: Uint8Array | undefined;
  readonly headBlocks: Uint8Array | undefined;
  /** What the store of a loaded snapshot says. */
  readonly snapshot?: ChainstateRecords;
}

/** The stored block that lies last in the files: what follows it, the index does not know. */
export function lastStoredPosition({ headers }: ChainState): FilePosition | undefined {
  let last: FilePosition | undefined;
  for (const id of headers.ids()) {
    const position = headers.dataPositionOf(id);
    if (position !== undefined && (last === undefined || comparePositions(position, last) > 0))
      last = position;
  }
  return last;
}

/** Throws StoreError. */
export function* start(state: ChainState, records: ChainstateRecords, now: Milliseconds): WriterTask<void> {
  if (isNew(state) && !state.tree.isImporting) yield* storeGenesis(state);
  if (records.headBlocks !== undefined) yield* replay(state, records.headBlocks, now);
  else if (records.bestBlock !== undefined) {
    state.coins.bestBlock = decodeBestBlock(records.bestBlock);
    state.coins.storedBlock = state.coins.bestBlock;
  } else {
    // Its outputs cannot be spent: connecting genesis makes no coins.
    state.coins.bestBlock = state.headers.hashOf(0);
    state.headers.raiseValidity(0, VALID_SCRIPTS);
  }
  const tip = findKnown(state, state.coins.bestBlock!);
  state.setTip(tip);
  // What was active before goes before others with the same work.
  for (let height = 0; height <= state.height; height += 1)
    state.headers.setSequence(state.atHeight(height)!, 0);
  state.addCandidate(tip);
  addAllCandidates(state);
  state.isInitialBlockDownload(now);
  state.log.info(
    `Loaded best chain: hashBestChain=${hashToHex(state.coins.bestBlock!)} height=${state.height}`,
  );
  checkWitnesses(state);
  if (records.bestBlock !== undefined || records.headBlocks !== undefined) yield* checkLoaded(state, now);
  yield* activateBestChain(state, now);
}

/**
 * Blocks that came when segwit was thought to begin later were taken without their witnesses, and were judged without
 * them (Core: NeedsRedownload). Blocks that were never here, below a snapshot, are none of these.
 */
function checkWitnesses(state: ChainState): void {
  const { headers, params } = state;
  const { segwit } = params.buried;
  for (let id: HeaderId | undefined = state.tip(); id !== undefined; id = headers.parentOf(id)) {
    if (headers.heightOf(id) < segwit) return;
    if (headers.txCountOf(id) === 0 || (headers.statusOf(id) & WITNESS_DATA) !== 0) continue;
    throw new StoreError(
      'corrupted',
      `Witness data for blocks after height ${segwit} requires validation. Please restart with -reindex.`,
    );
  }
}

/** What was loaded is what was written, as far as a look at the last blocks tells (Core: VerifyLoadedChainstate). */
function* checkLoaded(state: ChainState, now: Milliseconds): WriterTask<void> {
  if (state.tree.startupCheck === undefined) return;
  if (state.headers.timeOf(state.tip()) > toUnixSeconds(now) + FUTURE_SECONDS_MAX) {
    throw new StoreError(
      'corrupted',
      "The block database contains a block which appears to be from the future. This may be due to your computer's date and time being set incorrectly. Only rebuild the block database if you are sure that your computer's date and time are correct",
    );
  }
  const { mustBeWhole, ...options } = state.tree.startupCheck;
  const result = yield* verifyChain(state, options);
  if (result === 'corrupted') throw new StoreError('corrupted', 'Corrupted block database detected');
  if (result === 'no room for coins' && mustBeWhole)
    throw new StoreError('io', 'Insufficient dbcache for block verification');
}

/** The block files have been read: from here on the index holds, and the way to the best chain is free. */
export function* endImport(state: ChainState, now: Milliseconds): WriterTask<void> {
  state.tree.isImporting = false;
  if (isNew(state)) yield* storeGenesis(state);
  yield* flush(state, now);
  yield { kind: 'writeIndex', ops: [{ type: 'del', key: REINDEXING_KEY }], durable: true };
  yield* activateBestChain(state, now);
}

/** Genesis was never stored; it may have been deleted since. */
function isNew({ headers }: ChainState): boolean {
  return headers.txCountOf(0) === 0;
}

function* storeGenesis(state: ChainState): WriterTask<void> {
  const { genesis } = state.params;
  const position = (yield {
    kind: 'appendBlock',
    raw: genesis.raw,
    height: 0,
    time: genesis.header.time,
  }) as FilePosition;
  receiveBlock(state, 0, genesis, position);
}

/**
 * Finishes a flush that was cut (Core: ReplayBlocks). Any part of the change from the old tip to the new one may be
 * in the store; undoing and doing all of it again is right for every part, because writing a coin twice and deleting
 * an absent one change nothing.
 */
function* replay(state: ChainState, record: Uint8Array, now: Milliseconds): WriterTask<void> {
  const { headers, coins, log } = state;
  const { newTip, oldTip } = decodeHeadBlocks(record);
  const target = findKnown(state, newTip);
  let fork: HeaderId = 0;
  log.info('Replaying blocks');
  if (oldTip !== ZERO_HASH) {
    const old = findKnown(state, oldTip);
    fork = headers.forkOf(old, target);
    for (let id = old; id !== fork; id = headers.parentOf(id)!) {
      unapplyBlock(state, yield* readBlock(state, id), yield* readUndo(state, id));
      logProgress(state, 'Rolling back', id);
    }
  }
  for (const id of pathBetween(state, fork, target)) {
    assert(
      (headers.statusOf(id) & (HAVE_DATA | HAVE_UNDO)) !== 0,
      'a block whose coins were written is stored',
    );
    applyBlock(state, yield* readBlock(state, id), headers.heightOf(id), { overwrites: true });
    logProgress(state, 'Rolling forward', id);
  }
  coins.bestBlock = newTip;
  coins.storedBlock = oldTip;
  yield* flush(state, now);
}

function logProgress({ headers, log }: ChainState, what: string, id: HeaderId): void {
  const height = headers.heightOf(id);
  if (height % PROGRESS_BLOCKS === 0) log.info(`${what} ${hashToHex(headers.hashOf(id))} (${height})`);
}

function findKnown(state: ChainState, hash: BlockHash): HeaderId {
  const id = state.headers.find(hash);
  if (id !== undefined) return id;
  state.log.warn(`The coins stand at block ${hashToHex(hash)}, which the index does not know`);
  throw new StoreError('corrupted', 'Error initializing block database');
}
