/**
 * What one node knows of blocks beside their headers, by header id: how far they were checked, where they are stored, and
 * the order in which they came. One array holds all but one of the columns: a simulated world has thousands of these, and
 * each array costs 200 bytes before its first entry.
 */
import type { HeaderId } from './chain-view.ts';

const STATUS = 0;
const TX_COUNT = 1;
const SEQUENCE = 2;
const FILE = 3;
const DATA_OFFSET = 4;
const UNDO_OFFSET = 5;
const COLUMNS = 6;
const CAPACITY_INITIAL = 64;
const CAPACITY_GROWTH = 1.25;

export class BlockMarks {
  #rows = new Int32Array(CAPACITY_INITIAL * COLUMNS);
  #chainTxCount = new Float64Array(CAPACITY_INITIAL);

  /** There are marks of all ids below. */
  get capacity(): number {
    return this.#chainTxCount.length;
  }

  /** Makes room for `id`: all its marks are zero. */
  reach(id: HeaderId): void {
    if (id < this.capacity) return;
    const capacity = Math.ceil(Math.max(id + 1, this.capacity * CAPACITY_GROWTH));
    const rows = new Int32Array(capacity * COLUMNS);
    rows.set(this.#rows);
    this.#rows = rows;
    const counts = new Float64Array(capacity);
    counts.set(this.#chainTxCount);
    this.#chainTxCount = counts;
  }

  /** See block-status.ts. */
  statusOf(id: HeaderId): number {
    return this.#rows[id * COLUMNS + STATUS]!;
  }

  setStatus(id: HeaderId, status: number): void {
    this.#rows[id * COLUMNS + STATUS] = status;
  }

  txCountOf(id: HeaderId): number {
    return this.#rows[id * COLUMNS + TX_COUNT]!;
  }

  setTxCount(id: HeaderId, count: number): void {
    this.#rows[id * COLUMNS + TX_COUNT] = count;
  }

  sequenceOf(id: HeaderId): number {
    return this.#rows[id * COLUMNS + SEQUENCE]!;
  }

  setSequence(id: HeaderId, sequence: number): void {
    this.#rows[id * COLUMNS + SEQUENCE] = sequence;
  }

  fileOf(id: HeaderId): number {
    return this.#rows[id * COLUMNS + FILE]!;
  }

  setFile(id: HeaderId, file: number): void {
    this.#rows[id * COLUMNS + FILE] = file;
  }

  dataOffsetOf(id: HeaderId): number {
    return this.#rows[id * COLUMNS + DATA_OFFSET]!;
  }

  setDataOffset(id: HeaderId, offset: number): void {
    this.#rows[id * COLUMNS + DATA_OFFSET] = offset;
  }

  undoOffsetOf(id: HeaderId): number {
    return this.#rows[id * COLUMNS + UNDO_OFFSET]!;
  }

  setUndoOffset(id: HeaderId, offset: number): void {
    this.#rows[id * COLUMNS + UNDO_OFFSET] = offset;
  }

  chainTxCountOf(id: HeaderId): number {
    return this.#chainTxCount[id]!;
  }

  setChainTxCount(id: HeaderId, count: number): void {
    this.#chainTxCount[id] = count;
  }
}
