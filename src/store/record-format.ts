/**
 * One record of a block or undo file: magic, length, payload, and after undo data a hash; all of it XORed with the files'
 * key, each byte by its place in the file (Core: node/blockstorage.cpp).
 */
import { concatBytes } from '../base/bytes.ts';
import { StoreError } from './errors.ts';
import { applyXorKey } from './xor-key.ts';

/** Magic and length before each record (Core: STORAGE_HEADER_BYTES). */
export const RECORD_HEADER_BYTES = 8;
/** A length above this cannot be a block (Core: MAX_BLOCK_SERIALIZED_SIZE). */
const BLOCK_BYTES_MAX = 4_000_000;

/** An open file. */
interface FileBytes {
  read(into: Uint8Array, offset: number, length: number, at: number): Promise<{ readonly bytesRead: number }>;
}

export class RecordFormat {
  /** Named when a file ends too early. */
  readonly #folder: string;
  readonly #magic: Uint8Array;
  readonly xorKey: Uint8Array;

  constructor(folder: string, magic: Uint8Array, xorKey: Uint8Array) {
    this.#folder = folder;
    this.#magic = magic;
    this.xorKey = xorKey;
  }

  /** As it is written at byte `at` of a file. */
  encode(at: number, raw: Uint8Array, checksum?: Uint8Array): Uint8Array {
    const header = new Uint8Array(RECORD_HEADER_BYTES);
    header.set(this.#magic);
    // It counts the payload only, as in Core.
    new DataView(header.buffer).setUint32(4, raw.length, true);
    const record = checksum === undefined ? concatBytes(header, raw) : concatBytes(header, raw, checksum);
    applyXorKey(this.xorKey, record, at);
    return record;
  }

  /** The payload (and `tailBytes` more) of the record that starts at `at`; undefined if no whole one does. */
  async read(file: FileBytes, at: number, size: number, tailBytes = 0): Promise<Uint8Array | undefined> {
    const length = await this.#lengthAt(file, at, size, tailBytes);
    return length === undefined
      ? undefined
      : this.#readBytes(file, at + RECORD_HEADER_BYTES, length + tailBytes);
  }

  /** `length` bytes of a payload from its byte `from` on, or fewer at its end; undefined if no whole record starts at `at`. */
  async readPart(
    file: FileBytes,
    at: number,
    size: number,
    part: { readonly from: number; readonly length: number },
  ): Promise<Uint8Array | undefined> {
    const length = await this.#lengthAt(file, at, size, 0);
    if (length === undefined) return undefined;
    const from = Math.min(part.from, length);
    return this.#readBytes(file, at + RECORD_HEADER_BYTES + from, Math.min(part.length, length - from));
  }

  /** Of the payload of the record that starts at `at`; undefined if no whole one does. */
  async #lengthAt(file: FileBytes, at: number, size: number, tailBytes: number): Promise<number | undefined> {
    if (at + RECORD_HEADER_BYTES > size) return undefined;
    const header = await this.#readBytes(file, at, RECORD_HEADER_BYTES);
    for (let i = 0; i < this.#magic.length; i += 1) if (header[i] !== this.#magic[i]) return undefined;
    const length = new DataView(header.buffer, header.byteOffset).getUint32(4, true);
    if (tailBytes === 0 && length > BLOCK_BYTES_MAX) return undefined;
    return at + RECORD_HEADER_BYTES + length + tailBytes > size ? undefined : length;
  }

  async #readBytes(file: FileBytes, at: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, at);
    if (bytesRead < length)
      throw new StoreError('io', `Short read in ${this.#folder}: ${bytesRead} of ${length} bytes`);
    applyXorKey(this.xorKey, bytes, at);
    return bytes;
  }
}
