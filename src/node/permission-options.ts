/**
 * What `-whitelist` and `-whitebind` grant to peers (Core: src/net_permissions.cpp). Without permissions named, peers get
 * the usual ones, which `-whitelistrelay` and `-whitelistforcerelay` change. Throws ConfigError.
 */
import { PERMISSIONS, type Permission } from '../p2p/events.ts';
import type { NetAddress } from '../wire/net-address.ts';
import { parseSubnet, type Subnet, subnetContains } from '../wire/subnet.ts';
import { type HostPort, splitHostPort } from './host-port.ts';
import { ConfigError, type Settings } from './settings.ts';

type Direction = 'in' | 'out';

interface Grant {
  readonly permissions: readonly Permission[];
  readonly directions: ReadonlySet<Direction>;
  readonly subnet: Subnet;
}

export interface WhiteBind extends HostPort {
  readonly permissions: readonly Permission[];
}

/** `-whitelist`: what a peer may do that comes from, or is dialed at, an address. */
export function permissionsOf(
  settings: Settings,
): (address: NetAddress, direction: Direction) => readonly Permission[] {
  const usual = usualPermissions(settings);
  const grants = settings.list('whitelist').map(text => parseGrant(text, usual));
  return (address, direction) =>
    grants.flatMap(grant =>
      grant.directions.has(direction) && subnetContains(grant.subnet, address) ? grant.permissions : [],
    );
}

/** `-whitebind`: what those may do who come in there. */
export function whiteBinds(settings: Settings): WhiteBind[] {
  const usual = usualPermissions(settings);
  return settings.list('whitebind').map(text => {
    const { words, rest } = split(text);
    const parsed = words === undefined ? undefined : parsePermissions(words, text);
    if (parsed?.directions.has('out'))
      throw new ConfigError('whitebind may only be used for incoming connections ("out" was passed)');
    const place = rest.includes('/') ? undefined : splitHostPort(rest, 0);
    if (place === undefined) throw new ConfigError(`Cannot resolve -whitebind address: '${rest}'`);
    if (place.port === 0) throw new ConfigError(`Need to specify a port with -whitebind: '${rest}'`);
    return { ...place, permissions: parsed?.permissions ?? usual };
  });
}

function usualPermissions(settings: Settings): readonly Permission[] {
  const forceRelay = settings.flag('whitelistforcerelay', false);
  const relay = settings.flag('whitelistrelay', forceRelay || !settings.flag('blocksonly', false));
  const usual: Permission[] = ['noban', 'mempool', 'download'];
  if (relay || forceRelay) usual.push('relay');
  if (forceRelay) usual.push('forcerelay');
  return usual;
}

/** `PERMISSION,…@SUBNET`; without a direction, for peers that come in. */
function parseGrant(text: string, usual: readonly Permission[]): Grant {
  const { words, rest } = split(text);
  const parsed = words === undefined ? undefined : parsePermissions(words, text);
  const subnet = parseSubnet(rest);
  if (subnet === undefined) throw new ConfigError(`Invalid netmask specified in -whitelist: '${rest}'`);
  const directions: ReadonlySet<Direction> =
    parsed === undefined || parsed.directions.size === 0 ? new Set<Direction>(['in']) : parsed.directions;
  return { subnet, permissions: parsed?.permissions ?? usual, directions };
}

function split(text: string): { readonly words: string | undefined; readonly rest: string } {
  const at = text.indexOf('@');
  return at === -1
    ? { words: undefined, rest: text }
    : { words: text.slice(0, at), rest: text.slice(at + 1) };
}

function parsePermissions(
  words: string,
  whole: string,
): { readonly permissions: readonly Permission[]; readonly directions: ReadonlySet<Direction> } {
  const permissions = new Set<Permission>();
  const directions = new Set<Direction>();
  for (const word of words.split(',')) {
    if (word === '') continue;
    if (word === 'in' || word === 'out') directions.add(word);
    else if (word === 'all') for (const each of PERMISSIONS) permissions.add(each);
    else if (word === 'bloom') permissions.add('bloomfilter');
    else if ((PERMISSIONS as readonly string[]).includes(word)) permissions.add(word as Permission);
    else throw new ConfigError(`Invalid P2P permission: '${word}'`);
  }
  if (directions.size > 0 && permissions.size === 0)
    throw new ConfigError(`Only direction was set, no permissions: '${whole}'`);
  return { permissions: [...permissions], directions };
}
