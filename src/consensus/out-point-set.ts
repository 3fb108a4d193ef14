/**
 * Which outpoints have been met, for one block or transaction: cheaper than a Set of strings, of which a block of ten
 * thousand inputs would need as many. Where one is looked for depends on a part of it only, and whoever sends a
 * transaction may write into it outpoints that all agree there: those that find their place crowded go into such a Set.
 */
import { binaryBetween, type Hash256 } from '../base/bytes.ts';
import { OUTPOINT_BYTES, outPointIndexAt, sameOutPoint, u32At } from '../wire/tx-cursors.ts';

/** Chance hardly ever puts so many together: at most half of the places are taken. */
const PROBES_MAX = 64;

export class OutPointSet {
  /** Number of a member + 1, or 0. */
  readonly #slots: Int32Array;
  /** Where each member lies: in these bytes, from here on. */
  readonly #bytes: Uint8Array[] = [];
  readonly #starts: Uint32Array;
  #size = 0;
  /** Those whose first `PROBES_MAX` places others had taken. None ever leaves its place, so they are looked for here again. */
  #crowded: Set<string> | undefined;
  readonly #seed: number;

  /** `count`: of outpoints at most. `seed`: a hash over them, so that the same ones fall elsewhere in every block. */
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
    let at = (h ^ (h >>> 13)) & mask;
    for (let probes = 0; probes < PROBES_MAX; probes += 1) {
      const slot = slots[at]!;
      if (slot === 0) {
        this.#starts[this.#size] = start;
        this.#bytes.push(bytes);
        this.#size += 1;
        slots[at] = this.#size;
        return true;
      }
      if (sameOutPoint(this.#bytes[slot - 1]!, this.#starts[slot - 1]!, bytes, start)) return false;
      at = (at + 1) & mask;
    }
    return this.#addCrowded(binaryBetween(bytes, start, start + OUTPOINT_BYTES));
  }

  #addCrowded(key: string): boolean {
    this.#crowded ??= new Set();
    if (this.#crowded.has(key)) return false;
    this.#crowded.add(key);
    return true;
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
