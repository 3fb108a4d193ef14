/**
 * Transactions of disconnected blocks, kept until the reorganisation is over and they may come back (Core:
 * kernel/disconnected_transactions.h).
 */
import type { Block } from '../wire/block.ts';
import type { Transaction } from '../wire/transaction.ts';

/** Bytes of disconnected transactions that are kept to be given back (Core: MAX_DISCONNECTED_TX_POOL_BYTES). */
const DISCONNECTED_BYTES_MAX = 20_000_000;

export class DisconnectedTxs {
  /** The earliest first. */
  #txs: Transaction[] = [];

  /** Of a block before those of all that were added. */
  add(txs: readonly Transaction[]): void {
    this.#txs = [...txs, ...this.#txs];
  }

  /** Takes out the latest of those that there is no room for. */
  *overflow(): Generator<Transaction, void, void> {
    let bytes = this.#txs.reduce((sum, tx) => sum + tx.size, 0);
    while (bytes > DISCONNECTED_BYTES_MAX) {
      const dropped = this.#txs.pop()!;
      bytes -= dropped.size;
      yield dropped;
    }
  }

  /** The new branch has some of them too. */
  blockConnected(block: Block): void {
    if (this.#txs.length === 0) return;
    const mined = new Set(block.transactions.map(tx => tx.txid));
    this.#txs = this.#txs.filter(tx => !mined.has(tx.txid));
  }

  /** All of them, the earliest first; none are left. */
  takeAll(): readonly Transaction[] {
    const txs = this.#txs;
    this.#txs = [];
    return txs;
  }
}
