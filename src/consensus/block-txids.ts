/**
 * Which transaction of a block an outpoint names, if any: found by the outpoint's bytes, so that nobody makes a string of
 * each to look it up. Salted with the block's hash, which whoever chose the transactions could not know then.
 */
import type { Block } from '../wire/block.ts';
import { u32At } from '../wire/tx-cursors.ts';

const HASH_WORDS = 8;

export class BlockTxids {
  /** Of each transaction, as words of its txid. */
  readonly #words: Uint32Array;
  /** Position + 1, or 0. */
  readonly #slots: Int32Array;
  readonly #salt: number;

  constructor({ header, transactions }: Block) {
    const count = transactions.length;
    this.#words = new Uint32Array(count * HASH_WORDS);
    this.#slots = new Int32Array(2 ** Math.ceil(Math.log2(count + 1) + 1));
    this.#salt = wordOf(header.hash, 0) ^ wordOf(header.hash, 4);
    const mask = this.#slots.length - 1;
    for (let i = 0; i < count; i += 1) {
      const { txid } = transactions[i]!;
      const start = i * HASH_WORDS;
      for (let word = 0; word < HASH_WORDS; word += 1) this.#words[start + word] = wordOf(txid, word * 4);
      let at = this.#home(this.#words[start]!, this.#words[start + 1]!) & mask;
      // Of one that stands here twice the first is found; the other has the same txid and comes behind it.
      while (this.#slots[at] !== 0) at = (at + 1) & mask;
      this.#slots[at] = i + 1;
    }
  }

  /** Position of the transaction that the outpoint at `start` names, the first of several; −1 when it is not of this block. */
  find(bytes: Uint8Array, start: number): number {
    const first = u32At(bytes, start);
    const mask = this.#slots.length - 1;
    for (let at = this.#home(first, u32At(bytes, start + 4)) & mask; ; at = (at + 1) & mask) {
      const position = this.#slots[at]! - 1;
      if (position < 0 || this.#isAt(position, bytes, start)) return position;
    }
  }

  #isAt(position: number, bytes: Uint8Array, start: number): boolean {
    const from = position * HASH_WORDS;
    for (let word = 0; word < HASH_WORDS; word += 1)
      if (this.#words[from + word] !== u32At(bytes, start + word * 4)) return false;
    return true;
  }

  #home(first: number, second: number): number {
    const h = Math.imul(first ^ this.#salt, 0x9e37_79b1);
    return Math.imul(h ^ (h >>> 15) ^ second, 0x85eb_ca77) >>> 7;
  }
}

function wordOf(hash: string, at: number): number {
  return (
    (hash.charCodeAt(at) |
      (hash.charCodeAt(at + 1) << 8) |
      (hash.charCodeAt(at + 2) << 16) |
      (hash.charCodeAt(at + 3) << 24)) >>>
    0
  );
}
