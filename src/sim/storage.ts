/**
 * A simulated node's storage: what it wrote itself, over a snapshot that all nodes share. Bytes of blocks are kept by
 * reference, for they are the same at every node, and so are coins. No simulated node starts twice, and the index is read at a start only,
 * so it is not kept.
 */

import { assert } from '../base/assert.ts';
import { bytesToBinary, equalBytes } from '../base/bytes.ts';
import type { Chain } from '../chain/chain.ts';
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

/** Coins that nodes wrote, once for all of them: nearly all write the same. */
export class SharedCoins {
  readonly #known = new Map<string, { readonly key: string; readonly value: Uint8Array }>();

  /** `value` under `key`, as the first who wrote it has them. */
  of(key: string, value: Uint8Array): { readonly key: string; readonly value: Uint8Array } {
    const known = this.#known.get(key);
    if (known !== undefined && equalBytes(known.value, value)) return known;
    const own = { key, value };
    if (known === undefined) this.#known.set(key, own);
    return own;
  }
}

/** The file that holds what the node appended itself; the snapshot's is 0. */
const OWN_FILE = 1;

export class NodeStorage {
  readonly #snapshot: Snapshot;
  readonly #shared: SharedCoins;
  /** null: spent. */
  readonly #coins = new Map<string, Uint8Array | null>();
  readonly #blocks: Uint8Array[] = [];
  readonly #undo: Uint8Array[] = [];

  constructor(snapshot: Snapshot, shared: SharedCoins) {
    this.#snapshot = snapshot;
    this.#shared = shared;
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
        for (const op of effect.ops) this.#write(bytesToBinary(op.key), op);
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

  #write(name: string, op: BatchOp): void {
    if (op.type === 'put') {
      const { key, value } = this.#shared.of(name, op.value);
      this.#coins.set(key, value);
    } else if (this.#snapshot.storage.coins.get(op.key) === undefined) this.#coins.delete(name);
    else this.#coins.set(name, null);
  }

  #coin(key: Uint8Array): Uint8Array | undefined {
    const own = this.#coins.get(bytesToBinary(key));
    return own === undefined ? this.#snapshot.storage.coins.get(key) : (own ?? undefined);
  }
}

function append(log: Uint8Array[], raw: Uint8Array): FilePosition {
  log.push(raw);
  return { file: OWN_FILE, offset: log.length - 1 };
}

function read(log: readonly Uint8Array[], { offset }: FilePosition): Uint8Array {
  const raw = log[offset];
  assert(raw !== undefined, 'what is read was written');
  return raw;
}
