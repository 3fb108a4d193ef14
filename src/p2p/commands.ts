/** What RPC asks of the gossip layer, and how it is refused. */
import type { Hash256, Txid } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import type { HeaderId } from '../chain/chain-view.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Subnet } from '../wire/subnet.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { AddedNode } from './added-nodes.ts';
import type { Ban } from './bans.ts';
import type { DialTransport } from './dialer.ts';
import type { ConnectionType, DialTarget, PeerId } from './events.ts';
import type { OwnAddressKind } from './own-addresses.ts';
import type { PrivateTransaction } from './private-queue.ts';

export type P2pCommand =
  /** `addnode`: keep connected, forget, dial once. */
  | { readonly kind: 'addNode'; readonly target: DialTarget; readonly transport?: DialTransport }
  | { readonly kind: 'removeNode'; readonly target: DialTarget }
  | { readonly kind: 'connectOnce'; readonly target: DialTarget; readonly transport?: DialTransport }
  | { readonly kind: 'addedNodes' }
  /** `addconnection`, for tests: dials whatever the slots say, as long as there is a place of that type. */
  | {
      readonly kind: 'addConnection';
      readonly target: DialTarget;
      readonly type: Exclude<ConnectionType, 'inbound' | 'manual' | 'private-broadcast'>;
      readonly transport?: DialTransport;
    }
  /** By the address as `getpeerinfo` shows it, or by id. */
  | { readonly kind: 'disconnect'; readonly peer: PeerId | string }
  | { readonly kind: 'ping' }
  /** `until` undefined: the default time from now. */
  | { readonly kind: 'ban'; readonly subnet: Subnet; readonly until: UnixSeconds | undefined }
  | { readonly kind: 'unban'; readonly subnet: Subnet }
  | { readonly kind: 'clearBans' }
  | { readonly kind: 'bans' }
  /** An address of ours that was found out while running. */
  | { readonly kind: 'addOwnAddress'; readonly address: NetAddress; readonly score: OwnAddressKind }
  /** Nobody reaches us there any more. */
  | { readonly kind: 'removeOwnAddress'; readonly address: NetAddress }
  | { readonly kind: 'setNetworkActive'; readonly active: boolean }
  | { readonly kind: 'addAddress'; readonly address: NetAddress; readonly table: 'new' | 'tried' }
  /** `getblockfrompeer`: the header is known, the block is not. */
  | { readonly kind: 'fetchBlock'; readonly peer: PeerId; readonly id: HeaderId }
  /** Announces a transaction of the mempool again, as `sendrawtransaction` does for one that is there already. */
  | { readonly kind: 'announceTx'; readonly txid: Txid }
  /** `-privatebroadcast`: over connections of its own, past the mempool. */
  | { readonly kind: 'privateBroadcast'; readonly tx: Transaction }
  /** By txid or wtxid. */
  | { readonly kind: 'abortPrivateBroadcast'; readonly id: Hash256 }
  | { readonly kind: 'privateTransactions' };

export interface P2pCommandResults {
  readonly privateBroadcast: 'added' | 'present' | 'full';
  readonly abortPrivateBroadcast: readonly Transaction[];
  readonly privateTransactions: readonly PrivateTransaction[];
  readonly addedNodes: readonly AddedNode[];
  readonly bans: readonly Ban[];
  /** The number of the dial. */
  readonly addConnection: number;
  readonly addAddress: 'added' | 'failed-adding-to-new' | 'failed-adding-to-tried';
}
export type P2pCommandResult<C extends P2pCommand> = C['kind'] extends keyof P2pCommandResults
  ? P2pCommandResults[C['kind']]
  : undefined;

/** RPC's codes: −23, −24, −29, −30, −34, −1. */
export type P2pCommandErrorCode =
  | 'already-added'
  | 'not-added'
  | 'not-connected'
  | 'invalid-subnet'
  | 'capacity-reached'
  | 'misc';

export class P2pCommandError extends Error {
  override readonly name = 'P2pCommandError';
  readonly code: P2pCommandErrorCode;

  constructor(code: P2pCommandErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
