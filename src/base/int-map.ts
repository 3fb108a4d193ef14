/**
 * A map of small whole numbers to small whole numbers (0 to 2^31 − 2, 0 to 2^31 − 1), in one array: some 12 bytes an entry
 * where a Map takes 40, and nothing for the garbage collector to walk through. Open addressing with linear probing; what
 * is removed leaves no gap behind.
 */

const CAPACITY_MIN = 8;
/** Of the places, as a part. */
const LOAD_MAX = 0.75;
const EMPTY = new Int32Array(0);

export class IntMap {
  /** Key + 1 and value of each place; key 0 is an empty one. */
  #places = EMPTY;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(key: number): boolean {
    return this.#find(key) >= 0;
  }

  get(key: number): number | undefined {
    const at = this.#find(key);
    return at < 0 ? undefined : this.#places[at + 1];
  }

  set(key: number, value: number): void {
    const at = this.#find(key);
    if (at >= 0) {
      this.#places[at + 1] = value;
      return;
    }
    if (this.#size + 1 > (this.#places.length / 2) * LOAD_MAX) this.#grow();
    this.#put(key, value);
    this.#size += 1;
  }

  /** False if it was not there. */
  delete(key: number): boolean {
    let hole = this.#find(key);
    if (hole < 0) return false;
    const places = this.#places;
    const mask = places.length - 1;
    this.#size -= 1;
    // What comes after, and would not be found across the hole, moves into it.
    for (let at = (hole + 2) & mask; places[at] !== 0; at = (at + 2) & mask) {
      const home = this.#homeOf(places[at]! - 1);
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      places[hole] = places[at]!;
      places[hole + 1] = places[at + 1]!;
      hole = at;
    }
    places[hole] = 0;
    return true;
  }

  /** In no order. It must not change meanwhile. */
  *entries(): Generator<[key: number, value: number], void> {
    const places = this.#places;
    for (let at = 0; at < places.length; at += 2)
      if (places[at] !== 0) yield [places[at]! - 1, places[at + 1]!];
  }

  /** Whether any value is as wished. */
  hasValue(fits: (value: number) => boolean): boolean {
    const places = this.#places;
    for (let at = 0; at < places.length; at += 2) if (places[at] !== 0 && fits(places[at + 1]!)) return true;
    return false;
  }

  /** −1: not there. */
  #find(key: number): number {
    const places = this.#places;
    if (this.#size === 0) return -1;
    const mask = places.length - 1;
    for (let at = this.#homeOf(key); ; at = (at + 2) & mask) {
      const found = places[at]!;
      if (found === key + 1) return at;
      if (found === 0) return -1;
    }
  }

  #put(key: number, value: number): void {
    const places = this.#places;
    const mask = places.length - 1;
    let at = this.#homeOf(key);
    while (places[at] !== 0) at = (at + 2) & mask;
    places[at] = key + 1;
    places[at + 1] = value;
  }

  #homeOf(key: number): number {
    const mixed = Math.imul(key, 0x9e37_79b1);
    return ((mixed ^ (mixed >>> 15)) << 1) & (this.#places.length - 1);
  }

  #grow(): void {
    const old = this.#places;
    this.#places = new Int32Array(Math.max(2 * CAPACITY_MIN, 2 * old.length));
    for (let at = 0; at < old.length; at += 2) if (old[at] !== 0) this.#put(old[at]! - 1, old[at + 1]!);
  }
}
