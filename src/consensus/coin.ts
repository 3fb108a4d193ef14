/** An unspent output and the key it is found by. */
import type { Txid } from '../base/bytes.ts';
import type { OutPoint, TxOutput } from '../wire/transaction.ts';
import * as cursors from '../wire/tx-cursors.ts';

export interface Coin extends TxOutput {
  /** Of the block that made it. */
  readonly height: number;
  readonly isCoinbase: boolean;
}

export type OutPointKey = cursors.OutPointKey;
export const keyAt = cursors.keyAt;

export function outPointKey(txid: Txid, index: number): OutPointKey {
  const tail = String.fromCharCode(index & 0xff, (index >>> 8) & 0xff, (index >>> 16) & 0xff, index >>> 24);
  return (txid + tail) as string as OutPointKey;
}

export function keyOf(outPoint: OutPoint): OutPointKey {
  return outPointKey(outPoint.txid, outPoint.index);
}
