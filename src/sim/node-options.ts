/** What a simulated node is told: a daemon's defaults, on addresses of the simulated Internet. */
import type { ChainParams } from '../consensus/params.ts';
import type { PeerManagerOptions } from '../p2p/peer-manager.ts';
import { type Command, SERVICES } from '../wire/messages.ts';
import type { NetAddress } from '../wire/net-address.ts';

export interface NodeShape {
  readonly index: number;
  readonly address: NetAddress;
  /** Can be dialed by others. */
  readonly listens: boolean;
  readonly options?: Partial<PeerManagerOptions>;
  /** Rules of its own; absent: the world's. */
  readonly params?: ChainParams;
  /** It sends none of these: a node that takes and does not give. */
  readonly withholds?: ReadonlySet<Command>;
}

/** What every simulated node offers. */
export const NODE_SERVICES = SERVICES.network | SERVICES.witness | SERVICES.networkLimited;
/** Core: DEFAULT_MAX_PEER_CONNECTIONS. */
export const MAX_CONNECTIONS = 125;
const REACHABLE_NETWORKS = new Set(['ipv4', 'ipv6'] as const);

export function nodeOptions({ address, listens }: NodeShape, defaultPort: number): PeerManagerOptions {
  return {
    userAgent: '/Hearsay-sim:0.1.0/',
    services: NODE_SERVICES,
    blocksOnly: false,
    privateNetwork: false,
    minimumChainWork: 0n,
    peerTimeoutMs: 60_000,
    maxConnections: MAX_CONNECTIONS,
    dialing: { kind: 'book' },
    addNodes: [],
    anchors: [],
    ownAddresses: [address],
    networkActive: true,
    dnsSeeds: [],
    forceDnsSeeds: false,
    seedNodes: [],
    fixedSeeds: [],
    defaultPort,
    reachableNetworks: REACHABLE_NETWORKS,
    externalAddresses: listens ? [address] : [],
    listenAddresses: listens ? [address] : [],
    banTimeS: 86_400,
  };
}
