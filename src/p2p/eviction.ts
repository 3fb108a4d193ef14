/**
 * Whom to disconnect when an inbound connection arrives and all slots are taken (Core: src/node/eviction.cpp). Peers are
 * protected by one merit after another that an attacker cannot fake for many connections at once; of those that are left
 * the youngest connection of the netgroup with the most connections goes.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { ConnectionType, PeerId } from './events.ts';
import type { NetworkClass } from './netgroup.ts';

export interface EvictionCandidate {
  readonly id: PeerId;
  readonly type: ConnectionType;
  readonly connected: Milliseconds;
  /** Infinity while unknown. */
  readonly minPing: Milliseconds;
  /** When it last gave us a block, or a transaction, that was new to us and valid; 0 for never. */
  readonly lastBlock: Milliseconds;
  readonly lastTx: Milliseconds;
  /** It offers the services that we want of an outbound peer. */
  readonly hasRelevantServices: boolean;
  readonly relaysTxs: boolean;
  readonly hasBloomFilter: boolean;
  /** Its netgroup through a keyed hash: which groups are protected is not to be foreseen. */
  readonly keyedNetgroup: bigint;
  /** It misbehaved before. */
  readonly isDiscouraged: boolean;
  readonly isLocal: boolean;
  readonly network: NetworkClass;
  readonly isNoban: boolean;
}

type Order = (a: EvictionCandidate, b: EvictionCandidate) => number;

/** Slower and rarer networks, which would lose by every other measure. */
const DISADVANTAGED = ['cjdns', 'i2p', 'local', 'onion'] as const;
type Disadvantaged = (typeof DISADVANTAGED)[number];

/** The peer to disconnect; undefined when all are protected. */
export function selectPeerToEvict(candidates: readonly EvictionCandidate[]): PeerId | undefined {
  let left = candidates.filter(each => !each.isNoban && each.type === 'inbound');
  left = protectLast(left, byKeyedNetgroup, 4);
  left = protectLast(left, byPing, 8);
  left = protectLast(left, byTxTime, 4);
  left = protectLast(left, byBlockRelayOnlyTime, 8, each => !each.relaysTxs && each.hasRelevantServices);
  left = protectLast(left, byBlockTime, 4);
  left = protectByRatio(left);
  if (left.some(each => each.isDiscouraged)) left = left.filter(each => each.isDiscouraged);
  return youngestOfLargestGroup(left)?.id;
}

/**
 * Protects the older half of the connections; up to half of these places go to disadvantaged networks first, however young
 * they are, the smallest network first.
 */
export function protectByRatio(candidates: readonly EvictionCandidate[]): EvictionCandidate[] {
  let left = [...candidates];
  const places = Math.floor(candidates.length / 2);
  const placesByNetwork = Math.floor(places / 2);
  const networks = DISADVANTAGED.map(kind => ({ kind, count: left.filter(each => isOf(each, kind)).length }));
  networks.sort((a, b) => a.count - b.count);
  let taken = 0;
  for (let progress = true; progress && taken < placesByNetwork; ) {
    progress = false;
    const present = networks.filter(network => network.count > 0).length;
    if (present === 0) break;
    const each = Math.max(Math.floor((placesByNetwork - taken) / present), 1);
    for (const network of networks) {
      if (network.count === 0) continue;
      const before = left.length;
      left = protectLast(left, byNetworkThenAge(network.kind), each, peer => isOf(peer, network.kind));
      if (left.length === before) continue;
      progress = true;
      network.count -= before - left.length;
      taken += before - left.length;
      if (taken >= placesByNetwork) break;
    }
  }
  return protectLast(left, byAge, places - taken);
}

function isOf(candidate: EvictionCandidate, kind: Disadvantaged): boolean {
  return kind === 'local' ? candidate.isLocal : candidate.network === kind;
}

/** Sorts, and takes out of the last `count` those that `deserves`. */
function protectLast(
  candidates: EvictionCandidate[],
  order: Order,
  count: number,
  deserves: (candidate: EvictionCandidate) => boolean = () => true,
): EvictionCandidate[] {
  const sorted = [...candidates].sort(order);
  const from = sorted.length - Math.min(count, sorted.length);
  return sorted.filter((candidate, i) => i < from || !deserves(candidate));
}

/** `candidates` come youngest first. */
function youngestOfLargestGroup(candidates: readonly EvictionCandidate[]): EvictionCandidate | undefined {
  const groups = new Map<bigint, EvictionCandidate[]>();
  let largest: EvictionCandidate[] = [];
  for (const candidate of candidates) {
    const group = groups.get(candidate.keyedNetgroup) ?? [];
    groups.set(candidate.keyedNetgroup, group);
    group.push(candidate);
    const isYounger = group[0]!.connected > (largest[0]?.connected ?? 0);
    if (group.length > largest.length || (group.length === largest.length && isYounger)) largest = group;
  }
  return largest[0];
}

// Each order puts first who is to go first.

function byAge(a: EvictionCandidate, b: EvictionCandidate): number {
  return b.connected - a.connected;
}

function byKeyedNetgroup(a: EvictionCandidate, b: EvictionCandidate): number {
  return a.keyedNetgroup < b.keyedNetgroup ? -1 : a.keyedNetgroup > b.keyedNetgroup ? 1 : 0;
}

function byPing(a: EvictionCandidate, b: EvictionCandidate): number {
  return a.minPing === b.minPing ? 0 : b.minPing - a.minPing;
}

function byTxTime(a: EvictionCandidate, b: EvictionCandidate): number {
  return (
    a.lastTx - b.lastTx ||
    Number(a.relaysTxs) - Number(b.relaysTxs) ||
    Number(b.hasBloomFilter) - Number(a.hasBloomFilter) ||
    byAge(a, b)
  );
}

function byBlockTime(a: EvictionCandidate, b: EvictionCandidate): number {
  return (
    a.lastBlock - b.lastBlock || Number(a.hasRelevantServices) - Number(b.hasRelevantServices) || byAge(a, b)
  );
}

function byBlockRelayOnlyTime(a: EvictionCandidate, b: EvictionCandidate): number {
  return Number(b.relaysTxs) - Number(a.relaysTxs) || byBlockTime(a, b);
}

function byNetworkThenAge(kind: Disadvantaged): Order {
  return (a, b) => Number(isOf(a, kind)) - Number(isOf(b, kind)) || byAge(a, b);
}
