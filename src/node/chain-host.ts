/**
 * Where the chain lives on disk: `blocks/` with block and undo files and the LevelDB `index`, and the LevelDB
 * `chainstate`, laid out as Core does. Performs the writer's effects that touch storage, and brings a chain up from
 * what is there.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../base/assert.ts';
import { type BlockHash, type Hash256, hexToHash } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { BLOCK_INDEX_KEYS, FLAG_SET, PRUNED_KEY, REINDEXING_KEY } from '../chain/block-index.ts';
import type { Chain } from '../chain/chain.ts';
import { BEST_BLOCK_KEY, COIN_KEYS, decodeBestBlock, HEAD_BLOCKS_KEY } from '../chain/coin-records.ts';
import { CoinStatistics, type CoinStatsHash, type CoinTotals } from '../chain/coin-stats.ts';
import type { CoinsStore, FilePosition, StorageEffect, WriterEffect } from '../chain/effects.ts';
import type { ChainstateRecords } from '../chain/startup.ts';
import { Reject } from '../consensus/reject.ts';
import { BlockFiles } from '../store/block-files.ts';
import { StoreError } from '../store/errors.ts';
import type { LevelStore } from '../store/level.ts';
import type { Entry, ReadableStore, StoreSnapshot } from '../store/store.ts';
import { type Block, decodeBlock } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';
import { MARKER_FILE, openMarked, wipeDatabase } from './marked-store.ts';
import { type OpenSnapshot, SnapshotFolder } from './snapshot-folder.ts';
import type { Writer } from './writer.ts';

/** Up to so many coins are read on the spot: handing over to a thread would take longer. */
const READ_AT_ONCE_MAX = 64;

export interface ChainHostOptions {
  /** The chain's own directory. */
  readonly directory: string;
  /** Where `blocks` is made, if elsewhere (`-blocksdir`). */
  readonly blocksDirectory?: string;
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
}

export interface ChainHostDeps {
  readonly log: Log;
  readonly random: Random;
}

export interface CoinStats extends CoinTotals {
  readonly height: number;
  readonly bestBlock: BlockHash;
  /** Estimated bytes of the coins in the store. */
  readonly diskSize: number;
}

/** Opens what is in the directory, or makes it. Throws StoreError; a directory of another program is not touched. */
export async function openChainHost(deps: ChainHostDeps, options: ChainHostOptions): Promise<ChainHost> {
  const { blocks, index, chainstate } = foldersOf(options);
  const { log } = deps;
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
      { isReindexing, isImporting },
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
  readonly #log: Log;
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
    { log }: ChainHostDeps,
    stores: {
      readonly files: BlockFiles;
      readonly index: LevelStore;
      readonly coins: LevelStore;
      readonly folder: SnapshotFolder;
      readonly snapshot: OpenSnapshot | undefined;
    },
    work: { readonly isReindexing: boolean; readonly isImporting: boolean },
  ) {
    this.#log = log;
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
        return this.#coinsOf(effect.store).batch(effect.ops, effect);
      case 'hashCoins':
        return hashCoins(this.#coinsOf(effect.store));
      case 'judgeSnapshot':
        return this.#snapshotFolder.judge(effect.verdict);
      case 'pause':
        return new Promise(resolve => setImmediate(resolve));
    }
  }

  /** Brings `chain`, new and empty, to where it stood; the last step goes through `writer`. */
  async startChain<Effect>(
    chain: Chain,
    writer: Writer<Effect | WriterEffect>,
    now: Milliseconds,
  ): Promise<void> {
    const entries: Entry[] = [];
    for await (const entry of this.#index.iterate(BLOCK_INDEX_KEYS)) entries.push(entry);
    const snapshot = this.#snapshot;
    const records = {
      ...recordsOf(this.#coins),
      ...(snapshot && { snapshot: recordsOf(snapshot.store) }),
    };
    // The index is on disk before any coin: it was there.
    if (entries.length === 0 && (records.bestBlock ?? records.headBlocks) !== undefined)
      throw new StoreError('corrupted', 'Error initializing block database');
    const hasPruned = this.#index.get(PRUNED_KEY) !== undefined;
    chain.loadIndex(entries, { hasPruned, isImporting: this.isImporting, snapshot: snapshot?.base });
    this.#log.info('Checking all blk files are present...');
    this.#refuseMissingFiles(chain);
    const abandoned = chain.abandonedFiles(this.#files.usage());
    if (abandoned.length > 0) {
      this.#recovered.push(`${abandoned.length} block files that were pruned before were deleted`);
      await this.#files.remove(abandoned);
    }
    if (!this.isReindexing) await this.#adoptTail(chain);
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
      const bestBlock = decodeBestBlock(snapshot.get(BEST_BLOCK_KEY)!);
      const statistics = new CoinStatistics(options.hash);
      for await (const entry of snapshot.iterate(COIN_KEYS)) statistics.add(entry);
      const height = chain.headers.heightOf(chain.headers.find(bestBlock)!);
      const diskSize = await this.#current().approximateBytes(COIN_KEYS.gte, COIN_KEYS.lt);
      return { ...statistics.finish(), height, bestBlock, diskSize };
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

  /** Gives the chain the blocks that lie in the files behind what the index knows, parents first. */
  async #adoptTail(chain: Chain): Promise<void> {
    const orphans = new Map<BlockHash, FilePosition[]>();
    let adopted = 0;
    for await (const record of this.#files.scan(chain.lastStoredPosition())) {
      const pending = [record];
      for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
        const block = this.#decodeStored(next.raw, next.position);
        if (block === undefined) continue;
        const { hash, prevHash } = block.header;
        if (this.#adopt(chain, block, next.position) === 'orphan') {
          orphans.set(prevHash, [...(orphans.get(prevHash) ?? []), next.position]);
          continue;
        }
        adopted += 1;
        const children = orphans.get(hash) ?? [];
        orphans.delete(hash);
        for (const position of children)
          pending.push({ position, raw: await this.#files.readBlock(position) });
      }
    }
    // The first record is the last one that the index knows.
    if (adopted > 1) this.#recovered.push(`${adopted - 1} blocks behind the index were taken in again`);
    const { cutBytes } = this.#files;
    if (cutBytes > 0) this.#recovered.push(`a torn record of ${cutBytes} bytes was cut off the block files`);
  }

  #adopt(chain: Chain, block: Block, position: FilePosition): 'done' | 'orphan' {
    try {
      return chain.adoptStoredBlock(block, position) === undefined ? 'orphan' : 'done';
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      this.#log.warn(`The block at ${describe(position)} is not taken in: ${error.message}`);
      return 'done';
    }
  }

  #decodeStored(raw: Uint8Array, position: FilePosition): Block | undefined {
    try {
      return decodeBlock(raw);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      this.#log.warn(`The record at ${describe(position)} is no block: ${error.message}`);
      return undefined;
    }
  }
}

function describe({ file, offset }: FilePosition): string {
  return `offset ${offset} of block file ${file}`;
}

/** Throws StoreError 'foreign': a database, or block files, without our marker are somebody else's. */
export function refuseForeign(options: Pick<ChainHostOptions, 'directory' | 'blocksDirectory'>): void {
  const { blocks, index, chainstate } = foldersOf(options);
  // Files that -blocksdir names may have the index of another node of ours beside them.
  const isOurs = [index, join(blocks, 'index'), chainstate].some(folder =>
    existsSync(join(folder, MARKER_FILE)),
  );
  const hasBlocks = existsSync(blocks) && readdirSync(blocks).some(name => /^blk\d+\.dat$/.test(name));
  const isForeign = (folder: string) =>
    existsSync(join(folder, 'CURRENT')) && !existsSync(join(folder, MARKER_FILE));
  if ((hasBlocks && !isOurs) || isForeign(index) || isForeign(chainstate))
    throw new StoreError('foreign', `The data directory ${options.directory} belongs to another program`);
}

/** As Core lays them out: `-blocksdir` moves the block files, not their index. */
function foldersOf({
  directory,
  blocksDirectory = directory,
}: Pick<ChainHostOptions, 'directory' | 'blocksDirectory'>): {
  readonly blocks: string;
  readonly index: string;
  readonly chainstate: string;
} {
  return {
    blocks: join(blocksDirectory, 'blocks'),
    index: join(directory, 'blocks', 'index'),
    chainstate: join(directory, 'chainstate'),
  };
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

/** `hash_serialized_3` of all coins in the store. */
export async function hashCoins(store: ReadableStore): Promise<Hash256> {
  const statistics = new CoinStatistics('hash_serialized_3');
  for await (const entry of store.iterate(COIN_KEYS)) statistics.add(entry);
  return hexToHash(statistics.finish().hash!);
}
