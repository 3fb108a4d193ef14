/**
 * The coins cache: what the chainstate store holds, with the changes since the last flush on top.
 *
 * An entry is *dirty* when the store does not have its state, and *fresh* when the store has no coin there at all:
 * a fresh coin that is spent just disappears, so coins made and spent between two flushes never touch the disk
 * (Core: coins.h). A *spent* entry stands for a coin that the store may still have.
 */
import type { BlockHash, Txid } from '../base/bytes.ts';
import type { BatchOp } from '../store/store.ts';
import type { OutPoint } from '../wire/transaction.ts';
import type { Coin } from './coin.ts';
import { coinRecordKeyAt, encodeCoin } from './coin-records.ts';
import { CoinTable } from './coin-table.ts';

const DIRTY = 1;
const FRESH = 2;
const SPENT = 4;

export class CoinsCache {
  readonly #table: CoinTable;
  /** The block that the coins stand at; undefined before genesis. */
  bestBlock: BlockHash | undefined;
  /** The block that the store's coins stand at; undefined while the store has none at all. */
  storedBlock: BlockHash | undefined;

  /** `salt`: a number that nobody else knows (see CoinTable). */
  constructor(salt = 0) {
    this.#table = new CoinTable(salt);
  }

  get size(): number {
    return this.#table.size;
  }

  /** Memory that is taken. */
  get bytes(): number {
    return this.#table.bytes;
  }

  /** The store need not be asked. */
  isKnown(txid: Txid, index: number): boolean {
    return this.storedBlock === undefined || this.#table.find(txid, index) >= 0;
  }

  /** undefined: ask the store; null: spent. */
  get({ txid, index }: OutPoint): Coin | null | undefined {
    const row = this.#table.find(txid, index);
    if (row < 0) return undefined;
    return (this.#table.flagsOf(row) & SPENT) !== 0 ? null : this.#table.coinOf(row);
  }

  /** Takes in what the store has. */
  load({ txid, index }: OutPoint, coin: Coin): void {
    if (this.#table.find(txid, index) >= 0) return;
    const row = this.#table.insert(txid, index);
    this.#table.setCoin(row, coin.value, coin.scriptPubKey, coin.height, coin.isCoinbase);
  }

  /**
   * Adds an unspent coin; its script is copied. `overwrites`: the store may hold another one under the same key
   * (coinbases of 2010 were repeated; undone spends are restored).
   */
  add(txid: Txid, index: number, coin: Coin, { overwrites }: { readonly overwrites: boolean }): void {
    const table = this.#table;
    let row = table.find(txid, index);
    // Still fresh if it was; a spent entry stands for a coin that the store has, so it does not become so.
    let flags = DIRTY;
    if (row >= 0) flags |= table.flagsOf(row) & FRESH;
    else {
      row = table.insert(txid, index);
      if (!overwrites) flags |= FRESH;
    }
    table.setCoin(row, coin.value, coin.scriptPubKey, coin.height, coin.isCoinbase);
    table.setFlags(row, flags);
  }

  spend(txid: Txid, index: number): void {
    const table = this.#table;
    let row = table.find(txid, index);
    if (row < 0) row = table.insert(txid, index);
    else if ((table.flagsOf(row) & FRESH) !== 0) {
      table.remove(row);
      return;
    } else table.clearScript(row);
    table.setFlags(row, DIRTY | SPENT);
  }

  /** What the store must be told, one operation a dirty entry. */
  *changes(): Generator<BatchOp, void, void> {
    const table = this.#table;
    for (const row of table.rows()) {
      const flags = table.flagsOf(row);
      if ((flags & DIRTY) === 0) continue;
      const { txid, index } = table.outPointOf(row);
      const key = coinRecordKeyAt(txid, index);
      if ((flags & SPENT) !== 0) yield { type: 'del', key };
      else yield { type: 'put', key, value: encodeCoin(table.coinOf(row)) };
    }
  }

  /** The store has everything now. Keeps unspent coins for reading if they take at most `bytesKept`. */
  flushed(bytesKept: number): void {
    const table = this.#table;
    this.storedBlock = this.bestBlock;
    if (this.bytes > bytesKept) {
      table.clear();
      return;
    }
    for (const row of table.rows()) {
      if ((table.flagsOf(row) & SPENT) !== 0) table.remove(row);
      else table.setFlags(row, 0);
    }
  }
}
