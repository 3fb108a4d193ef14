/**
 * Runs one index: brings it to the tip in the background, block by block from the block files, and keeps it there. It
 * never makes the writer wait: it looks where the chain stands after each block, steps back where its last block has left
 * the active chain, and goes on from there (Core: BaseIndex::Sync and BlockConnected, which are one here).
 */
import type { ChainView, HeaderId, HeaderView } from '../chain/chain-view.ts';
import type { FilePosition } from '../chain/effects.ts';
import {
  BEST_BLOCK_KEY,
  type BlockRef,
  type ChainIndex,
  decodeLocator,
  encodeLocator,
  type FileWrite,
  type IndexedBlock,
} from '../chain/indexes/chain-index.ts';
import type { BlockUndo } from '../chain/undo.ts';
import { StoreError } from '../store/errors.ts';
import type { Store } from '../store/store.ts';
import type { Block } from '../wire/block.ts';
import type { RecentBlocks } from './recent-blocks.ts';

/** While it catches up, what was done is made durable as often (Core: SYNC_LOCATOR_WRITE_INTERVAL). */
const COMMIT_INTERVAL_MS = 30_000;
/** … and told as often (Core: SYNC_LOG_INTERVAL). */
const LOG_INTERVAL_MS = 30_000;
const NO_UNDO: BlockUndo = { spent: [] };

/** The chain that is followed, and its blocks. */
export interface IndexSource {
  readonly chain: Pick<ChainView, 'tip' | 'atHeight' | 'isActive'> & {
    readonly headers: HeaderView & { dataPositionOf(id: HeaderId): FilePosition | undefined };
    /** Where the coins on disk stand. */
    flushedBlock(): HeaderId | undefined;
    /** Blocks from this height on are not deleted, nor those that a start after a crash would need again. */
    setPruneLock(name: string, first: number, firstOnDisk: number): void;
  };
  /** undefined when it is not on disk. */
  readBlock(id: HeaderId): Promise<Block | undefined>;
  readUndo(id: HeaderId): Promise<BlockUndo | undefined>;
}

/** Files of an index, as far as it writes them. */
export interface IndexFileWriter {
  write(write: FileWrite): void;
  sync(): void;
  close(): void;
}

export interface IndexRunnerDeps {
  readonly index: ChainIndex;
  readonly store: Store;
  /** For an index that has files of its own. */
  readonly files: IndexFileWriter | undefined;
  readonly engine: IndexSource;
  readonly recent: RecentBlocks;
  readonly log: { info(text: string): void };
  /** The index can go on no more: the node must stop. */
  readonly onFatal: (error: Error) => void;
}

export class IndexRunner {
  readonly index: ChainIndex;
  readonly #deps: IndexRunnerDeps;
  #best: HeaderId | undefined;
  #committed: HeaderId | undefined;
  #isSynced = false;
  #isStopping = false;
  #loop: Promise<void> | undefined;
  #wake: (() => void) | undefined;
  /** Told of something since it last looked. */
  #hasNews = false;
  /** Who waits until what was done is durable. */
  readonly #committing: (() => void)[] = [];
  readonly #waiting: { readonly target: HeaderId; readonly done: () => void }[] = [];
  #lastCommit = 0;
  #lastLog = 0;

  constructor(deps: IndexRunnerDeps) {
    this.index = deps.index;
    this.#deps = deps;
  }

  /** It has been at the tip once, and follows it (Core: m_synced). */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  /** The block that it has reached; undefined before genesis. */
  get best(): HeaderId | undefined {
    return this.#best;
  }

  /** Whether it knows the block and has not taken it away. */
  covers(id: HeaderId): boolean {
    return this.#best !== undefined && isAncestor(this.#deps.engine.chain.headers, id, this.#best);
  }

  /** Reads where it stood. Throws StoreError. */
  async open(): Promise<void> {
    const { engine, store } = this.#deps;
    const record = store.get(BEST_BLOCK_KEY);
    // It needs all of them, also when it starts long after the chain (when block files are read before).
    if (record === undefined) this.#lock();
    else {
      const [top] = decodeLocator(record);
      const id = top === undefined ? undefined : engine.chain.headers.find(top);
      if (id === undefined) {
        const { name } = this.index;
        throw new StoreError('corrupted', `best block of ${name} not found. Please rebuild the index.`);
      }
      this.#committed = id;
      this.#moveTo(id);
    }
    const ops = this.index.open(store, this.#best === undefined ? undefined : this.#refOf(this.#best));
    if (ops.length > 0) await store.batch(ops, { durable: true });
    this.#isSynced = this.covers(engine.chain.tip());
  }

  /** The first block that it still needs, from the one above its last down to the fork with the active chain. */
  nextHeight(): number {
    const { chain } = this.#deps.engine;
    if (this.#best === undefined) return 0;
    return chain.headers.heightOf(chain.headers.forkOf(this.#best, chain.tip())) + 1;
  }

  start(): void {
    this.#loop = this.#run();
  }

  /** The chain has moved. */
  notice(): void {
    this.#hasNews = true;
    this.#wake?.();
  }

  /** Makes durable what was done so far, if that may be: blocks that it has seen are about to be deleted. */
  async beforePruning(): Promise<void> {
    if (this.#loop === undefined || this.#isStopping) return;
    await new Promise<void>(done => {
      this.#committing.push(done);
      this.notice();
    });
  }

  /** False while it still catches up; else it has reached the tip of this moment when it answers. */
  async caughtUp(): Promise<boolean> {
    if (!this.#isSynced) return false;
    const target = this.#deps.engine.chain.tip();
    if (!this.#hasReached(target) && !this.#isStopping)
      await new Promise<void>(done => {
        this.#waiting.push({ target, done });
        this.notice();
      });
    return true;
  }

  /** Ends the work and makes durable what may be; what the engine flushed before counts. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    this.notice();
    await this.#loop;
    this.#tellWaiting();
    try {
      if (this.#mayCommit()) await this.#commit();
    } finally {
      this.#deps.files?.close();
      await this.#deps.store.close();
    }
  }

  async #run(): Promise<void> {
    const { log } = this.#deps;
    try {
      while (!this.#isStopping) {
        this.#hasNews = false;
        if (this.#committing.length > 0) await this.#commitNow();
        if (await this.#step()) {
          this.#tellWaiting();
          continue;
        }
        if (!this.#isSynced) {
          this.#isSynced = true;
          if (this.#mayCommit()) await this.#commit();
          const { chain } = this.#deps.engine;
          log.info(`${this.index.name} is enabled at height ${chain.headers.heightOf(chain.tip())}`);
        }
        this.#tellWaiting();
        if (this.#hasNews) continue;
        await new Promise<void>(resolve => {
          this.#wake = resolve;
        });
        this.#wake = undefined;
      }
    } catch (error) {
      if (!this.#isStopping) this.#deps.onFatal(error as Error);
      this.#isStopping = true;
      this.#tellWaiting();
    } finally {
      for (const done of this.#committing.splice(0)) done();
    }
  }

  async #commitNow(): Promise<void> {
    if (this.#mayCommit()) await this.#commit();
    for (const done of this.#committing.splice(0)) done();
  }

  /**
   * One block forth or back. False at the tip, and above it: blocks that left the chain stay known until others take their
   * place, as in Core.
   */
  async #step(): Promise<boolean> {
    const { chain } = this.#deps.engine;
    const best = this.#best;
    if (best !== undefined && isAncestor(chain.headers, chain.tip(), best)) return false;
    if (best === undefined || chain.isActive(best)) {
      const next = chain.atHeight(best === undefined ? 0 : chain.headers.heightOf(best) + 1);
      if (next === undefined) return false;
      // The coins on disk may stand exactly here: the next block would leave that place behind.
      if (this.#isSynced && this.#mayCommit()) await this.#commit();
      await this.#write(this.index.append(await this.#read(next, { undo: this.index.needsUndo })));
      this.#moveTo(next);
      if (!this.#isSynced) await this.#progress(next);
      return true;
    }
    const block = this.index.needsRemoved ? await this.#read(best, { undo: true }) : await this.#head(best);
    await this.#write(this.index.remove(block));
    this.#moveTo(chain.headers.parentOf(best)!);
    return true;
  }

  #moveTo(id: HeaderId): void {
    this.#best = id;
    this.#lock();
  }

  /** What it still needs of the blocks, now and after a crash. */
  #lock(): void {
    const { chain } = this.#deps.engine;
    const heightOf = (id: HeaderId | undefined) => (id === undefined ? 0 : chain.headers.heightOf(id));
    chain.setPruneLock(this.index.name, heightOf(this.#best), heightOf(this.#committed));
  }

  async #write({ ops, writes = [] }: ReturnType<ChainIndex['append']>): Promise<void> {
    for (const write of writes) this.#deps.files!.write(write);
    if (ops.length > 0) await this.#deps.store.batch(ops, { durable: false });
  }

  async #progress(id: HeaderId): Promise<void> {
    const now = performance.now();
    if (now - this.#lastLog >= LOG_INTERVAL_MS) {
      const height = this.#deps.engine.chain.headers.heightOf(id);
      if (this.#lastLog > 0)
        this.#deps.log.info(`Syncing ${this.index.name} with block chain from height ${height}`);
      this.#lastLog = now;
    }
    if (now - this.#lastCommit < COMMIT_INTERVAL_MS) return;
    this.#lastCommit = now;
    if (this.#mayCommit()) await this.#commit();
  }

  /** Only a place that a start finds again: the coins on disk stand there or above. */
  #mayCommit(): boolean {
    const best = this.#best;
    if (best === undefined || best === this.#committed) return false;
    const { chain } = this.#deps.engine;
    const flushed = chain.flushedBlock();
    return flushed !== undefined && isAncestor(chain.headers, best, flushed);
  }

  async #commit(): Promise<void> {
    const { engine, store, files } = this.#deps;
    const best = this.#best!;
    files?.sync();
    const locator = encodeLocator(engine.chain.headers.locatorOf(best));
    await store.batch([...this.index.commit(), { type: 'put', key: BEST_BLOCK_KEY, value: locator }], {
      durable: true,
    });
    this.#committed = best;
    this.#lock();
  }

  async #read(id: HeaderId, { undo }: { readonly undo: boolean }): Promise<IndexedBlock> {
    const { engine, recent } = this.#deps;
    const known = recent.get(id);
    const position = engine.chain.headers.dataPositionOf(id);
    const block: Block | undefined = known?.block ?? (await engine.readBlock(id));
    const undoData = undo && id !== 0 ? (known?.undo ?? (await engine.readUndo(id))) : NO_UNDO;
    if (block === undefined || position === undefined) throw this.#missing(id, 'block');
    if (undoData === undefined) throw this.#missing(id, 'undo block data');
    return { ...this.#refOf(id), block, undo: undoData, position };
  }

  /** For an index that needs of a block which leaves only what its header says. */
  async #head(id: HeaderId): Promise<IndexedBlock> {
    const header = this.#deps.engine.chain.headers.headerOf(id);
    const block: Block = { header, transactions: [], raw: new Uint8Array(0) };
    return { ...this.#refOf(id), block, undo: NO_UNDO, position: { file: 0, offset: 0 } };
  }

  #missing(id: HeaderId, what: string): StoreError {
    const { name } = this.index;
    const { height } = this.#refOf(id);
    return new StoreError('io', `Failed to read ${what} ${height} from disk for the ${name}`);
  }

  #refOf(id: HeaderId): BlockRef {
    const { headers } = this.#deps.engine.chain;
    return { hash: headers.hashOf(id), height: headers.heightOf(id) };
  }

  #hasReached(target: HeaderId): boolean {
    const { chain } = this.#deps.engine;
    if (this.#best === undefined) return false;
    // What is not part of the chain any more need not be reached.
    return isAncestor(chain.headers, chain.isActive(target) ? target : chain.tip(), this.#best);
  }

  #tellWaiting(): void {
    for (let i = this.#waiting.length - 1; i >= 0; i -= 1) {
      if (!this.#isStopping && !this.#hasReached(this.#waiting[i]!.target)) continue;
      for (const { done } of this.#waiting.splice(i, 1)) done();
    }
  }
}

function isAncestor(headers: HeaderView, id: HeaderId, of: HeaderId): boolean {
  const height = headers.heightOf(id);
  return height <= headers.heightOf(of) && headers.ancestorOf(of, height) === id;
}
