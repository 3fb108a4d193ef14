/**
 * Addresses of nodes: the old 16-byte form (IPv6, with IPv4 and others embedded) and BIP155's form by network.
 * Inside, an address is its network and its bytes; text exists at the edges.
 */
import { binaryBetween, bytesToBinary } from '../base/bytes.ts';
import { type Codec, DecodeError, varBytes } from './codec.ts';
import { i2pName, onionName, parseOverlayName } from './overlay-names.ts';

/** BIP155 network ids, with the length of an address. */
export const BIP155_NETWORKS = {
  ipv4: { id: 1, length: 4 },
  ipv6: { id: 2, length: 16 },
  onion: { id: 4, length: 32 },
  i2p: { id: 5, length: 32 },
  cjdns: { id: 6, length: 16 },
} as const;
export type AddressNetwork = keyof typeof BIP155_NETWORKS;
const NETWORK_BY_ID = new Map(
  Object.entries(BIP155_NETWORKS).map(([name, { id }]) => [id as number, name as AddressNetwork]),
);

/** Bytes of any address in `addrv2` at most (BIP155). */
const ADDRV2_BYTES_MAX = 512;

export interface NetAddress {
  readonly network: AddressNetwork;
  readonly bytes: Uint8Array;
  readonly port: number;
}

/** An address as gossip carries it. */
export interface TimedAddress extends NetAddress {
  /** Unix seconds: when it was last seen. */
  readonly time: number;
  readonly services: bigint;
}

/** Field by field: an object made by spreading another keeps its further fields in an array beside it. */
export function withTime({ network, bytes, port }: NetAddress, time: number, services: bigint): TimedAddress {
  return { network, bytes, port, time, services };
}

const IPV4_IN_IPV6 = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff);
/** Tor v2 embedded in IPv6 (OnionCat): no longer an address. */
const ONIONCAT = Uint8Array.of(0xfd, 0x87, 0xd8, 0x7e, 0xeb, 0x43);
/** Core's own prefix for names inside addrman; never valid on the wire. */
const INTERNAL = Uint8Array.of(0xfd, 0x6b, 0x88, 0xc0, 0x87, 0x24);

/** CJDNS is fc00::/8. */
const CJDNS_FIRST_BYTE = 0xfc;

const UNSPECIFIED: Omit<NetAddress, 'port'> = { network: 'ipv6', bytes: new Uint8Array(16) };

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}

/** From 16 bytes; forms that no longer name anybody read as the unspecified address. */
export function addressFrom16(bytes: Uint8Array): Omit<NetAddress, 'port'> {
  if (startsWith(bytes, IPV4_IN_IPV6)) return { network: 'ipv4', bytes: bytes.slice(12) };
  if (startsWith(bytes, ONIONCAT) || startsWith(bytes, INTERNAL)) return UNSPECIFIED;
  return { network: 'ipv6', bytes: bytes.slice() };
}

/** To 16 bytes; zeros for networks that have no such form (BIP155). */
export function addressTo16(address: NetAddress): Uint8Array {
  const bytes = new Uint8Array(16);
  if (address.network === 'ipv4') {
    bytes.set(IPV4_IN_IPV6);
    bytes.set(address.bytes, 12);
  } else if (address.network === 'ipv6') bytes.set(address.bytes);
  return bytes;
}

/** Whether the old `addr` message can carry it. */
export function isAddrV1Compatible(address: NetAddress): boolean {
  return address.network === 'ipv4' || address.network === 'ipv6';
}

const address16: Codec<NetAddress> = {
  read(r) {
    const { network, bytes } = addressFrom16(r.take(16));
    return { network, bytes, port: r.u16BE() };
  },
  write(w, v) {
    w.put(addressTo16(v));
    w.u16BE(v.port);
  },
};

/** In `version`: services and address, no time. */
export const serviceAddress: Codec<NetAddress & { readonly services: bigint }> = {
  read(r) {
    const services = r.u64();
    const { network, bytes, port } = address16.read(r);
    return { network, bytes, port, services };
  },
  write(w, v) {
    w.u64(v.services);
    address16.write(w, v);
  },
};

/** In `addr`. */
export const timedAddressV1: Codec<TimedAddress> = {
  read(r) {
    const time = r.u32();
    const { network, bytes, port, services } = serviceAddress.read(r);
    return { network, bytes, port, services, time };
  },
  write(w, v) {
    w.u32(v.time);
    serviceAddress.write(w, v);
  },
};

/** Service bits are a compact size in BIP155, and may need all 64 bits. */
const compactSize64: Codec<bigint> = {
  read(r) {
    const first = r.u8();
    if (first < 0xfd) return BigInt(first);
    const [value, least] =
      first === 0xfd
        ? [BigInt(r.u16()), 0xfdn]
        : first === 0xfe
          ? [BigInt(r.u32()), 0x1_0000n]
          : [r.u64(), 1n << 32n];
    if (value < least) throw new DecodeError('non-canonical ReadCompactSize()');
    return value;
  },
  write(w, v) {
    if (v <= 0xffff_ffffn) w.compactSize(Number(v));
    else {
      w.u8(0xff);
      w.u64(v);
    }
  },
};
const addrV2Bytes = varBytes(ADDRV2_BYTES_MAX);

/** In `addrv2`; an unknown network, or a form that must not be sent, reads as undefined and is skipped (BIP155). */
export const timedAddressV2: Codec<TimedAddress | undefined> = {
  read(r) {
    const time = r.u32();
    const services = compactSize64.read(r);
    const id = r.u8();
    const bytes = addrV2Bytes.read(r);
    const port = r.u16BE();
    const network = NETWORK_BY_ID.get(id);
    if (network === undefined) return undefined;
    if (bytes.length !== BIP155_NETWORKS[network].length) {
      throw new DecodeError(
        `BIP155 ${network} address with ${bytes.length} bytes, ${BIP155_NETWORKS[network].length} expected`,
      );
    }
    const embedded =
      startsWith(bytes, IPV4_IN_IPV6) || startsWith(bytes, ONIONCAT) || startsWith(bytes, INTERNAL);
    if (network === 'ipv6' && embedded) return undefined;
    return { time, services, network, bytes: bytes.slice(), port };
  },
  write(w, v) {
    if (v === undefined) throw new RangeError('An address without network cannot be sent');
    w.u32(v.time);
    compactSize64.write(w, v.services);
    w.u8(BIP155_NETWORKS[v.network].id);
    addrV2Bytes.write(w, v.bytes);
    w.u16BE(v.port);
  },
};

/** CJDNS, where the address has the look of it and we are on that network (Core: MaybeFlipIPv6toCJDNS). */
export function asCjdns(address: NetAddress): NetAddress {
  const isCjdns = address.network === 'ipv6' && address.bytes[0] === CJDNS_FIRST_BYTE;
  return isCjdns ? { ...address, network: 'cjdns' } : address;
}

/** A Map key: network, bytes and port. */
export function addressKey({ network, bytes, port }: NetAddress): string {
  const { id } = BIP155_NETWORKS[network];
  // One flat string: books hold many, and parts joined by + would stay parts.
  if (bytes.length === 4)
    return String.fromCharCode(id, bytes[0]!, bytes[1]!, bytes[2]!, bytes[3]!, port >> 8, port & 0xff);
  keyScratch[0] = id;
  keyScratch.set(bytes, 1);
  keyScratch[bytes.length + 1] = port >> 8;
  keyScratch[bytes.length + 2] = port;
  return binaryBetween(keyScratch, 0, bytes.length + 3);
}
const keyScratch = new Uint8Array(64);

/** A Map key without the port: the machine. */
export function hostKey(address: NetAddress): string {
  return String.fromCharCode(BIP155_NETWORKS[address.network].id) + bytesToBinary(address.bytes);
}

/** `1.2.3.4`, an IPv6 text, `….onion` or `….b32.i2p`. No port. */
export function hostText({ network, bytes }: Pick<NetAddress, 'network' | 'bytes'>): string {
  switch (network) {
    case 'ipv4':
      return bytes.join('.');
    case 'ipv6':
    case 'cjdns':
      return ipv6Text(bytes);
    case 'onion':
      return onionName(bytes);
    case 'i2p':
      return i2pName(bytes);
  }
}

/** `1.2.3.4:8333` or `[::1]:8333`. */
export function addressText(address: NetAddress): string {
  const host = hostText(address);
  return host.includes(':') ? `[${host}]:${address.port}` : `${host}:${address.port}`;
}

/**
 * Parses `HOST`, `HOST:PORT`, `[HOST]:PORT` where the host is numeric or a name of Tor or I2P; undefined for anything
 * else. IPv6 needs its brackets before a port. CJDNS cannot be told from IPv6 by its text and reads as that.
 */
export function parseAddress(text: string, defaultPort: number): NetAddress | undefined {
  const match = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(text) ?? /^([^:]*)(?::(\d{1,5}))?$/.exec(text);
  const [host, portText] = match ? [match[1]!, match[2]] : [text, undefined];
  const port = portText === undefined ? defaultPort : Number(portText);
  if (port > 0xffff) return undefined;
  const parsed = parseHost(host);
  return parsed && { ...parsed, port };
}

function parseHost(text: string): Omit<NetAddress, 'port'> | undefined {
  const ipv4 = parseIpv4(text);
  if (ipv4 !== undefined) return { network: 'ipv4', bytes: ipv4 };
  const ipv6 = parseIpv6(text);
  return ipv6 === undefined ? parseOverlayName(text) : addressFrom16(ipv6);
}

/** Four decimal numbers; one with a leading zero would be octal to some readers, so it is none. */
function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  const isNumeric = parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
  return parts.length === 4 && isNumeric ? Uint8Array.from(parts, Number) : undefined;
}

/**
 * `127.1`, `127.1:8333`: an IPv4 address with zeros left out before the last number, which fills what is missing, as the
 * system's own reader of addresses takes it (inet_aton). Only where a user names a peer.
 */
export function parseShortIpv4(text: string, defaultPort: number): NetAddress | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,3}){0,2})\.(\d{1,8})(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return undefined;
  const head = match[1]!.split('.').map(Number);
  const last = Number(match[2]);
  const port = match[3] === undefined ? defaultPort : Number(match[3]);
  const missing = 4 - head.length;
  if (head.some(part => part > 255) || last >= 256 ** missing || port > 0xffff) return undefined;
  const tail = Array.from({ length: missing }, (_, i) => (last >>> (8 * (missing - 1 - i))) & 0xff);
  return { network: 'ipv4', bytes: Uint8Array.from([...head, ...tail]), port };
}

/** 16 bytes. */
function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::');
  if (halves.length > 2 || !text.includes(':')) return undefined;
  const [head, tail] = [ipv6Words(halves[0]!, halves.length === 1), ipv6Words(halves[1] ?? '', true)];
  const missing = 8 - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const words = [...head, ...new Array<number>(missing).fill(0), ...tail];
  if (words.some(Number.isNaN)) return undefined;
  return Uint8Array.from(words.flatMap(word => [word >>> 8, word & 0xff]));
}

/** Groups as 16-bit words; an IPv4 text may stand at the end of the whole. NaN marks what is neither. */
function ipv6Words(half: string, isEnd: boolean): number[] {
  if (half === '') return [];
  const groups = half.split(':');
  return groups.flatMap((group, i) => {
    if (/^[0-9a-fA-F]{1,4}$/.test(group)) return Number.parseInt(group, 16);
    const ipv4 = isEnd && i === groups.length - 1 ? parseIpv4(group) : undefined;
    return ipv4 ? [ipv4[0]! * 256 + ipv4[1]!, ipv4[2]! * 256 + ipv4[3]!] : Number.NaN;
  });
}

/** RFC 5952: lower case, the longest run of zero groups shortened. */
function ipv6Text(bytes: Uint8Array): string {
  const words = Array.from({ length: 8 }, (_, i) => bytes[2 * i]! * 256 + bytes[2 * i + 1]!);
  let best = { start: 0, length: 1 };
  for (let i = 0; i < 8; i += 1) {
    let length = 0;
    while (i + length < 8 && words[i + length] === 0) length += 1;
    if (length > best.length) best = { start: i, length };
  }
  const hex = words.map(word => word.toString(16));
  if (best.length === 1) return hex.join(':');
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`;
}
