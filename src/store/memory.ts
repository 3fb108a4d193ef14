/**
 * A store in memory: for in-process nodes, the simulator and tests. Snapshots share the table until the next batch
 * copies it. Made `crashable`, it can lose power: `crash` takes back the last batches that were not durable, each
 * of them whole, as LevelDB's log does.
 */
import { binaryToBytes, bytesToBinary } from '../base/bytes.ts';
import type { BatchOp, Entry, Range, Store, StoreSnapshot } from './store.ts';

type Table = Map<string, Uint8Array>;
/** What a batch replaced: key → the value before; undefined where there was none. */
type Undo = ReadonlyMap<string, Uint8Array | undefined>;

export class MemoryStore implements Store {
  #reader = new TableReader(new Map());
  #shared = false;
  readonly #crashable: boolean;
  /** One for each batch since the last durable one, oldest first. */
  readonly #undone: Undo[] = [];

  constructor(options: { readonly crashable?: boolean } = {}) {
    this.#crashable = options.crashable ?? false;
  }

  get size(): number {
    return this.#reader.table.size;
  }

  /** Batches that a loss of power may take back. */
  get volatileBatches(): number {
    return this.#undone.length;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#reader.get(key);
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#reader.getMany(keys);
  }

  iterate(range: Range): AsyncIterable<Entry> {
    return this.snapshot().iterate(range);
  }

  /** As `iterate`, at once. */
  entries(range: Range): Iterable<Entry> {
    this.#shared = true;
    return this.#reader.entries(range);
  }

  batch(ops: readonly BatchOp[], options: { readonly durable: boolean }): Promise<void> {
    this.batchSync(ops, options);
    return Promise.resolve();
  }

  /** As `batch`, done when it returns: for those who perform effects at once. */
  batchSync(ops: readonly BatchOp[], { durable }: { readonly durable: boolean }): void {
    const table = this.#ownTable();
    const before = new Map<string, Uint8Array | undefined>();
    for (const op of ops) {
      const key = bytesToBinary(op.key);
      if (this.#crashable && !durable && !before.has(key)) before.set(key, table.get(key));
      if (op.type === 'put') table.set(key, op.value.slice());
      else table.delete(key);
    }
    if (durable) this.#undone.length = 0;
    else if (this.#crashable) this.#undone.push(before);
  }

  snapshot(): StoreSnapshot {
    this.#shared = true;
    return this.#reader;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Loses power: of the batches that were not durable, the first `kept` survive. */
  crash(kept: number): void {
    const table = this.#ownTable();
    while (this.#undone.length > kept) {
      for (const [key, value] of this.#undone.pop()!) {
        if (value === undefined) table.delete(key);
        else table.set(key, value);
      }
    }
    this.#undone.length = 0;
  }

  /** The table to write to: nobody else reads it, and its sorted keys are forgotten. */
  #ownTable(): Table {
    const { table } = this.#reader;
    this.#reader = new TableReader(this.#shared ? new Map(table) : table);
    this.#shared = false;
    return this.#reader.table;
  }
}

class TableReader implements StoreSnapshot {
  readonly table: Table;
  #sortedKeys: string[] | undefined;

  constructor(table: Table) {
    this.table = table;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.table.get(bytesToBinary(key))?.slice();
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return Promise.resolve(keys.map(key => this.get(key)));
  }

  async *iterate(range: Range): AsyncIterable<Entry> {
    yield* this.entries(range);
  }

  *entries(range: Range): Generator<Entry, void, void> {
    // Binary strings compare as their bytes do.
    this.#sortedKeys ??= [...this.table.keys()].sort();
    const keys = this.#sortedKeys;
    let from = 0;
    let to = keys.length;
    if (range.gte !== undefined) from = Math.max(from, lowerBound(keys, bytesToBinary(range.gte)));
    if (range.gt !== undefined) from = Math.max(from, lowerBound(keys, bytesToBinary(range.gt) + '\0'));
    if (range.lt !== undefined) to = Math.min(to, lowerBound(keys, bytesToBinary(range.lt)));
    if (range.lte !== undefined) to = Math.min(to, lowerBound(keys, bytesToBinary(range.lte) + '\0'));
    const count = Math.min(Math.max(to - from, 0), range.limit ?? Number.POSITIVE_INFINITY);
    for (let i = 0; i < count; i += 1) {
      const key = keys[range.reverse ? to - 1 - i : from + i]!;
      yield [binaryToBytes(key), this.table.get(key)!.slice()];
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Index of the first key that is not before `wanted`. */
function lowerBound(keys: readonly string[], wanted: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (keys[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
