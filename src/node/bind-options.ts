/**
 * Where we listen (Core: AppInitMain in src/init.cpp, InitBinds in src/net.cpp): -bind, -whitebind, -port. Without any place
 * it is all addresses of the machine; without a -bind it is one more port on loopback too, for Tor. Throws ConfigError.
 */
import type { Permission } from '../p2p/events.ts';
import { addressText, parseAddress } from '../wire/net-address.ts';
import type { NodeConfig } from './config.ts';
import { splitHostPort } from './host-port.ts';
import { createsOnionService } from './listen-options.ts';
import { whiteBinds } from './permission-options.ts';
import { ConfigError } from './settings.ts';

const ONION_SUFFIX = '=onion';
const IPV4_ANY = '0.0.0.0';
const IPV6_ANY = '::';
const LOOPBACK = '127.0.0.1';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  readonly permissions: readonly Permission[];
  /** Tor delivers here: who comes is of its network, whatever its address looks like. Never told to others. */
  readonly isOnion: boolean;
  /** Not asked for by name: if it cannot be had, that is no error. */
  readonly isOptional: boolean;
}

type Config = Pick<NodeConfig, 'settings' | 'params' | 'persona'>;

export function listenAddresses({ settings, params, persona }: Config): ListenAddress[] {
  const port = listenPort({ settings, params, persona });
  const binds = settings.list('bind').map(text => bindOf(text, port));
  const granted = whiteBinds(settings).map(bind => ({ ...bind, isOnion: false, isOptional: false }));
  const all = [...binds, ...granted, ...(binds.length === 0 ? onionBind({ settings, params, persona }) : [])];
  refuseDuplicates(all);
  if (binds.length + granted.length > 0) return all;
  const any = { port, permissions: [], isOnion: false };
  return [
    { ...any, host: IPV6_ANY, isOptional: true },
    { ...any, host: IPV4_ANY, isOptional: false },
    ...all,
  ];
}

/** Core always has one. Our own rigs run nodes on neighbouring ports, and Tor is told which it is. */
function onionBind(config: Config): ListenAddress[] {
  const place = { host: LOOPBACK, permissions: [], isOnion: true, isOptional: false };
  if (config.persona === 'bitcoind') return [{ ...place, port: listenPort(config) + 1 }];
  return createsOnionService(config) ? [{ ...place, port: 0 }] : [];
}

/** Where an onion service leads to: the place for Tor, or the first one where there is none (Core: AppInitMain). */
export function onionServiceTarget<T extends Pick<ListenAddress, 'isOnion'>>(
  addresses: readonly T[],
): T | undefined {
  return addresses.find(({ isOnion }) => isOnion) ?? addresses[0];
}

/** `-port`, or the chain's. */
export function listenPort({ settings, params, persona }: Config): number {
  const text = settings.text('port');
  if (text === undefined || text === '') return params.defaultPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  // Any free port is for rigs of ours.
  const isValid = port <= 0xffff && (port > 0 || persona === 'hearsay');
  if (!isValid) throw new ConfigError(`Invalid port specified in -port: '${text}'`);
  return port;
}

/** All addresses of the machine are listened on. */
export function bindsToAny(addresses: readonly ListenAddress[]): boolean {
  return addresses.some(({ host, isOnion }) => !isOnion && (host === IPV4_ANY || host === IPV6_ANY));
}

function bindOf(text: string, defaultPort: number): ListenAddress {
  const isOnion = text.endsWith(ONION_SUFFIX);
  const place = splitHostPort(
    isOnion ? text.slice(0, -ONION_SUFFIX.length) : text,
    isOnion ? defaultPort + 1 : defaultPort,
  );
  if (place === undefined) throw new ConfigError(`Invalid port specified in -bind: '${text}'`);
  const { host, port } = place;
  if (parseAddress(host.includes(':') ? `[${host}]` : host, port) === undefined)
    throw new ConfigError(`Cannot resolve -bind address: '${text}'`);
  return { host, port, permissions: [], isOnion, isOptional: false };
}

function refuseDuplicates(all: readonly ListenAddress[]): void {
  const seen = new Set<string>();
  for (const { host, port } of all) {
    const text = addressText(parseAddress(host.includes(':') ? `[${host}]` : host, port)!);
    if (port !== 0 && seen.has(text))
      throw new ConfigError(
        `Duplicate binding configuration for address ${text}. Please check your -bind, -bind=...=onion and -whitebind settings.`,
      );
    seen.add(text);
  }
}
