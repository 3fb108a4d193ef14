/**
 * Finds blocks in a stream of bytes in Core's `blk*.dat` framing: magic, length, block, again and again (Core:
 * LoadExternalBlockFile). What lies between blocks is passed over; after something that only looked like a block the
 * search goes on one byte further, so that damage costs the block that it hit and no other. Files may be scrambled with
 * the key of their folder (Core: `xor.dat`); the unwritten rest of such a file is zeros all the same.
 */
import { type Block, decodeBlock } from '../wire/block.ts';
import { DecodeError } from '../wire/codec.ts';

/** Shortest and longest block (Core: a header; MAX_BLOCK_SERIALIZED_SIZE). */
const BLOCK_BYTES_MIN = 80;
const BLOCK_BYTES_MAX = 4_000_000;
const RECORD_HEADER_BYTES = 8;
/** Length of a key. */
export const XOR_KEY_BYTES = 8;

export type Scanned =
  | { readonly kind: 'block'; readonly offset: number; readonly block: Block }
  /** Bytes that are neither a block nor zeros; `reason` when they looked like a block. */
  | { readonly kind: 'garbage'; readonly offset: number; readonly bytes: number; readonly reason?: string };

export class BlockScanner {
  readonly #magic: Buffer;
  /** What zeros in the file have become. */
  readonly #xorKey: Uint8Array;
  readonly #isScrambled: boolean;
  #buffer: Buffer = Buffer.alloc(0);
  /** Behind the buffer, not joined yet: joining at each small chunk would copy a large block many times. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** Bytes that the buffer must have before there is something new to find in it. */
  #needed = 0;
  /** Where in the stream the buffer starts. */
  #offset = 0;
  /** Garbage found and not told yet. */
  #garbage: { offset: number; bytes: number; reason: string | undefined } | undefined;

  /** `xorKey`: XOR_KEY_BYTES bytes. */
  constructor(magic: Uint8Array, xorKey: Uint8Array = new Uint8Array(XOR_KEY_BYTES)) {
    this.#magic = Buffer.from(magic);
    this.#xorKey = xorKey;
    this.#isScrambled = xorKey.some(byte => byte !== 0);
  }

  /** Takes the next bytes of the stream; blocks that are whole now come out. Their bytes are views of a common buffer. */
  *push(chunk: Uint8Array): Generator<Scanned, void, void> {
    this.#pending.push(this.#isScrambled ? this.#unscrambled(chunk) : chunk);
    this.#pendingBytes += chunk.length;
    if (this.#buffer.length + this.#pendingBytes < this.#needed) return;
    this.#join();
    yield* this.#scan({ isEnd: false });
  }

  /** The stream has ended. */
  *end(): Generator<Scanned, void, void> {
    this.#join();
    yield* this.#scan({ isEnd: true });
    this.#skip(this.#buffer.length, undefined);
    yield* this.#tellGarbage();
  }

  #unscrambled(chunk: Uint8Array): Uint8Array {
    const start = this.#offset + this.#buffer.length + this.#pendingBytes;
    const plain = new Uint8Array(chunk.length);
    for (let i = 0; i < chunk.length; i += 1) plain[i] = chunk[i]! ^ this.#keyByteAt(start + i);
    return plain;
  }

  #keyByteAt(offset: number): number {
    return this.#xorKey[offset % XOR_KEY_BYTES]!;
  }

  #join(): void {
    this.#buffer = Buffer.concat([this.#buffer, ...this.#pending]);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#needed = 0;
  }

  *#scan({ isEnd }: { readonly isEnd: boolean }): Generator<Scanned, void, void> {
    for (;;) {
      const at = this.#buffer.indexOf(this.#magic);
      if (at < 0) {
        // The magic may be cut by the end of the chunk.
        this.#skip(Math.max(0, this.#buffer.length - (this.#magic.length - 1)), undefined);
        return;
      }
      this.#skip(at, undefined);
      if (this.#buffer.length < RECORD_HEADER_BYTES) return;
      const length = this.#buffer.readUInt32LE(4);
      const end = RECORD_HEADER_BYTES + length;
      if (length < BLOCK_BYTES_MIN || length > BLOCK_BYTES_MAX) {
        this.#skip(1, `a length of ${length} bytes`);
        continue;
      }
      if (this.#buffer.length < end) {
        if (!isEnd) {
          this.#needed = end;
          return;
        }
        this.#skip(1, `cut short: ${this.#buffer.length - RECORD_HEADER_BYTES} of ${length} bytes`);
        continue;
      }
      const block = this.#decode(this.#buffer.subarray(RECORD_HEADER_BYTES, end));
      if (typeof block === 'string') {
        this.#skip(1, block);
        continue;
      }
      yield* this.#tellGarbage();
      yield { kind: 'block', offset: this.#offset, block };
      this.#advance(end);
    }
  }

  #decode(raw: Uint8Array): Block | string {
    try {
      return decodeBlock(raw);
    } catch (error) {
      if (error instanceof DecodeError) return error.message;
      throw error;
    }
  }

  /** What was only passed over begins to count with the first byte that is not zero in the file: files end in zeros. */
  #skip(bytes: number, reason: string | undefined): void {
    const skipped = this.#buffer.subarray(0, bytes);
    if (this.#garbage !== undefined) this.#garbage.bytes += bytes;
    else {
      const start = skipped.findIndex((byte, i) => byte !== this.#keyByteAt(this.#offset + i));
      if (start >= 0) this.#garbage = { offset: this.#offset + start, bytes: bytes - start, reason };
    }
    if (this.#garbage !== undefined) this.#garbage.reason ??= reason;
    this.#advance(bytes);
  }

  #advance(bytes: number): void {
    this.#buffer = this.#buffer.subarray(bytes);
    this.#offset += bytes;
  }

  *#tellGarbage(): Generator<Scanned, void, void> {
    const found = this.#garbage;
    if (found === undefined) return;
    this.#garbage = undefined;
    const { offset, bytes, reason } = found;
    yield { kind: 'garbage', offset, bytes, ...(reason === undefined ? {} : { reason }) };
  }
}
