/**
 * To which peers an address is passed on (Core: RelayAddress in src/net_processing.cpp): the two with the highest keyed
 * hash of address, day and peer. The day begins at another time for each address. Addresses of networks that we cannot
 * reach ourselves go to one peer or two.
 */
import type { UnixSeconds } from '../base/clock.ts';
import { type SipKey, SipRanks, sipHashHalves, sipHashRank } from '../crypto/siphash.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { PeerId } from './events.ts';
import { hostBytes } from './netgroup.ts';

/** How long the targets stay (Core: ROTATE_ADDR_RELAY_DEST_INTERVAL). */
const ROTATION_S = 24 * 3_600;
const TWO_32 = 0x1_0000_0000;
/** What addresses are hashed with: nothing that is secret. */
const NO_KEY: SipKey = [0, 0, 0, 0];

/** `key`: 128 secret bits. `suits`: asked only of those that come first by their hashes. */
export function relayTargets(
  key: SipKey,
  address: NetAddress,
  candidates: readonly PeerId[],
  reach: 'reachable' | 'unreachable',
  now: UnixSeconds,
  suits: (id: PeerId) => boolean = () => true,
): PeerId[] {
  const words = addressWords(address, now);
  const isPair = reach === 'reachable' || Math.floor(sipHashRank(key, words) / 2 ** 52) === 1;
  const ranks = new SipRanks(key, words);
  let first = -1;
  let second = -1;
  let firstRank = -1;
  let secondRank = -1;
  for (const id of candidates) {
    const rank = ranks.rankOf(id, 0);
    if (rank <= secondRank || !suits(id)) continue;
    if (rank > firstRank) {
      second = first;
      secondRank = firstRank;
      first = id;
      firstRank = rank;
    } else {
      second = id;
      secondRank = rank;
    }
  }
  if (first < 0) return [];
  return isPair && second >= 0 ? [first, second] : [first];
}

/** 64 bits of host and port, the same for everybody, and the number of its day, each in halves, low first. */
function addressWords(address: NetAddress, now: UnixSeconds): number[] {
  const host = hostBytes(address);
  const bytes = new Uint8Array(host.length + 2);
  bytes.set(host);
  bytes[host.length] = address.port >>> 8;
  bytes[host.length + 1] = address.port;
  const [low, high] = sipHashHalves(NO_KEY, bytes);
  const sumLow = low + now;
  const sumHigh = high + (sumLow >= TWO_32 ? 1 : 0);
  const rest = (sumHigh % ROTATION_S) * TWO_32 + (sumLow % TWO_32);
  return [low, high, Math.floor(rest / ROTATION_S), Math.floor(sumHigh / ROTATION_S)];
}
