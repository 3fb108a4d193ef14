/** An unspent output and the key it is found by. */
import type { Txid } from '../base/bytes.ts';
import type { OutPoint, TxOutput } from '../wire/transaction.ts';

export interface Coin extends TxOutput {
  /** Of the block that made it. */
  readonly height: number;
  readonly isCoinbase: boolean;
}

declare const brand: unique symbol;
/** 36 latin1 characters: txid in wire order, index little endian. A flat string: concatenated ones would stay ropes. */
export type OutPointKey = string & { readonly [brand]: 'outPointKey' };

export function outPointKey(txid: Txid, index: number): OutPointKey {
  const tail = String.fromCharCode(index & 0xff, (index >>> 8) & 0xff, (index >>> 16) & 0xff, index >>> 24);
  return (txid + tail) as string as OutPointKey;
}

export function keyOf(outPoint: OutPoint): OutPointKey {
  return outPointKey(outPoint.txid, outPoint.index);
}
