/** Where a transaction lies: its block's place in the block files, and the bytes after the header (Core: index/disktxpos.h). */
import type { Block } from '../../wire/block.ts';
import { compactSizeBytes, type Reader, type Writer } from '../../wire/codec.ts';
import { readVarInt, writeVarInt } from '../compress.ts';
import type { FilePosition } from '../effects.ts';

export interface TxPosition {
  readonly block: FilePosition;
  /** Bytes from the end of the header to the transaction. */
  readonly offset: number;
}

/** Of each of the block's transactions, in order. */
export function txPositions({ transactions }: Block, block: FilePosition): TxPosition[] {
  let offset = compactSizeBytes(transactions.length);
  return transactions.map(({ size }) => {
    const position = { block, offset };
    offset += size;
    return position;
  });
}

export function writeTxPosition(w: Writer, { block, offset }: TxPosition): void {
  writeVarInt(w, block.file);
  writeVarInt(w, block.offset);
  writeVarInt(w, offset);
}

/** Throws DecodeError. */
export function readTxPosition(r: Reader): TxPosition {
  const file = readVarInt(r);
  const block = { file, offset: readVarInt(r) };
  return { block, offset: readVarInt(r) };
}
