/** What `getpeerinfo` shows of a peer, but for what the transport counts (bytes, transport, session). */
import type { Milliseconds } from '../base/clock.ts';
import type { NetAddress } from '../wire/net-address.ts';
import { type ConnectionType, PERMISSIONS, type PeerId, type Permission } from './events.ts';
import type { NetworkClass } from './netgroup.ts';
import { networkOfPeer, type Peer } from './peer.ts';

export interface PeerInfo {
  // Of the connection and the handshake.
  readonly id: PeerId;
  readonly address: NetAddress;
  readonly localAddress: NetAddress;
  readonly seenAs: NetAddress | undefined;
  readonly network: NetworkClass;
  readonly type: ConnectionType;
  readonly permissions: readonly Permission[];
  readonly connectedAt: Milliseconds;
  readonly lastSend: Milliseconds;
  readonly lastReceive: Milliseconds;
  readonly lastTransaction: Milliseconds;
  readonly lastBlock: Milliseconds;
  readonly version: number;
  readonly userAgent: string;
  readonly services: bigint;
  readonly startHeight: number;
  readonly timeOffsetS: number;
  readonly relaysTxs: boolean;
  // ping
  readonly pingMs: number | undefined;
  readonly minPingMs: number | undefined;
  /** How long the open ping has waited. */
  readonly pingWaitMs: number | undefined;
  // blocks and headers; −1 while unknown
  readonly presyncedHeaders: number;
  readonly syncedHeaders: number;
  readonly syncedBlocks: number;
  readonly inflightHeights: readonly number[];
  readonly highBandwidthTo: boolean;
  readonly highBandwidthFrom: boolean;
  // address-relay
  readonly relaysAddresses: boolean;
  readonly addressesProcessed: number;
  readonly addressesRateLimited: number;
  // tx-relay
  /** Satoshi per 1000 virtual bytes (BIP133). */
  readonly minFeeFilter: number;
  readonly lastInvSequence: number;
  readonly invToSend: number;
}

/** Before any concern has said more. */
const UNKNOWN_PEER_INFO = {
  pingMs: undefined,
  minPingMs: undefined,
  pingWaitMs: undefined,
  presyncedHeaders: -1,
  syncedHeaders: -1,
  syncedBlocks: -1,
  inflightHeights: [],
  highBandwidthTo: false,
  highBandwidthFrom: false,
  relaysAddresses: false,
  addressesProcessed: 0,
  addressesRateLimited: 0,
  minFeeFilter: 0,
  lastInvSequence: 0,
  invToSend: 0,
} as const satisfies Partial<PeerInfo>;

/** What is known of every peer; the concerns add their parts. */
export function describeConnection(peer: Peer): PeerInfo {
  return {
    ...UNKNOWN_PEER_INFO,
    id: peer.id,
    address: peer.address,
    localAddress: peer.localAddress,
    seenAs: peer.seenAs,
    network: networkOfPeer(peer, { privateNetwork: false }),
    type: peer.type,
    permissions: PERMISSIONS.filter(permission => peer.permissions.has(permission)),
    connectedAt: peer.connectedAt,
    lastSend: peer.lastSend,
    lastReceive: peer.lastReceive,
    lastTransaction: peer.lastTx,
    lastBlock: peer.lastBlock,
    version: peer.theirVersion,
    userAgent: peer.userAgent,
    services: peer.services,
    startHeight: peer.startHeight,
    timeOffsetS: peer.timeOffsetS,
    relaysTxs: peer.relaysTxs,
  };
}
