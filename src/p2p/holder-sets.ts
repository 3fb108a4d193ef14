/**
 * For each of some transactions, a set of peers: a bit for each. What is true of one peer is mostly true of nearly all, so
 * a list for each peer would say the same many times over.
 */
import type { Hash256 } from '../base/bytes.ts';

/** A place in all sets: given to a peer when it comes, and to another when it has gone. */
export type Holder = number;

export class HolderSet {
  /** By holder, 32 a word; no longer than it has to be. */
  readonly #words: number[] = [];
  #size = 0;

  get isEmpty(): boolean {
    return this.#size === 0;
  }

  get words(): readonly number[] {
    return this.#words;
  }

  has(holder: Holder): boolean {
    return ((this.#words[holder >>> 5] ?? 0) & (1 << (holder & 31))) !== 0;
  }

  /** False if it was in already. */
  add(holder: Holder): boolean {
    if (this.has(holder)) return false;
    while (this.#words.length <= holder >>> 5) this.#words.push(0);
    this.#words[holder >>> 5]! |= 1 << (holder & 31);
    this.#size += 1;
    return true;
  }

  /** False if it was not in. */
  delete(holder: Holder): boolean {
    if (!this.has(holder)) return false;
    this.#words[holder >>> 5]! &= ~(1 << (holder & 31));
    this.#size -= 1;
    return true;
  }
}

/** Sets by hash, in order of coming; an empty set is none. */
export class HolderSets<Hash extends Hash256> {
  readonly #sets = new Map<Hash, HolderSet>();
  /** The last that was added to: one hash is often added for many holders. */
  #last: { readonly hash: Hash; readonly set: HolderSet } | undefined;

  get size(): number {
    return this.#sets.size;
  }

  has(hash: Hash, holder: Holder): boolean {
    return this.#sets.get(hash)?.has(holder) === true;
  }

  /** False if it was in already. */
  add(hash: Hash, holder: Holder): boolean {
    if (this.#last?.hash !== hash) this.#last = { hash, set: this.#setOf(hash) };
    return this.#last.set.add(holder);
  }

  /** False if it was not in. */
  delete(hash: Hash, holder: Holder): boolean {
    const set = this.#sets.get(hash);
    return set !== undefined && this.#deleteFrom(hash, set, holder);
  }

  /** The hashes in whose sets it was, in order of coming; it is in none after. */
  deleteFromAll(holder: Holder): Hash[] {
    const hashes: Hash[] = [];
    for (const [hash, set] of this.#sets) if (this.#deleteFrom(hash, set, holder)) hashes.push(hash);
    return hashes;
  }

  /** The set of `hash`, which is gone after. */
  take(hash: Hash): HolderSet | undefined {
    const set = this.#sets.get(hash);
    if (set !== undefined) this.#remove(hash);
    return set;
  }

  oldest(): Hash | undefined {
    return this.#sets.keys().next().value;
  }

  #deleteFrom(hash: Hash, set: HolderSet, holder: Holder): boolean {
    if (!set.delete(holder)) return false;
    if (set.isEmpty) this.#remove(hash);
    return true;
  }

  #setOf(hash: Hash): HolderSet {
    const known = this.#sets.get(hash);
    if (known !== undefined) return known;
    const set = new HolderSet();
    this.#sets.set(hash, set);
    return set;
  }

  #remove(hash: Hash): void {
    this.#sets.delete(hash);
    this.#last = undefined;
  }
}
