/**
 * Basic block filters (BIP158) and their headers (Core: index/blockfilterindex.cpp). The filters lie one after another
 * in files of the index, each behind its block's hash; the store says where, with the filter's hash and header.
 */
import { type BlockHash, type Hash256, ZERO_HASH } from '../../base/bytes.ts';
import type { BatchOp, ReadableStore } from '../../store/store.ts';
import { Reader, Writer } from '../../wire/codec.ts';
import { basicFilter, filterHash, filterHeader } from '../block-filter.ts';
import { readVarInt, writeVarInt } from '../compress.ts';
import type { FilePosition } from '../effects.ts';
import {
  type BlockRange,
  corrupted,
  findRecord,
  findRecords,
  moveToHash,
  putByHeight,
  readRecord,
} from './by-block.ts';
import type { BlockRef, ChainIndex, FileWrite, IndexChange, IndexedBlock } from './chain-index.ts';

/** Bytes of one file at most (Core: MAX_FLTR_FILE_SIZE). */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
/** → where the next filter goes. */
const NEXT_POSITION_KEY = Uint8Array.of(0x50); // 'P'
/** Bytes of a filter's record that tell how long it is: block hash and compact size. */
export const FILTER_HEAD_BYTES = 41;

export interface FilterRecord {
  readonly hash: Hash256;
  readonly header: Hash256;
  /** Of the record in the index's files. */
  readonly position: FilePosition;
}

export class FilterIndex implements ChainIndex {
  readonly name = 'basic block filter index';
  readonly needsUndo = true;
  readonly needsRemoved = false;
  #records: ReadableStore | undefined;
  #next: FilePosition = { file: 0, offset: 0 };
  #lastHeader: Hash256 = ZERO_HASH;

  open(records: ReadableStore, best: BlockRef | undefined): readonly BatchOp[] {
    this.#records = records;
    const next = records.get(NEXT_POSITION_KEY);
    this.#next = next === undefined ? { file: 0, offset: 0 } : readRecord(this.name, next, readPosition);
    this.#lastHeader = best === undefined ? ZERO_HASH : this.#required(best).header;
    return [];
  }

  append({ block, undo, hash, height }: IndexedBlock): IndexChange {
    const filter = basicFilter(block, undo.spent.flat());
    const header = filterHeader(filter, this.#lastHeader);
    const write = this.#place(hash, filter);
    this.#lastHeader = header;
    const record = { hash: filterHash(filter), header, position: write.position };
    return { ops: [putByHeight({ hash, height }, encodeRecord(record))], writes: [write] };
  }

  /** The place for new filters is written too: one that is still known must not be overwritten. */
  remove({ hash, height, block }: IndexedBlock): IndexChange {
    const ops = [moveToHash(this.name, this.#records!, { hash, height }), ...this.commit()];
    this.#lastHeader =
      height === 0 ? ZERO_HASH : this.#required({ hash: block.header.prevHash, height: height - 1 }).header;
    return { ops };
  }

  commit(): readonly BatchOp[] {
    const w = new Writer(10);
    writePosition(w, this.#next);
    return [{ type: 'put', key: NEXT_POSITION_KEY, value: w.finish() }];
  }

  /** undefined: the index has not seen the block. Throws StoreError. */
  find(block: BlockRef): FilterRecord | undefined {
    const value = this.#records && findRecord(this.#records, block);
    return value && readRecord(this.name, value, readFilterRecord);
  }

  /** undefined: the index has not seen all of them. Throws StoreError. */
  async findRange(range: BlockRange): Promise<FilterRecord[] | undefined> {
    const values = this.#records && (await findRecords(this.#records, range));
    return values?.map(value => readRecord(this.name, value, readFilterRecord));
  }

  #required(block: BlockRef): FilterRecord {
    const found = this.find(block);
    if (found === undefined) throw corrupted(this.name, block);
    return found;
  }

  #place(hash: BlockHash, filter: Uint8Array): FileWrite {
    const w = new Writer(FILTER_HEAD_BYTES + filter.length);
    w.hash(hash);
    w.compactSize(filter.length);
    w.put(filter);
    const bytes = w.finish();
    const fits = this.#next.offset + bytes.length <= FILE_BYTES_MAX;
    const position = fits ? this.#next : { file: this.#next.file + 1, offset: 0 };
    this.#next = { file: position.file, offset: position.offset + bytes.length };
    return { position, bytes };
  }
}

/** How long the record at hand is, of which the first FILTER_HEAD_BYTES bytes are given. Throws DecodeError. */
export function filterRecordBytes(head: Uint8Array): number {
  const r = new Reader(head, 32);
  const length = r.compactSize();
  return r.position + length;
}

/** The filter out of its record; undefined when it is not the one that the store tells of. Throws DecodeError. */
export function filterOf(record: Uint8Array, { hash }: FilterRecord): Uint8Array | undefined {
  const r = new Reader(record, 32);
  const filter = r.take(r.compactSize());
  return filterHash(filter) === hash ? filter : undefined;
}

function encodeRecord({ hash, header, position }: FilterRecord): Uint8Array {
  const w = new Writer(80);
  w.hash(hash);
  w.hash(header);
  writePosition(w, position);
  return w.finish();
}

function readFilterRecord(r: Reader): FilterRecord {
  const hash = r.hash();
  const header = r.hash();
  return { hash, header, position: readPosition(r) };
}

function writePosition(w: Writer, { file, offset }: FilePosition): void {
  writeVarInt(w, file);
  writeVarInt(w, offset);
}

function readPosition(r: Reader): FilePosition {
  const file = readVarInt(r);
  return { file, offset: readVarInt(r) };
}
