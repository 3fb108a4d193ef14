/** Names of services and networks (Core: protocol.cpp serviceFlagsToStr, netbase.cpp GetNetworkNames). */
import type { AddressNetwork } from '../wire/net-address.ts';

const SERVICE_NAMES: ReadonlyMap<number, string> = new Map([
  [0, 'NETWORK'],
  [2, 'BLOOM'],
  [3, 'WITNESS'],
  [6, 'COMPACT_FILTERS'],
  [10, 'NETWORK_LIMITED'],
  [11, 'P2P_V2'],
]);
const SERVICE_BITS = 64;

/** In Core's order. */
export const NETWORK_NAMES: readonly AddressNetwork[] = ['ipv4', 'ipv6', 'onion', 'i2p', 'cjdns'];

/** 16 hexadecimal digits. */
export function servicesText(services: bigint): string {
  return services.toString(16).padStart(16, '0');
}

export function serviceNames(services: bigint): string[] {
  const names: string[] = [];
  for (let bit = 0; bit < SERVICE_BITS; bit += 1) {
    if ((services >> BigInt(bit)) & 1n) names.push(SERVICE_NAMES.get(bit) ?? `UNKNOWN[2^${bit}]`);
  }
  return names;
}
