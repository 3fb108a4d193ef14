/** What the rules of acceptance look at: the chain, the mempool, and the transaction that wants to enter. */
import type { Txid } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { ChainView } from '../chain/chain-view.ts';
import type { Coin } from '../chain/coin.ts';
import type { WriterTask } from '../chain/effects.ts';
import type { OutPoint, Transaction } from '../wire/transaction.ts';
import type { MempoolOptions } from './options.ts';
import type { PoolEntry, TxPool } from './tx-pool.ts';

/** Reads coins of the active chain; undefined where spent or never made. */
export interface CoinReader {
  fetchCoins(outPoints: readonly OutPoint[]): WriterTask<(Coin | undefined)[]>;
}

export interface AcceptContext {
  readonly chain: ChainView;
  readonly coins: CoinReader;
  readonly pool: TxPool;
  readonly options: MempoolOptions;
  readonly now: Milliseconds;
  /** Satoshi per 1000 virtual bytes that a full pool demands. */
  readonly poolMinFeeRate: number;
  readonly sequence: number;
  /** What `prioritisetransaction` added to fees, in satoshi. */
  readonly feeDeltas: ReadonlyMap<Txid, number>;
  /** Transactions that can be spent too: earlier members of the package that is being checked. */
  readonly package: ReadonlyMap<Txid, Transaction>;
}

/** A transaction with what its inputs have told of it: satoshi, and sizes adjusted for signature operations. */
export interface Candidate {
  readonly tx: Transaction;
  readonly fee: number;
  /** With what `prioritisetransaction` added: what counts. */
  readonly modifiedFee: number;
  readonly weight: number;
  readonly virtualSize: number;
  /** Of the mempool. */
  readonly parents: ReadonlySet<PoolEntry>;
}
