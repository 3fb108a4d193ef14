/** A transaction that the wallet keeps, and where it stands (Core: CWalletTx, TxState in src/wallet/transaction.h). */
import type { BlockHash, Txid } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { type Infer, Reader } from '../wire/codec.ts';
import { readTransaction, type Transaction } from '../wire/transaction.ts';
import { NO_BLOCK, type txRecord } from './records.ts';

export type TxState =
  | {
      readonly kind: 'confirmed';
      readonly height: number;
      readonly blockHash: BlockHash;
      readonly indexInBlock: number;
    }
  /** A block of the active chain spends what it spends. */
  | { readonly kind: 'conflicted'; readonly height: number; readonly blockHash: BlockHash }
  | { readonly kind: 'inMempool' }
  /** Neither in a block nor in the mempool. Abandoned: the user (or a disconnected coinbase) freed its inputs. */
  | { readonly kind: 'inactive'; readonly abandoned: boolean };

export interface WalletTx {
  readonly tx: Transaction;
  state: TxState;
  readonly timeReceived: UnixSeconds;
  /** The time to show: of the block, as far as it fits between other transactions. */
  readonly timeSmart: UnixSeconds;
  /** Counts the wallet's transactions. */
  readonly order: number;
  comment: string | undefined;
  commentTo: string | undefined;
  replaces: Txid | undefined;
  replacedBy: Txid | undefined;
  /** Transactions in the mempool that spend what this one, or an ancestor of it, spends. Not stored. */
  readonly mempoolConflicts: Set<Txid>;
}

/** What may be noted with a transaction that the wallet made. */
export type TxNotes = Partial<Pick<WalletTx, 'comment' | 'commentTo' | 'replaces'>>;

type TxRecord = Infer<typeof txRecord>;

export function toRecord(wtx: WalletTx): TxRecord {
  const { tx, state, timeReceived, timeSmart, order, comment, commentTo, replaces, replacedBy } = wtx;
  const base = {
    raw: tx.raw,
    height: 0,
    blockHash: NO_BLOCK,
    indexInBlock: 0,
    timeReceived,
    timeSmart,
    order,
    comment,
    commentTo,
    replaces,
    replacedBy,
  };
  switch (state.kind) {
    case 'confirmed':
      return { ...base, ...stateFields(state), indexInBlock: state.indexInBlock };
    case 'conflicted':
      return { ...base, ...stateFields(state) };
    // After a restart the mempool is another one, so that is not stored.
    case 'inMempool':
      return { ...base, state: 'inactive' };
    case 'inactive':
      return { ...base, state: state.abandoned ? 'abandoned' : 'inactive' };
  }
}

export function fromRecord(record: TxRecord): WalletTx {
  const { timeReceived, timeSmart, order, comment, commentTo, replaces, replacedBy } = record;
  const tx = readTransaction(new Reader(record.raw));
  const notes = { comment, commentTo, replaces, replacedBy };
  return {
    tx,
    state: readState(record),
    timeReceived,
    timeSmart,
    order,
    ...notes,
    mempoolConflicts: new Set(),
  };
}

export function isAbandoned(wtx: WalletTx): boolean {
  return wtx.state.kind === 'inactive' && wtx.state.abandoned;
}

function stateFields(state: TxState & { kind: 'confirmed' | 'conflicted' }) {
  return { state: state.kind, height: state.height, blockHash: state.blockHash };
}

function readState(record: TxRecord): TxState {
  const { state, height, blockHash, indexInBlock } = record;
  switch (state) {
    case 'confirmed':
      return { kind: state, height, blockHash, indexInBlock };
    case 'conflicted':
      return { kind: state, height, blockHash };
    case 'inactive':
      return { kind: 'inactive', abandoned: false };
    case 'abandoned':
      return { kind: 'inactive', abandoned: true };
  }
}
