/** Addresses that this machine has (Core: Discover in src/net.cpp); whether they are worth telling, others decide. */
import os from 'node:os';
import { type NetAddress, parseAddress } from '../wire/net-address.ts';

export function machineAddresses(port: number): NetAddress[] {
  return Object.values(os.networkInterfaces())
    .flatMap(addresses => addresses ?? [])
    .filter(({ internal }) => !internal)
    .flatMap(({ address }) => parseAddress(address.includes(':') ? `[${address}]` : address, port) ?? []);
}
