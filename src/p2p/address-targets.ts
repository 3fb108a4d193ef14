/**
 * To which peers an address is passed on (Core: RelayAddress in src/net_processing.cpp): the two with the highest keyed
 * hash of address, day and peer. The day begins at another time for each address. Addresses of networks that we cannot
 * reach ourselves go to one peer or two.
 */
import type { UnixSeconds } from '../base/clock.ts';
import { sipHash24 } from '../crypto/siphash.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { PeerId } from './events.ts';
import { hostBytes } from './netgroup.ts';

/** How long the targets stay (Core: ROTATE_ADDR_RELAY_DEST_INTERVAL). */
const ROTATION_S = 24n * 3_600n;

export function relayTargets(
  key: readonly [bigint, bigint],
  address: NetAddress,
  candidates: readonly PeerId[],
  reach: 'reachable' | 'unreachable',
  now: UnixSeconds,
): PeerId[] {
  const digest = addressDigest(address);
  const day = (BigInt(now) + digest) / ROTATION_S;
  const isPair = reach === 'reachable' || (hashWords(key, [digest, day]) & 1n) === 1n;
  const scored = candidates.map(id => ({ id, score: hashWords(key, [digest, day, BigInt(id)]) }));
  scored.sort((a, b) => (a.score > b.score ? -1 : a.score < b.score ? 1 : a.id - b.id));
  return scored.slice(0, isPair ? 2 : 1).map(({ id }) => id);
}

/** 64 bits of host and port, the same for everybody. */
function addressDigest(address: NetAddress): bigint {
  const host = hostBytes(address);
  const bytes = new Uint8Array(host.length + 2);
  bytes.set(host);
  new DataView(bytes.buffer).setUint16(host.length, address.port);
  return sipHash24(0n, 0n, bytes);
}

function hashWords(key: readonly [bigint, bigint], words: readonly bigint[]): bigint {
  const view = new DataView(new ArrayBuffer(8 * words.length));
  words.forEach((word, i) => {
    view.setBigUint64(8 * i, word, true);
  });
  return sipHash24(key[0], key[1], new Uint8Array(view.buffer));
}
