/**
 * Bringing memory to disk, in the order that a crash at any point leaves something to go on from:
 *
 * 1. block and undo files to disk, since index records point into them;
 * 2. the index, durable, since coins name blocks of it;
 * 3. a head-blocks record `[new tip, old tip]` in place of the best block, with the first coins;
 * 4. coins, in batches, others having a turn in between;
 * 5. the best block again, durable.
 *
 * Cut between 3 and 5, a start replays the blocks between the two heads (startup.ts). The block files are the log of
 * all that came after the last flush, so none need follow a block.
 */
import { assert } from '../base/assert.ts';
import { ZERO_HASH } from '../base/bytes.ts';
import { MINUTE_MS, type Milliseconds } from '../base/clock.ts';
import type { BatchOp } from '../store/store.ts';
import { blockIndexOp } from './block-index.ts';
import type { ChainState } from './chain-state.ts';
import { BEST_BLOCK_KEY, encodeBestBlock, encodeHeadBlocks, HEAD_BLOCKS_KEY } from './coin-records.ts';
import type { WriterTask } from './effects.ts';

/** What one operation costs besides key and value. */
const OP_OVERHEAD_BYTES = 16;
/** A start checks again what came after the last flush, so this bounds how long that takes. */
const FLUSH_INTERVAL_MS = 5 * MINUTE_MS;
/** Coins kept for reading after a flush, as a part of the cache's limit. */
const KEPT_PART = 0.5;

/** The cache is full, or the last flush is some time ago. */
export function isFlushDue(state: ChainState, now: Milliseconds): boolean {
  if (state.lastFlush === undefined || now < state.lastFlush) state.lastFlush = now;
  return now - state.lastFlush >= FLUSH_INTERVAL_MS || state.coins.bytes > state.coinsCacheBytes;
}

export function* flush(state: ChainState, now: Milliseconds): WriterTask<void> {
  assert(state.connecting.length === 0, 'only verified blocks are flushed');
  state.lastFlush = now;
  yield { kind: 'syncBlockFiles' };
  yield* writeIndex(state);
  yield* writeCoins(state);
}

/** What the index has not heard of yet, and `first`; durable when done. */
export function* writeIndex(
  { headers, tree: { batchBytesMax } }: ChainState,
  first: readonly BatchOp[] = [],
): WriterTask<void> {
  let ops: BatchOp[] = [...first];
  let bytes = 0;
  for (const group of headers.takeDirty()) {
    const op = blockIndexOp(headers, group);
    ops.push(op);
    bytes += opBytes(op);
    if (bytes < batchBytesMax) continue;
    yield { kind: 'writeIndex', ops, durable: false };
    yield { kind: 'pause' };
    ops = [];
    bytes = 0;
  }
  // Also when empty: what was written before may not be durable yet.
  yield { kind: 'writeIndex', ops, durable: true };
}

function* writeCoins({ coins, coinsCacheBytes, store, tree }: ChainState): WriterTask<void> {
  const { bestBlock, storedBlock } = coins;
  assert(bestBlock !== undefined, 'coins are flushed after genesis');
  if (bestBlock !== storedBlock) {
    const heads = encodeHeadBlocks(bestBlock, storedBlock ?? ZERO_HASH);
    let ops: BatchOp[] = [
      { type: 'del', key: BEST_BLOCK_KEY },
      { type: 'put', key: HEAD_BLOCKS_KEY, value: heads },
    ];
    let bytes = 0;
    for (const op of coins.changes()) {
      ops.push(op);
      bytes += opBytes(op);
      if (bytes < tree.batchBytesMax) continue;
      yield { kind: 'writeCoins', store, ops, durable: false };
      yield { kind: 'pause' };
      ops = [];
      bytes = 0;
    }
    ops.push(
      { type: 'del', key: HEAD_BLOCKS_KEY },
      { type: 'put', key: BEST_BLOCK_KEY, value: encodeBestBlock(bestBlock) },
    );
    yield { kind: 'writeCoins', store, ops, durable: true };
  }
  coins.flushed(coinsCacheBytes * KEPT_PART);
}

function opBytes(op: BatchOp): number {
  return OP_OVERHEAD_BYTES + op.key.length + (op.type === 'put' ? op.value.length : 0);
}
