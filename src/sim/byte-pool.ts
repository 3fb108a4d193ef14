/** Memory for bytes that nobody keeps for long. */

/** Shared by what many frames hold, which live for less than a second. */
const POOL_BYTES = 0x4000;

/**
 * One piece after the other. An array of its own costs V8 far more than its bytes as soon as a part of it is
 * looked at: it counts as memory outside of the heap, and in a large world each such piece makes V8 look through some
 * milliseconds' worth of the heap for what could be freed.
 */
export class BytePool {
  #bytes = new ArrayBuffer(POOL_BYTES);
  #used = 0;

  readonly allocate = (length: number): Uint8Array => {
    if (length > POOL_BYTES) return new Uint8Array(length);
    if (this.#used + length > POOL_BYTES) {
      this.#bytes = new ArrayBuffer(POOL_BYTES);
      this.#used = 0;
    }
    const piece = new Uint8Array(this.#bytes, this.#used, length);
    this.#used += length;
    return piece;
  };
}
