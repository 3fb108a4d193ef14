/**
 * The coins of an earlier block, seen through those of now: what blocks took and made since then lies in a store of its
 * own, and covers what the chainstate has (Core: CreateRolledBackUTXOSnapshot, which copies all coins instead).
 */
import { compareBytes } from '../base/bytes.ts';
import { coinRecordKeyFor, encodeCoin } from '../chain/coin-records.ts';
import type { BlockUndo } from '../chain/undo.ts';
import { isUnspendable } from '../script/opcodes.ts';
import type { BatchOp, Entry, Range, ReadableStore } from '../store/store.ts';
import type { Block } from '../wire/block.ts';

/** Where the coin is not there, in the store of changes. No coin's record is empty. */
const ABSENT = new Uint8Array(0);

/** What undoing the block changes; to be written before the next lower block's. */
export function undoneBy({ transactions }: Block, { spent }: BlockUndo): BatchOp[] {
  const ops: BatchOp[] = [];
  for (let i = transactions.length - 1; i >= 0; i -= 1) {
    const tx = transactions[i]!;
    tx.outputs.forEach(({ scriptPubKey }, index) => {
      if (!isUnspendable(scriptPubKey))
        ops.push({ type: 'put', key: coinRecordKeyFor(tx.txid, index), value: ABSENT });
    });
    if (i === 0) continue;
    tx.inputs.forEach(({ prevout }, j) => {
      const value = encodeCoin(spent[i - 1]![j]!);
      ops.push({ type: 'put', key: coinRecordKeyFor(prevout.txid, prevout.index), value });
    });
  }
  return ops;
}

/** The entries of `below`, with those of `changes` in their place. */
export async function* covered(
  below: ReadableStore,
  changes: ReadableStore,
  range: Range,
): AsyncGenerator<Entry> {
  const upper = changes.iterate(range)[Symbol.asyncIterator]();
  let change = await upper.next();
  for await (const entry of below.iterate(range)) {
    while (!change.done && compareBytes(change.value[0], entry[0]) < 0) {
      if (change.value[1].length > 0) yield change.value;
      change = await upper.next();
    }
    if (change.done || compareBytes(change.value[0], entry[0]) > 0) {
      yield entry;
      continue;
    }
    if (change.value[1].length > 0) yield change.value;
    change = await upper.next();
  }
  for (; !change.done; change = await upper.next()) if (change.value[1].length > 0) yield change.value;
}
