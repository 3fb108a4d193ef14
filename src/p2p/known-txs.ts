/**
 * Which peer is known to have which transaction (Core: m_tx_inventory_known_filter, one for each peer). What this node has
 * announced itself stands in one table, with a bit for each peer: a transaction is known to nearly all of them in the end,
 * and a filter for each would take ten times as much and have to be asked one by one. What a peer speaks of that we have
 * not announced is remembered for that peer alone, so that no peer can crowd out what is known of others.
 */
import type { Random } from '../base/random.ts';
import { FilterKeys, RollingFilter } from './bloom.ts';

/** What each peer is known to have (Core: m_tx_inventory_known_filter). */
const KNOWN = { capacity: 50_000, falsePositiveRate: 0.000_001 } as const;
/** Announced transactions that are remembered: so many for certain, half as many more at most. */
const GENERATIONS = 3;
const PER_GENERATION = KNOWN.capacity / 2;
const BITS = 32;

/** A place in all masks: given to a peer when it comes, and to another when it has gone. */
export type Holder = number;

export class KnownTxs {
  readonly #keys: FilterKeys;
  /** Newest first. */
  readonly #announced: Announced[] = [new Announced(1)];
  /** By holder; what was not announced by us. */
  readonly #others: (RollingFilter | undefined)[] = [];
  readonly #free: Holder[] = [];
  #words = 1;

  constructor(random: Random) {
    this.#keys = new FilterKeys(random);
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
    this.#others[holder] = undefined;
    this.#free.push(holder);
  }

  /** From now on the transaction has one place for all peers. `hash`: by which peers call it. */
  announce(hash: string): void {
    const print = this.#keys.printOf(hash);
    if (this.#find(print)) return;
    if (this.#announced[0]!.size >= PER_GENERATION) {
      this.#announced.unshift(new Announced(this.#words));
      if (this.#announced.length > GENERATIONS) this.#announced.pop();
    }
    this.#announced[0]!.add(print);
  }

  add(holder: Holder, hash: string): void {
    const generation = this.#find(this.#keys.printOf(hash));
    if (generation) {
      generation.mark(holder);
      return;
    }
    const others = this.#others[holder] ?? new RollingFilter(this.#keys, KNOWN);
    others.add(hash);
    this.#others[holder] = others;
  }

  has(holder: Holder, hash: string): boolean {
    const generation = this.#find(this.#keys.printOf(hash));
    if (generation?.isMarked(holder)) return true;
    return this.#others[holder]?.has(hash) === true;
  }

  /** The generation that it stands in, which has it at hand. */
  #find(print: number): Announced | undefined {
    for (const generation of this.#announced) if (generation.seek(print)) return generation;
    return undefined;
  }
}

const ROWS_MIN = 8;
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

  /** Must not be here yet. */
  add(print: number): void {
    if (this.#size + 1 > this.#count * LOAD_MAX) this.#rebuild(2 * this.#count, this.#words);
    const high = Math.floor(print / LOW_RANGE) | 0;
    const low = (print % LOW_RANGE) | TAKEN;
    const at = this.#placeOf(low, high);
    this.#rows[at] = low;
    this.#rows[at + 1] = high;
    this.#size += 1;
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
