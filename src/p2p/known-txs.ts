/**
 * Which peer is known to have which transaction (Core: m_tx_inventory_known_filter, one for each peer). What this node has
 * announced itself stands in one table, with a bit for each peer: a transaction is known to nearly all of them in the end,
 * and a filter for each would take ten times as much and have to be asked one by one. So do the last thousand that peers
 * spoke of and we have not announced (yet); older ones are remembered for each peer alone, so that no peer can crowd out
 * what is known of others.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { FilterKeys, RollingFilter } from './bloom.ts';
import { type Holder, type HolderSet, HolderSets } from './holder-sets.ts';

/** What each peer is known to have (Core: m_tx_inventory_known_filter). */
const KNOWN = { capacity: 50_000, falsePositiveRate: 0.000_001 } as const;
/** Announced transactions that are remembered: so many for certain, half as many more at most. */
const GENERATIONS = 3;
const PER_GENERATION = KNOWN.capacity / 2;
const BITS = 32;

/** Not announced, and known in one table for all peers: most are announced a second after the first peer spoke of them. */
const HEARD_MAX = 1_000;

export class KnownTxs {
  readonly #keys: FilterKeys;
  /** Newest first. */
  readonly #announced: Announced[] = [new Announced(1)];
  /** What peers spoke of before we announced it. */
  readonly #heard = new HolderSets<Hash256>();
  /** By holder; older. */
  readonly #others: (RollingFilter | undefined)[] = [];
  readonly #free: Holder[] = [];
  #words = 1;

  constructor(random: Random) {
    this.#keys = new FilterKeys(random);
  }

  /** Holders that there are. */
  get count(): number {
    return this.#others.length - this.#free.length;
  }

  join(): Holder {
    const holder = this.#free.pop() ?? this.#others.length;
    this.#others[holder] = undefined;
    if (holder >= this.#words * BITS) {
      this.#words += 1;
      for (const generation of this.#announced) generation.widen(this.#words);
    }
    return holder;
  }

  leave(holder: Holder): void {
    for (const generation of this.#announced) generation.clear(holder);
    this.#heard.deleteFromAll(holder);
    this.#others[holder] = undefined;
    this.#free.push(holder);
  }

  /** Those who spoke of it before know it. `hash`: by which peers call it. */
  announce(hash: Hash256): void {
    const print = this.#keys.printOf(hash);
    if (this.#find(print)) return;
    if (this.#announced[0]!.size >= PER_GENERATION) {
      this.#announced.unshift(new Announced(this.#words));
      if (this.#announced.length > GENERATIONS) this.#announced.pop();
    }
    const newest = this.#announced[0]!;
    newest.add(print);
    const heard = this.#heard.take(hash);
    if (heard !== undefined) newest.markAll(heard);
    for (let holder = 0; holder < this.#others.length; holder += 1)
      if (this.#others[holder]?.has(hash)) newest.mark(holder);
  }

  add(holder: Holder, hash: Hash256): void {
    const generation = this.#find(this.#keys.printOf(hash));
    if (generation) {
      generation.mark(holder);
      return;
    }
    this.#heard.add(hash, holder);
    if (this.#heard.size > HEARD_MAX) this.#age(this.#heard.oldest()!);
  }

  has(holder: Holder, hash: Hash256): boolean {
    const generation = this.#find(this.#keys.printOf(hash));
    if (generation) return generation.isMarked(holder);
    return this.#heard.has(hash, holder) || this.#others[holder]?.has(hash) === true;
  }

  #age(hash: Hash256): void {
    const heard = this.#heard.take(hash)!;
    for (let holder = 0; holder < this.#others.length; holder += 1) {
      if (!heard.has(holder)) continue;
      const others = this.#others[holder] ?? new RollingFilter(this.#keys, KNOWN);
      others.add(hash);
      this.#others[holder] = others;
    }
  }

  /** The generation that it stands in, which has it at hand. */
  #find(print: number): Announced | undefined {
    for (const generation of this.#announced) if (generation.seek(print)) return generation;
    return undefined;
  }
}

/** V8 keeps so small an array in its heap: a larger one is memory of its own. */
const ROWS_MIN = 4;
/** Of the rows, as a part. */
const LOAD_MAX = 0.75;
/** A fingerprint has 53 bits: a row begins with its low 21, marked as taken, and its high 32. */
const LOW_RANGE = 0x20_0000;
const TAKEN = 0x4000_0000;
const MASK = 2;

/** Transactions by their fingerprints, each with a bit for each peer, by open addressing in one array. */
class Announced {
  #words: number;
  #rows: Int32Array;
  #size = 0;
  /** Where the last one that was sought stands. */
  #at = 0;
  #lastPrint = -1;

  constructor(words: number) {
    this.#words = words;
    this.#rows = new Int32Array(ROWS_MIN * (MASK + words));
  }

  get size(): number {
    return this.#size;
  }

  /** Whether it is here; `mark` and `isMarked` speak of it. */
  seek(print: number): boolean {
    // One is often asked of many peers.
    if (print === this.#lastPrint) return true;
    const high = Math.floor(print / LOW_RANGE) | 0;
    const low = (print % LOW_RANGE) | TAKEN;
    const at = this.#placeOf(low, high);
    if (this.#rows[at] === 0) return false;
    this.#at = at;
    this.#lastPrint = print;
    return true;
  }

  /** Must not be here yet; `mark` speaks of it after. */
  add(print: number): void {
    if (this.#size + 1 > this.#count * LOAD_MAX) this.#rebuild(2 * this.#count, this.#words);
    const high = Math.floor(print / LOW_RANGE) | 0;
    const low = (print % LOW_RANGE) | TAKEN;
    const at = this.#placeOf(low, high);
    this.#rows[at] = low;
    this.#rows[at + 1] = high;
    this.#size += 1;
    this.#at = at;
    this.#lastPrint = print;
  }

  markAll({ words }: HolderSet): void {
    for (let word = 0; word < words.length; word += 1) this.#rows[this.#at + MASK + word]! |= words[word]!;
  }

  mark(holder: Holder): void {
    this.#rows[this.#at + MASK + (holder >>> 5)]! |= 1 << (holder & 31);
  }

  isMarked(holder: Holder): boolean {
    return (this.#rows[this.#at + MASK + (holder >>> 5)]! & (1 << (holder & 31))) !== 0;
  }

  /** Nobody is that holder any more. */
  clear(holder: Holder): void {
    const width = MASK + this.#words;
    const bit = ~(1 << (holder & 31));
    for (let at = MASK + (holder >>> 5); at < this.#rows.length; at += width) this.#rows[at]! &= bit;
  }

  widen(words: number): void {
    this.#rebuild(this.#count, words);
  }

  get #count(): number {
    return this.#rows.length / (MASK + this.#words);
  }

  #placeOf(low: number, high: number): number {
    const rows = this.#rows;
    const width = MASK + this.#words;
    const count = rows.length / width;
    for (let row = high & (count - 1); ; row = (row + 1) & (count - 1)) {
      const at = row * width;
      if (rows[at] === 0 || (rows[at] === low && rows[at + 1] === high)) return at;
    }
  }

  #rebuild(count: number, words: number): void {
    const old = this.#rows;
    const oldWidth = MASK + this.#words;
    this.#words = words;
    this.#lastPrint = -1;
    this.#rows = new Int32Array(count * (MASK + words));
    for (let from = 0; from < old.length; from += oldWidth)
      if (old[from] !== 0)
        this.#rows.set(old.subarray(from, from + oldWidth), this.#placeOf(old[from]!, old[from + 1]!));
  }
}
