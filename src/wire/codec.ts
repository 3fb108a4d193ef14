/**
 * Formats declared once: a codec is type, encoder, decoder and limits in one value.
 *
 * Integers are little endian unless a name ends in BE. Bad input throws `DecodeError` and nothing else; a value
 * that cannot be encoded is our bug and throws RangeError. Decoded byte fields are views of the input: what
 * outlives its message must copy them (`slice`), because a small view pins its whole message.
 */
import { type BlockHash, binaryBetween, binaryToBytes, bytesToBinary, type Hash256, type Txid } from '../base/bytes.ts'; // biome-ignore format: one list

/** The input does not follow the format. The message says what and where. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** More was to be read than there is. */
export class EndOfDataError extends DecodeError {}

/** Largest value of a length prefix (Core: MAX_SIZE). */
export const COMPACT_SIZE_MAX = 0x0200_0000;

/** Through which wide integers are put together: a view of each message's bytes would cost more than its nonce. */
const wideBytes = new Uint8Array(new ArrayBuffer(8));
const wide = new DataView(wideBytes.buffer);

/** A cursor over bytes. All methods throw DecodeError at the end of the data. */
export class Reader {
  readonly bytes: Uint8Array;
  position: number;
  readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.position = start;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves past `length` bytes and returns where they start. */
  advance(length: number): number {
    const start = this.position;
    if (length > this.end - start) {
      throw new EndOfDataError(`End of data: ${length} bytes wanted at ${start}, ${this.end - start} left`);
    }
    this.position = start + length;
    return start;
  }

  u8(): number {
    return this.bytes[this.advance(1)]!;
  }

  u16(): number {
    const at = this.advance(2);
    return this.bytes[at]! | (this.bytes[at + 1]! << 8);
  }

  u16BE(): number {
    const at = this.advance(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  i32(): number {
    const at = this.advance(4);
    const { bytes } = this;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }

  u64(): bigint {
    this.#loadWide();
    return wide.getBigUint64(0, true);
  }

  i64(): bigint {
    this.#loadWide();
    return wide.getBigInt64(0, true);
  }

  #loadWide(): void {
    const at = this.advance(8);
    for (let i = 0; i < 8; i += 1) wideBytes[i] = this.bytes[at + i]!;
  }

  /** A length prefix in its shortest form; `max` bounds the value. */
  compactSize(max: number = COMPACT_SIZE_MAX): number {
    const first = this.u8();
    let value = first;
    if (first === 0xfd) {
      value = this.u16();
      if (value < 0xfd) throw new DecodeError('non-canonical ReadCompactSize()');
    } else if (first === 0xfe) {
      value = this.u32();
      if (value < 0x1_0000) throw new DecodeError('non-canonical ReadCompactSize()');
    } else if (first === 0xff) {
      const wide = this.u64();
      if (wide < 0x1_0000_0000n) throw new DecodeError('non-canonical ReadCompactSize()');
      value = Number(wide);
    }
    if (value > max) throw new DecodeError(`ReadCompactSize(): size too large, ${value} above ${max}`);
    return value;
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const start = this.advance(length);
    return this.bytes.subarray(start, start + length);
  }

  hash<T extends Hash256>(): T {
    const at = this.advance(32);
    return binaryBetween(this.bytes, at, at + 32) as T;
  }
}

/** Copied byte by byte up to here. */
const SHORT_COPY_BYTES = 128;

/** Grows as needed; `finish` returns exactly what was written. */
export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `room`: bytes to begin with, or where to write as long as they suffice. */
  constructor(room: number | Uint8Array = 256) {
    const bytes = typeof room === 'number' ? new Uint8Array(room) : room;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.#length;
  }

  #grow(more: number): number {
    const start = this.#length;
    const length = start + more;
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    this.#length = length;
    return start;
  }

  u8(value: number): void {
    // Here and below `#grow` may exchange bytes and view, so it is called before they are read.
    const start = this.#grow(1);
    this.#bytes[start] = value;
  }

  u16(value: number): void {
    const start = this.#grow(2);
    this.#view.setUint16(start, value, true);
  }

  u16BE(value: number): void {
    const start = this.#grow(2);
    this.#view.setUint16(start, value, false);
  }

  u32(value: number): void {
    const start = this.#grow(4);
    this.#view.setUint32(start, value, true);
  }

  i32(value: number): void {
    const start = this.#grow(4);
    this.#view.setInt32(start, value, true);
  }

  u64(value: bigint): void {
    const start = this.#grow(8);
    this.#view.setBigUint64(start, value, true);
  }

  i64(value: bigint): void {
    const start = this.#grow(8);
    this.#view.setBigInt64(start, value, true);
  }

  compactSize(value: number): void {
    if (value < 0xfd) this.u8(value);
    else if (value <= 0xffff) {
      this.u8(0xfd);
      this.u16(value);
    } else if (value <= 0xffff_ffff) {
      this.u8(0xfe);
      this.u32(value);
    } else {
      this.u8(0xff);
      this.u64(BigInt(value));
    }
  }

  put(bytes: Uint8Array): void {
    const start = this.#grow(bytes.length);
    this.#bytes.set(bytes, start);
  }

  hash(hash: Hash256): void {
    const start = this.#grow(32);
    for (let i = 0; i < 32; i += 1) this.#bytes[start + i] = hash.charCodeAt(i);
  }

  /** Forgets what was written and keeps the memory: for a writer that is used a million times. */
  reset(): void {
    this.#length = 0;
  }

  /** A view of what was written, good until the next write or reset. */
  written(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Puts what was written into `target`, which has room for it from `at` on. */
  copyTo(target: Uint8Array, at: number): void {
    const bytes = this.#bytes;
    const length = this.#length;
    // For a few bytes, a view costs more than the bytes.
    if (length > SHORT_COPY_BYTES) target.set(bytes.subarray(0, length), at);
    else for (let i = 0; i < length; i += 1) target[at + i] = bytes[i]!;
  }

  /** A fresh array: the writer may be used on. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Of a length prefix in its shortest form. */
export function compactSizeBytes(value: number): number {
  if (value < 0xfd) return 1;
  if (value <= 0xffff) return 3;
  return value <= 0xffff_ffff ? 5 : 9;
}

export interface Codec<T> {
  read(reader: Reader): T;
  write(writer: Writer, value: T): void;
}

/** The type that a codec reads and writes. */
export type Infer<C> = C extends Codec<infer T> ? T : never;

/** Decodes all of `bytes`; bytes left over are a DecodeError. */
export function decodeAll<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new Reader(bytes);
  const value = codec.read(reader);
  if (reader.remaining > 0) throw new DecodeError(`${reader.remaining} bytes left over`);
  return value;
}

/** What `encode` writes into: most messages are small, and memory for each would cost more than its bytes. */
const shared = { writer: new Writer(4_096), isTaken: false };
/** Grown above this, it is not kept. */
const SHARED_BYTES_MAX = 0x1_0000;

export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  return encodeBehind(codec, value, 0);
}

/** So many zero bytes. */
export type Allocate = (length: number) => Uint8Array;

const allocateAlone: Allocate = length => new Uint8Array(length);

/** With `room` zero bytes before it, for a header. */
export function encodeBehind<T>(
  codec: Codec<T>,
  value: T,
  room: number,
  allocate: Allocate = allocateAlone,
): Uint8Array {
  // A codec may encode a part by itself.
  const isNested = shared.isTaken;
  const writer = isNested ? new Writer() : shared.writer;
  shared.isTaken = true;
  try {
    codec.write(writer, value);
    const { length } = writer;
    const bytes = allocate(room + length);
    writer.copyTo(bytes, room);
    return bytes;
  } finally {
    if (!isNested) {
      if (writer.length > SHARED_BYTES_MAX) shared.writer = new Writer(4_096);
      else writer.reset();
      shared.isTaken = false;
    }
  }
}

export const u8: Codec<number> = { read: r => r.u8(), write: (w, v) => w.u8(v) };
export const u16: Codec<number> = { read: r => r.u16(), write: (w, v) => w.u16(v) };
export const u32: Codec<number> = { read: r => r.u32(), write: (w, v) => w.u32(v) };
export const i32: Codec<number> = { read: r => r.i32(), write: (w, v) => w.i32(v) };
export const u64: Codec<bigint> = { read: r => r.u64(), write: (w, v) => w.u64(v) };
export const i64: Codec<bigint> = { read: r => r.i64(), write: (w, v) => w.i64(v) };

/** One byte; any value but 0 reads as true, as in Core. */
export const bool: Codec<boolean> = { read: r => r.u8() !== 0, write: (w, v) => w.u8(v ? 1 : 0) };

export const compactSize: Codec<number> = { read: r => r.compactSize(), write: (w, v) => w.compactSize(v) };

export const blockHash: Codec<BlockHash> = { read: r => r.hash(), write: (w, v) => w.hash(v) };
export const txid: Codec<Txid> = { read: r => r.hash(), write: (w, v) => w.hash(v) };
export const hash256: Codec<Hash256> = { read: r => r.hash(), write: (w, v) => w.hash(v) };

/** A length prefix and that many bytes, at most `max`. */
export function varBytes(max: number = COMPACT_SIZE_MAX): Codec<Uint8Array> {
  return {
    read: r => r.take(r.compactSize(max)),
    write(w, v) {
      w.compactSize(v.length);
      w.put(v);
    },
  };
}

/** A length prefix in bytes and that text; read as latin1, so that any bytes survive a round trip. */
export function varText(maxBytes: number): Codec<string> {
  return {
    read: r => bytesToBinary(r.take(r.compactSize(maxBytes))),
    write(w, v) {
      const bytes = binaryToBytes(v);
      w.compactSize(bytes.length);
      w.put(bytes);
    },
  };
}

/** A count and that many items. Reading allocates as items arrive, not as the count promises. */
export function array<T>(item: Codec<T>, max: number = COMPACT_SIZE_MAX): Codec<T[]> {
  return {
    read(r) {
      const count = r.compactSize();
      if (count > max) throw new TooManyError(count, max);
      const items: T[] = [];
      for (let i = 0; i < count; i += 1) items.push(item.read(r));
      return items;
    },
    write(w, v) {
      w.compactSize(v.length);
      for (const each of v) item.write(w, each);
    },
  };
}

/** A count above the protocol's limit: worse than a malformed payload, peers are punished for it. */
export class TooManyError extends DecodeError {
  readonly count: number;
  constructor(count: number, max: number) {
    super(`${count} items, at most ${max} allowed`);
    this.count = count;
  }
}

type Fields = Readonly<Record<string, Codec<unknown>>>;
type StructOf<F extends Fields> = { readonly [K in keyof F]: Infer<F[K]> };

/** Fields in the order given. */
export function struct<F extends Fields>(fields: F): Codec<StructOf<F>> {
  const entries = Object.entries(fields);
  return {
    read(r) {
      const value: Record<string, unknown> = {};
      for (const [name, codec] of entries) value[name] = codec.read(r);
      return value as StructOf<F>;
    },
    write(w, v) {
      for (const [name, codec] of entries) codec.write(w, v[name]);
    },
  };
}
