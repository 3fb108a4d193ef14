/** An unspent output and the key it is found by. */
import { binaryBetween, type Txid } from '../base/bytes.ts';
import type { OutPoint, TxOutput } from '../wire/transaction.ts';
import { OUTPOINT_BYTES } from '../wire/tx-cursors.ts';

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

/** Of the outpoint that starts at `start`, as it goes over the wire. */
export function keyAt(bytes: Uint8Array, start: number): OutPointKey {
  return binaryBetween(bytes, start, start + OUTPOINT_BYTES) as OutPointKey;
}
