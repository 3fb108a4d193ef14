/**
 * A set of digests in memory of a fixed size: what it cannot hold it forgets, the oldest of a bucket first, and it never
 * takes one digest for another. For caches of what was verified (Core: CuckooCache).
 *
 * The memory is one buffer that several threads may share without locks. A slot is eight words that are written one after
 * the other, so a reader may meet half of one digest and half of another: that is no digest that anybody asks for, since
 * whoever uses the set salts what it hashes. At worst a digest is forgotten.
 */

const DIGEST_WORDS = 8;
/** Digests that share a place: so many newer ones must fall there before one is forgotten. */
const BUCKET_SLOTS = 8;
/** A bucket ends with the slot that is overwritten next. */
const BUCKET_WORDS = BUCKET_SLOTS * DIGEST_WORDS + 1;
/** The buffer begins with a word that tells whether anything was ever added. */
const HEADER_WORDS = 1;

export class DigestSet {
  readonly #words: Int32Array;
  readonly #buckets: number;

  /** Over memory from `DigestSet.allocate`, filled by this thread and others. */
  constructor(buffer: SharedArrayBuffer) {
    this.#words = new Int32Array(buffer);
    this.#buckets = Math.floor((this.#words.length - HEADER_WORDS) / BUCKET_WORDS);
  }

  /** Memory of at most `bytes`, but for one bucket at least. The system gives it as it is filled. */
  static allocate(bytes: number): SharedArrayBuffer {
    const buckets = Math.max(1, Math.floor((bytes / 4 - HEADER_WORDS) / BUCKET_WORDS));
    return new SharedArrayBuffer((HEADER_WORDS + buckets * BUCKET_WORDS) * 4);
  }

  /** Digests that it holds when every place is taken. */
  get capacity(): number {
    return this.#buckets * BUCKET_SLOTS;
  }

  /** Nothing was added yet: nothing needs to be hashed to be looked for. */
  get isUntouched(): boolean {
    return this.#words[0] === 0;
  }

  has(digest: Uint8Array): boolean {
    return this.#find(digest) !== undefined;
  }

  add(digest: Uint8Array): void {
    if (this.has(digest)) return;
    const words = this.#words;
    const bucket = this.#bucketOf(digest);
    const next = bucket + BUCKET_SLOTS * DIGEST_WORDS;
    const slot = words[next]! % BUCKET_SLOTS;
    const at = bucket + slot * DIGEST_WORDS;
    for (let i = 0; i < DIGEST_WORDS; i += 1) words[at + i] = wordOf(digest, i);
    words[next] = (slot + 1) % BUCKET_SLOTS;
    words[0] = 1;
  }

  #find(digest: Uint8Array): number | undefined {
    const words = this.#words;
    const bucket = this.#bucketOf(digest);
    for (let slot = 0; slot < BUCKET_SLOTS; slot += 1) {
      const at = bucket + slot * DIGEST_WORDS;
      let i = 0;
      while (i < DIGEST_WORDS && words[at + i] === wordOf(digest, i)) i += 1;
      if (i === DIGEST_WORDS) return at;
    }
    return undefined;
  }

  /** Its index in words. The digest is uniform, and so is its first word. */
  #bucketOf(digest: Uint8Array): number {
    const bucket = Math.floor(((wordOf(digest, 0) >>> 0) / 0x1_0000_0000) * this.#buckets);
    return HEADER_WORDS + bucket * BUCKET_WORDS;
  }
}

function wordOf(digest: Uint8Array, index: number): number {
  const at = index * 4;
  return digest[at]! | (digest[at + 1]! << 8) | (digest[at + 2]! << 16) | (digest[at + 3]! << 24);
}
