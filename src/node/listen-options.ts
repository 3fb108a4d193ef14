/** Whether others may connect to us, and by way of Tor (Core: InitParameterInteraction, AppInitParameterInteraction in src/init.cpp). */
import type { NodeConfig } from './config.ts';
import { ConfigError, type Settings } from './settings.ts';

const MAX_CONNECTIONS_DEFAULT = 125;

/** `-maxconnections`. Throws ConfigError. */
export function maxConnections(settings: Settings): number {
  const count = settings.number('maxconnections', MAX_CONNECTIONS_DEFAULT);
  if (count < 0) throw new ConfigError('-maxconnections must be greater or equal than zero');
  return count;
}

/** `-connect`: nobody else is dialed. */
export function isConnectMode(settings: Settings): boolean {
  return settings.list('connect').length > 0 || settings.isNegated('connect');
}

/** To protect privacy, who uses a proxy does not listen, and tells no addresses, unless he says so. */
export function isProxied(settings: Settings): boolean {
  const text = settings.text('proxy') ?? '';
  return text !== '' && text !== '0';
}

/** `-listen`, or what follows from other settings. Throws ConfigError. */
export function acceptsConnections(settings: Settings): boolean {
  const isQuiet = isConnectMode(settings) || maxConnections(settings) === 0 || isProxied(settings);
  const listens = settings.flag('listen', !isQuiet || settings.isSet('bind') || settings.isSet('whitebind'));
  if (!listens && (settings.list('bind').length > 0 || settings.list('whitebind').length > 0))
    throw new ConfigError('Cannot set -bind or -whitebind together with -listen=0');
  return listens;
}

/**
 * `-listenonion`: whether Tor is asked for an onion service. By default where we listen; not on a private network, whose nodes
 * would be told to strangers. Throws ConfigError.
 */
export function createsOnionService({
  settings,
  persona,
}: Pick<NodeConfig, 'settings' | 'persona'>): boolean {
  const listens = acceptsConnections(settings);
  const isPrivate = persona === 'hearsay' && settings.flag('private-network', false);
  const creates = settings.flag('listenonion', listens && !isPrivate);
  if (creates && !listens) throw new ConfigError('Cannot set -listen=0 together with -listenonion=1');
  return creates;
}
