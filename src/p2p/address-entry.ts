/**
 * What the address book knows of one address, and what that makes of it (Core: AddrInfo in src/addrman.cpp). All times are
 * whole seconds, 0 for never.
 */
import type { UnixSeconds } from '../base/clock.ts';
import type { NetAddress, TimedAddress } from '../wire/net-address.ts';
import type { NetHost } from './netgroup.ts';

/** An address not seen for so long is forgotten first (Core: ADDRMAN_HORIZON). */
const HORIZON_S = 30 * 86_400;
/** Attempts without any success (Core: ADDRMAN_RETRIES). */
const RETRIES_MAX = 3;
/** Attempts in a row that failed (Core: ADDRMAN_MAX_FAILURES) while the last success is this old (ADDRMAN_MIN_FAIL). */
const FAILURES_MAX = 10;
const FAILURES_SINCE_S = 7 * 86_400;
export interface AddressEntry {
  readonly address: NetAddress;
  /** Who told us first. */
  readonly source: NetHost;
  services: bigint;
  /** When it was last seen, as far as we were told. */
  time: UnixSeconds;
  lastTry: UnixSeconds;
  lastCountedTry: UnixSeconds;
  lastSuccess: UnixSeconds;
  /** Since the last success. */
  attempts: number;
}

/** Not worth keeping when another wants its slot, nor worth telling. */
export function isTerrible(entry: AddressEntry, now: UnixSeconds): boolean {
  if (now - entry.lastTry <= 60) return false;
  if (entry.time > now + 600 || now - entry.time > HORIZON_S) return true;
  if (entry.lastSuccess === 0 && entry.attempts >= RETRIES_MAX) return true;
  return now - entry.lastSuccess > FAILURES_SINCE_S && entry.attempts >= FAILURES_MAX;
}

/** How readily it is selected, 0 to 1: hardly within ten minutes of a try, less with each failure. */
export function chanceOf(lastTry: UnixSeconds, attempts: number, now: UnixSeconds): number {
  return (now - lastTry < 600 ? 0.01 : 1) * 0.66 ** Math.min(attempts, 8);
}

/** As it was heard: addresses own their bytes (no codec gives views of a message). */
export function entryOf(heard: TimedAddress, source: NetHost, time: UnixSeconds): AddressEntry {
  return { address: heard, source, services: heard.services, time, lastTry: 0, lastCountedTry: 0, lastSuccess: 0, attempts: 0 }; // biome-ignore format: one record
}
