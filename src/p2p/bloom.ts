/**
 * Remembers the last `capacity` keys at least, and at most half as many older ones (Core: CRollingBloomFilter, src/common/bloom.cpp).
 *
 * Few keys are kept exactly; above `EXACT_KEYS_MAX` they move into bits of fixed size, where `has` may answer yes for a
 * key that was never there with the rate given. So a peer that says little costs little, and one that says much costs what
 * it costs in Core. Keys age in three generations of half the capacity: a full one drops the oldest.
 */
import { type Random, randomBelow } from '../base/random.ts';

/** Keys kept exactly before bits take over. A Set entry costs some 40 bytes, so this is below 100 kB. */
const EXACT_KEYS_MAX = 2_000;
const GENERATIONS = 3;
/** Hash functions at most (Core: CRollingBloomFilter). */
const HASHES_MAX = 50;

export interface RollingFilterOptions {
  /** Keys remembered for certain. */
  readonly capacity: number;
  /** Chance of a wrong yes, once keys are kept as bits. */
  readonly falsePositiveRate: number;
}

export class RollingFilter {
  readonly #random: Random;
  readonly #options: RollingFilterOptions;
  readonly #perGeneration: number;
  /** Oldest first. */
  #exact: Set<string>[] = [new Set()];
  #bits: GenerationBits | undefined;

  constructor(random: Random, options: RollingFilterOptions) {
    this.#random = random;
    this.#options = options;
    this.#perGeneration = Math.ceil(options.capacity / 2);
  }

  /** `key` is a binary string: its characters are bytes. */
  add(key: string): void {
    if (this.#bits) {
      this.#bits.add(key);
      return;
    }
    let newest = this.#exact.at(-1)!;
    if (newest.has(key)) return;
    if (newest.size >= this.#perGeneration) {
      newest = new Set();
      this.#exact.push(newest);
      if (this.#exact.length > GENERATIONS) this.#exact.shift();
    }
    newest.add(key);
    if (this.#perGeneration > EXACT_KEYS_MAX && newest.size > EXACT_KEYS_MAX) this.#toBits();
  }

  has(key: string): boolean {
    return this.#bits ? this.#bits.has(key) : this.#hasExact(key);
  }

  /** Forgets everything. */
  reset(): void {
    this.#exact = [new Set()];
    this.#bits = undefined;
  }

  #hasExact(key: string): boolean {
    // Asked for each announcement of each peer: a closure would show.
    for (const generation of this.#exact) if (generation.has(key)) return true;
    return false;
  }

  #toBits(): void {
    const bits = new GenerationBits(this.#random, this.#options, this.#perGeneration);
    for (const generation of this.#exact) for (const key of generation) bits.add(key);
    this.#bits = bits;
    this.#exact = [];
  }
}

/** Two bits a position tell its generation, 1 to 3; 0 is empty. Two planes of words hold them. */
class GenerationBits {
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #bitCount: number;
  readonly #hashCount: number;
  readonly #perGeneration: number;
  readonly #tweak: number;
  #generation = 1;
  #added = 0;

  constructor(random: Random, options: RollingFilterOptions, perGeneration: number) {
    const logRate = Math.log(options.falsePositiveRate);
    this.#hashCount = Math.max(1, Math.min(Math.round(logRate / Math.log(0.5)), HASHES_MAX));
    this.#perGeneration = perGeneration;
    const keys = perGeneration * GENERATIONS;
    const bits = Math.ceil((-this.#hashCount * keys) / Math.log(1 - Math.exp(logRate / this.#hashCount)));
    const words = Math.ceil(bits / 32);
    this.#bitCount = words * 32;
    this.#low = new Uint32Array(words);
    this.#high = new Uint32Array(words);
    this.#tweak = randomBelow(random, 0x1_0000_0000);
  }

  add(key: string): void {
    if (this.#added === this.#perGeneration) this.#nextGeneration();
    this.#added += 1;
    const low = this.#generation & 1;
    const high = this.#generation >> 1;
    this.#positions(key, (word, bit) => {
      this.#low[word] = low ? this.#low[word]! | bit : this.#low[word]! & ~bit;
      this.#high[word] = high ? this.#high[word]! | bit : this.#high[word]! & ~bit;
      return true;
    });
  }

  has(key: string): boolean {
    return this.#positions(key, (word, bit) => ((this.#low[word]! | this.#high[word]!) & bit) !== 0);
  }

  /** Clears what carries the generation that begins: it is the oldest. */
  #nextGeneration(): void {
    this.#added = 0;
    this.#generation = (this.#generation % GENERATIONS) + 1;
    const lowMask = this.#generation & 1 ? 0xffff_ffff : 0;
    const highMask = this.#generation & 2 ? 0xffff_ffff : 0;
    for (let i = 0; i < this.#low.length; i += 1) {
      const keep = (this.#low[i]! ^ lowMask) | (this.#high[i]! ^ highMask);
      this.#low[i]! &= keep;
      this.#high[i]! &= keep;
    }
  }

  /** Visits the key's positions until `visit` says no; true when it never did. Positions come from two hashes (Kirsch, Mitzenmacher 2006). */
  #positions(key: string, visit: (word: number, bit: number) => boolean): boolean {
    const first = murmur3(key, this.#tweak);
    const step = murmur3(key, first ^ 0x9747_b28c) | 1;
    let hash = first;
    for (let i = 0; i < this.#hashCount; i += 1) {
      const position = Math.floor(((hash >>> 0) / 0x1_0000_0000) * this.#bitCount);
      if (!visit(position >>> 5, 1 << (position & 31))) return false;
      // The growing term keeps the positions of one key from forming a plain arithmetic series.
      hash = (hash + step + i * i) | 0;
    }
    return true;
  }
}

/** MurmurHash3, 32 bits, over the characters of a binary string. */
export function murmur3(key: string, seed: number): number {
  let h = seed | 0;
  const blocks = key.length & ~3;
  for (let i = 0; i < blocks; i += 4) {
    const word =
      key.charCodeAt(i) |
      (key.charCodeAt(i + 1) << 8) |
      (key.charCodeAt(i + 2) << 16) |
      (key.charCodeAt(i + 3) << 24);
    h ^= scramble(word);
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe654_6b64) | 0;
  }
  let tail = 0;
  for (let i = key.length - 1; i >= blocks; i -= 1) tail = (tail << 8) | key.charCodeAt(i);
  if (blocks < key.length) h ^= scramble(tail);
  h ^= key.length;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e_2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
}
