/**
 * Which networks are dialed, and through which proxies: -onlynet, -proxy, -onion, -i2psam, -cjdnsreachable (Core: AppInitMain
 * in src/init.cpp). Texts of errors are Core's. Throws ConfigError.
 */
import type { Proxies, SocksProxy } from '../net/proxies.ts';
import type { AddressNetwork } from '../wire/net-address.ts';
import type { NodeConfig } from './config.ts';
import { type HostPort, splitHostPort } from './host-port.ts';
import { createsOnionService } from './listen-options.ts';
import { ConfigError, type Settings } from './settings.ts';

/** Core: DEFAULT_TOR_SOCKS_PORT. */
export const TOR_SOCKS_PORT = 9_050;
/** That of I2P's SAM. */
const I2P_SAM_PORT = 7_656;
const UNIX_PREFIX = 'unix:';
/** What the system takes, less the zero at the end (sockaddr_un). */
const UNIX_PATH_BYTES_MAX = 107;
/** Labels of letters, digits, - and _, as resolvers take them. */
const HOST_NAME = /^(?!.*\.\.)[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253}[A-Za-z0-9_.])?$/;
const IPV6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*$/;

const NETWORKS: readonly AddressNetwork[] = ['ipv4', 'ipv6', 'onion', 'i2p', 'cjdns'];

export interface Reachability {
  /** Dialed by ourselves; peers that the user names are dialed anyway. */
  readonly networks: ReadonlySet<AddressNetwork>;
  readonly proxies: Proxies;
  /** fc00::/8 is CJDNS here, not a private range of IPv6. */
  readonly isCjdnsReachable: boolean;
}

export function reachability(config: Pick<NodeConfig, 'settings' | 'persona'>): Reachability {
  const { settings } = config;
  const only = onlyNetworks(settings);
  const networks = new Set(only ?? NETWORKS);
  const isCjdnsReachable = settings.isSet('cjdnsreachable');
  if (!isCjdnsReachable) {
    if (only?.has('cjdns'))
      throw new ConfigError(
        'Outbound connections restricted to CJDNS (-onlynet=cjdns) but -cjdnsreachable is not provided',
      );
    networks.delete('cjdns');
  }
  if (
    settings.isSet('dnsseed') &&
    settings.flag('dnsseed', false) &&
    !networks.has('ipv4') &&
    !networks.has('ipv6')
  ) {
    throw new ConfigError(
      'Incompatible options: -dnsseed=1 was explicitly specified, but -onlynet forbids connections to IPv4/IPv6',
    );
  }
  const { onion: generalOnion, ...general } = generalProxies(settings);
  const onion = onionProxy(settings, generalOnion, {
    isOnlyNetwork: only?.has('onion') ?? false,
    mayComeLater: createsOnionService(config),
  });
  if (onion === undefined) networks.delete('onion');
  const i2p = i2pProxy(settings, only?.has('i2p') ?? false);
  if (i2p === undefined) networks.delete('i2p');
  const proxies = { ...general, ...(onion && { onion }), ...(i2p && { i2p }) };
  return { networks, proxies, isCjdnsReachable };
}

/** `-onlynet`: what the user restricts us to; undefined: nothing. */
export function onlyNetworks(settings: Settings): ReadonlySet<AddressNetwork> | undefined {
  const names = settings.list('onlynet');
  if (names.length === 0) return undefined;
  return new Set(
    names.map(text => {
      const name = text.toLowerCase();
      // `tor` was the name once (Core: ParseNetwork).
      const network = NETWORKS.find(each => each === (name === 'tor' ? 'onion' : name));
      if (network === undefined) throw new ConfigError(`Unknown network specified in -onlynet: '${text}'`);
      return network;
    }),
  );
}

/** Of several that say the same, the last counts. */
function generalProxies(settings: Settings): Proxies {
  const proxies: { -readonly [K in keyof Proxies]: Proxies[K] | undefined } = {};
  for (const value of settings.list('proxy')) {
    const at = value.lastIndexOf('=');
    const text = at === -1 ? value : value.slice(0, at);
    const network = value.slice(at + 1).toLowerCase();
    if (at !== -1 && network === '')
      throw new ConfigError(`Invalid -proxy address or hostname, ends with '=': '${value}'`);
    const proxy = text === '' || text === '0' ? undefined : parseProxy(settings, 'proxy', text);
    if (at === -1)
      for (const each of ['ipv4', 'ipv6', 'name', 'cjdns', 'onion'] as const) proxies[each] = proxy;
    else if (network === 'ipv4' || network === 'ipv6') {
      proxies[network] = proxy;
      proxies.name = proxy;
    } else if (network === 'onion' || network === 'cjdns') proxies[network] = proxy;
    else throw new ConfigError(`Unrecognized network in -proxy='${value}': '${network}'`);
  }
  return Object.fromEntries(Object.entries(proxies).filter(([, proxy]) => proxy !== undefined));
}

function onionProxy(
  settings: Settings,
  general: SocksProxy | undefined,
  { isOnlyNetwork, mayComeLater }: { readonly isOnlyNetwork: boolean; readonly mayComeLater: boolean },
): SocksProxy | undefined {
  const text = settings.text('onion') ?? '';
  if (text === '0' || settings.isNegated('onion')) {
    if (isOnlyNetwork)
      throw new ConfigError(
        'Outbound connections restricted to Tor (-onlynet=onion) but the proxy for reaching the Tor network is explicitly forbidden: -onion=0',
      );
    return undefined;
  }
  const onion = text === '' ? general : parseProxy(settings, 'onion', text);
  if (onion === undefined && isOnlyNetwork && !mayComeLater)
    throw new ConfigError(
      'Outbound connections restricted to Tor (-onlynet=onion) but the proxy for reaching the Tor network is not provided: none of -proxy, -onion or -listenonion is given',
    );
  return onion;
}

function i2pProxy(settings: Settings, isOnlyNetwork: boolean): SocksProxy | undefined {
  const text = settings.text('i2psam') ?? '';
  if (text === '') {
    if (isOnlyNetwork)
      throw new ConfigError(
        'Outbound connections restricted to i2p (-onlynet=i2p) but -i2psam is not provided',
      );
    return undefined;
  }
  return { place: parsePlace('i2psam', text, I2P_SAM_PORT), randomizesCredentials: false };
}

function parseProxy(settings: Settings, option: 'proxy' | 'onion', text: string): SocksProxy {
  const randomizesCredentials = settings.flag('proxyrandomize', true);
  if (text.startsWith(UNIX_PREFIX) && text.length > UNIX_PREFIX.length) {
    const path = text.slice(UNIX_PREFIX.length);
    if (Buffer.byteLength(path) > UNIX_PATH_BYTES_MAX)
      throw new ConfigError(`Invalid -${option} address or hostname: '${text}'`);
    return { place: { path }, randomizesCredentials };
  }
  return { place: parsePlace(option, text, TOR_SOCKS_PORT), randomizesCredentials };
}

/** A name is looked up when the proxy is used. */
export function parsePlace(option: string, text: string, defaultPort: number): HostPort {
  const place = splitHostPort(text, defaultPort);
  if (place === undefined) throw new ConfigError(`Invalid port specified in -${option}: '${text}'`);
  if (!HOST_NAME.test(place.host) && !IPV6.test(place.host))
    throw new ConfigError(`Invalid -${option} address or hostname: '${text}'`);
  return place;
}
