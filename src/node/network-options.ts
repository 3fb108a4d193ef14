/** What the user said about peers, as the gossip layer and the sockets take it. Throws ConfigError. */

import { type BufferLimits, RECEIVE_BUFFER_BYTES, SEND_BUFFER_BYTES } from '../net/connection.ts';
import type { DnsServer } from '../net/dns-client.ts';
import type { Proxies } from '../net/proxies.ts';
import type { AddressBookOptions } from '../p2p/address-book.ts';
import type { DialTarget, Permission } from '../p2p/events.ts';
import type { PeerManagerOptions } from '../p2p/peer-manager.ts';
import { FLOOD, parseRelayStrategy, type RelayStrategyOptions } from '../p2p/relay-strategy.ts';
import { SERVICES } from '../wire/messages.ts';
import {
  type AddressNetwork,
  asCjdns,
  type NetAddress,
  parseAddress,
  parseShortIpv4,
} from '../wire/net-address.ts';
import { loadAsMap } from './as-map-file.ts';
import { bindsToAny, type ListenAddress, listenAddresses, listenPort } from './bind-options.ts';
import { parseByteUnits } from './byte-units.ts';
import type { NodeConfig } from './config.ts';
import { type HostPort, splitHostPort } from './host-port.ts';
import { enabledIndexes } from './index-options.ts';
import { acceptsConnections, isConnectMode, isProxied, maxConnections } from './listen-options.ts';
import { permissionsOf } from './permission-options.ts';
import { onlyNetworks, reachability } from './reachability.ts';
import { ConfigError, type Settings } from './settings.ts';
import { spareOnionBinds, type TorOptions, torOptions } from './tor-options.ts';

const DNS_PORT = 53;
const PEER_TIMEOUT_DEFAULT_S = 60;
/** Core: DEFAULT_CONNECT_TIMEOUT. */
const CONNECT_TIMEOUT_DEFAULT_MS = 5_000;
/** What buffers are counted in. */
const BUFFER_UNIT_BYTES = 1_000;
const BAN_TIME_DEFAULT_S = 24 * 60 * 60;
/** Bytes of the user agent (Core: MAX_SUBVERSION_LENGTH). */
const USER_AGENT_BYTES_MAX = 256;
/** Core: LoadAddrman. */
const CHECK_ONE_IN_MAX = 1_000_000;
const COMMENT = /^[0-9A-Za-z .,;\-_?@]*$/;
export interface NetworkOptions {
  readonly manager: Omit<
    PeerManagerOptions,
    'anchors' | 'listenAddresses' | 'machineAddresses' | 'ownAddresses' | 'minimumChainWork'
  >;
  /** `-checkaddrman`, `-test=addrman`. */
  readonly addressBook: Omit<AddressBookOptions, 'privateNetwork'>;
  /** Empty: no connections are taken. */
  readonly listen: readonly ListenAddress[];
  /** Addresses of the machine are told to others, as far as they can be reached (`-discover`). */
  readonly discoversAddresses: boolean;
  /** On its way in and out: fc00::/8 is CJDNS where that is reachable. */
  readonly isCjdnsReachable: boolean;
  readonly proxies: Proxies;
  /** `-i2pacceptincoming`: our address on I2P stays. */
  readonly acceptsI2p: boolean;
  /** `-listenonion`; undefined: Tor is not asked for a service. */
  readonly tor: TorOptions | undefined;
  /** `-capturemessages`. */
  readonly capturesMessages: boolean;
  /** `-dns`. */
  readonly looksUpNames: boolean;
  /** What the user should know although it works. */
  readonly warnings: readonly string[];
  /** Dial from here. */
  readonly localAddress: string | undefined;
  /** How long a dial may take (`-timeout`). */
  readonly connectTimeoutMs: number;
  /** `-maxreceivebuffer`, `-maxsendbuffer`. */
  readonly buffers: BufferLimits;
  /** Bytes a day (`-maxuploadtarget`); 0: any. */
  readonly uploadTarget: number;
  /** Empty: the system's. */
  readonly resolvers: readonly DnsServer[];
  permissionsOf(address: NetAddress, direction: 'in' | 'out'): readonly Permission[];
}

export function networkOptions(config: NodeConfig): NetworkOptions {
  const { settings, params, persona } = config;
  const privateNetwork = persona === 'hearsay' && settings.flag('private-network', false);
  const { networks, proxies, isCjdnsReachable } = reachability(config);
  const target = (text: string) => parseTarget(text, { defaultPort: params.defaultPort, isCjdnsReachable });
  const connect = settings.list('connect');
  const connectTargets = connect.filter(text => text !== '0').map(target);
  const listens = acceptsConnections(settings);
  const seeds = chooseSeeds(config, target);
  const externalAddresses = settings.list('externalip').map(text => {
    const address = parseAddress(text, listenPort(config));
    if (address === undefined) throw new ConfigError(`Cannot resolve -externalip address: '${text}'`);
    return isCjdnsReachable ? asCjdns(address) : address;
  });
  const peerTimeoutS = settings.number('peertimeout', PEER_TIMEOUT_DEFAULT_S);
  if (peerTimeoutS <= 0) throw new ConfigError('peertimeout must be a positive integer.');
  const asMap = loadAsMap(config);
  const isBroadcastPrivate = privateBroadcast(config, networks);
  const bind = settings.list('bind');
  const listen = listenAddresses(config);
  const tor = torOptions(config);
  const discovers = settings.flag(
    'discover',
    listens && !isProxied(settings) && externalAddresses.length === 0,
  );
  return {
    manager: {
      userAgent: userAgent(settings, persona),
      services: services(settings),
      blocksOnly: settings.flag('blocksonly', false),
      privateBroadcast: isBroadcastPrivate,
      txReconciliation: settings.flag('txreconciliation', false),
      privateNetwork,
      ...(asMap && { asMap }),
      relayStrategy: relayStrategy(settings, privateNetwork),
      peerTimeoutMs: peerTimeoutS * 1_000,
      banTimeS: settings.number('bantime', BAN_TIME_DEFAULT_S),
      maxConnections: maxConnections(settings),
      dialing: isConnectMode(settings) ? { kind: 'connect', targets: connectTargets } : { kind: 'book' },
      addNodes: settings.list('addnode').map(target),
      networkActive: settings.flag('networkactive', true),
      dnsSeeds: seeds.hosts,
      isDnsProxied: proxies.name !== undefined,
      forceDnsSeeds: settings.flag('forcednsseed', false),
      seedNodes: seeds.nodes,
      fixedSeeds:
        settings.flag('fixedseeds', true) && !isConnectMode(settings)
          ? params.fixedSeeds.flatMap(text => parseAddress(text, params.defaultPort) ?? [])
          : [],
      defaultPort: params.defaultPort,
      reachableNetworks: networks,
      externalAddresses,
      discovers,
    },
    addressBook: {
      checkOneIn: Math.min(Math.max(settings.number('checkaddrman', 0), 0), CHECK_ONE_IN_MAX),
      hasTestKey: settings.list('test').includes('addrman'),
    },
    listen: listens ? listen : [],
    discoversAddresses: discovers && !privateNetwork && listens && bindsToAny(listen),
    isCjdnsReachable,
    proxies,
    acceptsI2p: settings.flag('i2pacceptincoming', listens),
    tor,
    capturesMessages: settings.flag('capturemessages', false),
    looksUpNames: settings.flag('dns', true),
    connectTimeoutMs: Math.max(1, settings.number('timeout', CONNECT_TIMEOUT_DEFAULT_MS)),
    buffers: {
      receive:
        settings.number('maxreceivebuffer', RECEIVE_BUFFER_BYTES / BUFFER_UNIT_BYTES) * BUFFER_UNIT_BYTES,
      send: settings.number('maxsendbuffer', SEND_BUFFER_BYTES / BUFFER_UNIT_BYTES) * BUFFER_UNIT_BYTES,
    },
    uploadTarget: uploadTarget(settings),
    warnings: [
      ...(isBroadcastPrivate && !settings.flag('proxyrandomize', true) ? [CORRELATED_CIRCUITS] : []),
      ...(tor === undefined ? [] : spareOnionBinds(listen)),
    ],
    localAddress: privateNetwork && bind.length > 0 ? toHostPort(bind[0]!, 0).host : undefined,
    resolvers: settings.list('resolver').map(text => toHostPort(text, DNS_PORT)),
    permissionsOf: permissionsOf(settings),
  };
}

/** Core's words. */
const CORRELATED_CIRCUITS =
  'Private broadcast of own transactions requested (-privatebroadcast) and -proxyrandomize is disabled. Tor circuits for private broadcast connections may be correlated to other connections over Tor. For maximum privacy set -proxyrandomize=1.';

/** It needs networks that hide who speaks, and random peers on them. Throws ConfigError. */
function privateBroadcast(config: NodeConfig, networks: ReadonlySet<AddressNetwork>): boolean {
  const { settings } = config;
  if (!settings.flag('privatebroadcast', false)) return false;
  // Until Tor comes, sendrawtransaction says what is missing.
  const mayComeLater = torOptions(config)?.allowsOnion ?? false;
  if (!networks.has('onion') && !networks.has('i2p') && !mayComeLater) {
    throw new ConfigError(
      'Private broadcast of own transactions requested (-privatebroadcast), but none of Tor or I2P networks is reachable',
    );
  }
  if (isConnectMode(settings)) {
    throw new ConfigError(
      'Private broadcast of own transactions requested (-privatebroadcast), but -connect is also configured. They are incompatible because the private broadcast needs to open new connections to randomly chosen Tor or I2P peers. Consider using -maxconnections=0 -addnode=... instead',
    );
  }
  return true;
}

/** Others than Core's way would make a public node stand out, and fail to relay what it should. */
function relayStrategy(settings: Settings, privateNetwork: boolean): RelayStrategyOptions {
  const text = settings.text('relay-strategy');
  if (text === undefined) return FLOOD;
  const strategy = parseRelayStrategy(text);
  if (strategy === undefined)
    throw new ConfigError(
      `--relay-strategy ${text} is none of flood, gossip-1 … gossip-125, tree, reconcile`,
    );
  if (!privateNetwork && strategy.kind !== 'flood')
    throw new ConfigError(`--relay-strategy ${text} is for private networks only: give --private-network`);
  return strategy;
}

function uploadTarget(settings: Settings): number {
  const text = settings.text('maxuploadtarget') ?? '0';
  const bytes = parseByteUnits(text, 'M');
  if (bytes === undefined) throw new ConfigError(`Unable to parse -maxuploadtarget: '${text}'`);
  return bytes;
}

/** What we offer; services that need an index are added where that is (Core: g_local_services). */
function services(settings: Settings): bigint {
  let offered = SERVICES.witness | SERVICES.networkLimited;
  // A node that deletes old blocks promises the recent ones only (BIP159).
  if (settings.number('prune', 0) === 0) offered |= SERVICES.network;
  if (settings.flag('peerbloomfilters', false)) offered |= SERVICES.bloom;
  if (settings.flag('peerblockfilters', false)) {
    if (!enabledIndexes(settings).has('basicfilter'))
      throw new ConfigError('Cannot set -peerblockfilters without -blockfilterindex.');
    offered |= SERVICES.compactFilters;
  }
  if (settings.flag('v2transport', true)) offered |= SERVICES.v2Transport;
  return offered;
}

/**
 * `--seed` alone means the chain's DNS seeds; with values, those hosts, and `ADDR:PORT` peers that are asked for
 * addresses. Without it, the chain's seeds are used unless something says otherwise: -dnsseed=0, -connect,
 * -maxconnections=0, or -onlynet without the networks that seeds are on.
 */
function chooseSeeds(
  { settings, params }: NodeConfig,
  target: (text: string) => DialTarget,
): { readonly hosts: readonly string[]; readonly nodes: readonly DialTarget[] } {
  const nodes = settings.list('seednode').map(target);
  const only = onlyNetworks(settings);
  const isOnInternet = only === undefined || only.has('ipv4') || only.has('ipv6');
  const hasNone = isConnectMode(settings) || maxConnections(settings) === 0 || !isOnInternet;
  const usesDns = settings.flag('dnsseed', !hasNone);
  if (settings.flag('forcednsseed', false) && !usesDns)
    throw new ConfigError('Cannot set -forcednsseed to true when setting -dnsseed to false.');
  if (!settings.isSet('seed') || settings.isNegated('seed'))
    return { hosts: usesDns ? params.dnsSeeds : [], nodes };
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
    nodes: [...nodes, ...named.filter(isPeer).map(target)],
  };
}

/** A numeric address, or a name that is looked up when it is dialed. */
export function parseTarget(
  text: string,
  how: { readonly defaultPort: number; readonly isCjdnsReachable: boolean },
): DialTarget {
  // I2P has no ports.
  const defaultPort = text.endsWith('.i2p') ? 0 : how.defaultPort;
  const address = parseAddress(text, defaultPort) ?? parseShortIpv4(text, how.defaultPort);
  if (address !== undefined)
    return { kind: 'address', address: how.isCjdnsReachable ? asCjdns(address) : address, text };
  const { host, port } = toHostPort(text, how.defaultPort);
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
