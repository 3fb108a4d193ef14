/**
 * Rows of 32-bit words that only grow in number, in chunks: growing copies none but the first small ones, and leaves nothing
 * for the garbage collector. Small at first: a simulated world has thousands of these.
 */
const ROWS_INITIAL = 64;
const CHUNK_SHIFT = 13;
const CHUNK_ROWS = 1 << CHUNK_SHIFT;

export class WordRows {
  readonly #width: number;
  readonly #chunks: Int32Array[];
  #capacity = ROWS_INITIAL;

  /** `width`: words of a row. */
  constructor(width: number) {
    this.#width = width;
    this.#chunks = [new Int32Array(ROWS_INITIAL * width)];
  }

  /** There is room for all rows below; their words are zero at first. */
  get capacity(): number {
    return this.#capacity;
  }

  /** Makes room for `row`. */
  reach(row: number): void {
    while (row >= this.#capacity) {
      if (this.#capacity >= CHUNK_ROWS) {
        this.#chunks.push(new Int32Array(CHUNK_ROWS * this.#width));
        this.#capacity += CHUNK_ROWS;
      } else {
        this.#capacity *= 2;
        const larger = new Int32Array(this.#capacity * this.#width);
        larger.set(this.#chunks[0]!);
        this.#chunks[0] = larger;
      }
    }
  }

  /** Signed; zero beyond what was reached. */
  get(row: number, word: number): number {
    return this.#chunks[row >>> CHUNK_SHIFT]![(row & (CHUNK_ROWS - 1)) * this.#width + word]!;
  }

  set(row: number, word: number, value: number): void {
    this.#chunks[row >>> CHUNK_SHIFT]![(row & (CHUNK_ROWS - 1)) * this.#width + word] = value;
  }

  /** Copies `count` words of a row, from `word` on, to `target`, from `at` on. */
  copyTo(row: number, word: number, count: number, target: Int32Array, at: number): void {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]!;
    const start = (row & (CHUNK_ROWS - 1)) * this.#width + word;
    for (let i = 0; i < count; i += 1) target[at + i] = chunk[start + i]!;
  }

  /** The other way round. */
  copyFrom(row: number, word: number, count: number, source: Int32Array, at: number): void {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]!;
    const start = (row & (CHUNK_ROWS - 1)) * this.#width + word;
    for (let i = 0; i < count; i += 1) chunk[start + i] = source[at + i]!;
  }

  /** Whether `count` words of a row, from `word` on, are those of `source` from `at` on. */
  equals(row: number, word: number, count: number, source: Int32Array, at: number): boolean {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]!;
    const start = (row & (CHUNK_ROWS - 1)) * this.#width + word;
    for (let i = 0; i < count; i += 1) if (chunk[start + i] !== source[at + i]) return false;
    return true;
  }

  /** 32 bytes, as characters of latin1, into the eight words from `word` on. */
  setHash(row: number, word: number, hash: string): void {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]!;
    const start = (row & (CHUNK_ROWS - 1)) * this.#width + word;
    for (let i = 0; i < 8; i += 1) chunk[start + i] = hashWord(hash, i);
  }

  /** A view of the 32 bytes, as they went in, in the eight words from `word` on. */
  hashBytes(row: number, word: number): Uint8Array {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]!;
    return new Uint8Array(chunk.buffer, ((row & (CHUNK_ROWS - 1)) * this.#width + word) * 4, 32);
  }

  hasHash(row: number, word: number, hash: string): boolean {
    const chunk = this.#chunks[row >>> CHUNK_SHIFT]!;
    const start = (row & (CHUNK_ROWS - 1)) * this.#width + word;
    for (let i = 0; i < 8; i += 1) if (chunk[start + i] !== hashWord(hash, i)) return false;
    return true;
  }
}

/** Word `i` of a hash, as the machine reads it from the bytes: little endian, signed. */
export function hashWord(hash: string, i: number): number {
  const at = i * 4;
  return (
    hash.charCodeAt(at) |
    (hash.charCodeAt(at + 1) << 8) |
    (hash.charCodeAt(at + 2) << 16) |
    (hash.charCodeAt(at + 3) << 24)
  );
}
