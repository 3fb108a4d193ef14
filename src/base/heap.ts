/** A binary min-heap by a numeric key; ties leave in order of insertion, so that runs are reproducible. */
export class MinHeap<T> {
  // Three parallel arrays: an entry is no object, and keys lie side by side.
  readonly #keys: number[] = [];
  readonly #orders: number[] = [];
  readonly #values: T[] = [];
  #inserted = 0;

  get size(): number {
    return this.#keys.length;
  }

  /** The smallest key, or undefined when empty. */
  peekKey(): number | undefined {
    return this.#keys.length === 0 ? undefined : this.#keys[0];
  }

  peek(): T | undefined {
    return this.#values.length === 0 ? undefined : this.#values[0];
  }

  push(key: number, value: T): void {
    const keys = this.#keys;
    const order = this.#inserted;
    this.#inserted += 1;
    let hole = keys.length;
    keys.push(key);
    this.#orders.push(order);
    this.#values.push(value);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // The newcomer has the highest order, so among equals it stays behind.
      if (keys[parent]! <= key) break;
      this.#put(hole, keys[parent]!, this.#orders[parent]!, this.#values[parent]!);
      hole = parent;
    }
    this.#put(hole, key, order, value);
  }

  pop(): T | undefined {
    const keys = this.#keys;
    if (keys.length === 0) return undefined;
    const first = this.#values[0]!;
    const key = keys.pop()!;
    const order = this.#orders.pop()!;
    const value = this.#values.pop()!;
    const size = keys.length;
    if (size === 0) return first;
    let hole = 0;
    for (let child = 1; child < size; child = 2 * hole + 1) {
      if (child + 1 < size && this.#isBefore(child + 1, keys[child]!, this.#orders[child]!)) child += 1;
      if (!this.#isBefore(child, key, order)) break;
      this.#put(hole, keys[child]!, this.#orders[child]!, this.#values[child]!);
      hole = child;
    }
    this.#put(hole, key, order, value);
    return first;
  }

  #isBefore(at: number, key: number, order: number): boolean {
    const own = this.#keys[at]!;
    return own < key || (own === key && this.#orders[at]! < order);
  }

  #put(at: number, key: number, order: number, value: T): void {
    this.#keys[at] = key;
    this.#orders[at] = order;
    this.#values[at] = value;
  }
}
