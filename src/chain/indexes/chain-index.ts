/**
 * What every index beside the chain is: told of the blocks of the active chain one after another, it says what a block
 * adds to its store and what a reorganisation takes away (Core: index/base.h). Pure: whoever runs it (node/index-runner.ts)
 * reads the blocks, writes what comes out before the next call, and keeps the place that the index has reached.
 *
 * That place and what belongs to it are written only when the coins on disk stand at the same block or above, so a crash
 * never leaves an index at a block that the chain does not know. Records written since are written once more then: an
 * index must not mind that.
 */
import type { BlockHash } from '../../base/bytes.ts';
import type { BatchOp, ReadableStore } from '../../store/store.ts';
import type { Block } from '../../wire/block.ts';
import { Reader, Writer } from '../../wire/codec.ts';
import type { FilePosition } from '../effects.ts';
import type { BlockUndo } from '../undo.ts';

export interface BlockRef {
  readonly hash: BlockHash;
  readonly height: number;
}

/** A block of the chain with what an index may need of it. */
export interface IndexedBlock extends BlockRef {
  readonly block: Block;
  /** Empty unless the index asks for it. */
  readonly undo: BlockUndo;
  /** Of the block in the block files. */
  readonly position: FilePosition;
}

/** Bytes for one of the index's own files. */
export interface FileWrite {
  readonly position: FilePosition;
  readonly bytes: Uint8Array;
}

export interface IndexChange {
  readonly ops: readonly BatchOp[];
  readonly writes?: readonly FileWrite[];
}

export interface ChainIndex {
  /** As `getindexinfo` calls it. */
  readonly name: string;
  /** Whether undo data is needed: then a block can only be added while it is on disk. */
  readonly needsUndo: boolean;
  /** Whether block and undo data of a block are needed to take it away; else they are empty then. */
  readonly needsRemoved: boolean;
  /** Reads where it stood. What it returns is written at once. Throws StoreError 'corrupted'. */
  open(records: ReadableStore, best: BlockRef | undefined): readonly BatchOp[];
  /** The block after the last one; genesis first. */
  append(block: IndexedBlock): IndexChange;
  /** The last block leaves the active chain. */
  remove(block: IndexedBlock): IndexChange;
  /** What must be written together with the place. */
  commit(): readonly BatchOp[];
}

/** → the locator of the block that the index has reached (Core: DB_BEST_BLOCK). */
export const BEST_BLOCK_KEY = Uint8Array.of(0x42); // 'B'
/** Core writes a constant here since it stopped writing its own version (CBlockLocator::DUMMY_VERSION). */
const LOCATOR_VERSION = 70_016;
/** Hashes in a locator at most (Core: MAX_LOCATOR_SZ). */
const LOCATOR_HASHES_MAX = 101;

export function encodeLocator(hashes: readonly BlockHash[]): Uint8Array {
  const w = new Writer(5 + hashes.length * 32);
  w.i32(LOCATOR_VERSION);
  w.compactSize(hashes.length);
  for (const hash of hashes) w.hash(hash);
  return w.finish();
}

/** Throws DecodeError. */
export function decodeLocator(record: Uint8Array): BlockHash[] {
  const r = new Reader(record);
  r.i32();
  return Array.from({ length: r.compactSize(LOCATOR_HASHES_MAX) }, () => r.hash<BlockHash>());
}
