/**
 * Block hashes by number and numbers by hash, in typed arrays: 32 bytes a hash and some six of index, and nothing for the
 * garbage collector to walk through. Strings of a million hashes and a map of them would take a hundred bytes more each.
 */
import { type BlockHash, bytesToHash } from '../base/bytes.ts';

const HASH_BYTES = 32;
/** Small: a simulated world has thousands of trees. */
const CAPACITY_INITIAL = 64;
const CAPACITY_GROWTH = 1.25;
/** Of the slots, as a part. */
const LOAD_MAX = 0.7;

export class HashIndex {
  #bytes = new Uint8Array(CAPACITY_INITIAL * HASH_BYTES);
  /** Number + 1, or 0. */
  #slots = new Int32Array(CAPACITY_INITIAL * 2);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** −1 for a hash that is not here. */
  find(hash: BlockHash): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = homeOf(hash) & mask; ; at = (at + 1) & mask) {
      const id = slots[at]! - 1;
      if (id < 0 || this.#isAt(id, hash)) return id;
    }
  }

  /** Gives the next number to a hash that has none. */
  add(hash: BlockHash): number {
    const id = this.#size;
    if ((id + 1) * HASH_BYTES > this.#bytes.length) this.#growBytes();
    if (id + 1 > this.#slots.length * LOAD_MAX) this.#growSlots();
    const start = id * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i += 1) this.#bytes[start + i] = hash.charCodeAt(i);
    this.#size += 1;
    this.#place(id);
    return id;
  }

  hashOf(id: number): BlockHash {
    const start = id * HASH_BYTES;
    return bytesToHash<BlockHash>(this.#bytes.subarray(start, start + HASH_BYTES));
  }

  #isAt(id: number, hash: BlockHash): boolean {
    const start = id * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i += 1) if (this.#bytes[start + i] !== hash.charCodeAt(i)) return false;
    return true;
  }

  #growBytes(): void {
    const larger = new Uint8Array(Math.ceil(this.#size * CAPACITY_GROWTH) * HASH_BYTES);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let id = 0; id < this.#size; id += 1) this.#place(id);
  }

  #place(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const bytes = this.#bytes;
    const start = id * HASH_BYTES;
    let at =
      mix(
        bytes[start]! | (bytes[start + 1]! << 8) | (bytes[start + 2]! << 16) | (bytes[start + 3]! << 24),
        bytes[start + 4]! | (bytes[start + 5]! << 8),
      ) & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = id + 1;
  }
}

/** The first bytes are those that nobody has to find zeros for. */
function homeOf(hash: BlockHash): number {
  return mix(
    hash.charCodeAt(0) | (hash.charCodeAt(1) << 8) | (hash.charCodeAt(2) << 16) | (hash.charCodeAt(3) << 24),
    hash.charCodeAt(4) | (hash.charCodeAt(5) << 8),
  );
}

function mix(first: number, second: number): number {
  const h = Math.imul(first ^ Math.imul(second, 0x9e37_79b1), 0x85eb_ca77);
  return h ^ (h >>> 15);
}
