/** By which hash a peer speaks of a transaction: what it announces, knows and asks for (BIP339). */
import type { Hash256 } from '../base/bytes.ts';
import { INV, type InventoryItem } from '../wire/messages.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { Peer } from './peer.ts';

export function itemFor(peer: Peer, tx: Transaction): InventoryItem {
  return { type: peer.wtxidRelay ? INV.wtx : INV.tx, hash: hashFor(peer, tx) };
}

export function hashFor(peer: Peer, tx: Transaction): Hash256 {
  return peer.wtxidRelay ? tx.wtxid : tx.txid;
}
