/**
 * What kind of address it is: whether it can be reached over the Internet, and which group it belongs to. A group is
 * what is cheap to get many addresses of at once (a /16 of IPv4, a /32 of IPv6), so slots and buckets are shared out by
 * groups (Core: src/netaddress.cpp, src/netgroup.cpp). With a map of autonomous systems, it is what is of one of these.
 *
 * With `privateNetwork`, 127.0.0.0/8 counts as routable here, so that nodes on one machine (127.1.0.1, 127.2.0.1 …)
 * find each other and lie in different groups.
 */
import { bytesToBinary, equalBytes, textToBytes } from '../base/bytes.ts';
import { sha256 } from '../crypto/sha256.ts';
import { type AddressNetwork, addressTo16, type NetAddress } from '../wire/net-address.ts';
import type { AsMap } from './as-map.ts';

/** A machine; `internal` stands for a name that addresses came from, such as a DNS seed. */
export interface NetHost {
  readonly network: AddressNetwork | 'internal';
  readonly bytes: Uint8Array;
}

export interface RoutingOptions {
  readonly privateNetwork: boolean;
  /** Absent: groups are by leading bits. */
  readonly asMap?: AsMap;
}

/** Core's enum Network: these numbers are hashed, so bucket positions depend on them. */
const NETWORK_IDS = { unroutable: 0, ipv4: 1, ipv6: 2, onion: 3, i2p: 4, cjdns: 5, internal: 6 } as const;
export type NetworkClass = keyof typeof NETWORK_IDS;

/** Bytes of a name's hash that stand for it (Core: ADDR_INTERNAL_SIZE). */
const INTERNAL_BYTES = 10;
/** How such a host is written in 16 bytes: 0xfd and SHA256("bitcoin")[0:5] before it. */
export const INTERNAL_PREFIX = Uint8Array.of(0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24);

/** RFC 3849: 2001:db8::/32. */
const DOCUMENTATION = 0x2001_0db8;
/** 2001:470::/32. */
const HURRICANE_ELECTRIC = 0x2001_0470;
/** RFC 4862, and the forms that carry an IPv4 address: RFC 6145, 6052, 3964, 4380. */
const LINK_LOCAL = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];
const TRANSLATED = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0];
const WELL_KNOWN = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
const SIX_TO_FOUR = [0x20, 0x02];
const TEREDO = [0x20, 0x01, 0, 0];

/** The source that stands for `name`: it has a group of its own. */
export function hostOfName(name: string): NetHost {
  return { network: 'internal', bytes: sha256(textToBytes(name)).slice(0, INTERNAL_BYTES) };
}

/** Could be somebody's address at all (Core: IsValid). */
export function isValidHost({ network, bytes }: NetHost): boolean {
  if (network === 'ipv4') {
    const word = firstWord(bytes);
    return word !== 0 && word !== 0xffff_ffff;
  }
  if (network === 'internal') return false;
  if (network === 'cjdns') return bytes[0] === 0xfc;
  if (network === 'ipv6') return bytes.some(byte => byte !== 0) && firstWord(bytes) !== DOCUMENTATION;
  return true;
}

/** Of an IPv4 address, all of it. */
function firstWord(bytes: Uint8Array): number {
  return ((bytes[0]! << 24) | (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!) >>> 0;
}

/** 127.0.0.0/8, 0.0.0.0/8 or ::1 (Core: IsLocal). */
export function isLocalHost(host: NetHost): boolean {
  const { network, bytes } = host;
  if (network === 'ipv4') return bytes[0] === 127 || bytes[0] === 0;
  return network === 'ipv6' && bytes[15] === 1 && bytes.every((byte, i) => byte === 0 || i === 15);
}

/** Can be reached by everybody, as far as its form tells (Core: IsRoutable). */
export function isRoutable(host: NetHost, options: RoutingOptions): boolean {
  if (!isValidHost(host)) return false;
  if (isPrivateLoopback(host, options)) return true;
  return !isLocalHost(host) && !isReserved(host);
}

function isPrivateLoopback(host: NetHost, options: RoutingOptions): boolean {
  return options.privateNetwork && host.network === 'ipv4' && host.bytes[0] === 127;
}

/** Ranges that no public host has, by RFC. */
function isReserved({ network, bytes }: NetHost): boolean {
  const a = bytes[0]!;
  const b = bytes[1]!;
  const c = bytes[2]!;
  const d = bytes[3]!;
  if (network === 'ipv4') {
    return (
      a === 10 ||
      (a === 192 && b === 168) ||
      (a === 172 && b >= 16 && b <= 31) || // RFC 1918
      (a === 198 && (b === 18 || b === 19)) || // RFC 2544
      (a === 169 && b === 254) || // RFC 3927
      (a === 100 && b >= 64 && b <= 127) || // RFC 6598
      (a === 192 && b === 0 && c === 2) ||
      (a === 198 && b === 51 && c === 100) ||
      (a === 203 && b === 0 && c === 113) // RFC 5737
    );
  }
  if (network !== 'ipv6') return false;
  return (
    hasPrefix(bytes, LINK_LOCAL) || // RFC 4862
    (a & 0xfe) === 0xfc || // RFC 4193
    (a === 0x20 && b === 0x01 && c === 0 && ((d & 0xf0) === 0x10 || (d & 0xf0) === 0x20)) // RFC 4843, 7343
  );
}

/** The network by which an address counts for reachability and `getnodeaddresses` (Core: GetNetwork). */
export function networkOf(host: NetHost, options: RoutingOptions): NetworkClass {
  if (host.network === 'internal') return 'internal';
  return isRoutable(host, options) ? host.network : 'unroutable';
}

/** As `networkOf`, but tunnels of IPv4 inside IPv6 count as IPv4 (Core: GetNetClass). */
export function networkClassOf(host: NetHost, options: RoutingOptions): NetworkClass {
  const network = networkOf(host, options);
  return network === 'ipv6' && linkedIpv4(host) ? 'ipv4' : network;
}

/** The IPv4 address that an IPv6 form carries (Core: GetLinkedIPv4); undefined when there is none. */
function linkedIpv4({ network, bytes }: NetHost): Uint8Array | undefined {
  if (network === 'ipv4') return bytes;
  if (network !== 'ipv6') return undefined;
  if (hasPrefix(bytes, TRANSLATED)) return bytes.subarray(12); // RFC 6145
  if (hasPrefix(bytes, WELL_KNOWN)) return bytes.subarray(12); // RFC 6052
  if (hasPrefix(bytes, SIX_TO_FOUR)) return bytes.subarray(2, 6); // RFC 3964, 6to4
  if (hasPrefix(bytes, TEREDO)) return bytes.slice(12).map(byte => ~byte); // RFC 4380, Teredo
  return undefined;
}

/** The group as a binary string, byte for byte Core's GetGroup: class, then the leading bits with ones behind them. */
export function netgroupOf(host: NetHost, options: RoutingOptions): string {
  const system = mappedAs(host, options);
  if (system !== 0) return groupOfSystem(system);
  const kind = networkClassOf(host, options);
  if (host.network === 'ipv4' && kind === 'ipv4')
    return String.fromCharCode(NETWORK_IDS.ipv4, host.bytes[0]!, host.bytes[1]!);
  const head = String.fromCharCode(NETWORK_IDS[kind]);
  if (isPrivateLoopback(host, options)) return head + bytesToBinary(host.bytes.subarray(0, 2));
  if (isLocalHost(host) || kind === 'unroutable') return head;
  if (kind === 'internal') return head + bytesToBinary(host.bytes);
  if (kind === 'ipv4') return head + bytesToBinary(linkedIpv4(host)!.subarray(0, 2));
  if (kind === 'onion' || kind === 'i2p') return head + leadingBits(host.bytes, 4);
  // The first byte of CJDNS is always 0xfc: four random bits come after it.
  if (kind === 'cjdns') return head + leadingBits(host.bytes, 12);
  // he.net hands out /36 networks freely.
  return head + leadingBits(host.bytes, firstWord(host.bytes) === HURRICANE_ELECTRIC ? 36 : 32);
}

/** The number of its autonomous system; 0: there is no map, it has none, or it is of no network that has such. */
export function mappedAs(host: NetHost, options: RoutingOptions): number {
  if (options.asMap === undefined) return 0;
  const kind = networkClassOf(host, options);
  if (kind !== 'ipv4' && kind !== 'ipv6') return 0;
  const ipv4 = linkedIpv4(host);
  return options.asMap.systemOf(
    ipv4 === undefined ? host.bytes : addressTo16({ network: 'ipv4', bytes: ipv4, port: 0 }),
  );
}

/** IPv4 and IPv6 of one system are one group. */
function groupOfSystem(system: number): string {
  return String.fromCharCode(
    NETWORK_IDS.ipv6,
    system & 0xff,
    (system >> 8) & 0xff,
    (system >> 16) & 0xff,
    system >>> 24,
  );
}

function leadingBits(bytes: Uint8Array, bits: number): string {
  const whole = bits >> 3;
  const rest = bits & 7;
  const head = bytesToBinary(bytes.subarray(0, whole));
  return rest === 0 ? head : head + String.fromCharCode(bytes[whole]! | ((1 << (8 - rest)) - 1));
}

/** The bytes that stand for a host in hashes (Core: GetAddrBytes): 16 for IPv4, IPv6 and names, else as they are. */
export function hostBytes(host: NetHost): Uint8Array {
  if (host.network === 'internal') {
    const bytes = new Uint8Array(16);
    bytes.set(INTERNAL_PREFIX);
    bytes.set(host.bytes, INTERNAL_PREFIX.length);
    return bytes;
  }
  if (host.network === 'ipv4' || host.network === 'ipv6') return addressTo16(host as NetAddress);
  return host.bytes;
}

export function isSameHost(a: NetHost, b: NetHost): boolean {
  return a.network === b.network && equalBytes(a.bytes, b.bytes);
}

/** Host and port. */
export function isSameAddress(a: NetAddress, b: NetAddress): boolean {
  return a.port === b.port && isSameHost(a, b);
}

function hasPrefix(bytes: Uint8Array, prefix: readonly number[]): boolean {
  for (let i = 0; i < prefix.length; i += 1) if (bytes[i] !== prefix[i]) return false;
  return true;
}
