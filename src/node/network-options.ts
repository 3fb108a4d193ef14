/** What the user said about peers, as the gossip layer and the sockets take it. Throws ConfigError. */
import type { ChainParams } from '../consensus/params.ts';
import type { DnsServer } from '../net/dns-client.ts';
import type { AddressBookOptions } from '../p2p/address-book.ts';
import type { DialTarget, Permission } from '../p2p/events.ts';
import { networkOf } from '../p2p/netgroup.ts';
import type { PeerManagerOptions } from '../p2p/peer-manager.ts';
import { FLOOD, parseRelayStrategy, type RelayStrategyOptions } from '../p2p/relay-strategy.ts';
import { SERVICES } from '../wire/messages.ts';
import { type AddressNetwork, type NetAddress, parseAddress } from '../wire/net-address.ts';
import type { NodeConfig } from './config.ts';
import { type HostPort, splitHostPort } from './host-port.ts';
import { permissionsOf, whiteBinds } from './permission-options.ts';
import { ConfigError, type Settings } from './settings.ts';

const DNS_PORT = 53;
const PEER_TIMEOUT_DEFAULT_S = 60;
/** Core: DEFAULT_CONNECT_TIMEOUT. */
const CONNECT_TIMEOUT_DEFAULT_MS = 5_000;
const MAX_CONNECTIONS_DEFAULT = 125;
const BAN_TIME_DEFAULT_S = 24 * 60 * 60;
/** Bytes of the user agent (Core: MAX_SUBVERSION_LENGTH). */
const USER_AGENT_BYTES_MAX = 256;
/** Core: LoadAddrman. */
const CHECK_ONE_IN_MAX = 1_000_000;
const COMMENT = /^[0-9A-Za-z .,;\-_?@]*$/;
/** Networks that this node can dial. */
const REACHABLE: ReadonlySet<AddressNetwork> = new Set(['ipv4', 'ipv6']);

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly permissions: readonly Permission[];
}

export interface NetworkOptions {
  readonly manager: Omit<
    PeerManagerOptions,
    'anchors' | 'listenAddresses' | 'ownAddresses' | 'minimumChainWork'
  >;
  /** `-checkaddrman`, `-test=addrman`. */
  readonly addressBook: Omit<AddressBookOptions, 'privateNetwork'>;
  /** Empty: no connections are taken. */
  readonly listen: readonly ListenAddress[];
  /** Dial from here. */
  readonly localAddress: string | undefined;
  /** How long a dial may take (`-timeout`). */
  readonly connectTimeoutMs: number;
  /** Empty: the system's. */
  readonly resolvers: readonly DnsServer[];
  permissionsOf(address: NetAddress, direction: 'in' | 'out'): readonly Permission[];
}

export function networkOptions({ settings, params, persona }: NodeConfig): NetworkOptions {
  const privateNetwork = persona === 'hearsay' && settings.flag('private-network', false);
  const connect = settings.list('connect');
  const isConnectMode = connect.length > 0 || settings.isNegated('connect');
  const connectTargets = connect
    .filter(text => text !== '0')
    .map(text => parseTarget(text, params.defaultPort));
  const listens = settings.flag(
    'listen',
    !isConnectMode || settings.isSet('bind') || settings.isSet('whitebind'),
  );
  if (!listens && (settings.list('bind').length > 0 || settings.list('whitebind').length > 0))
    throw new ConfigError('Cannot set -bind or -whitebind together with -listen=0');
  const seeds = chooseSeeds(settings, params, isConnectMode);
  const maxConnections = settings.number('maxconnections', MAX_CONNECTIONS_DEFAULT);
  if (maxConnections < 0) throw new ConfigError('-maxconnections must be greater or equal than zero');
  const externalAddresses = settings.list('externalip').map(text => {
    const address = parseAddress(text, params.defaultPort);
    if (address === undefined) throw new ConfigError(`Cannot resolve -externalip address: '${text}'`);
    return address;
  });
  const peerTimeoutS = settings.number('peertimeout', PEER_TIMEOUT_DEFAULT_S);
  if (peerTimeoutS <= 0) throw new ConfigError('peertimeout must be a positive integer.');
  const bind = settings.list('bind');
  return {
    manager: {
      userAgent: userAgent(settings, persona),
      services: services(settings),
      blocksOnly: settings.flag('blocksonly', false),
      txReconciliation: settings.flag('txreconciliation', false),
      privateNetwork,
      relayStrategy: relayStrategy(settings, privateNetwork),
      peerTimeoutMs: peerTimeoutS * 1_000,
      banTimeS: settings.number('bantime', BAN_TIME_DEFAULT_S),
      maxConnections,
      dialing: isConnectMode ? { kind: 'connect', targets: connectTargets } : { kind: 'book' },
      addNodes: settings.list('addnode').map(text => parseTarget(text, params.defaultPort)),
      networkActive: settings.flag('networkactive', true),
      dnsSeeds: seeds.hosts,
      forceDnsSeeds: settings.flag('forcednsseed', false),
      seedNodes: seeds.nodes,
      fixedSeeds:
        settings.flag('fixedseeds', true) && !isConnectMode
          ? params.fixedSeeds.flatMap(text => parseAddress(text, params.defaultPort) ?? [])
          : [],
      defaultPort: params.defaultPort,
      reachableNetworks: REACHABLE,
      externalAddresses,
    },
    addressBook: {
      checkOneIn: Math.min(Math.max(settings.number('checkaddrman', 0), 0), CHECK_ONE_IN_MAX),
      hasTestKey: settings.list('test').includes('addrman'),
    },
    listen: listens ? listenAddresses(settings, params) : [],
    connectTimeoutMs: Math.max(1, settings.number('timeout', CONNECT_TIMEOUT_DEFAULT_MS)),
    localAddress: privateNetwork && bind.length > 0 ? toHostPort(bind[0]!, 0).host : undefined,
    resolvers: settings.list('resolver').map(text => toHostPort(text, DNS_PORT)),
    permissionsOf: permissionsOf(settings),
  };
}

/** Others than Core's way would make a public node stand out, and fail to relay what it should. */
function relayStrategy(settings: Settings, privateNetwork: boolean): RelayStrategyOptions {
  const text = settings.text('relay-strategy');
  if (text === undefined) return FLOOD;
  const strategy = parseRelayStrategy(text);
  if (strategy === undefined)
    throw new ConfigError(`--relay-strategy ${text} is none of flood, gossip-1 … gossip-125, tree`);
  if (!privateNetwork && strategy.kind !== 'flood')
    throw new ConfigError(`--relay-strategy ${text} is for private networks only: give --private-network`);
  return strategy;
}

/** What we offer; services that need an index are added where that is (Core: g_local_services). */
function services(settings: Settings): bigint {
  let offered = SERVICES.witness | SERVICES.networkLimited;
  // A node that deletes old blocks promises the recent ones only (BIP159).
  if (settings.number('prune', 0) === 0) offered |= SERVICES.network;
  if (settings.flag('peerbloomfilters', false)) offered |= SERVICES.bloom;
  if (settings.flag('v2transport', true)) offered |= SERVICES.v2Transport;
  return offered;
}

/**
 * `--seed` alone means the chain's DNS seeds; with values, those hosts, and `ADDR:PORT` peers that are asked for
 * addresses. Without it, the chain's seeds are used unless `-dnsseed=0` or `-connect` says otherwise.
 */
function chooseSeeds(
  settings: Settings,
  params: ChainParams,
  isConnectMode: boolean,
): { readonly hosts: readonly string[]; readonly nodes: readonly DialTarget[] } {
  const nodes = settings.list('seednode').map(text => parseTarget(text, params.defaultPort));
  if (!settings.isSet('seed') || settings.isNegated('seed')) {
    return { hosts: settings.flag('dnsseed', !isConnectMode) ? params.dnsSeeds : [], nodes };
  }
  const named = settings.list('seed').filter(text => text !== '');
  if (named.length === 0) {
    if (params.dnsSeeds.length === 0) {
      throw new ConfigError(
        `The chain ${params.name} has no DNS seeds. Name one: --seed HOST, or a peer: --seed ADDR:PORT.`,
      );
    }
    return { hosts: params.dnsSeeds, nodes };
  }
  const isPeer = (text: string) => parseAddress(text, params.defaultPort) !== undefined;
  return {
    hosts: named.filter(text => !isPeer(text)),
    nodes: [...nodes, ...named.filter(isPeer).map(text => parseTarget(text, params.defaultPort))],
  };
}

function listenAddresses(settings: Settings, params: ChainParams): ListenAddress[] {
  const port = settings.number('port', params.defaultPort);
  const binds = settings.list('bind').map(text => ({
    ...toHostPort(text.replace(/=onion$/, ''), port),
    permissions: [],
  }));
  const all = [...binds, ...whiteBinds(settings)];
  return all.length > 0 ? all : [{ host: '0.0.0.0', port, permissions: [] }];
}

/** A numeric address, or a name that is looked up when it is dialed. */
export function parseTarget(text: string, defaultPort: number): DialTarget {
  const address = parseAddress(text, defaultPort);
  if (address !== undefined) return { kind: 'address', address };
  const { host, port } = toHostPort(text, defaultPort);
  return { kind: 'name', host, port };
}

function toHostPort(text: string, defaultPort: number): HostPort {
  const place = splitHostPort(text, defaultPort);
  if (place === undefined) throw new ConfigError(`Invalid port specified in '${text}'`);
  return place;
}

function userAgent(settings: Settings, persona: NodeConfig['persona']): string {
  const comments = settings.list('uacomment');
  const bad = comments.find(comment => !COMMENT.test(comment));
  if (bad !== undefined) throw new ConfigError(`User Agent comment (${bad}) contains unsafe characters.`);
  const program = persona === 'bitcoind' ? 'Satoshi:31.99.0' : 'Hearsay:0.1.0';
  const agent = `/${program}${comments.length > 0 ? `(${comments.join('; ')})` : ''}/`;
  if (agent.length > USER_AGENT_BYTES_MAX) {
    throw new ConfigError(
      `Total length of network version string (${agent.length}) exceeds maximum length (${USER_AGENT_BYTES_MAX}). Reduce the number or size of uacomments.`,
    );
  }
  return agent;
}

/** Whether an address may be announced as ours. */
export function isAnnounceable(address: NetAddress, privateNetwork: boolean): boolean {
  const network = networkOf(address, { privateNetwork });
  return network !== 'unroutable' && network !== 'internal';
}
