/**
 * A simulated node's storage: what it wrote itself, over a snapshot that all nodes share; nearly all of it is in
 * shared-storage.ts, and here is only what is this node's. No simulated node starts twice, and the index is read at a start
 * only, so it is not kept.
 */
import { assert } from '../base/assert.ts';
import type { Chain } from '../chain/chain.ts';
import { isCoinRecordKey } from '../chain/coin-records.ts';
import type { FilePosition, StorageEffect } from '../chain/effects.ts';
import type { ChainstateRecords } from '../chain/startup.ts';
import type { BatchOp } from '../store/store.ts';
import { type SharedStorage, SPENT, UNTOUCHED } from './shared-storage.ts';

/** The file that holds what the node appended itself; the snapshot's is 0. */
const OWN_FILE = 1;

export class NodeStorage {
  readonly #shared: SharedStorage;
  /** Of each coin's row: the number of the record that it has here. As long as was needed. */
  #numbers = new Uint8Array(0);
  readonly #blocks: Uint8Array[] = [];
  readonly #undo: Uint8Array[] = [];

  constructor(shared: SharedStorage) {
    this.#shared = shared;
  }

  /** The first two steps of a chain's start; the records are for the third. */
  load(chain: Chain): ChainstateRecords {
    const load = chain.loadIndex();
    for (const entry of this.#shared.snapshot.index) load.add(entry);
    load.finish();
    return this.#shared.snapshot.records;
  }

  /** Answers at once. */
  perform(effect: StorageEffect): unknown {
    switch (effect.kind) {
      case 'readCoins':
        return effect.keys.map(key => this.#coin(key));
      case 'readBlock':
        return effect.position.file === OWN_FILE
          ? read(this.#blocks, effect.position)
          : this.#shared.snapshot.storage.perform(effect);
      case 'readUndo':
        return effect.position.file === OWN_FILE
          ? read(this.#undo, effect.position)
          : this.#shared.snapshot.storage.perform(effect);
      case 'appendBlock':
        return this.#append(this.#blocks, effect.raw);
      case 'appendUndo':
        return this.#append(this.#undo, effect.raw);
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

  #append(log: Uint8Array[], raw: Uint8Array): FilePosition {
    log.push(this.#shared.same(raw));
    return { file: OWN_FILE, offset: log.length - 1 };
  }

  #write(op: BatchOp): void {
    const row = this.#shared.rowOf(op.key);
    const { index } = row;
    if (index >= this.#numbers.length) {
      const longer = new Uint8Array(Math.ceil((index + 1) * NUMBERS_GROWTH));
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    this.#numbers[index] = op.type === 'put' ? this.#shared.numberOf(row, op.value) : SPENT;
  }

  #coin(key: Uint8Array): Uint8Array | undefined {
    const { index, records } = this.#shared.rowOf(key);
    return records[index < this.#numbers.length ? this.#numbers[index]! : UNTOUCHED];
  }
}

/** So much longer than needed. */
const NUMBERS_GROWTH = 1.5;

function read(log: readonly Uint8Array[], { offset }: FilePosition): Uint8Array {
  const raw = log[offset];
  assert(raw !== undefined, 'what is read was written');
  return raw;
}
