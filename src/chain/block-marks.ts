/**
 * What one node knows of blocks beside their headers, by header id: how far they were checked, where they are stored, and
 * the order in which they came.
 */
import type { HeaderId } from './chain-view.ts';
import { WordRows } from './word-rows.ts';

/** Words of a row, by offset. */
const STATUS = 0;
const TX_COUNT = 1;
const FILE = 2;
const DATA_OFFSET = 3;
const UNDO_OFFSET = 4;
/** What comes before is kept on disk, what comes now is found anew at each start. */
export const KEPT_WORDS = 5;
const SEQUENCE = 5;
/** A number beyond 32 bits, its low word first. */
const CHAIN_TX_COUNT = 6;
const WORDS = 8;
const TWO_32 = 0x1_0000_0000;

export class BlockMarks {
  readonly #rows = new WordRows(WORDS);

  /** There are marks of all ids below. */
  get capacity(): number {
    return this.#rows.capacity;
  }

  /** Makes room for `id`: all its marks are zero. */
  reach(id: HeaderId): void {
    this.#rows.reach(id);
  }

  /** Writes what is kept of it, as `KEPT_WORDS` words from `at` on. */
  write(id: HeaderId, target: Int32Array, at: number): void {
    this.#rows.copyTo(id, 0, KEPT_WORDS, target, at);
  }

  /** Takes back what was written. */
  read(id: HeaderId, source: Int32Array, at: number): void {
    this.#rows.copyFrom(id, 0, KEPT_WORDS, source, at);
  }

  /** See block-status.ts. */
  statusOf(id: HeaderId): number {
    return this.#rows.get(id, STATUS);
  }

  setStatus(id: HeaderId, status: number): void {
    this.#rows.set(id, STATUS, status);
  }

  txCountOf(id: HeaderId): number {
    return this.#rows.get(id, TX_COUNT);
  }

  setTxCount(id: HeaderId, count: number): void {
    this.#rows.set(id, TX_COUNT, count);
  }

  sequenceOf(id: HeaderId): number {
    return this.#rows.get(id, SEQUENCE);
  }

  setSequence(id: HeaderId, sequence: number): void {
    this.#rows.set(id, SEQUENCE, sequence);
  }

  fileOf(id: HeaderId): number {
    return this.#rows.get(id, FILE);
  }

  setFile(id: HeaderId, file: number): void {
    this.#rows.set(id, FILE, file);
  }

  dataOffsetOf(id: HeaderId): number {
    return this.#rows.get(id, DATA_OFFSET);
  }

  setDataOffset(id: HeaderId, offset: number): void {
    this.#rows.set(id, DATA_OFFSET, offset);
  }

  undoOffsetOf(id: HeaderId): number {
    return this.#rows.get(id, UNDO_OFFSET);
  }

  setUndoOffset(id: HeaderId, offset: number): void {
    this.#rows.set(id, UNDO_OFFSET, offset);
  }

  chainTxCountOf(id: HeaderId): number {
    return this.#rows.get(id, CHAIN_TX_COUNT + 1) * TWO_32 + (this.#rows.get(id, CHAIN_TX_COUNT) >>> 0);
  }

  setChainTxCount(id: HeaderId, count: number): void {
    this.#rows.set(id, CHAIN_TX_COUNT, count % TWO_32);
    this.#rows.set(id, CHAIN_TX_COUNT + 1, Math.floor(count / TWO_32));
  }
}
