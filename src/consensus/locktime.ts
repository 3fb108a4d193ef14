/**
 * From when on a transaction may be in a block: its lock time (a height or a time), and the relative locks of its
 * inputs (BIP68). Source: Core consensus/tx_verify.cpp.
 */
import {
  LOCKTIME_THRESHOLD, SEQUENCE_LOCKTIME_DISABLE_FLAG, SEQUENCE_LOCKTIME_MASK, SEQUENCE_LOCKTIME_TYPE_FLAG,
} from '../script/checker.ts'; // biome-ignore format: one list
import { SEQUENCE_FINAL, type Transaction } from '../wire/transaction.ts';
import type { HeaderContext, HeaderRef } from './header-context.ts';

/** A relative time counts in units of 2^9 = 512 seconds. */
const SEQUENCE_LOCKTIME_UNIT_SECONDS = 512;
/** Versions below know no relative locks; the version is unsigned since 2024. */
const SEQUENCE_LOCK_VERSION_MIN = 2;

/**
 * Whether the absolute lock is open in a block at `height`. `time` is the median time past of the block before, or
 * the block's own time where BIP113 does not hold yet.
 */
export function isFinalTx(tx: Transaction, height: number, time: number): boolean {
  if (tx.lockTime === 0) return true;
  if (tx.lockTime < (tx.lockTime < LOCKTIME_THRESHOLD ? height : time)) return true;
  for (const input = tx.inputCursor(); input.next(); ) if (input.sequence !== SEQUENCE_FINAL) return false;
  return true;
}

/** The last height and median time at which the transaction is still locked; −1: never was. */
export interface SequenceLocks {
  readonly height: number;
  readonly time: number;
}

/**
 * The relative locks of all inputs as one. `coinHeights[i]` is the height of the block that made what input i spends;
 * `medianTimePastAt` tells the median time past of the ancestor at a height.
 */
export function sequenceLocks(
  tx: Transaction,
  coinHeights: readonly number[],
  medianTimePastAt: (height: number) => number,
): SequenceLocks {
  let lastHeight = -1;
  let lastTime = -1;
  if (tx.version < SEQUENCE_LOCK_VERSION_MIN) return { height: lastHeight, time: lastTime };
  const input = tx.inputCursor();
  for (let i = 0; input.next(); i += 1) {
    const { sequence } = input;
    if (sequence >= SEQUENCE_LOCKTIME_DISABLE_FLAG) continue;
    const count = sequence & SEQUENCE_LOCKTIME_MASK;
    const coinHeight = coinHeights[i]!;
    // Minus one: the last moment of the lock, as with a lock time, not the first one after it.
    if ((sequence & SEQUENCE_LOCKTIME_TYPE_FLAG) === 0) {
      lastHeight = Math.max(lastHeight, coinHeight + count - 1);
    } else {
      // A coin's time is the least that its block could have: the median time past of the block before that.
      const coinTime = medianTimePastAt(Math.max(coinHeight - 1, 0));
      lastTime = Math.max(lastTime, coinTime + count * SEQUENCE_LOCKTIME_UNIT_SECONDS - 1);
    }
  }
  return { height: lastHeight, time: lastTime };
}

/** Whether all relative locks are open in the block after `parent`. What `coins` are of no block yet count as that block's. */
export function relativeLocksMet(
  tx: Transaction,
  coins: readonly { readonly height: number }[],
  parent: HeaderRef,
  headers: HeaderContext,
): boolean {
  if (!hasRelativeLock(tx)) return true;
  const height = headers.heightOf(parent) + 1;
  const coinHeights = coins.map(coin => Math.min(coin.height, height));
  const locks = sequenceLocks(tx, coinHeights, at =>
    headers.medianTimePastOf(headers.ancestorOf(parent, at)),
  );
  return sequenceLocksMet(locks, height, headers.medianTimePastOf(parent));
}

/** Whether some input has a relative lock at all. */
export function hasRelativeLock(tx: Transaction): boolean {
  if (tx.version < SEQUENCE_LOCK_VERSION_MIN) return false;
  for (const input = tx.inputCursor(); input.next(); )
    if (input.sequence < SEQUENCE_LOCKTIME_DISABLE_FLAG) return true;
  return false;
}

/** Whether the locks are open in a block at `height` after one with that median time past. */
export function sequenceLocksMet(
  locks: SequenceLocks,
  height: number,
  parentMedianTimePast: number,
): boolean {
  return locks.height < height && locks.time < parentMedianTimePast;
}
