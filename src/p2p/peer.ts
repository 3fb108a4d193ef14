/**
 * What all concerns know of a peer: facts, told by its connection and its handshake. What a concern remembers of a peer
 * for its own decisions stands beside them, at a place of its own (peer-states.ts).
 */
import type { Milliseconds } from '../base/clock.ts';
import { SERVICES } from '../wire/messages.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { TransportKind } from '../wire/transport.ts';
import type { ConnectionType, P2pEvent, PeerId, Permission } from './events.ts';
import { type NetworkClass, networkClassOf, type RoutingOptions } from './netgroup.ts';
import { NO_PLACE } from './timers.ts';

/** `greeted`: its version is here; `ready`: its verack too; `leaving`: we closed it, nothing counts any more. */
export type PeerPhase = 'connected' | 'greeted' | 'ready' | 'leaving';

/** Read by everybody; the readonly facts are written by the manager, the handshake and the outbox. */
export interface Peer {
  readonly id: PeerId;
  readonly type: ConnectionType;
  readonly address: NetAddress;
  readonly localAddress: NetAddress;
  /** With what they imply (noban: download; forcerelay: relay). */
  readonly permissions: ReadonlySet<Permission>;
  readonly connectedAt: Milliseconds;
  /** Outbound: the `connect` effect that it answers. */
  readonly attempt: number | undefined;
  /** Inbound, and Tor delivered it. */
  readonly isOnionInbound: boolean;
  readonly transport: TransportKind;
  /** It has left without an answer to our encrypted dial. */
  readonly shouldRetryV1: boolean;

  readonly phase: PeerPhase;
  /** Protocol version spoken with it: the lower of both; 0 before its version message. */
  readonly version: number;
  /** What it said: may be higher. */
  readonly theirVersion: number;
  readonly services: bigint;
  /** It offers what we want of an outbound peer: all (or with us near the tip, recent) blocks with witnesses. */
  readonly hasWantedServices: boolean;
  /** Blocks and transactions are asked for here first (Core: fPreferredDownload). */
  readonly isPreferredDownload: boolean;
  readonly userAgent: string;
  /** Height that it claimed; −1 before. */
  readonly startHeight: number;
  /** Our address as it sees it. */
  readonly seenAs: NetAddress | undefined;
  /** Its clock minus ours when its version came. */
  readonly timeOffsetS: number;
  /** Transactions are announced on this connection, and it asked for them (BIP37's flag). */
  readonly relaysTxs: boolean;
  /** It gave us a bloom filter (BIP37). */
  readonly hasBloomFilter: boolean;
  /** It announces by wtxid, and so do we (BIP339). */
  readonly wtxidRelay: boolean;
  /** It wants addrv2 (BIP155). */
  readonly sendAddrV2: boolean;

  /** 0: never. */
  readonly lastSend: Milliseconds;
  readonly lastReceive: Milliseconds;

  /** More than a megabyte waits to be sent to it: what is not urgent waits too. */
  readonly isSendPaused: boolean;

  /** The least that it wants to hear of, satoshi per 1000 virtual bytes; 0 unless it said. Written by fee-filter. */
  feeFilter: number;
  /** Written by ping; Infinity while unknown. */
  minPing: Milliseconds;
  /** When it last gave us a valid block, or transaction, that was new to us; 0 for never. Written by block-relay, tx-download. */
  lastBlock: Milliseconds;
  lastTx: Milliseconds;

  /** What concerns remember of it, each at its place: only `PeerStates` looks here. */
  readonly places: unknown[];
  /** Of its deadlines: only `PeerAlarms` looks here. */
  timerPlace: number;
}

/** For the writers of the facts. */
export type PeerRecord = { -readonly [K in keyof Peer]: Peer[K] };

/** Connected peers, in order of their ids. */
export type PeerTable = ReadonlyMap<PeerId, Peer>;

/** Concerns that remember something of peers (see `PeerStates`). */
export const PEER_PLACES = [
  'address-relay', 'block-knowledge', 'block-relay', 'compact-peers', 'fee-filter', 'headers-sync', 'ping',
  'serve', 'tx-relay',
] as const; // biome-ignore format: one list
export type PeerPlace = (typeof PEER_PLACES)[number];
/** A copy of it is just as long. */
const NO_STATES: readonly undefined[] = PEER_PLACES.map(() => undefined);

/** Nearly everybody has none: one set for all. */
const NO_PERMISSIONS: ReadonlySet<Permission> = new Set();

function withImplied(granted: readonly Permission[]): Set<Permission> {
  const permissions = new Set(granted);
  if (permissions.has('noban')) permissions.add('download');
  if (permissions.has('forcerelay')) permissions.add('relay');
  return permissions;
}

/** A connection that has just come to stand. */
export function createPeer(
  event: Extract<P2pEvent, { readonly kind: 'connected' }>,
  now: Milliseconds,
): PeerRecord {
  const permissions = event.permissions.length === 0 ? NO_PERMISSIONS : withImplied(event.permissions);
  return {
    // What nearly every message needs, first: so it lies in few lines of the processor's cache.
    id: event.peer,
    type: event.type,
    phase: 'connected',
    places: NO_STATES.slice(),
    timerPlace: NO_PLACE,
    lastSend: 0,
    lastReceive: 0,
    isSendPaused: false,
    relaysTxs: false,
    wtxidRelay: false,
    hasBloomFilter: false,
    feeFilter: 0,
    isPreferredDownload: false,
    permissions,

    address: event.address,
    localAddress: event.localAddress,
    connectedAt: now,
    attempt: event.attempt,
    isOnionInbound: event.isOnion ?? false,
    transport: event.transport ?? 'v1',
    shouldRetryV1: false,
    version: 0,
    theirVersion: 0,
    services: 0n,
    hasWantedServices: false,
    userAgent: '',
    startHeight: -1,
    seenAs: undefined,
    timeOffsetS: 0,
    sendAddrV2: false,
    minPing: Number.POSITIVE_INFINITY,
    lastBlock: 0,
    lastTx: 0,
  };
}

export function isInbound(peer: Peer): boolean {
  return peer.type === 'inbound';
}

/** Outbound peers that we chose for keeping in step with the network (Core: IsOutboundOrBlockRelayConn). */
export function isChosenOutbound(peer: Peer): boolean {
  return peer.type === 'outbound-full-relay' || peer.type === 'block-relay-only';
}

/** What we offer to this peer: some are given more than others (Core: m_our_services). */
export function servicesFor(peer: Peer, options: { readonly services: bigint }): bigint {
  return options.services | (peer.permissions.has('bloomfilter') ? SERVICES.bloom : 0n);
}

/** Whether it may send us transactions, which our version tells it (Core: RejectIncomingTxs). */
export function takesTxsFrom(peer: Peer, options: { readonly blocksOnly: boolean }): boolean {
  return isTxConnection(peer) && (!options.blocksOnly || peer.permissions.has('relay'));
}

/** Has blocks, all or the last 288 (Core: CanServeBlocks). */
export function servesBlocks(peer: Peer): boolean {
  return (peer.services & (SERVICES.network | SERVICES.networkLimited)) !== 0n;
}

/** Has the last 288 blocks only (BIP159). */
export function isLimited(peer: Peer): boolean {
  return (peer.services & (SERVICES.network | SERVICES.networkLimited)) === SERVICES.networkLimited;
}

export function servesWitnesses(peer: Peer): boolean {
  return (peer.services & SERVICES.witness) !== 0n;
}

/** By which network it came to us (Core: ConnectedThroughNetwork). */
export function networkOfPeer(peer: Peer, options: RoutingOptions): NetworkClass {
  return peer.isOnionInbound ? 'onion' : networkClassOf(peer.address, options);
}

/** Transactions may flow at all, as far as the kind of connection tells. */
export function isTxConnection(peer: Peer): boolean {
  return peer.type !== 'block-relay-only' && peer.type !== 'feeler' && peer.type !== 'private-broadcast';
}
