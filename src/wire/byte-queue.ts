/** Bytes that have arrived and wait to be taken, kept as the chunks they came in. */
import { concatBytes, EMPTY_BYTES } from '../base/bytes.ts';

/** Small chunks are joined up to this size: a peer that sends single bytes must not cost an object for each. */
const COALESCED_BYTES_MAX = 4_096;

export class ByteQueue {
  readonly #chunks: Uint8Array[] = [];
  /** Of the first chunk, so many bytes are taken: a view for what is left would cost more than the number. */
  #taken = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    const chunks = this.#chunks;
    const last = chunks.at(-1);
    if (last === undefined || last.length + chunk.length > COALESCED_BYTES_MAX) {
      chunks.push(chunk);
      return;
    }
    const isFirst = chunks.length === 1;
    chunks[chunks.length - 1] = concatBytes(isFirst ? last.subarray(this.#taken) : last, chunk);
    if (isFirst) this.#taken = 0;
  }

  clear(): void {
    this.#chunks.length = 0;
    this.#taken = 0;
    this.#length = 0;
  }

  /** Exactly `length` bytes that are known to have arrived; a view where they lie in one chunk. */
  take(length: number): Uint8Array {
    if (length === 0) return EMPTY_BYTES;
    const chunk = this.front(length);
    const start = this.#taken;
    this.skip(length);
    return start === 0 && length === chunk.length ? chunk : chunk.subarray(start, start + length);
  }

  /** The first `length` bytes, or as many as there are; they stay. */
  peek(length: number): Uint8Array {
    const wanted = Math.min(length, this.#length);
    if (wanted === 0) return EMPTY_BYTES;
    return this.front(wanted).subarray(this.#taken, this.#taken + wanted);
  }

  /** Where the first byte that waits stands in what `front` gives. */
  get position(): number {
    return this.#taken;
  }

  /** The chunk that has the first `length` bytes, which are known to have arrived, one after the other from `position` on. */
  front(length: number): Uint8Array {
    const chunks = this.#chunks;
    let reach = chunks[0]!.length - this.#taken;
    if (reach >= length) return chunks[0]!;
    let count = 1;
    while (reach < length) {
      reach += chunks[count]!.length;
      count += 1;
    }
    const [first, ...others] = chunks.slice(0, count);
    const whole = concatBytes(first!.subarray(this.#taken), ...others);
    chunks.splice(0, count, whole);
    this.#taken = 0;
    return whole;
  }

  /** Past bytes that `front` has shown. */
  skip(length: number): void {
    this.#length -= length;
    this.#taken += length;
    if (this.#taken < this.#chunks[0]!.length) return;
    this.#chunks.shift();
    this.#taken = 0;
  }
}
