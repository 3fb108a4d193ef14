/**
 * Records of which there is one a block (Core: index/db_key.h). Those of the active chain lie by height, so that ranges
 * are read in a row; those of blocks that left it lie by hash, so that they are still found.
 */
import { type BlockHash, binaryToBytes } from '../../base/bytes.ts';
import { StoreError } from '../../store/errors.ts';
import type { BatchOp, ReadableStore } from '../../store/store.ts';
import { DecodeError, Reader, Writer } from '../../wire/codec.ts';
import type { BlockRef } from './chain-index.ts';

const HASH_PREFIX = 0x73; // 's'
const HEIGHT_PREFIX = 0x74; // 't'

/** Whoever reads many at once gives the ancestor at each height. */
export interface BlockRange {
  readonly startHeight: number;
  /** `hashes[i]` is of the block at `startHeight + i`. */
  readonly hashes: readonly BlockHash[];
}

export function putByHeight({ height, hash }: BlockRef, value: Uint8Array): BatchOp {
  const w = new Writer(32 + value.length);
  w.hash(hash);
  w.put(value);
  return { type: 'put', key: heightKey(height), value: w.finish() };
}

/** Keeps the record of a block that leaves the active chain. Throws StoreError. */
export function moveToHash(name: string, store: ReadableStore, block: BlockRef): BatchOp {
  const found = valueAt(store.get(heightKey(block.height)), block.hash);
  if (found === undefined) throw corrupted(name, block);
  return { type: 'put', key: hashKey(block.hash), value: found };
}

/** Of a block on any branch that the index has seen. */
export function findRecord(store: ReadableStore, { height, hash }: BlockRef): Uint8Array | undefined {
  return valueAt(store.get(heightKey(height)), hash) ?? store.get(hashKey(hash));
}

/** As `findRecord`; undefined when one is missing. */
export async function findRecords(
  store: ReadableStore,
  { startHeight, hashes }: BlockRange,
): Promise<Uint8Array[] | undefined> {
  const records = await store.getMany(hashes.map((_, i) => heightKey(startHeight + i)));
  const values = records.map((record, i) => valueAt(record, hashes[i]!) ?? store.get(hashKey(hashes[i]!)));
  return values.every(value => value !== undefined) ? values : undefined;
}

export function corrupted(name: string, { height }: BlockRef): StoreError {
  return new StoreError(
    'corrupted',
    `The ${name} is damaged: what it knows of block ${height} is not there. Please rebuild the index.`,
  );
}

/** Runs `read` on the whole of `value`; what does not fit its format is damage. Throws StoreError. */
export function readRecord<T>(name: string, value: Uint8Array, read: (r: Reader) => T): T {
  try {
    return read(new Reader(value));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StoreError('corrupted', `The ${name} is damaged: ${error.message}. Please rebuild the index.`);
  }
}

/** The record at a height begins with the hash of its block. */
function valueAt(record: Uint8Array | undefined, hash: BlockHash): Uint8Array | undefined {
  if (record === undefined || record.length < 32) return undefined;
  for (let i = 0; i < 32; i += 1) if (record[i] !== hash.charCodeAt(i)) return undefined;
  return record.subarray(32);
}

/** Big endian, so that heights are in order. */
function heightKey(height: number): Uint8Array {
  return Uint8Array.of(HEIGHT_PREFIX, height >>> 24, height >>> 16, height >>> 8, height);
}

function hashKey(hash: BlockHash): Uint8Array {
  const key = new Uint8Array(33);
  key[0] = HASH_PREFIX;
  key.set(binaryToBytes(hash), 1);
  return key;
}
