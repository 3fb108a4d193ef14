/**
 * The store on disk: LevelDB through `level`. Keys and values are bytes; `durable` is LevelDB's `sync`. Failures
 * come out as `StoreError` with the database's path, so that whoever runs the node reads one clear line.
 */
import { statSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { DamagedDatabaseError, StoreError } from './errors.ts';
import { damageOfLog, damageOfTable } from './level-check.ts';
import type { BatchOp, Entry, Range, ReadableStore, Store, StoreSnapshot } from './store.ts';

/** Entries read ahead by an iterator: one crossing into the native library each. */
const ITERATE_CHUNK_ENTRIES = 1000;
/** And their bytes at most: by default the library would stop at 16 KiB. */
const READ_AHEAD = { highWaterMarkBytes: 1024 * 1024 };
/** Bytes collected in memory before LevelDB writes a table (Core's chainstate uses more; measured best here). */
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024;
const BLOCK_CACHE_BYTES = 16 * 1024 * 1024;

/** Of tables looked through before a database opens, newest first; older ones follow while it is used. */
const CHECKED_AT_OPEN_BYTES = 256 * 1024 * 1024;

/** As Core begins what it says of a damaged database. */
const CORRUPTION = 'LevelDB error: Corruption: ';

const BYTES = { keyEncoding: 'view', valueEncoding: 'view' } as const;

type Database = Level<Uint8Array, Uint8Array>;
type Snapshot = ReturnType<Database['snapshot']>;

export interface LevelStoreOptions {
  readonly cacheBytes?: number;
  readonly writeBufferBytes?: number;
}

/** Opens the database in `location` (created if absent). Throws StoreError. */
export async function openLevelStore(location: string, options: LevelStoreOptions = {}): Promise<LevelStore> {
  const names = await readdir(location).catch(() => []);
  await checkCurrent(location, names);
  for (const name of names) if (name.endsWith('.log')) await check(join(location, name), damageOfLog);
  const db: Database = new Level(location, BYTES);
  try {
    await db.open({
      cacheSize: options.cacheBytes ?? BLOCK_CACHE_BYTES,
      writeBufferSize: options.writeBufferBytes ?? WRITE_BUFFER_BYTES,
    });
  } catch (error) {
    throw storeError(location, error);
  }
  try {
    return new LevelStore(db, await checkTables(location, names));
  } catch (error) {
    await db.close();
    throw error;
  }
}

/** Throws StoreError 'corrupted' when the file that names the list of tables names none. */
async function checkCurrent(location: string, names: readonly string[]): Promise<void> {
  if (!names.includes('CURRENT')) return;
  const manifest = (await readFile(join(location, 'CURRENT'), 'latin1')).trim();
  if (names.includes(manifest)) return;
  throw new StoreError(
    'corrupted',
    `${CORRUPTION}CURRENT points to a non-existent file: ${join(location, manifest)}`,
  );
}

/**
 * Looks through the newest of those tables that were there before the database opened: what a killed process had not
 * finished, opening has removed. Returns the others. Throws StoreError 'corrupted'.
 */
async function checkTables(location: string, names: readonly string[]): Promise<string[]> {
  const number = (name: string) => Number.parseInt(name, 10);
  const tables = names
    .filter(name => /^\d+\.(?:ldb|sst)$/.test(name))
    .sort((a, b) => number(b) - number(a))
    .map(name => join(location, name));
  for (let bytes = 0; tables.length > 0 && bytes < CHECKED_AT_OPEN_BYTES; ) {
    const path = tables.shift()!;
    bytes += statSync(path, { throwIfNoEntry: false })?.size ?? 0;
    await check(path, damageOfTable);
  }
  return tables;
}

/** Throws StoreError 'corrupted'. LevelDB deletes tables while others look on: what has gone is no damage. */
async function check(path: string, damageOf: (file: Uint8Array) => string | undefined): Promise<void> {
  let file: Uint8Array;
  try {
    file = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new StoreError('io', `Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  const damage = damageOf(file);
  if (damage !== undefined) throw new DamagedDatabaseError(`${CORRUPTION}${path} is damaged: ${damage}`);
}

export class LevelStore implements Store {
  readonly #db: Database;
  readonly #reader: LevelReader;
  readonly #checking: Promise<void>;
  /** A table was found damaged: nothing more is believed. */
  #damage: StoreError | undefined;
  #isClosing = false;

  constructor(db: Database, unchecked: readonly string[] = []) {
    this.#db = db;
    this.#reader = new LevelReader(db, undefined);
    this.#checking = this.#check(unchecked);
  }

  async #check(tables: readonly string[]): Promise<void> {
    try {
      for (const path of tables) if (!this.#isClosing) await check(path, damageOfTable);
    } catch (error) {
      this.#damage = error as StoreError;
    }
  }

  #demandWhole(): void {
    if (this.#damage !== undefined) throw this.#damage;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#demandWhole();
    return this.#reader.get(key);
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    this.#demandWhole();
    return this.#reader.getMany(keys);
  }

  iterate(range: Range): AsyncIterable<Entry> {
    return this.#reader.iterate(range);
  }

  async batch(ops: readonly BatchOp[], { durable }: { readonly durable: boolean }): Promise<void> {
    this.#demandWhole();
    try {
      // A chained batch takes half the time of an array of operations.
      const batch = this.#db.batch();
      for (const op of ops) {
        if (op.type === 'put') batch.put(op.key, op.value);
        else batch.del(op.key);
      }
      await batch.write({ sync: durable });
    } catch (error) {
      throw storeError(this.#db.location, error);
    }
  }

  snapshot(): StoreSnapshot {
    return new LevelReader(this.#db, this.#db.snapshot());
  }

  /** Bytes on disk of the keys from `start` up to `end`, roughly. */
  approximateBytes(start: Uint8Array, end: Uint8Array): Promise<number> {
    // In Node `level` is classic-level, whose types the universal package does not show.
    const db = this.#db as unknown as {
      approximateSize(start: Uint8Array, end: Uint8Array, options: typeof BYTES): Promise<number>;
    };
    return db.approximateSize(start, end, BYTES);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#checking;
    try {
      await this.#db.close();
    } catch (error) {
      throw storeError(this.#db.location, error);
    }
  }
}

class LevelReader implements ReadableStore, StoreSnapshot {
  readonly #db: Database;
  readonly #options: { readonly snapshot?: Snapshot };

  constructor(db: Database, snapshot: Snapshot | undefined) {
    this.#db = db;
    this.#options = snapshot === undefined ? {} : { snapshot };
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return plain(this.#db.getSync(key, this.#options));
    } catch (error) {
      throw storeError(this.#db.location, error);
    }
  }

  async getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    if (keys.length === 0) return [];
    try {
      return (await this.#db.getMany(keys as Uint8Array[], this.#options)).map(plain);
    } catch (error) {
      throw storeError(this.#db.location, error);
    }
  }

  async *iterate(range: Range): AsyncIterable<Entry> {
    const iterator = this.#db.iterator({ ...range, ...this.#options, ...READ_AHEAD });
    try {
      for (;;) {
        const entries = await iterator.nextv(ITERATE_CHUNK_ENTRIES);
        if (entries.length === 0) return;
        for (const [key, value] of entries) yield [plain(key)!, plain(value)!];
      }
    } catch (error) {
      throw storeError(this.#db.location, error);
    } finally {
      await iterator.close();
    }
  }

  async close(): Promise<void> {
    await this.#options.snapshot?.close();
  }
}

/** LevelDB hands out Buffers, whose `slice` does not copy as that of a Uint8Array does: nobody here expects that. */
function plain(value: Uint8Array | undefined): Uint8Array | undefined {
  return value && new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
}

function storeError(location: string, error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof StoreError) return error;
  // The outer error says only "not open"; why it is not is in its cause.
  const cause = error.cause instanceof Error ? error.cause : error;
  switch ((cause as NodeJS.ErrnoException).code) {
    case 'LEVEL_LOCKED':
      return new StoreError('locked', `The database ${location} is in use by another process`, { cause });
    case 'LEVEL_CORRUPTION':
      return new StoreError('corrupted', `${CORRUPTION}${cause.message} (${location})`, {
        cause,
      });
    case 'LEVEL_DATABASE_NOT_OPEN':
    case 'LEVEL_ITERATOR_NOT_OPEN':
      return new StoreError('io', `The database ${location} is closed`, { cause });
    case 'LEVEL_IO_ERROR':
    case 'EACCES':
    case 'ENOSPC':
    case 'ENOTDIR':
    case 'EEXIST':
    case 'EROFS':
    case 'EIO':
      return new StoreError('io', `The database ${location} cannot be used: ${cause.message}`, { cause });
    default:
      return error;
  }
}
