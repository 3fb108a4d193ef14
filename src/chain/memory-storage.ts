/**
 * Storage of a chain in memory: performs the writer's effects at once, for in-process nodes, the simulator and tests.
 * Made `crashable`, it can lose power as a disk does: any of what was written after the last sync, last things first.
 */
import { assert } from '../base/assert.ts';
import type { BlockHash } from '../base/bytes.ts';
import { type Random, randomBelow } from '../base/random.ts';
import { MemoryStore } from '../store/memory.ts';
import { decodeBlock } from '../wire/block.ts';
import { BLOCK_INDEX_KEYS } from './block-index.ts';
import type { Chain } from './chain.ts';
import { BEST_BLOCK_KEY, HEAD_BLOCKS_KEY } from './coin-records.ts';
import type { FilePosition, StorageEffect } from './effects.ts';
import type { ChainstateRecords } from './startup.ts';

/** As on disk, a record's payload comes after magic and length. */
const RECORD_HEADER_BYTES = 8;

interface Log {
  readonly records: { readonly offset: number; readonly raw: Uint8Array }[];
  end: number;
  /** Records that survive a loss of power. */
  durable: number;
}

export class MemoryStorage {
  readonly index: MemoryStore;
  readonly coins: MemoryStore;
  readonly #blocks: Log = { records: [], end: 0, durable: 0 };
  readonly #undo: Log = { records: [], end: 0, durable: 0 };

  constructor(options: { readonly crashable?: boolean } = {}) {
    this.index = new MemoryStore(options);
    this.coins = new MemoryStore(options);
  }

  /** Answers at once. */
  perform(effect: StorageEffect): unknown {
    switch (effect.kind) {
      case 'readCoins':
        return effect.keys.map(key => this.coins.get(key));
      case 'readBlock':
        return read(this.#blocks, effect.position);
      case 'readUndo':
        return read(this.#undo, effect.position);
      case 'appendBlock':
        return append(this.#blocks, effect.raw);
      case 'appendUndo':
        return append(this.#undo, effect.raw);
      case 'syncBlockFiles':
        this.#blocks.durable = this.#blocks.records.length;
        this.#undo.durable = this.#undo.records.length;
        return;
      case 'writeIndex':
        return this.index.batchSync(effect.ops, effect);
      case 'writeCoins':
        return this.coins.batchSync(effect.ops, effect);
      case 'pause':
        return;
    }
  }

  /** The first two steps of a chain's start; the records are for the third. */
  load(chain: Chain): ChainstateRecords {
    chain.loadIndex(this.index.entries(BLOCK_INDEX_KEYS));
    const from = chain.lastStoredPosition()?.offset ?? 0;
    const orphans = new Map<BlockHash, { offset: number; raw: Uint8Array }[]>();
    for (const record of this.#blocks.records.filter(({ offset }) => offset >= from)) {
      const pending = [record];
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const block = decodeBlock(next.raw);
        const { hash, prevHash } = block.header;
        if (chain.adoptStoredBlock(block, { file: 0, offset: next.offset }) === undefined)
          orphans.set(prevHash, [...(orphans.get(prevHash) ?? []), next]);
        else pending.push(...(orphans.get(hash) ?? []));
      }
    }
    return { bestBlock: this.coins.get(BEST_BLOCK_KEY), headBlocks: this.coins.get(HEAD_BLOCKS_KEY) };
  }

  /** Loses power: of each store and file, some of what was not durable survives, the first things first. */
  crash(random: Random): void {
    this.index.crash(randomBelow(random, this.index.volatileBatches + 1));
    this.coins.crash(randomBelow(random, this.coins.volatileBatches + 1));
    for (const log of [this.#blocks, this.#undo]) {
      const kept = log.durable + randomBelow(random, log.records.length - log.durable + 1);
      for (const { offset } of log.records.splice(kept).reverse()) log.end = offset - RECORD_HEADER_BYTES;
    }
  }
}

function append(log: Log, raw: Uint8Array): FilePosition {
  const offset = log.end + RECORD_HEADER_BYTES;
  log.records.push({ offset, raw: raw.slice() });
  log.end = offset + raw.length;
  return { file: 0, offset };
}

function read({ records }: Log, { offset }: FilePosition): Uint8Array {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (records[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  const found = records[low];
  assert(found?.offset === offset, 'what is read was written');
  return found.raw;
}
