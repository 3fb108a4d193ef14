/** Bytes that have arrived and wait to be taken, kept as the chunks they came in. */
import { concatBytes, EMPTY_BYTES } from '../base/bytes.ts';

/** Small chunks are joined up to this size: a peer that sends single bytes must not cost an object for each. */
const COALESCED_BYTES_MAX = 4_096;

export class ByteQueue {
  #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  push(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#length += chunk.length;
    const last = this.#chunks.at(-1);
    if (last !== undefined && last.length + chunk.length <= COALESCED_BYTES_MAX)
      this.#chunks[this.#chunks.length - 1] = concatBytes(last, chunk);
    else this.#chunks.push(chunk);
  }

  clear(): void {
    this.#chunks = [];
    this.#length = 0;
  }

  /** Exactly `length` bytes that are known to have arrived; a view where they lie in one chunk. */
  take(length: number): Uint8Array {
    this.#length -= length;
    if (length === 0) return EMPTY_BYTES;
    const first = this.#chunks[0];
    if (first !== undefined && first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    if (first !== undefined && first.length === length) {
      this.#chunks.shift();
      return first;
    }
    const parts: Uint8Array[] = [];
    let missing = length;
    let used = 0;
    while (missing > 0) {
      const chunk = this.#chunks[used]!;
      if (chunk.length > missing) {
        parts.push(chunk.subarray(0, missing));
        this.#chunks[used] = chunk.subarray(missing);
        missing = 0;
      } else {
        parts.push(chunk);
        missing -= chunk.length;
        used += 1;
      }
    }
    this.#chunks.splice(0, used);
    return parts.length === 1 ? parts[0]! : concatBytes(...parts);
  }

  /** The first `length` bytes, or as many as there are; they stay. */
  peek(length: number): Uint8Array {
    const wanted = Math.min(length, this.#length);
    const bytes = this.take(wanted);
    if (wanted === 0) return bytes;
    this.#length += wanted;
    this.#chunks.unshift(bytes);
    return bytes;
  }
}
