/**
 * The coins cache: what the chainstate store holds, with the changes since the last flush on top.
 *
 * An entry is *dirty* when the store does not have its state, and *fresh* when the store has no coin there at all:
 * a fresh coin that is spent just disappears, so coins made and spent between two flushes never touch the disk
 * (Core: coins.h). A *spent* entry stands for a coin that the store may still have.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { BatchOp } from '../store/store.ts';
import type { OutPoint } from '../wire/transaction.ts';
import { OUTPOINT_BYTES, putOutPoint } from '../wire/tx-cursors.ts';
import type { Coin } from './coin.ts';
import { coinRecordKeyAt, encodeCoin } from './coin-records.ts';
import { type CoinFacts, CoinTable, type ScriptPlace } from './coin-table.ts';

const DIRTY = 1;
const FRESH = 2;
const SPENT = 4;

/** For an outpoint that is told as an object; nobody keeps it over a call. */
const scratch = new Uint8Array(OUTPOINT_BYTES);

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

  /** The store need not be asked. The outpoint starts at `start`, as it goes over the wire; so below. */
  isKnownAt(bytes: Uint8Array, start: number): boolean {
    return this.storedBlock === undefined || this.#table.find(bytes, start) >= 0;
  }

  /** undefined: ask the store; null: spent. */
  getAt(bytes: Uint8Array, start: number): Coin | null | undefined {
    const row = this.#table.find(bytes, start);
    if (row < 0) return undefined;
    return (this.#table.flagsOf(row) & SPENT) !== 0 ? null : this.#table.coinOf(row);
  }

  isKnown({ txid, index }: OutPoint): boolean {
    putOutPoint(scratch, 0, txid, index);
    return this.isKnownAt(scratch, 0);
  }

  get({ txid, index }: OutPoint): Coin | null | undefined {
    putOutPoint(scratch, 0, txid, index);
    return this.getAt(scratch, 0);
  }

  /** Takes in what the store has. */
  loadAt(bytes: Uint8Array, start: number, coin: Coin): void {
    if (this.#table.find(bytes, start) >= 0) return;
    this.#table.setCoin(this.#table.insert(bytes, start), coin, placeOf(coin.scriptPubKey));
  }

  /**
   * Adds an unspent coin; its script is copied. `overwrites`: the store may hold another one under the same key
   * (coinbases of 2010 were repeated; undone spends are restored).
   */
  addAt(
    outPoint: Uint8Array,
    start: number,
    { coin, script, overwrites }: { coin: CoinFacts; script: ScriptPlace; overwrites: boolean },
  ): void {
    const table = this.#table;
    let row = table.find(outPoint, start);
    // Still fresh if it was; a spent entry stands for a coin that the store has, so it does not become so.
    let flags = DIRTY;
    if (row >= 0) flags |= table.flagsOf(row) & FRESH;
    else {
      row = table.insert(outPoint, start);
      if (!overwrites) flags |= FRESH;
    }
    table.setCoin(row, coin, script);
    table.setFlags(row, flags);
  }

  add({ txid, index }: OutPoint, coin: Coin, { overwrites }: { readonly overwrites: boolean }): void {
    putOutPoint(scratch, 0, txid, index);
    this.addAt(scratch, 0, { coin, script: placeOf(coin.scriptPubKey), overwrites });
  }

  spendAt(bytes: Uint8Array, start: number): void {
    const table = this.#table;
    let row = table.find(bytes, start);
    if (row < 0) row = table.insert(bytes, start);
    else if ((table.flagsOf(row) & FRESH) !== 0) {
      table.remove(row);
      return;
    } else table.clearScript(row);
    table.setFlags(row, DIRTY | SPENT);
  }

  spend({ txid, index }: OutPoint): void {
    putOutPoint(scratch, 0, txid, index);
    this.spendAt(scratch, 0);
  }

  /** What the store must be told, one operation a dirty entry. */
  *changes(): Generator<BatchOp, void, void> {
    const table = this.#table;
    for (const row of table.rows()) {
      const flags = table.flagsOf(row);
      if ((flags & DIRTY) === 0) continue;
      const key = coinRecordKeyAt(table.bytesOf(row), table.startOf(row));
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

function placeOf(script: Uint8Array): ScriptPlace {
  return { bytes: script, scriptStart: 0, scriptEnd: script.length };
}
