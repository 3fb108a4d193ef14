/**
 * Gossip of addresses (Core: ProcessAddrs, RelayAddress, MaybeSendAddr and the getaddr handler in src/net_processing.cpp).
 *
 * We ask each outbound peer once for addresses and answer `getaddr` of inbound peers once, so that nobody can compare
 * what we know over time. Fresh single addresses are passed on to one or two peers, the same ones for a day, so repeating
 * an address spreads it no further. Our own goes out first, in a message of its own, then about once a day. What comes in
 * is limited by a token bucket. Peers that relay blocks only, and feelers, see none of this; an inbound peer takes part
 * once it has sent anything about addresses.
 */

import { HOUR_MS, MINUTE_MS, type Milliseconds, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { randomBelow, randomExponential, shuffle } from '../base/random.ts';
import type { SipKey } from '../crypto/siphash.ts';
import { ADDR_COUNT_MAX, SERVICES } from '../wire/messages.ts';
import { type AddressNetwork, addressKey, addressText, isAddrV1Compatible, type NetAddress, type TimedAddress, withTime } from '../wire/net-address.ts'; // biome-ignore format: one list
import { relayTargets } from './address-targets.ts';
import { FilterKeys, RollingFilter } from './bloom.ts';
import type { Concern, Handlers, P2pContext } from './concern.ts';
import type { PeerId } from './events.ts';
import { isRoutable, isValidHost, networkOf } from './netgroup.ts';
import { OwnAddresses } from './own-addresses.ts';
import { isInbound, type Peer, servicesFor } from './peer.ts';
import type { PeerInfo } from './peer-info.ts';
import { PeerStates } from './peer-states.ts';
import type { PeerAlarms } from './timers.ts';

/** Mean time between two announcements of our own address (Core: AVG_LOCAL_ADDRESS_BROADCAST_INTERVAL). */
const SELF_INTERVAL_MS = 24 * HOUR_MS;
/** Mean time between two messages to a peer (Core: AVG_ADDRESS_BROADCAST_INTERVAL), and on a private network. */
const FLUSH_INTERVAL_MS = 30 * SECOND_MS;
const PRIVATE_FLUSH_INTERVAL_MS = SECOND_MS;
/** A connection for addresses only has so long to bring some (Core: SendMessages). */
const FETCH_TIMEOUT_MS = 10 * FLUSH_INTERVAL_MS;
/** Addresses that a peer may tell us a second, and how many it can save up (Core: MAX_ADDR_RATE_PER_SECOND, MAX_ADDR_PROCESSING_TOKEN_BUCKET). */
const TOKENS_PER_SECOND = 0.1;
const TOKENS_MAX = 1_000;
/** Share of the book that `getaddr` gets (Core: MAX_PCT_ADDR_TO_SEND). */
const GETADDR_PERCENT = 23;
/** How long the same answer is given: from 21 hours, and up to 6 more (Core: CConnman::GetAddresses). */
const CACHE_MIN_MS = 21 * HOUR_MS;
const CACHE_SPREAD_MS = 6 * HOUR_MS;
/** On a private network, a book below this size is told whole and fresh. */
const SMALL_BOOK_SIZE = 1_000;
/** Messages with more are answers, not news (Core: ProcessAddrs). */
const NEWS_COUNT_MAX = 10;
const NEWS_AGE_S = 10 * 60;
/** What we hear looks so much older to us (Core: ProcessAddrs). */
const PENALTY_S = 2 * 3_600;
/** Times up to this are not believed, and this is what is put instead: five days ago. */
const TIME_MIN_S = 100_000_000;
const UNBELIEVED_AGE_S = 5 * 86_400;
/** What each peer is known to know (Core: m_addr_known). */
const KNOWN = { capacity: 5_000, falsePositiveRate: 0.001 } as const;

export interface AddressRelayOptions {
  /** Where others reach us, as the user said (`-externalip`); empty: what we bind to, and what peers see. */
  readonly externalAddresses: readonly NetAddress[];
  /** What we listen on; empty: we take no connections and announce nothing. */
  readonly listenAddresses: readonly NetAddress[];
  /** Of the machine, when all of them are listened on. */
  readonly machineAddresses?: readonly NetAddress[];
  /** What peers say of our address counts (`-discover`). Absent: unless the user said what it is. */
  readonly discovers?: boolean;
  /** Networks that we can connect to: others are passed on, not kept. */
  readonly reachableNetworks: ReadonlySet<AddressNetwork>;
}

interface PeerState {
  readonly known: RollingFilter;
  /** Absent: nothing. */
  toSend: TimedAddress[] | undefined;
  /** Before it, nothing is sent. */
  nextFlush: Milliseconds;
  hasAnnounced: boolean;
  asked: boolean;
  answered: boolean;
  tokens: number;
  tokensAt: Milliseconds;
  processed: number;
  rateLimited: number;
}

export class AddressRelay implements Concern {
  readonly #context: P2pContext;
  readonly #slots: { addressesAdded(): void };
  readonly #options: AddressRelayOptions;
  readonly ownAddresses: OwnAddresses;
  readonly #states: PeerStates<PeerState>;
  /** Peers of which there is a state, in no order. */
  readonly #partners: PeerId[] = [];
  /** Set while something waits for the peer. */
  readonly #flushes: PeerAlarms;
  readonly #announcements: PeerAlarms;
  /** Of connections for addresses only. */
  readonly #timeouts: PeerAlarms;
  readonly #answers = new LateMap<
    string,
    { readonly until: Milliseconds; readonly addresses: TimedAddress[] }
  >();
  readonly #key: SipKey;
  readonly #filterKeys: FilterKeys;

  static readonly #handlers: Handlers<AddressRelay> = {
    addr: (self, peer, message, now) => self.#heard(peer, message.addresses, now),
    addrv2: (self, peer, message, now) => self.#heard(peer, message.addresses, now),
    getaddr: (self, peer, _, now) => self.#answer(peer, now),
  };

  get handlers(): Handlers<AddressRelay> {
    return AddressRelay.#handlers;
  }

  /** `slots` is told when there may be somebody new to dial. */
  constructor(context: P2pContext, slots: { addressesAdded(): void }, options: AddressRelayOptions) {
    this.#context = context;
    this.#states = new PeerStates(context, 'address-relay');
    const { outbox, timers } = context;
    this.#flushes = timers.ofPeers<Peer>((peer, now) => this.#flush(peer, this.#states.get(peer)!, now));
    this.#announcements = timers.ofPeers<Peer>((peer, now) =>
      this.#announceSelf(peer, this.#states.get(peer)!, now),
    );
    this.#timeouts = timers.ofPeers<Peer>(peer => outbox.disconnect(peer, 'addrfetch connection timeout'));
    this.#slots = slots;
    this.#options = options;
    const { random } = context;
    this.#filterKeys = new FilterKeys(random);
    this.#key = [random.u32(), random.u32(), random.u32(), random.u32()];
    const { externalAddresses, listenAddresses } = options;
    const discovers = options.discovers ?? externalAddresses.length === 0;
    this.ownAddresses = new OwnAddresses(random, context.options, {
      discovers,
      listenPort: listenAddresses[0]?.port,
    });
    for (const address of externalAddresses) this.ownAddresses.add(address, 'named');
    if (!discovers) return;
    for (const address of listenAddresses) this.ownAddresses.add(address, 'bound');
    for (const address of options.machineAddresses ?? []) this.ownAddresses.add(address, 'interface');
  }

  onVersion(peer: Peer, now: Milliseconds): void {
    if (isInbound(peer) && peer.seenAs) this.ownAddresses.noteSeen(peer.seenAs);
    if (isInbound(peer) || !takesPart(peer)) return;
    const state = this.#enable(peer, now);
    this.#context.outbox.send(peer, { command: 'getaddr' });
    state.asked = true;
    // The answer may be as long as it likes.
    state.tokens += ADDR_COUNT_MAX;
  }

  onHandshakeDone(peer: Peer, now: Milliseconds): void {
    const state = this.#states.get(peer);
    if (!state) return;
    this.#announceSelf(peer, state, now);
    if (peer.type === 'addr-fetch') this.#timeouts.set(peer, peer.connectedAt + FETCH_TIMEOUT_MS);
  }

  onDisconnected(peer: Peer): void {
    this.#flushes.clear(peer);
    this.#announcements.clear(peer);
    this.#timeouts.clear(peer);
    this.#states.delete(peer);
    const at = this.#partners.indexOf(peer.id);
    if (at < 0) return;
    const last = this.#partners.pop()!;
    if (last !== peer.id) this.#partners[at] = last;
  }

  /** The end of the initial sync is when we are worth being known. */
  onChain(notice: { readonly kind: string }, now: Milliseconds): void {
    if (notice.kind !== 'tipChanged') return;
    this.#states.forEach((state, peer) => {
      if (!state.hasAnnounced && peer.phase === 'ready') this.#announceSelf(peer, state, now);
    });
  }

  describe(peer: Peer): Partial<PeerInfo> {
    const state = this.#states.get(peer);
    if (!state) return { relaysAddresses: false };
    return {
      relaysAddresses: true,
      addressesProcessed: state.processed,
      addressesRateLimited: state.rateLimited,
    };
  }

  /** From its first word about addresses on, an inbound peer takes part. */
  #enable(peer: Peer, now: Milliseconds): PeerState {
    const known = this.#states.get(peer);
    if (known) return known;
    const state: PeerState = {
      known: new RollingFilter(this.#filterKeys, KNOWN),
      toSend: undefined,
      nextFlush: now,
      hasAnnounced: false,
      asked: false,
      answered: false,
      tokens: 1,
      tokensAt: now,
      processed: 0,
      rateLimited: 0,
    };
    this.#states.set(peer, state);
    this.#partners.push(peer.id);
    if (peer.phase === 'ready') this.#announceSelf(peer, state, now);
    return state;
  }

  #heard(peer: Peer, addresses: readonly (TimedAddress | undefined)[], now: Milliseconds): void {
    if (!takesPart(peer)) return;
    const state = this.#enable(peer, now);
    this.#refill(state, now);
    const isNews = !state.asked && addresses.length <= NEWS_COUNT_MAX;
    const kept: TimedAddress[] = [];
    for (const heard of shuffle(this.#context.random, [...addresses])) {
      if (state.tokens >= 1) state.tokens -= 1;
      else if (!peer.permissions.has('addr')) {
        state.rateLimited += 1;
        continue;
      }
      // Of an unknown network: it costs a token, and that is all (BIP155).
      if (heard === undefined || !isFullNode(heard.services)) continue;
      const address = believable(heard, now);
      const key = addressKey(address);
      state.known.add(key);
      if (this.#isRefused(address, now)) continue;
      state.processed += 1;
      if (isNews && address.time > toUnixSeconds(now) - NEWS_AGE_S) this.#relay(peer, address, key, now);
      if (this.#isReachable(address)) kept.push(address);
    }
    if (this.#context.addressBook.add(kept, peer.address, now, PENALTY_S) > 0) this.#slots.addressesAdded();
    if (addresses.length < ADDR_COUNT_MAX) state.asked = false;
    // One address may be its own announcement; more are what we came for.
    if (peer.type === 'addr-fetch' && addresses.length > 1)
      this.#context.outbox.disconnect(peer, 'addrfetch connection completed');
  }

  #refill(state: PeerState, now: Milliseconds): void {
    if (state.tokens < TOKENS_MAX) {
      const earned = (Math.max(now - state.tokensAt, 0) / SECOND_MS) * TOKENS_PER_SECOND;
      state.tokens = Math.min(state.tokens + earned, TOKENS_MAX);
    }
    state.tokensAt = now;
  }

  #isRefused(address: NetAddress, now: Milliseconds): boolean {
    const { bans, penalties } = this.#context;
    return penalties.isDiscouraged(address) || bans.isBanned(address, now);
  }

  #isReachable(address: NetAddress): boolean {
    const network = networkOf(address, this.#context.options);
    return network !== 'unroutable' && network !== 'internal' && this.#options.reachableNetworks.has(network);
  }

  #relay(from: Peer, address: TimedAddress, key: string, now: Milliseconds): void {
    if (!isRoutable(address, this.#context.options)) return;
    const suits = (id: PeerId) => {
      const peer = this.#context.peers.get(id)!;
      return peer !== from && peer.phase === 'ready' && understands(peer, address);
    };
    const reach = this.#isReachable(address) ? 'reachable' : 'unreachable';
    for (const id of relayTargets(this.#key, address, this.#partners, reach, toUnixSeconds(now), suits))
      this.#pushTo(id, address, key, now);
  }

  #answer(peer: Peer, now: Milliseconds): void {
    // An outbound peer that asks wants to learn which addresses we kept from it.
    if (!isInbound(peer)) return;
    const state = this.#enable(peer, now);
    if (state.answered) {
      this.#context.log.debug('net', () => `Ignoring repeated "getaddr". peer=${peer.id}`);
      return;
    }
    state.answered = true;
    state.toSend = undefined;
    for (const address of this.#answerFor(peer, now))
      this.#push(peer, state, address, addressKey(address), now);
  }

  #answerFor(peer: Peer, now: Milliseconds): readonly TimedAddress[] {
    if (this.#context.options.privateNetwork && this.#context.addressBook.size < SMALL_BOOK_SIZE)
      return this.#choose(now, 0);
    if (peer.permissions.has('addr')) return this.#choose(now, GETADDR_PERCENT);
    // One answer for all who come to the same address of ours over the same network.
    const key = `${networkOf(peer.address, this.#context.options)} ${addressKey(peer.localAddress)}`;
    let answer = this.#answers.get(key);
    if (!answer || answer.until < now) {
      const until = now + CACHE_MIN_MS + randomBelow(this.#context.random, CACHE_SPREAD_MS);
      answer = { until, addresses: this.#choose(now, GETADDR_PERCENT) };
      this.#answers.set(key, answer);
    }
    return answer.addresses;
  }

  #choose(now: Milliseconds, percent: number): TimedAddress[] {
    const chosen = this.#context.addressBook.addresses(now, { max: ADDR_COUNT_MAX, percent });
    return chosen.filter(address => !this.#isRefused(address, now));
  }

  #pushTo(id: PeerId, address: TimedAddress, key: string, now: Milliseconds): void {
    const peer = this.#context.peers.get(id)!;
    this.#push(peer, this.#states.get(peer)!, address, key, now);
  }

  /** `key`: the address's. */
  #push(peer: Peer, state: PeerState, address: TimedAddress, key: string, now: Milliseconds): void {
    if (!isValidHost(address) || !understands(peer, address)) return;
    if (state.known.has(key)) return;
    state.toSend ??= [];
    if (state.toSend.length < ADDR_COUNT_MAX) state.toSend.push(address);
    else state.toSend[randomBelow(this.#context.random, state.toSend.length)] = address;
    if (this.#flushes.at(peer) !== undefined) return;
    // The peer's Poisson clock has run on unseen: a draw from now is as good as the rest of its last interval.
    if (state.nextFlush < now) state.nextFlush = this.#nextFlush(now);
    this.#flushes.set(peer, state.nextFlush);
  }

  #nextFlush(now: Milliseconds): Milliseconds {
    const mean = this.#context.options.privateNetwork ? PRIVATE_FLUSH_INTERVAL_MS : FLUSH_INTERVAL_MS;
    return now + randomExponential(this.#context.random, mean);
  }

  #flush(peer: Peer, state: PeerState, now: Milliseconds): void {
    state.nextFlush = this.#nextFlush(now);
    this.#flushes.clear(peer);
    const addresses: TimedAddress[] = [];
    for (const address of state.toSend ?? []) {
      const key = addressKey(address);
      // It may wait twice: two peers have told us of it.
      if (state.known.has(key)) continue;
      state.known.add(key);
      addresses.push(address);
    }
    state.toSend = undefined;
    this.#send(peer, addresses);
  }

  #send(peer: Peer, addresses: TimedAddress[]): void {
    if (addresses.length === 0) return;
    this.#context.outbox.send(peer, { command: peer.sendAddrV2 ? 'addrv2' : 'addr', addresses });
  }

  #announceSelf(peer: Peer, state: PeerState, now: Milliseconds): void {
    const { chain, options, random } = this.#context;
    if (this.#options.listenAddresses.length === 0) return;
    if (!options.privateNetwork && chain.isInitialBlockDownload(now)) return;
    const own = this.ownAddresses.forPeer(peer);
    if (own && understands(peer, own)) {
      const address = withTime(own, toUnixSeconds(now), servicesFor(peer, options));
      this.#context.log.debug('net', () => `Advertising address ${addressText(own)} to peer=${peer.id}`);
      if (state.hasAnnounced) {
        state.known.reset();
        const isAlone = this.#flushes.at(peer) === undefined;
        this.#push(peer, state, address, addressKey(address), now);
        // What waits is waited for; alone it goes, for its own time is random enough.
        if (isAlone) this.#flush(peer, state, now);
      } else this.#send(peer, [address]);
    }
    state.hasAnnounced = true;
    this.#announcements.set(peer, now + randomExponential(random, SELF_INTERVAL_MS));
  }
}

/** Peers whose link is to stay unknown, or that are gone at once, hear and tell nothing (Core: SetupAddressRelay). */
function takesPart(peer: Peer): boolean {
  return peer.type !== 'block-relay-only' && peer.type !== 'feeler';
}

function understands(peer: Peer, address: NetAddress): boolean {
  return peer.sendAddrV2 || isAddrV1Compatible(address);
}

/** Only full nodes know addresses worth having (Core: MayHaveUsefulAddressDB). */
function isFullNode(services: bigint): boolean {
  return (services & (SERVICES.network | SERVICES.networkLimited)) !== 0n;
}

function believable(address: TimedAddress, now: Milliseconds): TimedAddress {
  const seconds = toUnixSeconds(now);
  if (address.time > TIME_MIN_S && address.time <= seconds + (10 * MINUTE_MS) / SECOND_MS) return address;
  return withTime(address, seconds - UNBELIEVED_AGE_S, address.services);
}
