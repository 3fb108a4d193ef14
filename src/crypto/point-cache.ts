/**
 * The points of compressed keys that were used before, as an engine keeps them: finding one is a tenth of a verification,
 * and many keys are used again. A key that is not here costs nothing more, since its point has to be found in any case.
 */

const KEY_BYTES = 33;
/** Points kept, each in a place that its key says: half a megabyte. */
const POINTS_MAX = 4_096;

export class PointCache {
  readonly #find: (key: Uint8Array) => Uint8Array | undefined;
  readonly #keys = new Uint8Array(POINTS_MAX * KEY_BYTES);
  readonly #points = new Array<Uint8Array | undefined>(POINTS_MAX).fill(undefined);

  /** `find` may throw, or answer undefined, for what is no point of the curve: that is not kept. */
  constructor(find: (key: Uint8Array) => Uint8Array | undefined) {
    this.#find = find;
  }

  /** What `find` makes of a key of 33 bytes. */
  get(key: Uint8Array): Uint8Array | undefined {
    const place = (key[1]! | (key[2]! << 8)) % POINTS_MAX;
    const known = this.#points[place];
    if (known !== undefined && this.#isKey(place, key)) return known;
    const point = this.#find(key);
    if (point === undefined) return undefined;
    this.#keys.set(key, place * KEY_BYTES);
    this.#points[place] = point;
    return point;
  }

  #isKey(place: number, key: Uint8Array): boolean {
    const start = place * KEY_BYTES;
    for (let i = 0; i < KEY_BYTES; i += 1) if (this.#keys[start + i] !== key[i]) return false;
    return true;
  }
}
