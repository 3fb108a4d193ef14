/**
 * To which peers an address is passed on (Core: RelayAddress in src/net_processing.cpp): the two with the highest keyed
 * hash of address, day and peer. The day begins at another time for each address. Addresses of networks that we cannot
 * reach ourselves go to one peer or two.
 */
import type { UnixSeconds } from '../base/clock.ts';
import { type SipKey, sipHash24, sipHashRank } from '../crypto/siphash.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { PeerId } from './events.ts';
import { hostBytes } from './netgroup.ts';

/** How long the targets stay (Core: ROTATE_ADDR_RELAY_DEST_INTERVAL). */
const ROTATION_S = 24n * 3_600n;

/** `key`: 128 secret bits. */
export function relayTargets(
  key: SipKey,
  address: NetAddress,
  candidates: readonly PeerId[],
  reach: 'reachable' | 'unreachable',
  now: UnixSeconds,
): PeerId[] {
  const digest = addressDigest(address);
  const words = [...halvesOf(digest), ...halvesOf((BigInt(now) + digest) / ROTATION_S)];
  const isPair = reach === 'reachable' || Math.floor(sipHashRank(key, words) / 2 ** 52) === 1;
  words.push(0, 0);
  let [first, second] = [-1, -1];
  let [firstRank, secondRank] = [-1, -1];
  for (const id of candidates) {
    words[4] = id;
    const rank = sipHashRank(key, words);
    if (rank > firstRank) {
      [second, secondRank] = [first, firstRank];
      [first, firstRank] = [id, rank];
    } else if (rank > secondRank) [second, secondRank] = [id, rank];
  }
  return [first, isPair ? second : -1].filter(id => id >= 0);
}

function halvesOf(word: bigint): [low: number, high: number] {
  return [Number(word & 0xffff_ffffn), Number((word >> 32n) & 0xffff_ffffn)];
}

/** 64 bits of host and port, the same for everybody. */
function addressDigest(address: NetAddress): bigint {
  const host = hostBytes(address);
  const bytes = new Uint8Array(host.length + 2);
  bytes.set(host);
  new DataView(bytes.buffer).setUint16(host.length, address.port);
  return sipHash24(0n, 0n, bytes);
}
