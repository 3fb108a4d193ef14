/**
 * A wallet on disk: ONE file that can be copied, moved or deleted, readable by its owner only. It opens with a marker, so
 * that another program's file is refused untouched, and goes on as a log of records: one batch is one record with a
 * checksum, written with one call and flushed to disk before `batch` resolves. The whole content is held in memory.
 *
 * A record that the end of the file tore is cut when the file is opened; damage with an intact record behind it is no
 * torn write and refuses to open. When most of the file is history it is written anew beside and renamed over.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { concatBytes, equalBytes } from '../base/bytes.ts';
import { StoreError } from './errors.ts';
import { acquireLock, type LockFile } from './lock-file.ts';
import { MemoryStore } from './memory.ts';
import type { BatchOp, Entry, Range, Store, StoreSnapshot } from './store.ts';

const MARKER = new Uint8Array(Buffer.from('hearsay wallet 1\n', 'latin1'));
/** Payload length, its CRC-32, and the CRC-32 of these eight bytes; little endian. */
const RECORD_HEADER_BYTES = 12;
/** A file is compacted when it is twice as large as what it holds and this much more. */
const COMPACT_SLACK_BYTES = 1 << 20;
/** Owner may read and write, nobody else. */
const FILE_MODE = 0o600;
const PUT = 1;
const DEL = 2;

/** Creates `path`, which must not exist, or opens it; nobody else can until it is closed. Throws StoreError. */
export async function openWalletFile(path: string, how: 'create' | 'open'): Promise<WalletFile> {
  const { O_RDWR, O_CREAT, O_EXCL } = constants;
  const lock = acquireLock(`${path}.lock`);
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, how === 'create' ? O_RDWR | O_CREAT | O_EXCL : O_RDWR, FILE_MODE);
    const bytes = new Uint8Array(await handle.readFile());
    const content = new MemoryStore();
    const intact = how === 'create' ? 0 : readLog(path, bytes, content);
    const file = new WalletFile(path, { handle, lock }, content, intact, bytes.length - intact);
    await file.start();
    return file;
  } catch (error) {
    await handle?.close();
    lock.release();
    throw storeError(path, error);
  }
}

export class WalletFile implements Store {
  readonly path: string;
  /** Bytes at the end that a torn write left and that were cut when the file was opened. */
  readonly cutBytes: number;
  #handle: FileHandle;
  readonly #lock: LockFile;
  readonly #content: MemoryStore;
  /** Length of the file up to the last whole record. */
  #length: number;
  /** The last write; the next one waits for it. */
  #queue: Promise<void> = Promise.resolve();
  #broken: StoreError | undefined;
  /** Below this length nobody counts what the file holds. */
  #compactAt = COMPACT_SLACK_BYTES;

  constructor(
    path: string,
    held: { readonly handle: FileHandle; readonly lock: LockFile },
    content: MemoryStore,
    length: number,
    cutBytes: number,
  ) {
    this.path = path;
    this.#handle = held.handle;
    this.#lock = held.lock;
    this.#content = content;
    this.#length = length;
    this.cutBytes = cutBytes;
  }

  /** Makes the file end where its last whole record does. */
  async start(): Promise<void> {
    if (this.cutBytes > 0) await this.#handle.truncate(this.#length);
    if (this.#length > 0) return;
    await this.#handle.write(MARKER, 0, MARKER.length, 0);
    await this.#handle.sync();
    await syncDirectory(dirname(this.path));
    this.#length = MARKER.length;
  }

  get size(): number {
    return this.#content.size;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#content.get(key);
  }

  getMany(keys: readonly Uint8Array[]): Promise<(Uint8Array | undefined)[]> {
    return this.#content.getMany(keys);
  }

  iterate(range: Range): AsyncIterable<Entry> {
    return this.#content.iterate(range);
  }

  snapshot(): StoreSnapshot {
    return this.#content.snapshot();
  }

  batch(ops: readonly BatchOp[], options: { readonly durable: boolean }): Promise<void> {
    const record = encodeRecord(ops);
    // From the record, not from `ops`: the caller may change those while the write is under way.
    const copied = decodeOps(record.subarray(RECORD_HEADER_BYTES))!;
    return this.#enqueue(async () => {
      await this.#append(record, options.durable);
      this.#content.batchSync(copied, options);
      if (this.#length <= this.#compactAt) return;
      const liveBytes = await this.#liveBytes();
      this.#compactAt = 2 * liveBytes + COMPACT_SLACK_BYTES;
      if (this.#length > this.#compactAt) await this.#rewrite();
    });
  }

  /** Writes the file anew without what was overwritten or deleted: secrets that were replaced are gone from it. */
  compact(): Promise<void> {
    return this.#enqueue(() => this.#rewrite());
  }

  async close(): Promise<void> {
    await this.#queue.catch(() => {});
    await this.#handle.close();
    this.#lock.release();
  }

  #enqueue(work: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(async () => {
      if (this.#broken !== undefined) throw this.#broken;
      try {
        await work();
      } catch (error) {
        throw storeError(this.path, error);
      }
    });
    this.#queue = result.catch(() => {});
    return result;
  }

  async #append(record: Uint8Array, durable: boolean): Promise<void> {
    try {
      let written = 0;
      while (written < record.length) {
        const { bytesWritten } = await this.#handle.write(
          record,
          written,
          record.length - written,
          this.#length + written,
        );
        written += bytesWritten;
      }
      if (durable) await this.#handle.sync();
    } catch (error) {
      // What was written of it must not stand before the next record.
      await this.#handle.truncate(this.#length).catch(() => {
        this.#broken = storeError(this.path, error);
      });
      throw error;
    }
    this.#length += record.length;
  }

  async #liveBytes(): Promise<number> {
    let bytes = MARKER.length;
    for await (const [key, value] of this.#content.iterate({})) bytes += key.length + value.length + 9;
    return bytes;
  }

  async #rewrite(): Promise<void> {
    const ops: BatchOp[] = [];
    for await (const [key, value] of this.#content.iterate({})) ops.push({ type: 'put', key, value });
    const bytes = concatBytes(MARKER, encodeRecord(ops));
    const temporary = `${this.path}.new`;
    await rm(temporary, { force: true });
    const handle = await open(temporary, 'wx+', FILE_MODE);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
      await rename(temporary, this.path);
    } catch (error) {
      await handle.close();
      await rm(temporary, { force: true });
      throw error;
    }
    const old = this.#handle;
    this.#handle = handle;
    this.#length = bytes.length;
    await old.close();
    await syncDirectory(dirname(this.path));
  }
}

/** Fills `content` from the log; returns where the last whole record ends, 0 for a file that was just being created. */
function readLog(path: string, bytes: Uint8Array, content: MemoryStore): number {
  const head = bytes.subarray(0, MARKER.length);
  if (!equalBytes(head, MARKER.subarray(0, head.length))) {
    throw new StoreError('foreign', `${path} belongs to another program`);
  }
  if (head.length < MARKER.length) return 0;
  let at = MARKER.length;
  while (at < bytes.length) {
    const ops = recordAt(bytes, at);
    if (ops === undefined) {
      for (let later = at + 1; later < bytes.length; later += 1) {
        if (recordAt(bytes, later) !== undefined) {
          throw new StoreError('corrupted', `${path} is damaged at byte ${at}`);
        }
      }
      return at;
    }
    content.batchSync(ops, { durable: true });
    at += recordLength(bytes, at);
  }
  return at;
}

/** The operations of the record that starts at `at`; undefined unless a whole and intact one does. */
function recordAt(bytes: Uint8Array, at: number): BatchOp[] | undefined {
  if (at + RECORD_HEADER_BYTES > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, RECORD_HEADER_BYTES);
  if (crc32(bytes.subarray(at, at + 8)) !== view.getUint32(8, true)) return undefined;
  const end = at + recordLength(bytes, at);
  if (end > bytes.length) return undefined;
  const payload = bytes.subarray(at + RECORD_HEADER_BYTES, end);
  return crc32(payload) === view.getUint32(4, true) ? decodeOps(payload) : undefined;
}

function recordLength(bytes: Uint8Array, at: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 4);
  return RECORD_HEADER_BYTES + view.getUint32(0, true);
}

function encodeRecord(ops: readonly BatchOp[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const op of ops) {
    const isPut = op.type === 'put';
    const head = new DataView(new ArrayBuffer(isPut ? 9 : 5));
    head.setUint8(0, isPut ? PUT : DEL);
    head.setUint32(1, op.key.length, true);
    if (isPut) head.setUint32(5, op.value.length, true);
    parts.push(new Uint8Array(head.buffer), op.key);
    if (isPut) parts.push(op.value);
  }
  const payload = concatBytes(...parts);
  const record = new Uint8Array(RECORD_HEADER_BYTES + payload.length);
  const view = new DataView(record.buffer);
  record.set(payload, RECORD_HEADER_BYTES);
  view.setUint32(0, payload.length, true);
  view.setUint32(4, crc32(payload), true);
  view.setUint32(8, crc32(record.subarray(0, 8)), true);
  return record;
}

/** Undefined for what `encodeRecord` does not write. */
function decodeOps(payload: Uint8Array): BatchOp[] | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const ops: BatchOp[] = [];
  let at = 0;
  while (at < payload.length) {
    const type = payload[at];
    const headBytes = type === PUT ? 9 : 5;
    if ((type !== PUT && type !== DEL) || at + headBytes > payload.length) return undefined;
    const keyEnd = at + headBytes + view.getUint32(at + 1, true);
    const valueEnd = type === PUT ? keyEnd + view.getUint32(at + 5, true) : keyEnd;
    if (valueEnd > payload.length) return undefined;
    const key = payload.slice(at + headBytes, keyEnd);
    if (type === PUT) ops.push({ type: 'put', key, value: payload.slice(keyEnd, valueEnd) });
    else ops.push({ type: 'del', key });
    at = valueEnd;
  }
  return ops;
}

/** A created or renamed file is there after a loss of power only when its directory was flushed too. */
async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } catch {
    // Some systems cannot flush directories; there is nothing else to do then.
  } finally {
    await handle.close();
  }
}

function storeError(path: string, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new StoreError('io', `${path}: ${reason}`, { cause: error });
}
