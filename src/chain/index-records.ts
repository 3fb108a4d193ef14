/**
 * The records of the block index as they come from the store, in the order of their hashes, until all are there: their bytes
 * in large pieces and a few words for each, since a million objects would take longer and ten times the memory.
 */
import { StoreError } from '../store/errors.ts';
import type { Entry } from '../store/store.ts';
import { DecodeError, Reader } from '../wire/codec.ts';
import { type BlockIndexRecord, decodeBlockIndex, heightOfRecord } from './block-index.ts';
import type { FilePosition } from './effects.ts';
import { WordRows } from './word-rows.ts';

const PIECE_BYTES = 1024 * 1024;

/** Words of a row: piece, where in it the key starts, lengths of key and value, height. */
const PIECE = 0;
const START = 1;
const KEY_BYTES = 2;
const VALUE_BYTES = 3;
const HEIGHT = 4;
const WORDS = 5;

export class IndexRecords {
  readonly #pieces: Uint8Array[] = [];
  /** Bytes used of the last piece. */
  #used = PIECE_BYTES;
  readonly #rows = new WordRows(WORDS);
  #size = 0;
  #highest = 0;

  static of(entries: Iterable<Entry>): IndexRecords {
    const records = new IndexRecords();
    for (const entry of entries) records.add(entry);
    return records;
  }

  get size(): number {
    return this.#size;
  }

  /** Copies the entry. Throws StoreError. */
  add([key, value]: Entry): void {
    const length = key.length + value.length;
    if (this.#used + length > PIECE_BYTES) {
      this.#pieces.push(new Uint8Array(Math.max(PIECE_BYTES, length)));
      this.#used = 0;
    }
    const piece = this.#pieces.length - 1;
    this.#pieces[piece]!.set(key, this.#used);
    this.#pieces[piece]!.set(value, this.#used + key.length);
    const height = decoded(() => heightOfRecord(new Reader(value)));
    const row = this.#size;
    this.#rows.reach(row);
    this.#rows.set(row, PIECE, piece);
    this.#rows.set(row, START, this.#used);
    this.#rows.set(row, KEY_BYTES, key.length);
    this.#rows.set(row, VALUE_BYTES, value.length);
    this.#rows.set(row, HEIGHT, height);
    this.#used += length;
    this.#size += 1;
    this.#highest = Math.max(this.#highest, height);
  }

  /** Parents first, and of one height those stored first: the order in which they came. Throws StoreError. */
  *inOrder(): Generator<BlockIndexRecord, void, void> {
    const order = this.#byHeight();
    for (let start = 0; start < order.length; ) {
      const height = this.#rows.get(order[start]!, HEIGHT);
      let end = start + 1;
      while (end < order.length && this.#rows.get(order[end]!, HEIGHT) === height) end += 1;
      if (end === start + 1) yield this.#decode(order[start]!);
      else yield* Array.from(order.subarray(start, end), row => this.#decode(row)).sort(compareStored);
      start = end;
    }
  }

  /** Rows by their heights, which are counted instead of compared, unless heights are no heights. */
  #byHeight(): Uint32Array {
    const order = new Uint32Array(this.#size);
    const heightOf = (row: number) => this.#rows.get(row, HEIGHT) >>> 0;
    if (this.#highest >= this.#size) {
      for (let row = 0; row < order.length; row += 1) order[row] = row;
      return order.sort((a, b) => heightOf(a) - heightOf(b));
    }
    /** Where the next record of a height goes; one further on, so that the sums below are starts. */
    const next = new Uint32Array(this.#highest + 2);
    for (let row = 0; row < order.length; row += 1) next[heightOf(row) + 1]! += 1;
    for (let height = 1; height < next.length; height += 1) next[height]! += next[height - 1]!;
    for (let row = 0; row < order.length; row += 1) {
      const height = heightOf(row);
      order[next[height]!] = row;
      next[height]! += 1;
    }
    return order;
  }

  #decode(row: number): BlockIndexRecord {
    const piece = this.#pieces[this.#rows.get(row, PIECE)]!;
    const start = this.#rows.get(row, START);
    const middle = start + this.#rows.get(row, KEY_BYTES);
    const end = middle + this.#rows.get(row, VALUE_BYTES);
    return decoded(() => decodeBlockIndex([piece.subarray(start, middle), piece.subarray(middle, end)]));
  }
}

function decoded<T>(decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new StoreError('corrupted', `Error loading block database: ${error.message}`);
  }
}

function compareStored(a: BlockIndexRecord, b: BlockIndexRecord): number {
  if (a.data === undefined || b.data === undefined)
    return Number(b.data !== undefined) - Number(a.data !== undefined);
  return comparePositions(a.data, b.data);
}

export function comparePositions(a: FilePosition, b: FilePosition): number {
  return a.file - b.file || a.offset - b.offset;
}
