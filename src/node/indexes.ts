/**
 * The indexes of this node: which are kept, where they lie (as Core lays them out, below `indexes/`), and what is asked
 * of them. Each is run by an IndexRunner.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import { BEST_BLOCK_KEY, type ChainIndex, decodeLocator } from '../chain/indexes/chain-index.ts';
import { CoinStatsIndex } from '../chain/indexes/coin-stats-index.ts';
import { FilterIndex } from '../chain/indexes/filter-index.ts';
import { SpenderIndex } from '../chain/indexes/spender-index.ts';
import { TxIndex } from '../chain/indexes/tx-index.ts';
import type {
  CoinStatsLookup,
  FilterLookup,
  IndexAccess,
  IndexProgress,
  IndexSummary,
  SpenderLookup,
  TransactionLookup,
} from '../rpc/index-access.ts';
import { StoreError } from '../store/errors.ts';
import { type LevelStore, openLevelStore } from '../store/level.ts';
import type { ReadableStore } from '../store/store.ts';
import type { Engine } from './engine.ts';
import { FilterScanner } from './filter-scanner.ts';
import { IndexFiles } from './index-files.ts';
import {
  bestHeight,
  coinStatsLookup,
  filterLookup,
  progressOf,
  spenderLookup,
  transactionLookup,
} from './index-lookups.ts';
import { IndexRunner } from './index-runner.ts';
import { RecentBlocks } from './recent-blocks.ts';

export type IndexName = 'tx' | 'coinstats' | 'txospender' | 'basicfilter';

export interface IndexesDeps {
  readonly engine: Engine;
  readonly random: Random;
  readonly log: Log;
  readonly onFatal: (error: Error) => void;
}

export interface IndexesOptions {
  /** The chain's own directory. */
  readonly directory: string;
  readonly enabled: ReadonlySet<IndexName>;
  /** What is there is thrown away (`-reindex`). */
  readonly rebuild: boolean;
}

/** Where an index's database lies, from `indexes` on, and its files if it has some. */
const FOLDERS: Readonly<Record<IndexName, { readonly store: string; readonly files?: string }>> = {
  tx: { store: 'txindex' },
  coinstats: { store: 'coinstatsindex/db' },
  txospender: { store: 'txospenderindex/db' },
  basicfilter: { store: 'blockfilter/basic/db', files: 'fltr' },
};

export class Indexes implements IndexAccess {
  readonly transactions: TransactionLookup | undefined;
  readonly coinStats: CoinStatsLookup | undefined;
  readonly spenders: SpenderLookup | undefined;
  readonly filters: FilterLookup | undefined;
  readonly filterScans: FilterScanner;
  readonly #engine: Engine;
  readonly #recent = new RecentBlocks();
  readonly #runners: readonly IndexRunner[];
  #forget = (): void => {};

  /** Opens them; `start` sets them to work. The chain has been started. Throws StoreError. */
  static async open(deps: IndexesDeps, options: IndexesOptions): Promise<Indexes> {
    const indexes = new Indexes(deps, await openParts(deps, options));
    try {
      for (const runner of indexes.#runners) await runner.open();
      return indexes;
    } catch (error) {
      await indexes.stop();
      throw error;
    }
  }

  private constructor(deps: IndexesDeps, parts: Parts) {
    const { engine } = deps;
    this.#engine = engine;
    this.filterScans = new FilterScanner(engine.chain);
    const source = {
      chain: engine.chain.validated,
      readBlock: (id: HeaderId) => engine.readBlock(id),
      readUndo: (id: HeaderId) => engine.readUndo(id),
    };
    const run = (part: Part<ChainIndex>) =>
      new IndexRunner({ ...deps, ...part, engine: source, recent: this.#recent });
    const { tx, coinstats, txospender, basicfilter } = parts;
    const runners: IndexRunner[] = [];
    const follow = (part: Part<ChainIndex>): IndexProgress => {
      const runner = run(part);
      runners.push(runner);
      return progressOf(engine, runner);
    };
    this.transactions = tx && transactionLookup(engine, tx.index, follow(tx));
    this.coinStats = coinstats && coinStatsLookup(engine, coinstats.index, follow(coinstats));
    this.spenders = txospender && spenderLookup(engine, txospender.index, follow(txospender));
    this.filters = basicfilter && filterLookup(engine, basicfilter, follow(basicfilter));
    this.#runners = runners;
  }

  /** Throws StoreError when a block that one of them needs was deleted. */
  start(): void {
    this.#refuseGaps();
    this.#forget = this.#engine.listen({
      onChain: async notice => {
        if (notice.kind === 'pruning') {
          await Promise.all(this.#runners.map(runner => runner.beforePruning()));
          return;
        }
        if (notice.kind === 'blockConnected') {
          if (this.#runners.length > 0) this.#recent.add(notice.id, notice);
        } else if (notice.kind !== 'tipChanged' && notice.kind !== 'historyMoved') return;
        for (const runner of this.#runners) runner.notice();
      },
      onMempool() {},
    });
    for (const runner of this.#runners) runner.start();
  }

  summaries(): readonly IndexSummary[] {
    return this.#runners.map(runner => ({
      name: runner.index.name,
      isSynced: runner.isSynced,
      bestHeight: bestHeight(this.#engine, runner),
    }));
  }

  /** Those that have caught up once have done so again. */
  async settled(): Promise<void> {
    await Promise.all(this.#runners.map(runner => runner.caughtUp()));
  }

  /** Makes durable how far they are, as far as the coins on disk are: flush before. */
  async stop(): Promise<void> {
    this.#forget();
    const results = await Promise.allSettled(this.#runners.map(runner => runner.stop()));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  #refuseGaps(): void {
    const chain = this.#engine.chain.validated;
    const { headers } = chain;
    // The one that needs most is told of; of equals in Core's order of starting them, where coin statistics come last.
    const isLast = (runner: IndexRunner) => Number(runner.index.name === 'coinstatsindex');
    const hungriest = this.#runners.toSorted(
      (a, b) => a.nextHeight() - b.nextHeight() || isLast(a) - isLast(b),
    );
    for (const runner of hungriest) {
      if (runner.isSynced) continue;
      const { name, needsUndo } = runner.index;
      const tip = headers.heightOf(chain.tip());
      for (let height = tip; height >= runner.nextHeight(); height -= 1) {
        const id = chain.atHeight(height)!;
        const hasAll =
          headers.hasData(id) && (!needsUndo || id === 0 || headers.undoPositionOf(id) !== undefined);
        if (hasAll) continue;
        const what = needsUndo ? 'pruned data (including undo data)' : 'pruned data';
        throw new StoreError(
          'io',
          `${name} best block of the index goes beyond ${what}. Please disable the index or reindex (which will download the whole blockchain again)\nError: A fatal internal error occurred, see debug.log for details: Failed to start indexes, shutting down…`,
        );
      }
    }
  }
}

interface Part<T extends ChainIndex> {
  readonly index: T;
  readonly store: LevelStore;
  readonly files: IndexFiles | undefined;
}

/** In the order in which `getindexinfo` tells of them. */
interface Parts {
  readonly tx?: Part<TxIndex>;
  readonly coinstats?: Part<CoinStatsIndex>;
  readonly txospender?: Part<SpenderIndex>;
  readonly basicfilter?: Part<FilterIndex>;
}

async function openParts({ engine, random, log }: IndexesDeps, options: IndexesOptions): Promise<Parts> {
  const opened: Part<ChainIndex>[] = [];
  const open = async <T extends ChainIndex>(
    name: IndexName,
    create: () => T,
  ): Promise<Part<T> | undefined> => {
    if (!options.enabled.has(name)) return undefined;
    const part = await openPart(name, create(), {
      ...options,
      log,
      isStale: store => isStale(engine, store),
    });
    opened.push(part);
    return part;
  };
  try {
    const tx = await open('tx', () => new TxIndex());
    const coinstats = await open('coinstats', () => new CoinStatsIndex(engine.chain.params));
    const txospender = await open('txospender', () => new SpenderIndex(random));
    const basicfilter = await open('basicfilter', () => new FilterIndex());
    return {
      ...(tx && { tx }),
      ...(coinstats && { coinstats }),
      ...(txospender && { txospender }),
      ...(basicfilter && { basicfilter }),
    };
  } catch (error) {
    for (const { store } of opened) await store.close();
    throw error;
  }
}

/** A reindex was killed before it came to this index: it stands at a block of which the new index of blocks has not heard. */
function isStale({ host, chain }: Engine, store: ReadableStore): boolean {
  const record = host.isReindexing ? store.get(BEST_BLOCK_KEY) : undefined;
  const [top] = record === undefined ? [] : decodeLocator(record);
  return top !== undefined && chain.headers.find(top) === undefined;
}

async function openPart<T extends ChainIndex>(
  name: IndexName,
  index: T,
  options: IndexesOptions & { readonly log: Log; isStale(store: ReadableStore): boolean },
): Promise<Part<T>> {
  const { directory, log } = options;
  const { store, files } = FOLDERS[name];
  const folder = join(directory, 'indexes', store);
  if (options.rebuild) wipe(folder, log);
  let opened = await openStore(folder, log);
  if (options.isStale(opened)) {
    await opened.close();
    wipe(folder, log);
    opened = await openStore(folder, log);
  }
  return {
    index,
    store: opened,
    files: files === undefined ? undefined : new IndexFiles(dirname(folder), files),
  };
}

function wipe(folder: string, log: Log): void {
  log.info(`Wiping LevelDB in ${folder}`);
  try {
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    throw cannotWrite(folder, error);
  }
}

function openStore(folder: string, log: Log): Promise<LevelStore> {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    throw cannotWrite(folder, error);
  }
  log.info(`Opening LevelDB in ${folder}`);
  return openLevelStore(folder);
}

function cannotWrite(folder: string, error: unknown): StoreError {
  return new StoreError('io', `Cannot write to ${folder}: ${(error as Error).message}`, { cause: error });
}
