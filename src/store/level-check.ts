/**
 * Looks through the files of a LevelDB database for bytes that are not those which were written: every block of a table
 * and every record of the log has a checksum (CRC-32C). LevelDB leaves them alone unless it is told otherwise, and the
 * package that we use it through cannot tell it; a flipped bit would come out as another coin, or as none.
 * Formats: LevelDB's doc/table_format.md and doc/log_format.md; snappy's format_description.txt.
 */

/** Offset and length of the index block and others stand here, at a table's end, before the magic number. */
const FOOTER_BYTES = 48;
const TABLE_MAGIC = 0xdb4775248b80fb57n;
/** After each block: how it is compressed, and the checksum of both. */
const TRAILER_BYTES = 5;
const SNAPPY = 1;
/** The log is a row of these; no record's piece crosses from one to the next. */
const LOG_BLOCK_BYTES = 32 * 1024;
/** Checksum, length, kind. */
const LOG_HEADER_BYTES = 7;
const LOG_KIND_MAX = 4;
const MASK_DELTA = 0xa282_ead8;

/** What is wrong with a table; undefined when nothing is. */
export function damageOfTable(file: Uint8Array): string | undefined {
  try {
    for (const block of blocksOf(file)) checkBlock(file, block);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError) return error.message;
    throw error;
  }
}

/** What is wrong with a log: a damaged record with a whole one behind it. What a crash tore at the end is none. */
export function damageOfLog(file: Uint8Array): string | undefined {
  let damagedAt: number | undefined;
  for (let start = 0; start < file.length; start += LOG_BLOCK_BYTES) {
    const end = Math.min(start + LOG_BLOCK_BYTES, file.length);
    for (let at = start; at + LOG_HEADER_BYTES <= end; ) {
      const next = at + LOG_HEADER_BYTES + (file[at + 4]! | (file[at + 5]! << 8));
      // The rest of the block was never written, or is too short for a record.
      if (damagedAt === undefined && next === at + LOG_HEADER_BYTES && file[at + 6] === 0) break;
      if (isRecord(file, at, next, end)) {
        if (damagedAt !== undefined) return `the record at offset ${damagedAt} is not what was written`;
        at = next;
      } else {
        // Its length may be what is damaged: the next one is anywhere behind it.
        damagedAt ??= at;
        at += 1;
      }
    }
  }
  return undefined;
}

function isRecord(file: Uint8Array, at: number, next: number, end: number): boolean {
  const kind = file[at + 6]!;
  if (next > end || kind === 0 || kind > LOG_KIND_MAX) return false;
  return unmask(u32(file, at)) === crc32c(file, at + 6, next);
}

interface BlockHandle {
  readonly offset: number;
  readonly size: number;
}

/** The blocks of a table besides its indexes, which have been checked. Throws RangeError. */
function blocksOf(file: Uint8Array): BlockHandle[] {
  const footer = file.length - FOOTER_BYTES;
  if (footer < 0) throw new RangeError('it is cut short');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getBigUint64(file.length - 8, true) !== TABLE_MAGIC) throw new RangeError('it is no table');
  const reader = new VarintReader(file, footer);
  const metaIndex = reader.handle();
  const index = reader.handle();
  for (const each of [index, metaIndex]) checkBlock(file, each);
  // The filter is a block like others.
  return [...valuesOf(contentsOf(file, index)), ...valuesOf(contentsOf(file, metaIndex))];
}

function checkBlock(file: Uint8Array, { offset, size }: BlockHandle): void {
  const end = offset + size;
  if (end + TRAILER_BYTES > file.length)
    throw new RangeError(`a block at offset ${offset} lies beyond its end`);
  if (unmask(u32(file, end + 1)) !== crc32c(file, offset, end + 1))
    throw new RangeError(`the block at offset ${offset} is not what was written`);
}

function contentsOf(file: Uint8Array, { offset, size }: BlockHandle): Uint8Array {
  const raw = file.subarray(offset, offset + size);
  return file[offset + size] === SNAPPY ? unsnap(raw) : raw;
}

/** The handles that an index block's entries hold. */
function valuesOf(block: Uint8Array): BlockHandle[] {
  const handles: BlockHandle[] = [];
  const restarts = u32(block, block.length - 4);
  const end = block.length - 4 - 4 * restarts;
  const reader = new VarintReader(block, 0);
  while (reader.at < end) {
    reader.varint();
    const keyBytes = reader.varint();
    const valueBytes = reader.varint();
    reader.at += keyBytes;
    const next = reader.at + valueBytes;
    handles.push(reader.handle());
    reader.at = next;
  }
  return handles;
}

class VarintReader {
  readonly #bytes: Uint8Array;
  at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.at];
      if (byte === undefined || factor > 2 ** 49) throw new RangeError('its index is damaged');
      this.at += 1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  handle(): BlockHandle {
    const offset = this.varint();
    return { offset, size: this.varint() };
  }
}

/** Unpacks what snappy packed. Throws RangeError. */
function unsnap(packed: Uint8Array): Uint8Array {
  const reader = new VarintReader(packed, 0);
  const out = new Uint8Array(reader.varint());
  let to = 0;
  for (let at = reader.at; at < packed.length; ) {
    const tag = packed[at]!;
    at += 1;
    let length = (tag >> 2) + 1;
    if ((tag & 3) === 0) {
      const lengthBytes = Math.max(0, length - 60);
      if (lengthBytes > 0) length = littleEndian(packed, at, lengthBytes) + 1;
      at += lengthBytes;
      out.set(packed.subarray(at, at + length), to);
      at += length;
      to += length;
      continue;
    }
    const offsetBytes = [0, 1, 2, 4][tag & 3]!;
    let back = littleEndian(packed, at, offsetBytes);
    at += offsetBytes;
    if (offsetBytes === 1) {
      length = ((tag >> 2) & 7) + 4;
      back += (tag >> 5) << 8;
    }
    if (back === 0 || back > to || to + length > out.length)
      throw new RangeError('a block cannot be unpacked');
    for (const end = to + length; to < end; to += 1) out[to] = out[to - back]!;
  }
  return out;
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let i = count - 1; i >= 0; i -= 1) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}

function u32(bytes: Uint8Array, at: number): number {
  return littleEndian(bytes, at, 4);
}

function unmask(masked: number): number {
  const rotated = (masked - MASK_DELTA) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

/** Four tables, so that four bytes are taken in at a time. */
const TABLES = crcTables();

function crcTables(): readonly Uint32Array[] {
  const tables = [0, 1, 2, 3].map(() => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ 0x82f6_3b78;
    tables[0]![byte] = crc >>> 0;
  }
  for (let byte = 0; byte < 256; byte += 1)
    for (let i = 1; i < 4; i += 1) {
      const before = tables[i - 1]![byte]!;
      tables[i]![byte] = ((before >>> 8) ^ tables[0]![before & 0xff]!) >>> 0;
    }
  return tables;
}

function crc32c(bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3] = TABLES as [Uint32Array, Uint32Array, Uint32Array, Uint32Array];
  let crc = 0xffff_ffff;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 0xff]! ^ t2[(crc >>> 8) & 0xff]! ^ t1[(crc >>> 16) & 0xff]! ^ t0[crc >>> 24]!;
  }
  for (; at < to; at += 1) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return (crc ^ 0xffff_ffff) >>> 0;
}
