/**
 * Subnets that the user has banned, each until a time (Core: src/banman.cpp). A ban ends by itself; discouragement, which
 * peers earn, is another thing and lives in penalty.ts. `banlist.json` is Core's, byte for byte in meaning.
 */

import { compareBytes } from '../base/bytes.ts';
import { type Milliseconds, toUnixSeconds, type UnixSeconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { DecodeError } from '../wire/codec.ts';
import { BIP155_NETWORKS, type NetAddress } from '../wire/net-address.ts';
import { parseSubnet, type Subnet, subnetContains, subnetText } from '../wire/subnet.ts';

/** Version of an entry in the file (Core: CBanEntry::CURRENT_VERSION). */
const ENTRY_VERSION = 1;

export interface Ban {
  readonly subnet: Subnet;
  readonly createdAt: UnixSeconds;
  readonly until: UnixSeconds;
}

export class Bans {
  readonly #bans = new LateMap<string, Ban>();

  constructor(saved: readonly Ban[] = []) {
    for (const ban of saved) this.#bans.set(subnetText(ban.subnet), ban);
  }

  /** Ordered as Core lists them: by network, address, prefix. Bans that are over are forgotten. */
  list(now: Milliseconds): readonly Ban[] {
    this.#sweep(now);
    return [...this.#bans.values()].sort(compareBans);
  }

  /** The very subnet, which may be a single address, is banned. */
  has(subnet: Subnet, now: Milliseconds): boolean {
    const ban = this.#bans.get(subnetText(subnet));
    return ban !== undefined && isRunning(ban, now);
  }

  /** Some ban covers it. */
  isBanned(address: NetAddress, now: Milliseconds): boolean {
    if (this.#bans.size === 0) return false;
    for (const ban of this.#bans.values()) {
      if (isRunning(ban, now) && subnetContains(ban.subnet, address)) return true;
    }
    return false;
  }

  /** False, and nothing changes, if the subnet is banned for longer already. */
  ban(subnet: Subnet, until: UnixSeconds, now: Milliseconds): boolean {
    const key = subnetText(subnet);
    const old = this.#bans.get(key);
    if (old !== undefined && old.until >= until) return false;
    this.#bans.set(key, { subnet, createdAt: toUnixSeconds(now), until });
    return true;
  }

  /** False if it was not banned. */
  unban(subnet: Subnet): boolean {
    return this.#bans.delete(subnetText(subnet));
  }

  clear(): void {
    this.#bans.clear();
  }

  #sweep(now: Milliseconds): void {
    for (const [key, ban] of this.#bans) if (!isRunning(ban, now)) this.#bans.delete(key);
  }
}

function isRunning(ban: Ban, now: Milliseconds): boolean {
  return toUnixSeconds(now) < ban.until;
}

function compareBans(a: Ban, b: Ban): number {
  const [x, y] = [a.subnet, b.subnet];
  return (
    BIP155_NETWORKS[x.address.network].id - BIP155_NETWORKS[y.address.network].id ||
    compareBytes(x.address.bytes, y.address.bytes) ||
    x.prefixBits - y.prefixBits
  );
}

/** The text of `banlist.json`. */
export function encodeBans(bans: readonly Ban[]): string {
  const entries = bans.map(({ subnet, createdAt, until }) => ({
    version: ENTRY_VERSION,
    ban_created: createdAt,
    banned_until: until,
    address: subnetText(subnet),
  }));
  return `${JSON.stringify({ banned_nets: entries }, undefined, 4)}\n`;
}

/** Entries of another version, or with an address that we cannot read, are dropped. Throws DecodeError. */
export function decodeBans(text: string): Ban[] {
  const entries = parseEntries(text);
  const bans: Ban[] = [];
  for (const entry of entries) {
    if (typeof entry !== 'object' || entry === null) throw new DecodeError('A ban is not an object');
    const {
      version,
      ban_created: createdAt,
      banned_until: until,
      address,
    } = entry as Record<string, unknown>;
    if (!Number.isSafeInteger(createdAt) || !Number.isSafeInteger(until) || typeof address !== 'string')
      throw new DecodeError('A ban lacks its times or its address');
    const subnet = parseSubnet(address);
    if (version !== ENTRY_VERSION || subnet === undefined) continue;
    bans.push({ subnet, createdAt: createdAt as number, until: until as number });
  }
  return bans;
}

function parseEntries(text: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new DecodeError('The ban list is not JSON');
  }
  const entries = (value as { banned_nets?: unknown } | null)?.banned_nets;
  if (!Array.isArray(entries)) throw new DecodeError('The ban list has no banned_nets');
  return entries;
}
