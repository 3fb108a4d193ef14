/**
 * Remembers the last `capacity` keys at least, and at most half as many older ones (Core: CRollingBloomFilter, src/common/bloom.cpp).
 *
 * As long as that takes less memory, keys are kept as fingerprints of 53 bits; then they move into bits of fixed size,
 * where `has` may answer yes for a key that was never there with the rate given. So a peer that says little costs little,
 * and one that says much costs what it costs in Core. Keys age in three generations of half the capacity: a full one drops
 * the oldest. All positions are keyed by a random tweak, so that nobody can choose keys that collide.
 */
import { type Random, randomBelow } from '../base/random.ts';

const GENERATIONS = 3;
/** Hash functions at most (Core: CRollingBloomFilter). */
const HASHES_MAX = 50;
/** Slots of a table of fingerprints at first; it doubles when four fifths are taken. */
const SLOTS_MIN = 8;
const SLOT_BYTES = 8;
const LOAD_MAX = 0.8;
/** No fingerprint: those are whole. An array that holds it is one of doubles from the start. */
const EMPTY = 0.5;
/** A fingerprint is 32 bits of one hash and 21 of another. */
const LOW_RANGE = 0x20_0000;

export interface RollingFilterOptions {
  /** Keys remembered for certain. */
  readonly capacity: number;
  /** Chance of a wrong yes, once keys are kept as bits. */
  readonly falsePositiveRate: number;
}

/** Where keys stand in filters that share it: one secret, and the last answer, as one key is often asked of many filters. */
export class FilterKeys {
  readonly #tweak: number;
  #lastKey = '';
  #lastPrint: number;

  constructor(random: Random) {
    this.#tweak = randomBelow(random, 0x1_0000_0000);
    this.#lastPrint = fingerprint('', this.#tweak);
  }

  printOf(key: string): number {
    if (key !== this.#lastKey) {
      this.#lastPrint = fingerprint(key, this.#tweak);
      this.#lastKey = key;
    }
    return this.#lastPrint;
  }
}

export class RollingFilter {
  readonly #options: RollingFilterOptions;
  readonly #keys: FilterKeys;
  /** Fingerprints of the newest generation, by open addressing; none until the first key. */
  #slots: number[] | undefined;
  #count = 0;
  /** Oldest first. */
  #older: number[][] | undefined;
  #bits: GenerationBits | undefined;

  /** `keys`: of its own, or shared with other filters. */
  constructor(keys: Random | FilterKeys, options: RollingFilterOptions) {
    this.#options = options;
    this.#keys = keys instanceof FilterKeys ? keys : new FilterKeys(keys);
  }

  /** `key` is a binary string: its characters are bytes. */
  add(key: string): void {
    const print = this.#keys.printOf(key);
    if (this.#bits) this.#bits.add(print);
    else if (this.#slots === undefined || !holds(this.#slots, print)) this.#insert(print);
  }

  has(key: string): boolean {
    if (this.#slots === undefined) return this.#bits?.has(this.#keys.printOf(key)) === true;
    const print = this.#keys.printOf(key);
    if (holds(this.#slots, print)) return true;
    return this.#older?.some(generation => holds(generation, print)) === true;
  }

  /** Forgets everything. */
  reset(): void {
    this.#slots = undefined;
    this.#count = 0;
    this.#older = undefined;
    this.#bits = undefined;
  }

  #insert(print: number): void {
    const perGeneration = Math.ceil(this.#options.capacity / 2);
    let slots = this.#slots ?? emptySlots(SLOTS_MIN);
    if (this.#count >= perGeneration) {
      this.#older ??= [];
      this.#older.push(slots);
      if (this.#older.length === GENERATIONS) this.#older.shift();
      slots = emptySlots(SLOTS_MIN);
      this.#count = 0;
    } else if (this.#count >= LOAD_MAX * slots.length) {
      const larger = emptySlots(2 * slots.length);
      if (this.#exactBytes(larger) > bitsShape(this.#options).bytes) {
        this.#toBits(slots).add(print);
        return;
      }
      for (const each of slots) if (each !== EMPTY) put(larger, each);
      slots = larger;
    }
    this.#slots = slots;
    put(slots, print);
    this.#count += 1;
  }

  #exactBytes(newest: readonly number[]): number {
    let slots = newest.length;
    for (const generation of this.#older ?? []) slots += generation.length;
    return slots * SLOT_BYTES;
  }

  #toBits(newest: readonly number[]): GenerationBits {
    const bits = new GenerationBits(this.#options);
    for (const generation of [...(this.#older ?? []), newest])
      for (const print of generation) if (print !== EMPTY) bits.add(print);
    this.reset();
    this.#bits = bits;
    return bits;
  }
}

function emptySlots(count: number): number[] {
  return new Array<number>(count).fill(EMPTY);
}

/** The first slot to look at: from the 32 high bits. `count` is a power of two. */
function slotOf(print: number, count: number): number {
  return Math.floor(print / LOW_RANGE) & (count - 1);
}

function holds(slots: readonly number[], print: number): boolean {
  const mask = slots.length - 1;
  for (let at = slotOf(print, slots.length); ; at = (at + 1) & mask) {
    const found = slots[at]!;
    if (found === print) return true;
    if (found === EMPTY) return false;
  }
}

function put(slots: number[], print: number): void {
  const mask = slots.length - 1;
  let at = slotOf(print, slots.length);
  while (slots[at] !== EMPTY) at = (at + 1) & mask;
  slots[at] = print;
}

/** Sizes as Core computes them: number of hash functions, and words of 32 positions. */
function bitsShape({ capacity, falsePositiveRate }: RollingFilterOptions): {
  readonly hashCount: number;
  readonly words: number;
  readonly bytes: number;
} {
  const logRate = Math.log(falsePositiveRate);
  const hashCount = Math.max(1, Math.min(Math.round(logRate / Math.log(0.5)), HASHES_MAX));
  const keys = Math.ceil(capacity / 2) * GENERATIONS;
  const words = Math.ceil((-hashCount * keys) / Math.log(1 - Math.exp(logRate / hashCount)) / 32);
  return { hashCount, words, bytes: 8 * words };
}

/** Two bits a position tell its generation, 1 to 3; 0 is empty. Two planes of words hold them. */
class GenerationBits {
  readonly #low: Uint32Array;
  readonly #high: Uint32Array;
  readonly #bitCount: number;
  readonly #hashCount: number;
  readonly #perGeneration: number;
  #generation = 1;
  #added = 0;

  constructor(options: RollingFilterOptions) {
    const { hashCount, words } = bitsShape(options);
    this.#hashCount = hashCount;
    this.#perGeneration = Math.ceil(options.capacity / 2);
    this.#bitCount = words * 32;
    this.#low = new Uint32Array(words);
    this.#high = new Uint32Array(words);
  }

  add(print: number): void {
    if (this.#added === this.#perGeneration) this.#nextGeneration();
    this.#added += 1;
    const low = this.#generation & 1;
    const high = this.#generation >> 1;
    this.#positions(print, (word, bit) => {
      this.#low[word] = low ? this.#low[word]! | bit : this.#low[word]! & ~bit;
      this.#high[word] = high ? this.#high[word]! | bit : this.#high[word]! & ~bit;
      return true;
    });
  }

  has(print: number): boolean {
    return this.#positions(print, (word, bit) => ((this.#low[word]! | this.#high[word]!) & bit) !== 0);
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
  #positions(print: number, visit: (word: number, bit: number) => boolean): boolean {
    const first = Math.floor(print / LOW_RANGE);
    const step = finish((print - first * LOW_RANGE) ^ first) | 1;
    let hash = first | 0;
    for (let i = 0; i < this.#hashCount; i += 1) {
      const position = Math.floor(((hash >>> 0) / 0x1_0000_0000) * this.#bitCount);
      if (!visit(position >>> 5, 1 << (position & 31))) return false;
      // The growing term keeps the positions of one key from forming a plain arithmetic series.
      hash = (hash + step + i * i) | 0;
    }
    return true;
  }
}

/** 53 bits of a binary string: MurmurHash3, and beside it a second lane over the same words. */
function fingerprint(key: string, tweak: number): number {
  let a = tweak | 0;
  let b = tweak ^ 0x9747_b28c;
  const whole = key.length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const word = scramble(wordAt(key, i));
    a = (Math.imul(((a ^ word) << 13) | ((a ^ word) >>> 19), 5) + 0xe654_6b64) | 0;
    b = Math.imul(((b + word) << 17) | ((b + word) >>> 15), 0x85eb_ca6b);
  }
  let tail = key.length;
  for (let i = whole; i < key.length; i += 1) tail = (tail << 8) | key.charCodeAt(i);
  const high = finish(a ^ scramble(tail));
  return high * LOW_RANGE + (finish(b ^ tail ^ high) >>> 11);
}

function wordAt(key: string, at: number): number {
  return (
    key.charCodeAt(at) |
    (key.charCodeAt(at + 1) << 8) |
    (key.charCodeAt(at + 2) << 16) |
    (key.charCodeAt(at + 3) << 24)
  );
}

/** MurmurHash3, 32 bits, over the characters of a binary string. */
export function murmur3(key: string, seed: number): number {
  let h = seed | 0;
  const blocks = key.length & ~3;
  for (let i = 0; i < blocks; i += 4) {
    h ^= scramble(wordAt(key, i));
    h = (h << 13) | (h >>> 19);
    h = (Math.imul(h, 5) + 0xe654_6b64) | 0;
  }
  let tail = 0;
  for (let i = key.length - 1; i >= blocks; i -= 1) tail = (tail << 8) | key.charCodeAt(i);
  if (blocks < key.length) h ^= scramble(tail);
  return finish(h ^ key.length);
}

function finish(hash: number): number {
  let h = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e_2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b87_3593);
}
