/**
 * Moving to the best chain: the connectable block with the most cumulative work, the first seen of equals, at any
 * depth (Core: ActivateBestChain and its steps, validation.cpp). A block of the new branch that turns out to be
 * invalid is remembered with its descendants, and the way leads back to the best valid branch.
 */
import { assert } from '../base/assert.ts';
import { hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { checkBlock } from '../consensus/block.ts';
import { Reject } from '../consensus/reject.ts';
import { StoreError } from '../store/errors.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { DecodeError, decodeAll } from '../wire/codec.ts';
import type { ChainState, Connecting, ConnectOptions } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { disconnectBlock } from './connect-block.ts';
import { beginConnect, hasRoom, refuse, settle, settleFirst, standAside, tellTip } from './connecting.ts';
import type { WriterTask } from './effects.ts';
import { flush, isFlushDue } from './flush.ts';
import { type BlockUndo, blockUndo } from './undo.ts';
import { isUpkeepDue, upkeep } from './upkeep.ts';

/** `block` is one that was just stored: it need not be read again. */
export function* activateBestChain(state: ChainState, now: Milliseconds, block?: Block): WriterTask<void> {
  if (state.tree.isImporting) return;
  if (block !== undefined && (yield* connectNext(state, block, now))) return;
  yield* settle(state);
  while (state.height < state.tree.stopAtHeight && !state.tree.isInterrupted) {
    const target = state.findMostWork();
    if (target === undefined || target === state.tip()) return;
    if (state.forkWithActive(target) === state.tip()) yield* extend(state, target, block, now);
    else yield* reorganise(state, block, now);
    yield { kind: 'pause' };
  }
}

/**
 * The usual way: `block` stands on the last one that was begun, and nothing is better. Others run while its scripts are
 * checked. Returns false when there is, or may be, more to do.
 */
function* connectNext(state: ChainState, block: Block, now: Milliseconds): WriterTask<boolean> {
  const { headers } = state;
  const id = headers.find(block.header.hash)!;
  while (!hasRoom(state)) yield* settleFirst(state);
  if (state.connecting.length > 0 && isUpkeepDue(state, now)) {
    yield* settle(state);
    yield* upkeep(state, now);
  }
  if (state.findMostWork() !== id || headers.parentOf(id) !== state.coinsTip()) return false;
  if (headers.heightOf(id) > state.tree.stopAtHeight) return false;
  const entry = yield* tryBegin(state, id, block, { now, tellsTip: 'each' });
  if (entry === undefined) return false;
  yield* standAside(state, entry);
  yield* upkeep(state, now);
  // Whoever was begun last looks whether that is all.
  return (
    entry.outcome === 'connected' && (state.connecting.length > 0 || state.findMostWork() === state.tip())
  );
}

/** From the tip up to `target`, several blocks on their way at a time, or until an invalid one is met. */
function* extend(
  state: ChainState,
  target: HeaderId,
  known: Block | undefined,
  now: Milliseconds,
): WriterTask<void> {
  const { headers, connecting } = state;
  const end = Math.min(headers.heightOf(target), state.tree.stopAtHeight);
  while (state.height < end && !headers.isInvalid(target)) {
    while (connecting.length === 0 || (hasRoom(state) && !isUpkeepDue(state, now))) {
      const height = headers.heightOf(state.coinsTip()) + 1;
      if (height > end) break;
      const id = headers.ancestorOf(target, height);
      if (
        (yield* tryBegin(state, id, yield* blockOf(state, id, known), { now, tellsTip: 'each' })) ===
        undefined
      )
        return;
    }
    yield* settleFirst(state);
    yield* upkeep(state, now);
    if (state.tree.isInterrupted) {
      yield* settle(state);
      return;
    }
    if (state.height < end) yield { kind: 'pause' };
  }
}

/** Leaves the branch of the tip for better ones, block by block, until we are better off, or back where we were. */
function* reorganise(state: ChainState, known: Block | undefined, now: Milliseconds): WriterTask<void> {
  const { headers } = state;
  const start = state.tip();
  do {
    const target = state.findMostWork();
    if (target === undefined || target === state.tip()) break;
    yield* moveTowards(state, { target, start, known, now });
    // An invalid block may have left us on a worse tip than we came from: go on until that is made good.
  } while (headers.isBetter(start, state.tip()));
  // Told too when the way led back to where it began: then `fork` is the tip, but blocks came and went.
  yield* tellTip(state, headers.forkOf(start, state.tip()), now);
  yield* upkeep(state, now);
}

/** Until there is more work than at `start`, or an invalid block is met. */
function* moveTowards(
  state: ChainState,
  step: {
    readonly target: HeaderId;
    readonly start: HeaderId;
    readonly known: Block | undefined;
    readonly now: Milliseconds;
  },
): WriterTask<void> {
  const { target, start, known, now } = step;
  const { headers } = state;
  const fork = state.forkWithActive(target);
  while (state.tip() !== fork) yield* disconnectTip(state, now);
  while (state.tip() !== target && state.height < state.tree.stopAtHeight) {
    const id = headers.ancestorOf(target, state.height + 1);
    // One by one: what the notices tell of is then what the coins are at.
    const entry = yield* tryBegin(state, id, yield* blockOf(state, id, known), { now, tellsTip: 'later' });
    if (entry === undefined) return;
    yield* settle(state);
    if (entry.outcome !== 'connected') return;
    if (isFlushDue(state, now)) yield* flush(state, now);
    if (headers.chainWorkOf(state.tip()) > headers.chainWorkOf(start)) return;
  }
}

/** Returns undefined when the block breaks a rule; it is marked then, unless one before it turned out to be invalid. */
function* tryBegin(
  state: ChainState,
  id: HeaderId,
  block: Block,
  options: ConnectOptions,
): WriterTask<Connecting | undefined> {
  try {
    return yield* beginConnect(state, id, block, options);
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    yield* settle(state);
    if (state.headers.parentOf(id) === state.tip()) yield* refuse(state, id, error);
    return undefined;
  }
}

function* blockOf(state: ChainState, id: HeaderId, known: Block | undefined): WriterTask<Block> {
  if (known !== undefined && state.headers.hashOf(id) === known.header.hash) return known;
  return yield* readCheckedBlock(state, id);
}

export function* disconnectTip(
  state: ChainState,
  now: Milliseconds,
  { givesBack } = { givesBack: true },
): WriterTask<void> {
  assert(state.connecting.length === 0, 'coins stand at the tip');
  const id = state.tip();
  let block: Block;
  let undo: BlockUndo;
  try {
    block = yield* readBlock(state, id);
    undo = yield* readUndo(state, id);
    disconnectBlock(state, id, block, undo);
  } catch (error) {
    if (!(error instanceof StoreError || error instanceof DecodeError)) throw error;
    state.log.warn(error.message);
    throw new StoreError('corrupted', 'Failed to disconnect block.', { cause: error });
  }
  state.popTip();
  if (state.target === undefined)
    yield { kind: 'notify', notice: { kind: 'blockDisconnected', id, block, undo, givesBack } };
  if (isFlushDue(state, now)) yield* flush(state, now);
}

/** Of a block that is stored. Throws StoreError when something else lies there. */
export function* readBlock(state: ChainState, id: HeaderId): WriterTask<Block> {
  const position = state.headers.dataPositionOf(id);
  assert(position !== undefined, 'a block that is read is stored');
  const raw = (yield { kind: 'readBlock', position }) as Uint8Array;
  try {
    const block = decodeBlock(raw);
    if (block.header.hash === state.headers.hashOf(id)) return block;
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
  throw damaged(state, id);
}

/** A block that is to be connected must not be held invalid because the disk has changed it. */
function* readCheckedBlock(state: ChainState, id: HeaderId): WriterTask<Block> {
  const block = yield* readBlock(state, id);
  try {
    checkBlock(block, state.params);
  } catch (error) {
    if (error instanceof Reject) throw damaged(state, id);
    throw error;
  }
  return block;
}

function damaged(state: ChainState, id: HeaderId): StoreError {
  const hash = hashToHex(state.headers.hashOf(id));
  return new StoreError(
    'corrupted',
    `Block ${hash} at height ${state.headers.heightOf(id)} is damaged on disk`,
  );
}

/** Of a block that was connected once. */
export function* readUndo(state: ChainState, id: HeaderId): WriterTask<BlockUndo> {
  const position = state.headers.undoPositionOf(id);
  const parent = state.headers.parentOf(id);
  assert(position !== undefined && parent !== undefined, 'a block that was connected has undo data');
  const parentHash = state.headers.hashOf(parent);
  return decodeAll(blockUndo, (yield { kind: 'readUndo', position, parentHash }) as Uint8Array);
}

/** The blocks above `from` up to `to`, which descends from it; lowest first. */
export function pathBetween({ headers }: ChainState, from: HeaderId, to: HeaderId): HeaderId[] {
  const path: HeaderId[] = [];
  for (let at = to; at !== from; at = headers.parentOf(at)!) path.push(at);
  return path.reverse();
}
