/**
 * Compact blocks (BIP152 version 2, Core: src/blockencodings.cpp): a block told by 48-bit ids of its transactions, which the
 * receiver finds among those it has. The ids are keyed by the header and the sender's nonce, so nobody can make two
 * transactions collide for everybody; two that collide all the same are asked for, or the whole block is.
 *
 * `invalid` is what no honest sender sends; `failed` can be bad luck. Core fails as well when the ids fill its hash table
 * unevenly, which ours does not depend on.
 */
import { assert } from '../base/assert.ts';
import { isBlockMutated } from '../consensus/block.ts';
import { BLOCK_WEIGHT_MAX } from '../consensus/limits.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type SipKey, sipHash48 } from '../crypto/siphash.ts';
import { type Block, type BlockHeader, blockHeader, createBlock, HEADER_BYTES } from '../wire/block.ts';
import { Writer } from '../wire/codec.ts';
import type { CompactBlock } from '../wire/compact-block.ts';
import { type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';

/** Bytes of the smallest transaction that can be read (Core: MIN_SERIALIZABLE_TRANSACTION_WEIGHT). */
const TX_BYTES_MIN = 10;
const TX_COUNT_MAX = BLOCK_WEIGHT_MAX / (TX_BYTES_MIN * WITNESS_SCALE_FACTOR);
/** Others' transactions kept for this alone (Core: DEFAULT_BLOCK_RECONSTRUCTION_EXTRA_TXN). */
const EXTRA_COUNT_MAX = 100;
/** Larger ones are not kept (Core measures memory, we bytes on the wire). */
const EXTRA_TX_BYTES_MAX = 100_000;

/** The coinbase is prefilled: nobody else has it. */
export function compactOf(block: Block, nonce: bigint): CompactBlock {
  const { header, transactions } = block;
  const key = shortIdKey(header, nonce);
  const shortIds = transactions.slice(1).map(tx => sipHash48(key, tx.wtxid));
  return { header, nonce, shortIds, prefilled: [{ index: 0, tx: transactions[0]! }] };
}

const scratch = new Writer(HEADER_BYTES + 8);

/** First half of the SHA-256 of header and nonce. */
export function shortIdKey(header: BlockHeader, nonce: bigint): SipKey {
  scratch.reset();
  blockHeader.write(scratch, header);
  scratch.u64(nonce);
  const digest = Buffer.from(sha256(scratch.written()));
  return [digest.readUInt32LE(0), digest.readUInt32LE(4), digest.readUInt32LE(8), digest.readUInt32LE(12)];
}

export interface TxSources {
  readonly mempool: Iterable<{ readonly tx: Transaction }>;
  readonly extra: Iterable<Transaction>;
}

/** How many transactions came from where; those asked for are the rest. */
export interface FoundCounts {
  readonly prefilled: number;
  /** Of the mempool and the extra ones. */
  readonly own: number;
  readonly extra: number;
}

/** A block of which some transactions are here. */
export class PartialBlock {
  readonly header: BlockHeader;
  readonly found: FoundCounts;
  #available: (Transaction | undefined)[] | undefined;

  private constructor(header: BlockHeader, available: (Transaction | undefined)[], found: FoundCounts) {
    this.header = header;
    this.#available = available;
    this.found = found;
  }

  static begin(compact: CompactBlock, sources: TxSources): PartialBlock | 'invalid' | 'failed' {
    const { header, nonce, shortIds, prefilled } = compact;
    const count = shortIds.length + prefilled.length;
    if (count === 0 || count > TX_COUNT_MAX) return 'invalid';
    const available = new Array<Transaction | undefined>(count);
    for (const [i, { index, tx }] of prefilled.entries()) {
      if (tx.inputs.length === 0 && tx.outputs.length === 0) return 'invalid';
      // It would leave a place before it that neither an id nor a transaction fills.
      if (index > shortIds.length + i) return 'invalid';
      available[index] = tx;
    }
    const places = new Map<number, number>();
    let place = 0;
    for (const id of shortIds) {
      while (available[place] !== undefined) place += 1;
      places.set(id, place);
      place += 1;
    }
    if (places.size !== shortIds.length) return 'failed';
    const search = new Search(available, places);
    const key = shortIdKey(header, nonce);
    for (const { tx } of sources.mempool) {
      if (search.isComplete) break;
      search.offer(sipHash48(key, tx.wtxid), tx);
    }
    const own = search.count;
    for (const tx of sources.extra) {
      if (search.isComplete) break;
      search.offer(sipHash48(key, tx.wtxid), tx);
    }
    const extra = Math.max(0, search.count - own);
    return new PartialBlock(header, available, { prefilled: prefilled.length, own: search.count, extra });
  }

  /** Positions in the block, ascending. */
  missing(): number[] {
    assert(this.#available !== undefined, 'a partial block is filled once');
    const indexes: number[] = [];
    for (let i = 0; i < this.#available.length; i += 1) if (this.#available[i] === undefined) indexes.push(i);
    return indexes;
  }

  /** `transactions` take the missing places, in order. May be called once. */
  fill(
    transactions: readonly Transaction[],
    witnessCommitment: 'expected' | 'not expected',
  ): Block | 'invalid' | 'failed' {
    const missing = this.missing();
    const all = this.#available!;
    this.#available = undefined;
    if (missing.length !== transactions.length) return 'invalid';
    for (const [i, index] of missing.entries()) all[index] = transactions[i]!;
    const block = createBlock(this.header, all as Transaction[]);
    return isBlockMutated(block, witnessCommitment) ? 'failed' : block;
  }
}

/** Puts transactions to the places that their ids name. */
class Search {
  readonly #available: (Transaction | undefined)[];
  readonly #places: ReadonlyMap<number, number>;
  /** Places that have found one: a second, different one leaves them empty for good. */
  readonly #taken = new Set<number>();
  count = 0;

  constructor(available: (Transaction | undefined)[], places: ReadonlyMap<number, number>) {
    this.#available = available;
    this.#places = places;
  }

  /** Whether there would be a second one for some place is not looked for any more, as in Core. */
  get isComplete(): boolean {
    return this.count === this.#places.size;
  }

  offer(shortId: number, tx: Transaction): void {
    const place = this.#places.get(shortId);
    if (place === undefined) return;
    const present = this.#available[place];
    if (!this.#taken.has(place)) {
      this.#taken.add(place);
      this.#available[place] = tx;
      this.count += 1;
    } else if (present !== undefined && present.wtxid !== tx.wtxid) {
      this.#available[place] = undefined;
      this.count -= 1;
    }
  }
}

/** Transactions that are not in the mempool and may be in a block all the same: refused, replaced, or without parents. */
export class ExtraTxs {
  readonly #transactions: Transaction[] = [];
  #next = 0;

  /** In the place of the oldest. */
  add(tx: Transaction): void {
    if (tx.size >= EXTRA_TX_BYTES_MAX) return;
    this.#transactions[this.#next] = tx.detached();
    this.#next = (this.#next + 1) % EXTRA_COUNT_MAX;
  }

  [Symbol.iterator](): Iterator<Transaction> {
    return this.#transactions.values();
  }
}
