/**
 * Records of the `blocks/index` store, one a header, as Core lays them out (node/blockstorage.cpp, CDiskBlockIndex):
 * key 'b' and hash; value version, height, status, transactions, file and positions as VARINTs, then the header.
 */
import { binaryToBytes, bytesToHash, concatBytes } from '../base/bytes.ts';
import type { BatchOp, Entry } from '../store/store.ts';
import { type BlockHeader, blockHeader } from '../wire/block.ts';
import { DecodeError, Reader, Writer } from '../wire/codec.ts';
import { HAVE_DATA, HAVE_UNDO } from './block-status.ts';
import type { HeaderId } from './chain-view.ts';
import { readVarInt, writeVarInt } from './compress.ts';
import type { FilePosition } from './effects.ts';
import type { HeaderTree } from './header-tree.ts';

const BLOCK_PREFIX = 0x62; // 'b'
/** All records lie between these keys. */
export const BLOCK_INDEX_KEYS = {
  gte: Uint8Array.of(BLOCK_PREFIX),
  lt: Uint8Array.of(BLOCK_PREFIX + 1),
} as const;
/** Core writes a constant here since it stopped writing its own version (CDiskBlockIndex::DUMMY_VERSION). */
const RECORD_VERSION = 259_900;
/** No chain is longer (Core: heights are signed integers of 32 bits). */
const HEIGHT_MAX = 0x7fff_ffff;

/** Records beside the headers, under Core's keys (txdb: DB_FLAG and DB_REINDEX_FLAG, each with the value '1'). */
export const REINDEXING_KEY = Uint8Array.of(0x52); // 'R'
export const PRUNED_KEY = new Uint8Array(Buffer.from('F\x10prunedblockfiles', 'latin1'));
export const FLAG_SET = Uint8Array.of(0x31); // '1'

export interface BlockIndexRecord {
  readonly header: BlockHeader;
  readonly height: number;
  readonly status: number;
  readonly txCount: number;
  readonly data: FilePosition | undefined;
  readonly undo: FilePosition | undefined;
}

export function blockIndexOp(headers: HeaderTree, id: HeaderId): BatchOp {
  const w = new Writer(128);
  const status = headers.statusOf(id);
  writeVarInt(w, RECORD_VERSION);
  writeVarInt(w, headers.heightOf(id));
  writeVarInt(w, status);
  writeVarInt(w, headers.txCountOf(id));
  const data = headers.dataPositionOf(id);
  const undo = headers.undoPositionOf(id);
  const file = data?.file ?? undo?.file;
  if (file !== undefined) writeVarInt(w, file);
  if (data !== undefined) writeVarInt(w, data.offset);
  if (undo !== undefined) writeVarInt(w, undo.offset);
  blockHeader.write(w, headers.headerOf(id));
  const key = concatBytes(BLOCK_INDEX_KEYS.gte, binaryToBytes(headers.hashOf(id)));
  return { type: 'put', key, value: w.finish() };
}

/** Of a record's value, without the rest. Throws DecodeError. */
export function heightOfRecord(r: Reader): number {
  readVarInt(r);
  const height = readVarInt(r);
  if (height > HEIGHT_MAX) throw new DecodeError('A record of the block index has no height');
  return height;
}

/** Throws DecodeError, also when the header does not hash to the key. */
export function decodeBlockIndex([key, value]: Entry): BlockIndexRecord {
  const r = new Reader(value);
  const height = heightOfRecord(r);
  const status = readVarInt(r);
  const txCount = readVarInt(r);
  const hasData = (status & HAVE_DATA) !== 0;
  const hasUndo = (status & HAVE_UNDO) !== 0;
  const file = hasData || hasUndo ? readVarInt(r) : 0;
  const data = hasData ? { file, offset: readVarInt(r) } : undefined;
  const undo = hasUndo ? { file, offset: readVarInt(r) } : undefined;
  const header = blockHeader.read(r);
  if (header.hash !== bytesToHash(key.subarray(1)))
    throw new DecodeError('A record of the block index is not the one its key names');
  return { header, height, status, txCount, data, undo };
}
