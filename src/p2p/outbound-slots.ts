/**
 * How the others speak with the concern that dials (slots.ts): those that judge outbound peers, and the manager with what
 * RPC wants dialed. Core: the members of CConnman that net_processing.cpp and rpc/net.cpp call.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { ConnectionType } from './events.ts';
import type { Peer } from './peer.ts';

export interface OutboundSlots {
  /** `setnetworkactive`. */
  readonly isNetworkActive: boolean;
  /** False with `-connect`: we dial only whom we were told. */
  readonly dialsFromAddressBook: boolean;
  /** One full-relay connection more than usual, because our tip may be stale (Core: SetTryNewOutboundPeer). */
  readonly wantsExtraFullRelay: boolean;
  setExtraFullRelay(wanted: boolean, now: Milliseconds): void;
  /** From now on a short-lived block-relay-only connection is made from time to time (Core: StartExtraBlockRelayPeers). */
  startExtraBlockRelay(now: Milliseconds): void;
  /** Connections beyond the usual number, never below 0. */
  extraFullRelayCount(): number;
  extraBlockRelayCount(): number;
  /** There is another full-relay or manual connection to the network (IPv4, onion …) that `peer` is on. */
  hasOtherOnNetwork(peer: Peer): boolean;
}

export interface AddedNode {
  /** As it was added. */
  readonly node: string;
  /** undefined while it is not connected. */
  readonly connected: { readonly address: NetAddress; readonly type: ConnectionType } | undefined;
}

/** What RPC asks to be dialed. */
export interface DialCommands {
  /** Keeps it connected; false if it is in the list already. */
  addNode(node: string, now: Milliseconds): boolean;
  /** False if it is not in the list. */
  removeNode(node: string): boolean;
  /** Dials once, as a manual connection. */
  connectOnce(node: string, now: Milliseconds): void;
  addedNodes(): readonly AddedNode[];
  /** False when all places of that type are taken. */
  addConnection(
    address: string,
    type: Exclude<ConnectionType, 'inbound' | 'manual'>,
    now: Milliseconds,
  ): boolean;
  /** Off: whoever is connected leaves, and nobody is dialed or taken. */
  setNetworkActive(active: boolean, now: Milliseconds): void;
}
