/**
 * Which address of the book to dial (Core: the inner loop of ThreadOpenConnections in src/net.cpp). Up to a hundred are
 * drawn; what would give us a second connection into one netgroup, lacks services, was tried just now or has a port that
 * other protocols use is passed over, the last two only for so many draws.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { randomBelow } from '../base/random.ts';
import type { ChainView } from '../chain/chain-view.ts';
import { SERVICES } from '../wire/messages.ts';
import { type AddressNetwork, hostKey, type NetAddress, type TimedAddress } from '../wire/net-address.ts';
import type { Selected } from './address-book.ts';
import { BAD_PORTS } from './bad-ports.ts';
import type { P2pContext } from './concern.ts';
import { isSameAddress, isValidHost, netgroupOf, networkOf, type RoutingOptions } from './netgroup.ts';
import type { Peer, PeerTable } from './peer.ts';

const DRAWS_MAX = 100;
/** Draws for which recently tried ones, and bad ports, are passed over. */
const RECENT_DRAWS = 30;
const BAD_PORT_DRAWS = 50;
const RECENT_MS = 10 * MINUTE_MS;
/** A tip of fewer blocks behind: peers that keep the last 288 blocks only will do (Core: NODE_NETWORK_LIMITED_ALLOW_CONN_BLOCKS). */
const LIMITED_DEPTH = 144;

export interface ChoiceRules {
  readonly purpose: 'feeler' | 'connection';
  /** Groups that we have an outbound connection into. */
  readonly takenGroups: ReadonlySet<string>;
  readonly reachableNetworks: ReadonlySet<AddressNetwork>;
  readonly isOwn: (address: NetAddress) => boolean;
  readonly isAdded: (address: NetAddress) => boolean;
}

/** undefined: nobody suits now. */
export function chooseAddress(
  context: P2pContext,
  rules: ChoiceRules,
  now: Milliseconds,
): TimedAddress | undefined {
  const { addressBook, bans, options, penalties } = context;
  addressBook.resolveCollisions(now);
  const isFeeler = rules.purpose === 'feeler';
  for (let draw = 1; draw <= DRAWS_MAX; draw += 1) {
    const selected = isFeeler
      ? drawForFeeler(context, rules, now)
      : addressBook.select(now, { networks: rules.reachableNetworks });
    if (!selected) return undefined;
    const { address, lastTry } = selected;
    if (!isFeeler && rules.takenGroups.has(netgroupOf(address, options))) continue;
    // Core gives up the round at an address of its own; with few addresses, as on a private network, that is most rounds.
    if (!isValidHost(address) || rules.isOwn(address)) continue;
    if (now - lastTry * SECOND_MS < RECENT_MS && draw < RECENT_DRAWS) continue;
    const wanted = isFeeler
      ? (address.services & (SERVICES.network | SERVICES.networkLimited)) !== 0n
      : hasDesirableServices(address.services, context.chain, now);
    if (!wanted) continue;
    if (draw < BAD_PORT_DRAWS && isInternet(address) && BAD_PORTS.has(address.port)) continue;
    if (rules.isAdded(address) || isConnected(context.peers, address)) continue;
    if (penalties.isDiscouraged(address) || bans.isBanned(address, now)) continue;
    return address;
  }
  return undefined;
}

/** The next of `anchors` that suits; it and those passed over are taken out. */
export function takeAnchor(
  { chain, options }: P2pContext,
  anchors: TimedAddress[],
  rules: ChoiceRules,
  now: Milliseconds,
): TimedAddress | undefined {
  for (let anchor = anchors.pop(); anchor !== undefined; anchor = anchors.pop()) {
    if (rules.isOwn(anchor) || rules.takenGroups.has(netgroupOf(anchor, options))) continue;
    if (rules.reachableNetworks.has(anchor.network) && hasDesirableServices(anchor.services, chain, now))
      return anchor;
  }
  return undefined;
}

/** One of the peers is at this address. */
export function isConnected(peers: PeerTable, address: NetAddress): boolean {
  for (const peer of peers.values()) if (isSameAddress(peer.address, address)) return true;
  return false;
}

/** Groups of lasting connections among `outbound` ones. Anonymity networks have no groups worth the name: there each one counts. */
export function outboundGroups(
  outbound: Iterable<Peer>,
  options: RoutingOptions,
): {
  readonly taken: ReadonlySet<string>;
  readonly count: number;
} {
  const taken = new Set<string>();
  let anonymous = 0;
  for (const { address, type } of outbound) {
    if (type === 'addr-fetch' || type === 'feeler') continue;
    if (isInternet(address)) taken.add(netgroupOf(address, options));
    else anonymous += 1;
  }
  return { taken, count: taken.size + anonymous };
}

/**
 * A network that we can reach, know addresses of and have nobody of: one connection more goes there, so that whoever
 * controls one network does not control all that we see (Core: MaybePickPreferredNetwork).
 */
export function lonelyNetwork(
  { addressBook, options, random }: P2pContext,
  outbound: Iterable<Peer>,
  reachable: ReadonlySet<AddressNetwork>,
): AddressNetwork | undefined {
  const taken = new Set<string>();
  for (const { address, type } of outbound)
    if (type === 'outbound-full-relay' || type === 'manual') taken.add(networkOf(address, options));
  const lonely = [...reachable].filter(network => !taken.has(network) && addressBook.countOf(network) > 0);
  return lonely[lonely.length > 1 ? randomBelow(random, lonely.length) : 0];
}

/** First the holder of a slot in `tried` that another wants, then anybody whom we have not spoken with yet. */
function drawForFeeler(context: P2pContext, rules: ChoiceRules, now: Milliseconds): Selected | undefined {
  const { addressBook, peers } = context;
  const holder = addressBook.selectTriedCollision();
  if (holder) {
    const isConnected = [...peers.values()].some(peer => hostKey(peer.address) === hostKey(holder.address));
    if (!isConnected) return holder;
    // Being connected proves it better than a second connection could.
    addressBook.good(holder.address, now);
  }
  return addressBook.select(now, { newOnly: true, networks: rules.reachableNetworks });
}

/** Whether a peer has what we want of an outbound one (Core: HasAllDesirableServiceFlags). */
function hasDesirableServices(services: bigint, chain: ChainView, now: Milliseconds): boolean {
  const spacingMs = chain.params.powTargetSpacing * SECOND_MS;
  const tipTimeMs = chain.headers.timeOf(chain.tip()) * SECOND_MS;
  const isNearTip = Math.floor((now - tipTimeMs) / spacingMs) < LIMITED_DEPTH;
  const isLimited = (services & SERVICES.networkLimited) !== 0n;
  const wanted = (isLimited && isNearTip ? SERVICES.networkLimited : SERVICES.network) | SERVICES.witness;
  return (services & wanted) === wanted;
}

function isInternet(address: NetAddress): boolean {
  return address.network === 'ipv4' || address.network === 'ipv6';
}
