/**
 * The coins cache: what the chainstate store holds, with the changes since the last flush on top.
 *
 * An entry is *dirty* when the store does not have its state, and *fresh* when the store has no coin there at all:
 * a fresh coin that is spent just disappears, so coins made and spent between two flushes never touch the disk
 * (Core: coins.h). A null coin is one that is known to be spent.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { BatchOp } from '../store/store.ts';
import type { Coin, OutPointKey } from './coin.ts';
import { coinRecordKey, encodeCoin } from './coin-records.ts';

/** Memory of one entry besides its script: key, map slot, coin object and array header (measured, rounded up). */
const ENTRY_BYTES = 320;

interface CacheEntry {
  coin: Coin | null;
  dirty: boolean;
  fresh: boolean;
}

export class CoinsCache {
  readonly #entries = new Map<OutPointKey, CacheEntry>();
  #scriptBytes = 0;
  /** The block that the coins stand at; undefined before genesis. */
  bestBlock: BlockHash | undefined;
  /** The block that the store's coins stand at. */
  storedBlock: BlockHash | undefined;

  get size(): number {
    return this.#entries.size;
  }

  /** Memory, roughly. */
  get bytes(): number {
    return this.#entries.size * ENTRY_BYTES + this.#scriptBytes;
  }

  /** undefined: ask the store; null: spent. */
  get(key: OutPointKey): Coin | null | undefined {
    return this.#entries.get(key)?.coin;
  }

  /** Takes in what the store has. */
  load(key: OutPointKey, coin: Coin): void {
    if (this.#entries.has(key)) return;
    this.#entries.set(key, { coin, dirty: false, fresh: false });
    this.#scriptBytes += coin.scriptPubKey.length;
  }

  /**
   * Adds an unspent coin; its script is copied, so that it does not pin its block. `overwrites`: the store may hold
   * another one under the same key (coinbases of 2010 were repeated; undone spends are restored).
   */
  add(key: OutPointKey, coin: Coin, { overwrites }: { readonly overwrites: boolean }): void {
    const own: Coin = {
      value: coin.value,
      scriptPubKey: coin.scriptPubKey.slice(),
      height: coin.height,
      isCoinbase: coin.isCoinbase,
    };
    const entry = this.#entries.get(key);
    this.#scriptBytes += own.scriptPubKey.length - (entry?.coin?.scriptPubKey.length ?? 0);
    if (entry === undefined) this.#entries.set(key, { coin: own, dirty: true, fresh: !overwrites });
    else {
      // Still fresh if it was; a spent entry stands for a coin that the store has, so it does not become so.
      entry.coin = own;
      entry.dirty = true;
    }
  }

  spend(key: OutPointKey): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      this.#entries.set(key, { coin: null, dirty: true, fresh: false });
      return;
    }
    this.#scriptBytes -= entry.coin?.scriptPubKey.length ?? 0;
    if (entry.fresh) this.#entries.delete(key);
    else {
      entry.coin = null;
      entry.dirty = true;
    }
  }

  /** What the store must be told, one operation a dirty entry. */
  *changes(): Generator<BatchOp, void, void> {
    for (const [key, entry] of this.#entries) {
      if (!entry.dirty) continue;
      const recordKey = coinRecordKey(key);
      if (entry.coin === null) yield { type: 'del', key: recordKey };
      else yield { type: 'put', key: recordKey, value: encodeCoin(entry.coin) };
    }
  }

  /** The store has everything now. Keeps unspent coins for reading if they take at most `bytesKept`. */
  flushed(bytesKept: number): void {
    this.storedBlock = this.bestBlock;
    if (this.bytes > bytesKept) {
      this.#entries.clear();
      this.#scriptBytes = 0;
      return;
    }
    for (const [key, entry] of this.#entries) {
      if (entry.coin === null) this.#entries.delete(key);
      entry.dirty = false;
      entry.fresh = false;
    }
  }
}
