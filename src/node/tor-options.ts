/** An onion service that Tor makes for us: -listenonion, -torcontrol, -torpassword (Core: src/init.cpp). Throws ConfigError. */
import type { ListenAddress } from './bind-options.ts';
import type { NodeConfig } from './config.ts';
import { type HostPort, hostPortText } from './host-port.ts';
import { createsOnionService } from './listen-options.ts';
import { onlyNetworks, parsePlace } from './reachability.ts';

/** Core: DEFAULT_TOR_CONTROL. */
const CONTROL_PORT = 9_051;
const CONTROL_DEFAULT = '127.0.0.1';

export interface TorOptions {
  readonly place: HostPort;
  readonly password: string;
  /** The proxy that leads to Tor is none of the user's choice (`-onion`). */
  readonly asksForProxy: boolean;
  /** With that proxy, hosts of Tor are dialed (`-onlynet`). */
  readonly allowsOnion: boolean;
  readonly isWanted: boolean;
}

/** undefined: no onion service. */
export function torOptions(config: Pick<NodeConfig, 'settings' | 'persona'>): TorOptions | undefined {
  const { settings } = config;
  const place = parsePlace('torcontrol', settings.text('torcontrol') || CONTROL_DEFAULT, CONTROL_PORT);
  if (!createsOnionService(config)) return undefined;
  return {
    place,
    password: settings.text('torpassword') ?? '',
    asksForProxy: (settings.text('onion') ?? '') === '' && !settings.isNegated('onion'),
    allowsOnion: onlyNetworks(settings)?.has('onion') ?? true,
    isWanted: settings.isSet('listenonion') || settings.isSet('torcontrol'),
  };
}

/** More places than one for Tor, of which one alone is used: Core's words. */
export function spareOnionBinds(listen: readonly ListenAddress[]): string[] {
  const [first, second] = listen.filter(({ isOnion }) => isOnion);
  if (second === undefined) return [];
  return [
    `More than one onion bind address is provided. Using ${hostPortText(first!)} for the automatically created Tor onion service.`,
  ];
}
