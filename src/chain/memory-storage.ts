/**
 * Storage of a chain in memory: performs the writer's effects at once, for in-process nodes, the simulator and tests.
 * Made `crashable`, it can lose power as a disk does: any of what was written after the last sync, last things first.
 */

import { assert } from '../base/assert.ts';
import { type BlockHash, type Hash256, hexToHash } from '../base/bytes.ts';
import { type Random, randomBelow } from '../base/random.ts';
import { Reject } from '../consensus/reject.ts';
import { MemoryStore } from '../store/memory.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { BLOCK_INDEX_KEYS, PRUNED_KEY } from './block-index.ts';
import type { Chain } from './chain.ts';
import { BEST_BLOCK_KEY, COIN_KEYS, HEAD_BLOCKS_KEY } from './coin-records.ts';
import { CoinStatistics } from './coin-stats.ts';
import type { BlockFileUsage, CoinsStore, FilePosition, StorageEffect } from './effects.ts';
import type { ChainstateRecords } from './startup.ts';

/** As on disk, a record's payload comes after magic and length. */
const RECORD_HEADER_BYTES = 8;

/** One block file with the undo file beside it. */
interface File {
  readonly blocks: Log;
  readonly undo: Log;
}

interface Log {
  readonly records: { readonly offset: number; readonly raw: Uint8Array }[];
  end: number;
  /** Records that survive a loss of power. */
  durable: number;
}

export interface MemorySnapshot {
  readonly base: BlockHash;
  readonly coins: MemoryStore;
  /** What came out of validating it. */
  readonly verdict?: 'valid' | 'invalid';
}

export class MemoryStorage {
  readonly index: MemoryStore;
  coins: MemoryStore;
  /** Of a snapshot that was loaded. */
  snapshot: MemorySnapshot | undefined;
  readonly #files = new Map<number, File>([[0, emptyFile()]]);
  readonly #fileBytesMax: number;
  #lastFile = 0;

  /** `fileBytesMax`: a block that would reach it goes to the next file; by default all go to one. */
  constructor(options: { readonly crashable?: boolean; readonly fileBytesMax?: number } = {}) {
    this.#fileBytesMax = options.fileBytesMax ?? Number.POSITIVE_INFINITY;
    this.index = new MemoryStore(options);
    this.coins = new MemoryStore(options);
  }

  /** Answers at once. */
  perform(effect: StorageEffect): unknown {
    switch (effect.kind) {
      case 'readCoins':
        return effect.keys.map(key => this.#coinsOf(effect.store).get(key));
      case 'readBlock':
        return read(this.#fileOf(effect.position).blocks, effect.position);
      case 'readUndo':
        return read(this.#fileOf(effect.position).undo, effect.position);
      case 'appendBlock':
        return this.#appendBlock(effect.raw);
      case 'appendUndo':
        return { file: effect.file, offset: append(this.#files.get(effect.file)!.undo, effect.raw) };
      case 'syncBlockFiles':
        for (const log of this.#logs()) log.durable = log.records.length;
        return;
      case 'blockFileUsage':
        return this.usage();
      case 'deleteBlockFiles':
        for (const file of effect.files) this.#files.delete(file);
        return;
      case 'writeIndex':
        return this.index.batchSync(effect.ops, effect);
      case 'writeCoins':
        return this.#coinsOf(effect.store).batchSync(effect.ops, effect);
      case 'hashCoins':
        return hashCoins(this.#coinsOf(effect.store));
      case 'judgeSnapshot':
        this.snapshot = { ...this.snapshot!, verdict: effect.verdict };
        return;
      case 'pause':
        return;
    }
  }

  /** The first two steps of a chain's start; the records are for the third. */
  load(chain: Chain): ChainstateRecords {
    const hasPruned = this.index.get(PRUNED_KEY) !== undefined;
    this.#applyVerdict();
    const load = chain.loadIndex({ hasPruned, snapshot: this.snapshot?.base });
    for (const entry of this.index.entries(BLOCK_INDEX_KEYS)) load.add(entry);
    load.finish();
    for (const file of chain.abandonedFiles(this.usage())) this.#files.delete(file);
    const orphans = new Map<BlockHash, { position: FilePosition; raw: Uint8Array }[]>();
    for (const record of this.#recordsFrom(chain.lastStoredPosition() ?? { file: 0, offset: 0 })) {
      const pending = [record];
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const block = decodeBlock(next.raw);
        const { hash, prevHash } = block.header;
        if (adopt(chain, block, next.position) === 'orphan')
          orphans.set(prevHash, [...(orphans.get(prevHash) ?? []), next]);
        else pending.push(...(orphans.get(hash) ?? []));
      }
    }
    const { snapshot } = this;
    return { ...recordsOf(this.coins), ...(snapshot && { snapshot: recordsOf(snapshot.coins) }) };
  }

  /** A snapshot that turned out to be right takes the place of the other coins; a wrong one goes. */
  #applyVerdict(): void {
    if (this.snapshot?.verdict === 'valid') this.coins = this.snapshot.coins;
    if (this.snapshot?.verdict !== undefined) this.snapshot = undefined;
  }

  #coinsOf(store: CoinsStore): MemoryStore {
    if (store === 'main') return this.coins;
    assert(this.snapshot !== undefined, 'a snapshot was loaded');
    return this.snapshot.coins;
  }

  /** Bytes of each block file with its undo file, ascending by number. */
  usage(): BlockFileUsage[] {
    return [...this.#files]
      .map(([file, { blocks, undo }]) => ({ file, bytes: blocks.end + undo.end }))
      .sort((a, b) => a.file - b.file);
  }

  #appendBlock(raw: Uint8Array): FilePosition {
    const { end } = this.#files.get(this.#lastFile)!.blocks;
    if (end > 0 && end + RECORD_HEADER_BYTES + raw.length >= this.#fileBytesMax) {
      this.#lastFile += 1;
      this.#files.set(this.#lastFile, emptyFile());
    }
    return { file: this.#lastFile, offset: append(this.#files.get(this.#lastFile)!.blocks, raw) };
  }

  #fileOf({ file }: FilePosition): File {
    const found = this.#files.get(file);
    assert(found !== undefined, 'what is read was not deleted');
    return found;
  }

  *#logs(): Generator<Log, void, void> {
    for (const { blocks, undo } of this.#files.values()) yield* [blocks, undo];
  }

  *#recordsFrom(from: FilePosition): Generator<{ position: FilePosition; raw: Uint8Array }, void, void> {
    for (const { file } of this.usage()) {
      if (file < from.file) continue;
      for (const { offset, raw } of this.#files.get(file)!.blocks.records)
        if (file > from.file || offset >= from.offset) yield { position: { file, offset }, raw };
    }
  }

  /** Loses power: of each store and file, some of what was not durable survives, the first things first. */
  crash(random: Random): void {
    this.index.crash(randomBelow(random, this.index.volatileBatches + 1));
    for (const store of [this.coins, this.snapshot?.coins])
      store?.crash(randomBelow(random, store.volatileBatches + 1));
    for (const log of this.#logs()) {
      const kept = log.durable + randomBelow(random, log.records.length - log.durable + 1);
      for (const { offset } of log.records.splice(kept).reverse()) log.end = offset - RECORD_HEADER_BYTES;
    }
  }
}

function emptyFile(): File {
  return {
    blocks: { records: [], end: 0, durable: 0 },
    undo: { records: [], end: 0, durable: 0 },
  };
}

/** What is refused has been refused before, and stays where it lies. */
function adopt(chain: Chain, block: Block, position: FilePosition): 'done' | 'orphan' {
  try {
    return chain.adoptStoredBlock(block, position) === undefined ? 'orphan' : 'done';
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    return 'done';
  }
}

/** Returns where its payload begins. */
function append(log: Log, raw: Uint8Array): number {
  const offset = log.end + RECORD_HEADER_BYTES;
  log.records.push({ offset, raw: raw.slice() });
  log.end = offset + raw.length;
  return offset;
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

function recordsOf(store: MemoryStore): ChainstateRecords {
  return { bestBlock: store.get(BEST_BLOCK_KEY), headBlocks: store.get(HEAD_BLOCKS_KEY) };
}

function hashCoins(store: MemoryStore): Hash256 {
  const statistics = new CoinStatistics('hash_serialized_3');
  for (const entry of store.entries(COIN_KEYS)) statistics.add(entry);
  return hexToHash(statistics.finish().hash!);
}
