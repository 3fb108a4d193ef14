/**
 * A simulated node's storage: what it wrote itself, over a snapshot that all nodes share. Bytes of blocks are kept by
 * reference, for they are the same at every node, and so are coins. No simulated node starts twice, and the index is read at a start only,
 * so it is not kept.
 */

import { assert } from '../base/assert.ts';
import { bytesToBinary, equalBytes } from '../base/bytes.ts';
import type { Chain } from '../chain/chain.ts';
import { isCoinRecordKey } from '../chain/coin-records.ts';
import type { FilePosition, StorageEffect } from '../chain/effects.ts';
import type { MemoryStorage } from '../chain/memory-storage.ts';
import type { ChainstateRecords } from '../chain/startup.ts';
import type { BatchOp, Entry } from '../store/store.ts';

/** A chain as it was flushed: nobody writes to it any more. */
export interface Snapshot {
  readonly storage: MemoryStorage;
  /** Records of `BLOCK_INDEX_KEYS`. */
  readonly index: readonly Entry[];
  readonly records: ChainstateRecords;
}

/** A coin that some node has asked for or written. */
interface CoinRow {
  /** Counts rows. */
  readonly index: number;
  /** What it is to a node, by the number that the node keeps. */
  readonly records: (Uint8Array | undefined)[];
}

/** Numbers of records: as in the snapshot; spent. What nodes wrote follows. */
const UNTOUCHED = 0;
const SPENT = 1;
/** A node keeps the number in a byte. More than a few would need as many forks with the same transaction. */
const RECORDS_MAX = 256;

/** Coins as nodes of one world have them. Nearly all write the same, so a record is here once, and a byte for it at each node. */
export class SharedCoins {
  readonly #snapshot: Snapshot;
  readonly #rows = new Map<string, CoinRow>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
  }

  rowOf(key: Uint8Array): CoinRow {
    const name = bytesToBinary(key);
    let row = this.#rows.get(name);
    if (row === undefined) {
      row = { index: this.#rows.size, records: [this.#snapshot.storage.coins.get(key), undefined] };
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

/** The file that holds what the node appended itself; the snapshot's is 0. */
const OWN_FILE = 1;

export class NodeStorage {
  readonly #snapshot: Snapshot;
  readonly #coins: SharedCoins;
  /** Of each row of the coins: the number of the record that it has here. As long as was needed. */
  #numbers = new Uint8Array(0);
  readonly #blocks: Uint8Array[] = [];
  readonly #undo: Uint8Array[] = [];

  constructor(snapshot: Snapshot, coins: SharedCoins) {
    this.#snapshot = snapshot;
    this.#coins = coins;
  }

  /** The first two steps of a chain's start; the records are for the third. */
  load(chain: Chain): ChainstateRecords {
    const load = chain.loadIndex();
    for (const entry of this.#snapshot.index) load.add(entry);
    load.finish();
    return this.#snapshot.records;
  }

  /** Answers at once. */
  perform(effect: StorageEffect): unknown {
    switch (effect.kind) {
      case 'readCoins':
        return effect.keys.map(key => this.#coin(key));
      case 'readBlock':
        return effect.position.file === OWN_FILE
          ? read(this.#blocks, effect.position)
          : this.#snapshot.storage.perform(effect);
      case 'readUndo':
        return effect.position.file === OWN_FILE
          ? read(this.#undo, effect.position)
          : this.#snapshot.storage.perform(effect);
      case 'appendBlock':
        return append(this.#blocks, effect.raw);
      case 'appendUndo':
        return append(this.#undo, effect.raw);
      case 'writeCoins':
        // Where the coins stand is read at a start only, and not kept.
        for (const op of effect.ops) if (isCoinRecordKey(op.key)) this.#write(op);
        return;
      case 'blockFileUsage':
        return [];
      case 'hashCoins':
      case 'judgeSnapshot':
        throw new RangeError('Simulated nodes load no snapshots');
      case 'writeIndex':
      case 'syncBlockFiles':
      case 'deleteBlockFiles':
      case 'pause':
        return;
    }
  }

  #write(op: BatchOp): void {
    const row = this.#coins.rowOf(op.key);
    const { index } = row;
    if (index >= this.#numbers.length) {
      const longer = new Uint8Array(Math.ceil((index + 1) * NUMBERS_GROWTH));
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[index] = op.type === 'put' ? this.#coins.numberOf(row, op.value) : SPENT;
  }

  #coin(key: Uint8Array): Uint8Array | undefined {
    const { index, records } = this.#coins.rowOf(key);
    return records[index < this.#numbers.length ? this.#numbers[index]! : UNTOUCHED];
  }
}

/** So much longer than needed. */
const NUMBERS_GROWTH = 1.5;

function append(log: Uint8Array[], raw: Uint8Array): FilePosition {
  log.push(raw);
  return { file: OWN_FILE, offset: log.length - 1 };
}

function read(log: readonly Uint8Array[], { offset }: FilePosition): Uint8Array {
  const raw = log[offset];
  assert(raw !== undefined, 'what is read was written');
  return raw;
}
