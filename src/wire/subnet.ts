/** Subnets as `-rpcallowip` and `setban` take them: an address, ADDRESS/BITS or ADDRESS/NETMASK (Core: LookupSubNet). */
import { hostText, type NetAddress, parseAddress } from './net-address.ts';

export interface Subnet {
  /** The port means nothing. Bits past `prefixBits` are zero. */
  readonly address: NetAddress;
  readonly prefixBits: number;
}

/** undefined for anything that is no subnet, names included. */
export function parseSubnet(text: string): Subnet | undefined {
  const slash = text.lastIndexOf('/');
  const host = (slash < 0 ? text : text.slice(0, slash)).replace(/^\[(.+)\]$/, '$1');
  const address = /^([0-9a-fA-F:.]+|[a-zA-Z2-7]+\.(onion|b32\.i2p))$/.test(host)
    ? parseAddress(host, 0)
    : undefined;
  if (address === undefined || address.port !== 0) return undefined;
  // Only IP addresses have ranges.
  if (slash >= 0 && address.network !== 'ipv4' && address.network !== 'ipv6') return undefined;
  const bits = address.bytes.length * 8;
  const prefixBits = slash < 0 ? bits : parsePrefix(text.slice(slash + 1), address);
  if (prefixBits === undefined || prefixBits > bits) return undefined;
  const bytes = address.bytes.map((byte, i) => byte & maskByte(prefixBits, i));
  return { address: { ...address, bytes }, prefixBits };
}

export function subnetContains(subnet: Subnet, address: NetAddress): boolean {
  if (subnet.address.network !== address.network) return false;
  return subnet.address.bytes.every(
    (byte, i) => byte === (address.bytes[i]! & maskByte(subnet.prefixBits, i)),
  );
}

/** `10.0.0.0/8`; of a single address too, as Core prints it. Other networks have no ranges. */
export function subnetText(subnet: Subnet): string {
  const host = hostText(subnet.address);
  const hasRanges = subnet.address.network === 'ipv4' || subnet.address.network === 'ipv6';
  return hasRanges ? `${host}/${subnet.prefixBits}` : host;
}

function maskByte(prefixBits: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefixBits - index * 8));
  return (0xff << (8 - bits)) & 0xff;
}

function parsePrefix(text: string, address: NetAddress): number | undefined {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  const mask = parseAddress(text, 0);
  if (mask === undefined || mask.network !== address.network) return undefined;
  const ones = Array.from(mask.bytes, byte => byte.toString(2).padStart(8, '0')).join('');
  return /^1*0*$/.test(ones) ? ones.lastIndexOf('1') + 1 : undefined;
}
