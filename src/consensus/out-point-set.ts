/**
 * Which outpoints have been met, for one block or transaction: cheaper than a Set of strings, of which a block of ten
 * thousand inputs would need as many. `seed` is something that whoever chose the outpoints could not know then (the hash
 * of the block), so that nobody can make many of them meet in one place.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { OutPoint } from '../wire/transaction.ts';

export class OutPointSet {
  /** Position in `#members` + 1, or 0. */
  readonly #slots: Int32Array;
  readonly #members: OutPoint[] = [];
  readonly #seed: number;

  /** `count`: of outpoints at most. */
  constructor(count: number, seed: Hash256) {
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(count + 1) + 1));
    this.#seed = word(seed, 0) ^ word(seed, 4);
  }

  /** False when it was there already. */
  add(outPoint: OutPoint): boolean {
    const { txid, index } = outPoint;
    const slots = this.#slots;
    const mask = slots.length - 1;
    let h = Math.imul(word(txid, 0) ^ this.#seed, 0x9e37_79b1);
    h = Math.imul(h ^ (h >>> 15) ^ word(txid, 4) ^ index, 0x85eb_ca77);
    for (let at = (h ^ (h >>> 13)) & mask; ; at = (at + 1) & mask) {
      const slot = slots[at]!;
      if (slot === 0) {
        slots[at] = this.#members.push(outPoint);
        return true;
      }
      const member = this.#members[slot - 1]!;
      if (member.index === index && member.txid === txid) return false;
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
