/**
 * How the concerns that judge outbound peers speak with the one that dials them (slots.ts). Core: the members of CConnman
 * that net_processing.cpp calls for stale tips.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { Peer } from './peer.ts';

/** In order of their ids, with whether they have shaken hands; without those for private broadcast. */
export type OutboundPeers = Map<Peer, 'dialed' | 'met'>;

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
