/**
 * Block hashes by number and numbers by hash, in typed arrays: 32 bytes a hash and some six of index, and nothing for the
 * garbage collector to walk through. Strings of a million hashes and a map of them would take a hundred bytes more each.
 */
import { type BlockHash, bytesToHash } from '../base/bytes.ts';
import { hashWord, WordRows } from './word-rows.ts';

export const HASH_WORDS = 8;
/** Small: a simulated world has thousands of trees. */
const SLOTS_INITIAL = 128;
/** Of the slots, as a part. */
const LOAD_MAX = 0.7;
/** Hashes kept as strings: a power of two. */
const STRINGS_KEPT = 64;

export class HashIndex {
  readonly #hashes = new WordRows(HASH_WORDS);
  /** Number + 1, or 0. */
  #slots = new Int32Array(SLOTS_INITIAL);
  #size = 0;
  /** Those asked for last, and whose they are, by the low bits of their numbers: the newest are asked for again and again. */
  readonly #strings: BlockHash[] = [];
  readonly #stringsOf: number[] = new Array(STRINGS_KEPT).fill(-1);

  get size(): number {
    return this.#size;
  }

  /** −1 for a hash that is not here. */
  find(hash: BlockHash): number {
    return this.#slots[this.#slotOf(hash)]! - 1;
  }

  /** Its number, a new one if it had none. */
  findOrAdd(hash: BlockHash): number {
    this.#makeRoom();
    const slot = this.#slotOf(hash);
    if (this.#slots[slot] !== 0) return this.#slots[slot]! - 1;
    const id = this.#addAt(slot);
    this.#hashes.setHash(id, 0, hash);
    return id;
  }

  /** Likewise of the hash in the eight words from `at` on. */
  findOrAddWords(words: Int32Array, at: number): number {
    this.#makeRoom();
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = mix(words[at]!, words[at + 1]!) & mask;
    for (; slots[slot] !== 0; slot = (slot + 1) & mask)
      if (this.#hashes.equals(slots[slot]! - 1, 0, HASH_WORDS, words, at)) return slots[slot]! - 1;
    const id = this.#addAt(slot);
    this.#hashes.copyFrom(id, 0, HASH_WORDS, words, at);
    return id;
  }

  /** Copies the eight words of the hash to `target`, from `at` on. */
  copyTo(id: number, target: Int32Array, at: number): void {
    this.#hashes.copyTo(id, 0, HASH_WORDS, target, at);
  }

  hashOf(id: number): BlockHash {
    const place = id & (STRINGS_KEPT - 1);
    if (this.#stringsOf[place] !== id) {
      this.#strings[place] = bytesToHash<BlockHash>(this.#hashes.hashBytes(id, 0));
      this.#stringsOf[place] = id;
    }
    return this.#strings[place]!;
  }

  /** Where it is, or the empty place where it would be. */
  #slotOf(hash: BlockHash): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = mix(hashWord(hash, 0), hashWord(hash, 1)) & mask;
    while (slots[at] !== 0 && !this.#hashes.hasHash(slots[at]! - 1, 0, hash)) at = (at + 1) & mask;
    return at;
  }

  /** The next number, for a hash that is to be put into that empty place. */
  #addAt(slot: number): number {
    const id = this.#size;
    this.#hashes.reach(id);
    this.#slots[slot] = id + 1;
    this.#size += 1;
    return id;
  }

  /** For one more. */
  #makeRoom(): void {
    if (this.#size + 1 <= this.#slots.length * LOAD_MAX) return;
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (let id = 0; id < this.#size; id += 1) this.#place(id);
  }

  #place(id: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let at = mix(this.#hashes.get(id, 0), this.#hashes.get(id, 1)) & mask;
    while (slots[at] !== 0) at = (at + 1) & mask;
    slots[at] = id + 1;
  }
}

/** Of the first words: those are the ones that nobody has to find zeros for. */
function mix(first: number, second: number): number {
  const h = Math.imul(first ^ Math.imul(second, 0x9e37_79b1), 0x85eb_ca77);
  return h ^ (h >>> 15);
}
