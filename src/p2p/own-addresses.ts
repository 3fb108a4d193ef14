/**
 * Where others reach us, as far as we know, and which of it is told to whom (Core: AddLocal, GetLocal and
 * GetLocalAddrForPeer in src/net.cpp, GetReachabilityFrom in src/netaddress.cpp). An address has a score: how sure we are,
 * and how many have seen us under it. Each peer is told the one that it can reach best; but an address on Tor, I2P or CJDNS
 * is told there only, and no other is told there: nobody shall learn that both are ours.
 */
import { LateMap } from '../base/late-map.ts';
import { type Random, randomBelow } from '../base/random.ts';
import { hostKey, type NetAddress } from '../wire/net-address.ts';
import { isRoutable, type NetworkClass, networkOf, type RoutingOptions } from './netgroup.ts';
import { isInbound, networkOfPeer, type Peer } from './peer.ts';

/** Where we know an address from (Core: LOCAL_IF, LOCAL_BIND, LOCAL_MANUAL). */
export const OWN_ADDRESS_SCORES = { interface: 1, bound: 2, named: 4 } as const;
export type OwnAddressKind = keyof typeof OWN_ADDRESS_SCORES;

export interface OwnAddress {
  readonly address: NetAddress;
  readonly score: number;
}

export interface OwnAddressOptions {
  /** What a peer says of our address may be told to it again (`-discover`). */
  readonly discovers: boolean;
  /** For an address that peers tell us; undefined: we do not listen. */
  readonly listenPort: number | undefined;
}

/** Networks whose addresses are told there only (Core: IsPrivacyNet, with CJDNS by its reachability). */
const PRIVACY: ReadonlySet<NetworkClass> = new Set(['onion', 'i2p']);
/** One in eight instead of one in two: many have seen us under our own address. */
const RARELY = 8;
const OFTEN = 2;

export class OwnAddresses {
  readonly #random: Random;
  readonly #routing: RoutingOptions;
  readonly #options: OwnAddressOptions;
  readonly #known = new LateMap<string, { -readonly [K in keyof OwnAddress]: OwnAddress[K] }>();

  constructor(random: Random, routing: RoutingOptions, options: OwnAddressOptions) {
    this.#random = random;
    this.#routing = routing;
    this.#options = options;
  }

  add(address: NetAddress, kind: OwnAddressKind): void {
    if (!isRoutable(address, this.#routing)) return;
    const score = OWN_ADDRESS_SCORES[kind];
    const key = hostKey(address);
    const known = this.#known.get(key);
    if (known === undefined) this.#known.set(key, { address, score });
    else if (score >= known.score) this.#known.set(key, { address, score: score + 1 });
  }

  remove(address: NetAddress): void {
    this.#known.delete(hostKey(address));
  }

  /** A peer that came to us has found us there. */
  noteSeen(address: NetAddress): void {
    const known = this.#known.get(hostKey(address));
    if (known) known.score += 1;
  }

  list(): OwnAddress[] {
    return Array.from(this.#known.values(), ({ address, score }) => ({ address, score }));
  }

  /** What the peer is told of us; undefined: nothing. */
  forPeer(peer: Peer): NetAddress | undefined {
    const own = this.#bestFor(peer);
    const { seenAs } = peer;
    const { discovers, listenPort } = this.#options;
    const isGood =
      discovers && seenAs !== undefined && this.#isRoutable(peer.address) && this.#isRoutable(seenAs);
    if (!isGood) return own?.address;
    const odds = own !== undefined && own.score > OWN_ADDRESS_SCORES.named ? RARELY : OFTEN;
    if (own !== undefined && randomBelow(this.#random, odds) !== 0) return own.address;
    if (isInbound(peer)) return seenAs;
    // A peer that we dialed cannot know on which port we listen.
    const port = own?.address.port ?? listenPort;
    return port === undefined ? undefined : { ...seenAs, port };
  }

  #bestFor(peer: Peer): OwnAddress | undefined {
    const theirs = networkOfPeer(peer, this.#routing);
    const partners = networkOf(peer.address, this.#routing);
    let best: OwnAddress | undefined;
    let bestReach = 0;
    for (const own of this.#known.values()) {
      const ours = networkOf(own.address, this.#routing);
      if (ours !== theirs && (PRIVACY.has(ours) || PRIVACY.has(theirs))) continue;
      const reach = reachability(own.address, ours, peer.address, partners);
      if (best === undefined || reach > bestReach || (reach === bestReach && own.score > best.score)) {
        best = own;
        bestReach = reach;
      }
    }
    return best;
  }

  #isRoutable(address: NetAddress): boolean {
    return isRoutable(address, this.#routing);
  }
}

const REACH = { default: 1, teredo: 2, weakIpv6: 3, ipv4: 4, strongIpv6: 5, private: 6 } as const;

/** How well somebody at `partner` reaches us at `own`. */
function reachability(
  own: NetAddress,
  ours: NetworkClass,
  partner: NetAddress,
  theirs: NetworkClass,
): number {
  const ourKind = isTeredo(own) ? 'teredo' : ours;
  const theirKind = isTeredo(partner) ? 'teredo' : theirs;
  switch (theirKind) {
    case 'ipv4':
      return ourKind === 'ipv4' ? REACH.ipv4 : REACH.default;
    case 'ipv6':
      if (ourKind === 'teredo') return REACH.teredo;
      if (ourKind === 'ipv4') return REACH.ipv4;
      return ourKind === 'ipv6' ? (isTunnelled(own) ? REACH.weakIpv6 : REACH.strongIpv6) : REACH.default;
    case 'onion':
      return ourKind === 'onion' ? REACH.private : ourKind === 'ipv4' ? REACH.ipv4 : REACH.default;
    case 'i2p':
    case 'cjdns':
      return ourKind === theirKind ? REACH.private : REACH.default;
    case 'teredo':
    case 'unroutable':
    case 'internal':
      if (ourKind === 'teredo') return REACH.teredo;
      if (ourKind === 'ipv6') return REACH.weakIpv6;
      if (ourKind === 'ipv4') return REACH.ipv4;
      return ourKind === 'onion' && theirKind !== 'teredo' ? REACH.private : REACH.default;
  }
}

/** RFC 4380. */
function isTeredo(address: NetAddress): boolean {
  return address.network === 'ipv6' && startsWith(address, [0x20, 0x01, 0, 0]);
}

/** IPv4 inside IPv6: RFC 3964, 6052, 6145. */
function isTunnelled(address: NetAddress): boolean {
  return (
    startsWith(address, [0x20, 0x02]) ||
    startsWith(address, [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0]) ||
    startsWith(address, [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0])
  );
}

function startsWith({ bytes }: NetAddress, prefix: readonly number[]): boolean {
  return prefix.every((byte, i) => bytes[i] === byte);
}
