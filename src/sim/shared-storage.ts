/**
 * What the nodes of one world have written: a block or a coin is the same at nearly every node, so it is here once. Of a coin
 * there is a row with the few records that it may have, and each node keeps a byte that says which.
 */
import { assert } from '../base/assert.ts';
import { binaryBetween, bytesToBinary, equalBytes } from '../base/bytes.ts';
import type { MemoryStorage } from '../chain/memory-storage.ts';
import type { ChainstateRecords } from '../chain/startup.ts';
import type { Entry } from '../store/store.ts';

/** A chain as it was flushed: nobody writes to it any more. */
export interface Snapshot {
  readonly storage: MemoryStorage;
  /** Records of `BLOCK_INDEX_KEYS`. */
  readonly index: readonly Entry[];
  readonly records: ChainstateRecords;
}

/** Blocks of which so many bytes are alike mostly are the same: their headers. */
const HEAD_BYTES = 80;

/** A coin that some node has asked for or written. */
interface CoinRow {
  /** Counts rows. */
  readonly index: number;
  /** What it is to a node, by the number that the node keeps. */
  readonly records: (Uint8Array | undefined)[];
}

/** Numbers of records: as in the snapshot; spent. What nodes wrote follows. */
export const UNTOUCHED = 0;
export const SPENT = 1;
/** A node keeps the number in a byte. More than a few would need as many forks with the same transaction. */
const RECORDS_MAX = 256;

export class SharedStorage {
  readonly snapshot: Snapshot;
  readonly #rows = new Map<string, CoinRow>();
  /** Of blocks, and what undoes them, by how they begin. */
  readonly #bytes = new Map<string, Uint8Array[]>();

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
  }

  /** As the first who wrote the same has it. */
  same(bytes: Uint8Array): Uint8Array {
    const head = binaryBetween(bytes, 0, Math.min(bytes.length, HEAD_BYTES));
    const known = this.#bytes.get(head);
    const twin = known?.find(each => Buffer.compare(each, bytes) === 0);
    if (twin !== undefined) return twin;
    if (known === undefined) this.#bytes.set(head, [bytes]);
    else known.push(bytes);
    return bytes;
  }

  rowOf(key: Uint8Array): CoinRow {
    const name = bytesToBinary(key);
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { index: this.#rows.size, records: [this.snapshot.storage.coins.get(key), undefined] };
      this.#rows.set(name, row);
    }
    return row;
  }

  /** The number of `value` among the row's records; it is added if it is new. */
  numberOf({ records }: CoinRow, value: Uint8Array): number {
    const known = records.findIndex(record => record !== undefined && equalBytes(record, value));
    if (known >= 0) return known;
    assert(records.length < RECORDS_MAX, 'a coin has few records');
    return records.push(value) - 1;
  }
}
