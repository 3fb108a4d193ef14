/**
 * What need not be asked for again (Core: the filters of src/node/txdownloadman_impl.h). Refused transactions are known
 * by wtxid until the next tip, since another witness may be the right one; those whose txid alone tells that nothing can
 * help are known by it too. Those that pay too little may still come with a child that pays for both, and are kept apart,
 * along with packages that failed. Confirmed ones are known for long, by both names.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import type { Reject } from '../consensus/reject.ts';
import { packageHash } from '../mempool/package.ts';
import type { Transaction } from '../wire/transaction.ts';
import { RollingFilter } from './bloom.ts';

/** Core: RecentRejectsFilter, RecentRejectsReconsiderableFilter, RecentConfirmedTransactionsFilter. */
const REJECTS = { capacity: 120_000, falsePositiveRate: 0.000_001 } as const;
const CONFIRMED = { capacity: 48_000, falsePositiveRate: 0.000_001 } as const;

export class TxVerdicts {
  readonly #rejects: RollingFilter;
  readonly #reconsiderable: RollingFilter;
  readonly #confirmed: RollingFilter;

  constructor({ random }: { readonly random: Random }) {
    this.#rejects = new RollingFilter(random, REJECTS);
    this.#reconsiderable = new RollingFilter(random, REJECTS);
    this.#confirmed = new RollingFilter(random, CONFIRMED);
  }

  /** By txid or wtxid: refused for good, or in a block. */
  isSettled(hash: Hash256): boolean {
    return this.#confirmed.has(hash) || this.#rejects.has(hash);
  }

  isRefused(hash: Hash256): boolean {
    return this.#rejects.has(hash);
  }

  /** Refused alone for its fee. */
  isReconsiderable(hash: Hash256): boolean {
    return this.#reconsiderable.has(hash);
  }

  hasFailedAsPackage(txs: readonly Transaction[]): boolean {
    return this.#reconsiderable.has(packageHash(txs));
  }

  /** Returns the names by which it need not be asked for. Not for missing parents: see `refuseByBothNames`. */
  refuse(tx: Transaction, reject: Reject): Hash256[] {
    // The witnesses were cut off, maybe by this peer alone: without them its wtxid is the txid, which must stay open.
    if (reject.kind === 'witness' && reject.reason !== 'bad-witness-nonstandard') return [];
    (reject.kind === 'reconsiderable' ? this.#reconsiderable : this.#rejects).add(tx.wtxid);
    // What is wrong lies in what is spent, which the txid names: no witness will help.
    if (reject.reason !== 'bad-txns-nonstandard-inputs' || !tx.hasWitness) return [tx.wtxid];
    this.#rejects.add(tx.txid);
    return [tx.wtxid, tx.txid];
  }

  /** No witness can save it. */
  refuseByBothNames(tx: Transaction): void {
    this.#rejects.add(tx.txid);
    this.#rejects.add(tx.wtxid);
  }

  /** It is here with another witness. */
  refuseTwin(tx: Transaction): void {
    this.#rejects.add(tx.wtxid);
  }

  refusePackage(txs: readonly Transaction[]): void {
    this.#reconsiderable.add(packageHash(txs));
  }

  confirm(tx: Transaction): void {
    this.#confirmed.add(tx.txid);
    if (tx.hasWitness) this.#confirmed.add(tx.wtxid);
  }

  /** With a new tip, what was refused may be right. */
  tipChanged(): void {
    this.#rejects.reset();
    this.#reconsiderable.reset();
  }

  /** What it held may be in the mempool's reach again. */
  blockDisconnected(): void {
    this.#confirmed.reset();
  }
}
