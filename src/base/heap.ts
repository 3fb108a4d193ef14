/** A binary min-heap by a numeric key; ties leave in order of insertion, so that runs are reproducible. */
export class MinHeap<T> {
  readonly #items: { readonly key: number; readonly order: number; readonly value: T }[] = [];
  #inserted = 0;

  get size(): number {
    return this.#items.length;
  }

  /** The smallest key, or undefined when empty. */
  peekKey(): number | undefined {
    return this.#items[0]?.key;
  }

  peek(): T | undefined {
    return this.#items[0]?.value;
  }

  push(key: number, value: T): void {
    const items = this.#items;
    items.push({ key, order: this.#inserted, value });
    this.#inserted += 1;
    let at = items.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): T | undefined {
    const items = this.#items;
    const first = items[0];
    if (first === undefined) return undefined;
    const last = items.pop()!;
    if (items.length > 0) {
      items[0] = last;
      this.#sink();
    }
    return first.value;
  }

  #sink(): void {
    const items = this.#items;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) return;
      if (child + 1 < items.length && this.#before(child + 1, child)) child += 1;
      if (!this.#before(child, at)) return;
      this.#swap(child, at);
      at = child;
    }
  }

  #before(i: number, j: number): boolean {
    const a = this.#items[i]!;
    const b = this.#items[j]!;
    return a.key !== b.key ? a.key < b.key : a.order < b.order;
  }

  #swap(i: number, j: number): void {
    const items = this.#items;
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
}
