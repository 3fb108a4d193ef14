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
import type { ChainState } from './chain-state.ts';
import type { HeaderId } from './chain-view.ts';
import { connectBlock, disconnectBlock } from './connect-block.ts';
import type { WriterTask } from './effects.ts';
import { flushIfDue, flushIfFull } from './flush.ts';
import { pruneIfFull } from './prune.ts';
import { type BlockUndo, blockUndo } from './undo.ts';

/** Blocks looked ahead on the way to a better tip, so that a long way needs no long list. */
const PATH_BLOCKS_MAX = 32;

/** `block` is one that was just stored: it need not be read again. */
export function* activateBestChain(state: ChainState, now: Milliseconds, block?: Block): WriterTask<void> {
  if (state.height >= state.stopAtHeight) return;
  let target: HeaderId | undefined;
  for (;;) {
    const start = state.tip();
    let moved = false;
    let reorganised = false;
    do {
      target ??= state.findMostWork();
      if (target === undefined || target === state.tip()) break;
      if (state.forkWithActive(target) !== state.tip()) reorganised = true;
      const isValid = yield* activateStep(state, { target, block, now });
      moved = true;
      // Another branch may be the best one now.
      if (!isValid) target = undefined;
      // An invalid block may have left us on a worse tip than we came from: go on until that is made good.
    } while (state.headers.isBetter(start, state.tip()));
    if (!moved) return;
    const tip = state.tip();
    const fork = state.headers.forkOf(start, tip);
    // Told too when the way led back to where it began: then `fork` is the tip, but blocks came and went.
    if (fork !== tip || reorganised) {
      logTip(state);
      state.isInitialBlockDownload(now);
      yield { kind: 'notify', notice: { kind: 'tipChanged', tip, fork } };
    }
    yield* flushIfDue(state, now);
    yield* pruneIfFull(state, now);
    if (tip === target || state.height >= state.stopAtHeight) return;
    yield { kind: 'pause' };
  }
}

/** Goes towards `target` until the tip is better than before. Returns false when an invalid block was met. */
function* activateStep(
  state: ChainState,
  { target, block, now }: { target: HeaderId; block: Block | undefined; now: Milliseconds },
): WriterTask<boolean> {
  const { headers } = state;
  const start = state.tip();
  const fork = state.forkWithActive(target);
  while (state.tip() !== fork) yield* disconnectTip(state, now);
  const targetHeight = headers.heightOf(target);
  while (state.height < targetHeight) {
    const pathEnd = headers.ancestorOf(target, Math.min(state.height + PATH_BLOCKS_MAX, targetHeight));
    for (const id of pathBetween(state, state.tip(), pathEnd)) {
      const known = block !== undefined && headers.hashOf(id) === block.header.hash ? block : undefined;
      if (!(yield* connectTip(state, id, known))) return false;
      state.pruneCandidates();
      yield* flushIfFull(state, now);
      if (headers.chainWorkOf(state.tip()) > headers.chainWorkOf(start)) return true;
    }
  }
  return true;
}

/** Returns false when the block is invalid; it is marked then, and the tip stays. */
function* connectTip(state: ChainState, id: HeaderId, known: Block | undefined): WriterTask<boolean> {
  const block = known ?? (yield* readCheckedBlock(state, id));
  let undo: BlockUndo;
  try {
    undo = yield* connectBlock(state, id, block);
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    const hash = state.headers.hashOf(id);
    const where = `${hashToHex(hash)} at height ${state.headers.heightOf(id)}`;
    state.log.warn(`Block validation error: ${error.message}, block ${where}`);
    state.markInvalid(id);
    state.invalidReasons.set(id, error);
    yield { kind: 'notify', notice: { kind: 'blockInvalid', hash, reason: error } };
    return false;
  }
  state.pushTip(id);
  yield { kind: 'notify', notice: { kind: 'blockConnected', id, block, undo } };
  return true;
}

export function* disconnectTip(
  state: ChainState,
  now: Milliseconds,
  { givesBack } = { givesBack: true },
): WriterTask<void> {
  const id = state.tip();
  const block = yield* readBlock(state, id);
  const undo = yield* readUndo(state, id);
  disconnectBlock(state, id, block, undo);
  state.popTip();
  yield { kind: 'notify', notice: { kind: 'blockDisconnected', id, block, undo, givesBack } };
  yield* flushIfFull(state, now);
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

/** The line that rigs for Core wait for (validation.cpp: UpdateTipLog). */
function logTip(state: ChainState): void {
  const { headers, log } = state;
  const tip = state.tip();
  const work = Math.log2(Number(headers.chainWorkOf(tip))).toFixed(6);
  const version = (headers.versionOf(tip) >>> 0).toString(16).padStart(8, '0');
  log.info(
    `UpdateTip: new best=${hashToHex(headers.hashOf(tip))} height=${state.height} version=0x${version} ` +
      `log2_work=${work} tx=${headers.chainTxCountOf(tip)} ` +
      `cache=${(state.coins.bytes / 1024 / 1024).toFixed(1)}MiB(${state.coins.size}txo)`,
  );
}
