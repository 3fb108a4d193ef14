/**
 * A map and a set that take no memory before their first entry. V8's own take 150 bytes while they are empty, and of the
 * tables of a node most stay so: a simulated world has them by the hundred thousand.
 */

export class LateMap<K, V> {
  #map: Map<K, V> | undefined;

  get size(): number {
    return this.#map === undefined ? 0 : this.#map.size;
  }

  has(key: K): boolean {
    return this.#map?.has(key) === true;
  }

  get(key: K): V | undefined {
    return this.#map?.get(key);
  }

  set(key: K, value: V): void {
    this.#map ??= new Map();
    this.#map.set(key, value);
  }

  delete(key: K): boolean {
    return this.#map?.delete(key) === true;
  }

  clear(): void {
    this.#map = undefined;
  }

  keys(): Iterable<K> {
    return this.#map === undefined ? NOTHING : this.#map.keys();
  }

  values(): Iterable<V> {
    return this.#map === undefined ? NOTHING : this.#map.values();
  }

  [Symbol.iterator](): Iterator<[K, V]> {
    return (this.#map ?? NOTHING)[Symbol.iterator]() as Iterator<[K, V]>;
  }
}

export class LateSet<T> {
  #set: Set<T> | undefined;

  get size(): number {
    return this.#set === undefined ? 0 : this.#set.size;
  }

  has(item: T): boolean {
    return this.#set?.has(item) === true;
  }

  add(item: T): void {
    this.#set ??= new Set();
    this.#set.add(item);
  }

  delete(item: T): boolean {
    return this.#set?.delete(item) === true;
  }

  clear(): void {
    this.#set = undefined;
  }

  [Symbol.iterator](): Iterator<T> {
    return (this.#set ?? NOTHING)[Symbol.iterator]() as Iterator<T>;
  }
}

const NOTHING: readonly never[] = [];
