/**
 * Which outpoints have been met, for one block or transaction: cheaper than a Set of strings, of which a block of ten
 * thousand inputs would need as many. `seed` is something that whoever chose the outpoints could not know then (the hash
 * of the block), so that nobody can make many of them meet in one place.
 */
import type { Hash256 } from '../base/bytes.ts';
import { outPointIndexAt, sameOutPoint, u32At } from '../wire/tx-cursors.ts';

export class OutPointSet {
  /** Number of a member + 1, or 0. */
  readonly #slots: Int32Array;
  /** Where each member lies: in these bytes, from here on. */
  readonly #bytes: Uint8Array[] = [];
  readonly #starts: Uint32Array;
  #size = 0;
  readonly #seed: number;

  /** `count`: of outpoints at most. */
  constructor(count: number, seed: Hash256) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(count + 1) + 1));
    this.#starts = new Uint32Array(count);
    this.#seed = word(seed, 0) ^ word(seed, 4);
  }

  /** The outpoint that starts at `start`, as it goes over the wire; its bytes must not change. False when it was there already. */
  add(bytes: Uint8Array, start: number): boolean {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let h = Math.imul(u32At(bytes, start) ^ this.#seed, 0x9e37_79b1);
    h = Math.imul(h ^ (h >>> 15) ^ u32At(bytes, start + 4) ^ outPointIndexAt(bytes, start), 0x85eb_ca77);
    for (let at = (h ^ (h >>> 13)) & mask; ; at = (at + 1) & mask) {
      const slot = slots[at]!;
      if (slot === 0) {
        this.#starts[this.#size] = start;
        this.#bytes.push(bytes);
        this.#size += 1;
        slots[at] = this.#size;
        return true;
      }
      if (sameOutPoint(this.#bytes[slot - 1]!, this.#starts[slot - 1]!, bytes, start)) return false;
    }
  }
}

function word(hash: Hash256, at: number): number {
  return (
    hash.charCodeAt(at) |
    (hash.charCodeAt(at + 1) << 8) |
    (hash.charCodeAt(at + 2) << 16) |
    (hash.charCodeAt(at + 3) << 24)
  );
}
