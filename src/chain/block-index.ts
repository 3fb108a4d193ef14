/**
 * Records of the `blocks/index` store: key 'h' and the number of a group of headers, big endian; value the group's rows
 * (`HeaderTree.writeGroup`) as words, little endian. Core has a record for each header (CDiskBlockIndex): a million of them
 * take longer to read than all else that a start does.
 *
 * One batch holds a group whole or not at all, and within it a header's parent is in an earlier row or group: whatever part
 * of a flush a crash leaves, the tree that is read from it has no gaps.
 */

import type { BatchOp, Entry } from '../store/store.ts';
import { DecodeError } from '../wire/codec.ts';
import { type HeaderTree, ROW_WORDS } from './header-tree.ts';

const GROUP_PREFIX = 0x68; // 'h'
const KEY_BYTES = 5;
const WORD_BYTES = 4;
/** All records lie between these keys. */
export const BLOCK_INDEX_KEYS = {
  gte: Uint8Array.of(GROUP_PREFIX),
  lt: Uint8Array.of(GROUP_PREFIX + 1),
} as const;
/** Where those of Core would lie, and of a Hearsay that wrote as Core does. */
export const FORMER_INDEX_KEYS = { gte: Uint8Array.of(0x62), lt: Uint8Array.of(0x63) } as const;

/** Records beside the headers, under Core's keys (txdb: DB_FLAG and DB_REINDEX_FLAG, each with the value '1'). */
export const REINDEXING_KEY = Uint8Array.of(0x52); // 'R'
export const PRUNED_KEY = new Uint8Array(Buffer.from('F\x10prunedblockfiles', 'latin1'));
export const FLAG_SET = Uint8Array.of(0x31); // '1'

export function blockIndexOp(headers: HeaderTree, group: number): BatchOp {
  const key = new Uint8Array(KEY_BYTES);
  key[0] = GROUP_PREFIX;
  new DataView(key.buffer).setUint32(1, group);
  const { buffer, byteLength } = headers.writeGroup(group);
  return { type: 'put', key, value: new Uint8Array(buffer, 0, byteLength) };
}

/** The group's number and its rows. Throws DecodeError. */
export function decodeBlockIndex([key, value]: Entry): { readonly group: number; readonly rows: Int32Array } {
  if (key.length !== KEY_BYTES) throw new DecodeError('A record of the block index has no such key');
  const rowBytes = ROW_WORDS * WORD_BYTES;
  if (value.length === 0 || value.length % rowBytes !== 0)
    throw new DecodeError('A record of the block index does not end where a header does');
  const group = new DataView(key.buffer, key.byteOffset).getUint32(1);
  const aligned = value.byteOffset % WORD_BYTES === 0 ? value : new Uint8Array(value);
  return { group, rows: new Int32Array(aligned.buffer, aligned.byteOffset, value.length / WORD_BYTES) };
}
