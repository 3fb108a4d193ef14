/**
 * Where the chain lives on disk: `blocks/` with block and undo files and the LevelDB `index`, and the LevelDB
 * `chainstate`, laid out as Core does. Performs the writer's effects that touch storage, and brings a chain up from
 * what is there.
 */

import { assert } from '../base/assert.ts';
import type { BlockHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import {
  BLOCK_INDEX_KEYS, FLAG_SET, FORMER_INDEX_KEYS, PRUNED_KEY, REINDEXING_KEY,
} from '../chain/block-index.ts'; // biome-ignore format: one list
import type { Chain } from '../chain/chain.ts';
import { BEST_BLOCK_KEY, COIN_KEYS, HEAD_BLOCKS_KEY } from '../chain/coin-records.ts';
import type { CoinStatsHash } from '../chain/coin-stats.ts';
import type { CoinsStore, FilePosition, StorageEffect, WriterEffect } from '../chain/effects.ts';
import type { ChainstateRecords } from '../chain/startup.ts';
import { BlockFiles } from '../store/block-files.ts';
import { StoreError } from '../store/errors.ts';
import type { LevelStore } from '../store/level.ts';
import type { ReadableStore, StoreSnapshot } from '../store/store.ts';
import { adoptTail } from './block-tail.ts';
import { type ChainDirectories, chainFolders, refuseForeign } from './chain-folders.ts';
import { type CoinStats, countCoins, hashCoins } from './coin-totals.ts';
import { openMarked, wipeDatabase } from './marked-store.ts';
import { maybeCrash, type SimulatedCrash } from './simulated-crash.ts';
import { type OpenSnapshot, SnapshotFolder } from './snapshot-folder.ts';
import type { Writer } from './writer.ts';

/** Up to so many coins are read on the spot: handing over to a thread would take longer. */
const READ_AT_ONCE_MAX = 64;

export interface ChainHostOptions extends ChainDirectories {
  readonly magic: Uint8Array;
  /** Obfuscate new block files (`-blocksxor`). */
  readonly blocksXor: boolean;
  readonly blockFileBytesMax?: number;
  /** Blocks of snapshots that may be taken. */
  readonly snapshots?: readonly BlockHash[];
  /** Forget what was derived from the block files: `-reindex`, or `-reindex-chainstate`. */
  readonly rebuild?: 'index' | 'coins';
  /** With `rebuild`: block files behind a gap cannot be used and go (`-prune`). */
  readonly prunes?: boolean;
  /** Dies at one in so many batches of coins that others follow (`-dbcrashratio`). */
  readonly crashRatio?: number;
}

export interface ChainHostDeps {
  readonly log: Log;
  readonly random: Random;
  /** Ends the process at once, for `crashRatio`. */
  readonly die?: () => void;
}

/** Opens what is in the directory, or makes it. Throws StoreError; a directory of another program is not touched. */
export async function openChainHost(deps: ChainHostDeps, options: ChainHostOptions): Promise<ChainHost> {
  const { blocks, index, chainstate } = chainFolders(options);
  const { log, die } = deps;
  const { crashRatio } = options;
  refuseForeign(options);
  // First of all: in a new folder it makes the key.
  const files = openBlockFiles(blocks, deps, options);
  if (options.rebuild !== undefined) wipeDatabase(chainstate, log);
  if (options.rebuild === 'index') wipeDatabase(index, log);
  const indexStore = await openMarked(index, 'block', log);
  try {
    if (options.rebuild === 'index') {
      // Until the block files have been read to their end: a start in between goes on with that.
      await indexStore.batch([{ type: 'put', key: REINDEXING_KEY, value: FLAG_SET }], { durable: true });
    }
    const isReindexing = indexStore.get(REINDEXING_KEY) !== undefined;
    if (isReindexing) {
      wipeDatabase(chainstate, log);
      if (options.prunes)
        log.info('Removing unusable blk?????.dat and rev?????.dat files for -reindex with -prune');
      await files.removeForReindex(options.prunes ? 'gaps too' : 'undo only');
    }
    const isImporting = isReindexing || options.rebuild === 'coins';
    const folder = new SnapshotFolder(options.directory, log);
    if (isImporting) folder.remove();
    else folder.settle();
    const coins = await openMarked(chainstate, 'coins', log);
    const snapshot = await folder.open(options.snapshots ?? []);
    return new ChainHost(
      deps,
      { files, index: indexStore, coins, folder, snapshot },
      { isReindexing, isImporting, ...(crashRatio && die && { crash: { ratio: crashRatio, die } }) },
    );
  } catch (error) {
    await indexStore.close();
    throw error;
  }
}

function openBlockFiles(folder: string, { random }: ChainHostDeps, options: ChainHostOptions): BlockFiles {
  return new BlockFiles(folder, {
    magic: options.magic,
    newXorKey: options.blocksXor ? random.bytes(8) : undefined,
    ...(options.blockFileBytesMax === undefined ? {} : { fileBytesMax: options.blockFileBytesMax }),
  });
}

export class ChainHost {
  readonly #deps: ChainHostDeps;
  readonly #log: Log;
  readonly #crash: SimulatedCrash | undefined;
  readonly #files: BlockFiles;
  readonly #index: LevelStore;
  readonly #coins: LevelStore;
  readonly #snapshotFolder: SnapshotFolder;
  #snapshot: OpenSnapshot | undefined;
  #isFillingSnapshot = false;
  /** The block files are to be read anew (reindex.ts). */
  readonly isReindexing: boolean;
  readonly #recovered: string[] = [];
  /** The coins are to be made anew: after `startChain`, and after that reading, comes `endImport`. */
  readonly isImporting: boolean;

  constructor(
    deps: ChainHostDeps,
    stores: {
      readonly files: BlockFiles;
      readonly index: LevelStore;
      readonly coins: LevelStore;
      readonly folder: SnapshotFolder;
      readonly snapshot: OpenSnapshot | undefined;
    },
    work: {
      readonly isReindexing: boolean;
      readonly isImporting: boolean;
      readonly crash?: SimulatedCrash;
    },
  ) {
    this.#deps = deps;
    this.#log = deps.log;
    this.#crash = work.crash;
    this.isReindexing = work.isReindexing;
    this.isImporting = work.isImporting;
    this.#files = stores.files;
    this.#index = stores.index;
    this.#coins = stores.coins;
    this.#snapshotFolder = stores.folder;
    this.#snapshot = stores.snapshot;
  }

  /** Throws StoreError, at once or by the promise. */
  perform(effect: StorageEffect): unknown {
    switch (effect.kind) {
      case 'readCoins':
        return readAll(this.#coinsOf(effect.store), effect.keys);
      case 'readBlock':
        return this.#files.readBlock(effect.position);
      case 'readUndo':
        return this.#files.readUndo(effect.position, effect.parentHash);
      case 'appendBlock':
        return this.#files.appendBlock(effect.raw);
      case 'appendUndo':
        return this.#files.appendUndo(effect.file, effect.raw, effect.parentHash);
      case 'syncBlockFiles':
        return this.#files.sync();
      case 'blockFileUsage':
        return this.#files.usage();
      case 'deleteBlockFiles':
        return this.#files.remove(effect.files);
      case 'writeIndex':
        return this.#index.batch(effect.ops, effect);
      case 'writeCoins':
        return this.#writeCoins(effect);
      case 'hashCoins':
        return hashCoins(this.#coinsOf(effect.store));
      case 'judgeSnapshot':
        return this.#snapshotFolder.judge(effect.verdict);
      case 'pause':
        return new Promise(resolve => setImmediate(resolve));
    }
  }

  async #writeCoins(effect: StorageEffect & { readonly kind: 'writeCoins' }): Promise<void> {
    await this.#coinsOf(effect.store).batch(effect.ops, effect);
    // The last batch, which makes the coins whole again, is the durable one.
    if (this.#crash !== undefined && !effect.durable) maybeCrash(this.#crash, this.#deps);
  }

  /** Brings `chain`, new and empty, to where it stood; the last step goes through `writer`. */
  async startChain<Effect>(
    chain: Chain,
    writer: Writer<Effect | WriterEffect>,
    now: Milliseconds,
  ): Promise<void> {
    const snapshot = this.#snapshot;
    const records = {
      ...recordsOf(this.#coins),
      ...(snapshot && { snapshot: recordsOf(snapshot.store) }),
    };
    for await (const _ of this.#index.iterate(FORMER_INDEX_KEYS)) {
      throw new StoreError(
        'corrupted',
        'Error loading block database: it has the format of an earlier version. Please restart with -reindex',
      );
    }
    const hasPruned = this.#index.get(PRUNED_KEY) !== undefined;
    const load = chain.loadIndex({ hasPruned, isImporting: this.isImporting, snapshot: snapshot?.base });
    let isEmpty = true;
    for await (const entry of this.#index.iterate(BLOCK_INDEX_KEYS)) {
      load.add(entry);
      isEmpty = false;
    }
    // The index is on disk before any coin: it was there.
    if (isEmpty && (records.bestBlock ?? records.headBlocks) !== undefined)
      throw new StoreError('corrupted', 'Error initializing block database');
    load.finish();
    this.#log.info('Checking all blk files are present...');
    this.#refuseMissingFiles(chain);
    const abandoned = chain.abandonedFiles(this.#files.usage());
    if (abandoned.length > 0) {
      this.#recovered.push(`${abandoned.length} block files that were pruned before were deleted`);
      await this.#files.remove(abandoned);
    }
    if (!this.isReindexing) this.#recovered.push(...(await adoptTail(chain, this.#files, this.#log)));
    if (records.headBlocks !== undefined)
      this.#recovered.push('a flush of the coins that was cut is finished');
    await writer.enqueue('start', () => chain.start(records, now));
  }

  /** What the start found that a clean stop does not leave, and what it did about it. */
  get recovered(): readonly string[] {
    return this.#recovered;
  }

  /** The block files, in order up to the first gap; `xorKey` scrambles them. */
  blockFiles(): { readonly paths: readonly string[]; readonly xorKey: Uint8Array } {
    const numbers = this.#files.usage().map(({ file }) => file);
    const count = numbers.findIndex((file, i) => file !== i);
    const paths = numbers.slice(0, count === -1 ? undefined : count).map(file => this.#files.blockPath(file));
    return { paths, xorKey: this.#files.xorKey };
  }

  /** What is appended from now on goes to a new block file. */
  startNewBlockFile(): void {
    this.#files.startNewFile();
  }

  /** Of a block's raw bytes, for serving: past the writer, since what is stored does not change. */
  readBlockBytes(position: FilePosition): Promise<Uint8Array> {
    return this.#files.readBlock(position);
  }

  /** A part of them: see `BlockFiles.readBlockPart`. */
  readBlockPart(
    position: FilePosition,
    part: { readonly from: number; readonly length: number },
  ): Promise<Uint8Array> {
    return this.#files.readBlockPart(position, part);
  }

  /** Of undo data, likewise. */
  readUndoBytes(position: FilePosition, parentHash: BlockHash): Promise<Uint8Array> {
    return this.#files.readUndo(position, parentHash);
  }

  /** Bytes of block and undo files. */
  blockBytesOnDisk(): number {
    return this.#files.bytesOnDisk();
  }

  /** Walks all coins at the tip, after a flush; the chain goes on meanwhile. */
  async coinStats<Effect>(
    chain: Chain,
    writer: Writer<Effect | WriterEffect>,
    options: { readonly hash: CoinStatsHash; readonly now: Milliseconds },
  ): Promise<CoinStats> {
    const snapshot = await this.coinSnapshot(chain, writer, options.now);
    try {
      const { bestBlock, totals } = await countCoins(snapshot, options.hash);
      const height = chain.headers.heightOf(chain.headers.find(bestBlock)!);
      const diskSize = await this.#current().approximateBytes(COIN_KEYS.gte, COIN_KEYS.lt);
      return { ...totals, height, bestBlock, diskSize };
    } finally {
      await snapshot.close();
    }
  }

  async close(): Promise<void> {
    this.#files.close();
    await Promise.all([this.#index.close(), this.#coins.close(), this.#snapshot?.store.close()]);
  }

  /** All coins at the tip, after a flush; the caller closes it. */
  coinSnapshot<Effect>(
    chain: Chain,
    writer: Writer<Effect | WriterEffect>,
    now: Milliseconds,
  ): Promise<StoreSnapshot> {
    const current = () => this.#current();
    return writer.enqueue('coinSnapshot', function* () {
      yield* chain.flush(now);
      return current().snapshot();
    });
  }

  /**
   * An empty store for a snapshot's coins, until it is taken (`keepSnapshot`) or dropped. There is one folder for them:
   * undefined while somebody else fills it, or when a snapshot was taken.
   */
  async newSnapshotStore(): Promise<LevelStore | undefined> {
    if (this.#isFillingSnapshot || this.#snapshot !== undefined) return undefined;
    this.#isFillingSnapshot = true;
    try {
      return await this.#snapshotFolder.create();
    } catch (error) {
      this.#isFillingSnapshot = false;
      throw error;
    }
  }

  /** The store holds the coins of block `base`, and the hash is right: from here on it is one of ours. */
  keepSnapshot(store: LevelStore, base: BlockHash): void {
    this.#snapshotFolder.keep(base);
    this.#snapshot = { store, base };
    this.#isFillingSnapshot = false;
  }

  async dropSnapshotStore(store: LevelStore): Promise<void> {
    this.#snapshot = undefined;
    await store.close();
    this.#snapshotFolder.remove();
    this.#isFillingSnapshot = false;
  }

  /** That of the chain that everybody sees. */
  #current(): LevelStore {
    return this.#snapshot?.store ?? this.#coins;
  }

  #coinsOf(store: CoinsStore): LevelStore {
    if (store === 'main') return this.#coins;
    assert(this.#snapshot !== undefined, 'a snapshot was loaded');
    return this.#snapshot.store;
  }

  #refuseMissingFiles(chain: Chain): void {
    const there = new Set(this.#files.usage().map(({ file }) => file));
    const missing = chain.headers.filesWithBlocks().find(file => !there.has(file));
    if (missing === undefined) return;
    throw new StoreError(
      'corrupted',
      `Error loading block database: ${this.#files.blockPath(missing)} is missing`,
    );
  }
}

function readAll(
  store: LevelStore,
  keys: readonly Uint8Array[],
): (Uint8Array | undefined)[] | Promise<(Uint8Array | undefined)[]> {
  return keys.length <= READ_AT_ONCE_MAX ? keys.map(key => store.get(key)) : store.getMany(keys);
}

function recordsOf(store: ReadableStore): ChainstateRecords {
  return { bestBlock: store.get(BEST_BLOCK_KEY), headBlocks: store.get(HEAD_BLOCKS_KEY) };
}
