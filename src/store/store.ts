/**
 * The one interface to a key-value store. LevelDB and memory implement it and pass the same suite.
 * Keys are ordered as bytes. Nothing awaits one key at a time: `getMany` for sets, `get` (synchronous) for one.
 */
export type BatchOp =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

export interface Range {
  readonly gte?: Uint8Array;
  readonly gt?: Uint8Array;
  readonly lt?: Uint8Array;
  readonly lte?: Uint8Array;
  readonly reverse?: boolean;
  /** Entries at most. */
  readonly limit?: number;
}

export type Entry = readonly [key: Uint8Array, value: Uint8Array];

export interface ReadableStore {
  /** Values handed out are the caller's to keep. */
  get(key: Uint8Array): Uint8Array | undefined;
  /** In the order asked; undefined for what is absent. */
  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]>;
  /** Entries in key order, in chunks as they are read. */
  iterate(range: Range): AsyncIterable<Entry>;
}

export interface StoreSnapshot extends ReadableStore {
  close(): Promise<void>;
}

export interface Store extends ReadableStore {
  /** All or nothing. `durable` batches, and all batches before them, survive the loss of power. */
  batch(ops: readonly BatchOp[], options: { readonly durable: boolean }): Promise<void>;
  /** What the store holds now, whatever is written later. */
  snapshot(): StoreSnapshot;
  close(): Promise<void>;
}
