/**
 * Whom to connect to, and when (Core: ThreadOpenConnections in src/net.cpp). In this order: block-relay-only connections
 * to the anchors of last time, eight full-relay connections, two block-relay-only ones, one more full-relay when the tip
 * is stale, now and then one more block-relay-only, and feelers, which only test an address. One dial at a time, half a
 * second apart; when nobody suits, the pause grows until something changes.
 *
 * What became of a dial goes into the address book; when it was last tried is noted as the dial begins.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { randomBelow, randomExponential } from '../base/random.ts';
import { SERVICES } from '../wire/messages.ts';
import { type AddressNetwork, addressKey, type NetAddress, type TimedAddress } from '../wire/net-address.ts';
import { type AddedNode, AddedNodes } from './added-nodes.ts';
import type { Concern, P2pContext } from './concern.ts';
import { chooseAddress, hasDesirableServices, lonelyNetwork, outboundGroups } from './dial-choice.ts';
import { type Dial, Dialer, type DialTransport } from './dialer.ts';
import type { DialTarget, PeerId } from './events.ts';
import { netgroupOf, networkOf } from './netgroup.ts';
import type { OutboundSlots } from './outbound-slots.ts';
import type { Peer } from './peer.ts';
import { FLOOD, type RelayStrategyOptions } from './relay-strategy.ts';
import { Seeding, type SeedingOptions } from './seeding.ts';
import type { Alarm } from './timers.ts';

/** Core: MAX_OUTBOUND_FULL_RELAY_CONNECTIONS, MAX_BLOCK_RELAY_ONLY_CONNECTIONS, MAX_FEELER_CONNECTIONS. */
const FULL_RELAY_MAX = 8;
/** Besides them, with the relay strategy `reconcile`. */
const RECONCILING_MAX = 4;
const BLOCK_RELAY_MAX = 2;
const FEELERS_MAX = 1;
/** Mean times (Core: FEELER_INTERVAL, EXTRA_BLOCK_RELAY_ONLY_PEER_INTERVAL), and noise before a feeler (FEELER_SLEEP_WINDOW). */
const FEELER_INTERVAL_MS = 2 * MINUTE_MS;
const EXTRA_BLOCK_RELAY_INTERVAL_MS = 5 * MINUTE_MS;
/** How often a network is sought that we have nobody of (Core: EXTRA_NETWORK_PEER_INTERVAL). */
const EXTRA_NETWORK_INTERVAL_MS = 5 * MINUTE_MS;
const FEELER_NOISE_MS = SECOND_MS;
const PACE_MS = 500;
const PRIVATE_PACE_MS = 50;
/** Tried so recently, an address is dialed again only for want of others. */
const RECENT_S = 10 * 60;
/** The pause when nobody suited, at most, and on a private network. */
const FRUITLESS_PAUSE_MAX_MS = 30 * SECOND_MS;
const PRIVATE_FRUITLESS_PAUSE_MAX_MS = 2 * SECOND_MS;
/** Block-relay-only peers that are dialed first after a restart (Core: MAX_BLOCK_RELAY_ONLY_ANCHORS). */
const ANCHORS_MAX = 2;
/** How often the address book is saved (Core: DUMP_PEERS_INTERVAL). */
const SAVE_INTERVAL_MS = 15 * MINUTE_MS;

export interface SlotsOptions extends SeedingOptions {
  /** `-maxconnections`: of all kinds but those that the user named. */
  readonly maxConnections: number;
  /** `connect`: only these are dialed, nobody from the book and no seeds; an empty list dials nobody. */
  readonly dialing:
    | { readonly kind: 'book' }
    | { readonly kind: 'connect'; readonly targets: readonly DialTarget[] };
  readonly addNodes: readonly DialTarget[];
  /** As `anchors()` told at the last clean stop. */
  readonly anchors: readonly TimedAddress[];
  /** Where others reach us: never dialed. */
  readonly ownAddresses: readonly NetAddress[];
  readonly networkActive: boolean;
}

/** How many connections of each kind a node with `maxConnections` has. */
export function slotCounts(
  maxConnections: number,
  strategy: RelayStrategyOptions = FLOOD,
): {
  fullRelay: number;
  blockRelay: number;
  inbound: number;
} {
  const wanted = FULL_RELAY_MAX + (strategy.kind === 'reconcile' ? RECONCILING_MAX : 0);
  const fullRelay = Math.min(wanted, maxConnections);
  const blockRelay = Math.min(BLOCK_RELAY_MAX, maxConnections - fullRelay);
  return {
    fullRelay,
    blockRelay,
    inbound: Math.max(0, maxConnections - fullRelay - blockRelay - FEELERS_MAX),
  };
}

type AutomaticType = 'outbound-full-relay' | 'block-relay-only' | 'feeler';

export class Slots implements Concern, OutboundSlots {
  readonly #context: P2pContext;
  readonly #options: SlotsOptions;
  readonly #counts: { readonly fullRelay: number; readonly blockRelay: number };
  readonly #dialer: Dialer;
  readonly #added: AddedNodes;
  readonly #connectTo: AddedNodes | undefined;
  readonly #seeding: Seeding;
  readonly #anchors: TimedAddress[];
  readonly #next: Alarm;
  readonly #save: Alarm;
  /** How outbound peers were dialed, as long as it may have to be done again. */
  readonly #dials = new Map<PeerId, Dial>();
  /** Outbound peers whose handshake was done. */
  readonly #met = new Set<PeerId>();
  #isStarted = false;
  #isActive: boolean;
  /** Something changed: at the end of the event, the next dial is set to come soon. */
  #isWoken = true;
  #fruitlessRounds = 0;
  /** The open dial is of an address that was tried a short while ago. */
  #isRetry = false;
  #wantsExtraFullRelay = false;
  #makesExtraBlockRelay = false;
  #feelerAt: Milliseconds = 0;
  #extraBlockRelayAt: Milliseconds = 0;
  #extraNetworkAt: Milliseconds = 0;

  constructor(context: P2pContext, options: SlotsOptions) {
    this.#context = context;
    this.#options = options;
    this.#counts = slotCounts(options.maxConnections, context.options.relayStrategy);
    this.#isActive = options.networkActive;
    this.#anchors = options.anchors.slice(0, ANCHORS_MAX);
    this.#dialer = new Dialer(context);
    this.#added = new AddedNodes(context, this.#dialer, 'added', options.addNodes);
    if (options.dialing.kind === 'connect')
      this.#connectTo = new AddedNodes(context, this.#dialer, 'connect', options.dialing.targets);
    this.#seeding = new Seeding(context, options, {
      fullRelayCount: () => this.#count('outbound-full-relay', 'ready'),
      hasAddedNodes: () => this.#added.size > 0,
      onAddresses: () => this.addressesAdded(),
      fetchFrom: target => this.#fetchFrom(target),
    });
    this.#next = context.timers.alarm(now => this.#dialNext(now));
    this.#save = context.timers.scheduled(now => this.#saveAddresses(now));
  }

  get isNetworkActive(): boolean {
    return this.#isActive;
  }

  get dialsFromAddressBook(): boolean {
    return this.#connectTo === undefined;
  }

  get wantsExtraFullRelay(): boolean {
    return this.#wantsExtraFullRelay;
  }

  setExtraFullRelay(wanted: boolean): void {
    this.#wantsExtraFullRelay = wanted;
    if (wanted) this.#wake();
  }

  startExtraBlockRelay(): void {
    this.#makesExtraBlockRelay = true;
    this.#wake();
  }

  extraFullRelayCount(): number {
    return Math.max(0, this.#count('outbound-full-relay', 'ready') - this.#counts.fullRelay);
  }

  extraBlockRelayCount(): number {
    return Math.max(0, this.#count('block-relay-only', 'ready') - this.#counts.blockRelay);
  }

  hasOtherOnNetwork(peer: Peer): boolean {
    const network = networkOf(peer.address, this.#context.options);
    for (const other of this.#context.peers.values()) {
      const counts = other.type === 'outbound-full-relay' || other.type === 'manual';
      if (counts && other.id !== peer.id && networkOf(other.address, this.#context.options) === network)
        return true;
    }
    return false;
  }

  /** The book may hold somebody new to dial. */
  addressesAdded(): void {
    this.#wake();
  }

  /** `addnode add`; false when it is in the list. */
  addNode(target: DialTarget, now: Milliseconds, transport?: DialTransport): boolean {
    return this.#added.add(target, now, transport);
  }

  /** `addnode remove`; false when it is not in the list. */
  removeNode(target: DialTarget): boolean {
    return this.#added.remove(target);
  }

  addedNodes(): AddedNode[] {
    return this.#added.list();
  }

  /** `addnode onetry` and `addconnection`: one dial, whatever the slots say. */
  dialOnce(target: DialTarget, type: Dial['type'], transport?: DialTransport): Dial {
    return this.#dialer.dial(target, type, transport);
  }

  /** One dial for private broadcast, beside all places; returns its number. */
  dialPrivately(address: NetAddress, services: bigint, throughTor: boolean): number {
    const transport = (services & SERVICES.v2Transport) === 0n ? 'v1' : undefined;
    const target: DialTarget = { kind: 'address', address };
    return this.#dialer.dial(target, 'private-broadcast', transport, throughTor ? { throughTor } : {})
      .attempt;
  }

  /** There is nothing to be dialed: it is us, or we are there. */
  isOwnOrConnected(address: NetAddress): boolean {
    if (this.#isOwn(address) || this.#dialer.isDialing({ kind: 'address', address })) return true;
    const key = addressKey(address);
    const { peers, privatePeers } = this.#context;
    return [...peers.values(), ...privatePeers.values()].some(peer => addressKey(peer.address) === key);
  }

  /** `setnetworkactive`: when off, all connections end and none is made. */
  setNetworkActive(isActive: boolean, now: Milliseconds): void {
    if (this.#isActive === isActive) return;
    this.#isActive = isActive;
    this.#seeding.setActive(isActive);
    this.#added.setActive(isActive, now);
    this.#connectTo?.setActive(isActive, now);
    const { outbox, peers, privatePeers } = this.#context;
    if (isActive) this.#wake();
    else
      for (const peer of [...peers.values(), ...privatePeers.values()])
        outbox.disconnect(peer, 'network activity was switched off');
  }

  /** To be dialed first next time: kept at a clean stop. */
  anchors(): TimedAddress[] {
    const peers = [...this.#context.peers.values()].filter(peer => peer.type === 'block-relay-only');
    return peers.slice(0, ANCHORS_MAX).map(peer => ({ ...peer.address, services: peer.services, time: 0 }));
  }

  onConnected(peer: Peer): void {
    if (!this.#isActive) this.#context.outbox.disconnect(peer, 'network activity is switched off');
    const dial = peer.attempt === undefined ? undefined : this.#dialer.end(peer.attempt);
    if (!dial) return;
    if (dial.transport === 'v2') this.#dials.set(peer.id, dial);
    this.#fruitlessRounds = 0;
    this.#added.onConnected(dial.target, peer);
    this.#connectTo?.onConnected(dial.target, peer);
    this.#wake();
  }

  onConnectFailed(attempt: number): void {
    const dial = this.#dialer.end(attempt);
    if (!dial) return;
    if (isAutomatic(dial.type) && this.#isRetry) {
      this.#fruitlessRounds += 1;
      this.#isWoken = true;
    } else this.#wake();
  }

  onVersion(peer: Peer, now: Milliseconds): void {
    if (peer.type !== 'inbound' && peer.type !== 'private-broadcast')
      this.#context.addressBook.good(peer.address, now);
  }

  onHandshakeDone(peer: Peer): void {
    if (peer.type !== 'inbound' && peer.type !== 'private-broadcast') this.#met.add(peer.id);
  }

  onDisconnected(peer: Peer, now: Milliseconds): void {
    // Of block-relay-only peers, nothing in the book may tell that we were connected.
    if (this.#met.delete(peer.id) && peer.type !== 'block-relay-only')
      this.#context.addressBook.connected(peer.address, now);
    this.#added.onDisconnected(peer, now);
    this.#connectTo?.onDisconnected(peer, now);
    this.#retryV1(peer);
    if (peer.type !== 'inbound') this.#wake();
  }

  /** A peer that knows v1 only hangs up on our key: it gets one more chance (Core: m_reconnections). */
  #retryV1(peer: Peer): void {
    const dial = this.#dials.get(peer.id);
    this.#dials.delete(peer.id);
    if (dial === undefined || !peer.shouldRetryV1 || !this.#isActive) return;
    this.#context.log.debug('net', () => `retrying with v1 transport protocol for peer=${peer.id}`);
    this.#dialer.dial(dial.target, dial.type, 'v1', dial);
  }

  onNamesResolved(host: string, addresses: readonly NetAddress[], now: Milliseconds): void {
    this.#seeding.onNamesResolved(host, addresses, now);
  }

  onSettled(now: Milliseconds): void {
    if (!this.#isStarted) this.#start(now);
    if (!this.#isWoken) return;
    this.#isWoken = false;
    this.#setNext(now, this.#pause());
  }

  #start(now: Milliseconds): void {
    this.#isStarted = true;
    const { random } = this.#context;
    this.#feelerAt = now + randomExponential(random, FEELER_INTERVAL_MS);
    this.#extraBlockRelayAt = now + randomExponential(random, EXTRA_BLOCK_RELAY_INTERVAL_MS);
    this.#extraNetworkAt = now + EXTRA_NETWORK_INTERVAL_MS;
    this.#save.set(now + SAVE_INTERVAL_MS);
    this.#seeding.setActive(this.#isActive);
    if (this.dialsFromAddressBook) this.#seeding.start(now);
    if (!this.#isActive) return;
    this.#added.setActive(true, now);
    this.#connectTo?.setActive(true, now);
  }

  #saveAddresses(now: Milliseconds): void {
    this.#context.outbox.emit({ kind: 'saveAddresses' });
    this.#save.set(now + SAVE_INTERVAL_MS);
  }

  #wake(): void {
    this.#isWoken = true;
    this.#fruitlessRounds = 0;
  }

  #pace(): Milliseconds {
    return this.#context.options.privateNetwork ? PRIVATE_PACE_MS : PACE_MS;
  }

  /** Longer and longer as long as nothing comes of it. */
  #pause(): Milliseconds {
    const { privateNetwork } = this.#context.options;
    const max = privateNetwork ? PRIVATE_FRUITLESS_PAUSE_MAX_MS : FRUITLESS_PAUSE_MAX_MS;
    return Math.min(this.#pace() * 2 ** this.#fruitlessRounds, max);
  }

  /** The earlier of the two counts, so that a stream of events cannot put it off for ever. */
  #setNext(now: Milliseconds, pause: Milliseconds): void {
    const at = now + pause;
    if (this.#next.at === undefined || this.#next.at > at || this.#next.at <= now) this.#next.set(at);
  }

  #fetchFrom(target: DialTarget): void {
    if (!this.#isActive || this.#isFull() || this.#dialer.isDialing(target)) return;
    this.#dialer.dial(target, 'addr-fetch');
  }

  /** All outbound connections that the user did not name, the short-lived ones with them (Core: semOutbound). */
  #isFull(): boolean {
    const { fullRelay, blockRelay } = this.#counts;
    const max = Math.min(fullRelay + blockRelay + FEELERS_MAX, this.#options.maxConnections);
    let taken = this.#dialer.count(({ type }) => takesPlace(type));
    for (const peer of this.#context.peers.values()) if (takesPlace(peer.type)) taken += 1;
    return taken >= max;
  }

  #count(type: Peer['type'], phase: 'any' | 'ready'): number {
    let count = 0;
    for (const peer of this.#context.peers.values())
      if (peer.type === type && (phase === 'any' || peer.phase === phase)) count += 1;
    return count;
  }

  #dialNext(now: Milliseconds): void {
    if (!this.#isActive || !this.dialsFromAddressBook) return;
    // The end of the open dial, or of a connection, brings us back.
    if (this.#dialer.count(dial => isAutomatic(dial.type)) > 0 || this.#isFull()) return;
    const regular = this.#wantedType(now);
    const lonely = regular === undefined ? this.#lonelyNetwork(now) : undefined;
    const type = regular ?? (lonely && 'outbound-full-relay');
    if (type === undefined) {
      const extra = this.#makesExtraBlockRelay ? this.#extraBlockRelayAt : Infinity;
      const next = Math.min(this.#feelerAt, extra, this.#extraNetworkAt);
      this.#setNext(now, Math.max(this.#pace(), next - now));
      return;
    }
    const groups = outboundGroups(this.#context);
    const anchor = type === 'block-relay-only' ? this.#takeAnchor(groups.taken, now) : undefined;
    const networks = lonely ? new Set([lonely]) : this.#options.reachableNetworks;
    const address = anchor ?? this.#choose(type, { takenGroups: groups.taken, networks }, now);
    if (address === undefined) {
      this.#fruitlessRounds += 1;
      this.#setNext(now, this.#pause());
      return;
    }
    // While offline every dial fails, and that says nothing of the addresses.
    const countFailure = groups.count >= Math.min(this.#options.maxConnections - 1, 2);
    const lastTry = this.#context.addressBook.find(address)?.lastTry ?? 0;
    this.#isRetry = toUnixSeconds(now) - lastTry < RECENT_S;
    this.#context.addressBook.attempt(address, now, { countFailure });
    const { network, bytes, port } = address;
    const knowsV2 = ((address.services ?? 0n) & SERVICES.v2Transport) !== 0n;
    const transport = knowsV2 ? undefined : 'v1';
    this.#dialer.dial({ kind: 'address', address: { network, bytes, port } }, type, transport);
  }

  #wantedType(now: Milliseconds): AutomaticType | undefined {
    const { random } = this.#context;
    const blockRelayIsShort = this.#count('block-relay-only', 'any') < this.#counts.blockRelay;
    if (this.#anchors.length > 0 && blockRelayIsShort) return 'block-relay-only';
    if (this.#count('outbound-full-relay', 'any') < this.#counts.fullRelay) return 'outbound-full-relay';
    if (blockRelayIsShort) return 'block-relay-only';
    if (this.#wantsExtraFullRelay) return 'outbound-full-relay';
    if (now >= this.#extraBlockRelayAt && this.#makesExtraBlockRelay) {
      this.#extraBlockRelayAt = now + randomExponential(random, EXTRA_BLOCK_RELAY_INTERVAL_MS);
      return 'block-relay-only';
    }
    if (now >= this.#feelerAt) {
      const noise = randomBelow(random, FEELER_NOISE_MS);
      this.#feelerAt = now + randomExponential(random, FEELER_INTERVAL_MS) + noise;
      return 'feeler';
    }
    return undefined;
  }

  /** When it is time to look; with so few slots that the usual ones are not all there, it would only be evicted. */
  #lonelyNetwork(now: Milliseconds): AddressNetwork | undefined {
    if (now < this.#extraNetworkAt || this.#counts.fullRelay < FULL_RELAY_MAX) return undefined;
    const network = lonelyNetwork(this.#context, this.#options.reachableNetworks);
    const { random } = this.#context;
    this.#extraNetworkAt =
      now +
      (network === undefined
        ? EXTRA_NETWORK_INTERVAL_MS
        : randomExponential(random, EXTRA_NETWORK_INTERVAL_MS));
    return network;
  }

  #choose(
    type: AutomaticType,
    where: { readonly takenGroups: ReadonlySet<string>; readonly networks: ReadonlySet<AddressNetwork> },
    now: Milliseconds,
  ): TimedAddress | undefined {
    return chooseAddress(
      this.#context,
      {
        purpose: type === 'feeler' ? 'feeler' : 'connection',
        takenGroups: where.takenGroups,
        reachableNetworks: where.networks,
        isOwn: address => this.#isOwn(address),
        isAdded: address => this.#added.contains(address),
      },
      now,
    );
  }

  #takeAnchor(takenGroups: ReadonlySet<string>, now: Milliseconds): TimedAddress | undefined {
    const { chain, options } = this.#context;
    for (let anchor = this.#anchors.pop(); anchor !== undefined; anchor = this.#anchors.pop()) {
      if (this.#isOwn(anchor) || takenGroups.has(netgroupOf(anchor, options))) continue;
      if (
        this.#options.reachableNetworks.has(anchor.network) &&
        hasDesirableServices(anchor.services, chain, now)
      )
        return anchor;
    }
    return undefined;
  }

  #isOwn(address: NetAddress): boolean {
    return this.#options.ownAddresses.some(own => addressKey(own) === addressKey(address));
  }
}

/** It counts against `-maxconnections`. */
function takesPlace(type: Peer['type']): boolean {
  return type !== 'inbound' && type !== 'manual' && type !== 'private-broadcast';
}

function isAutomatic(type: Dial['type']): type is AutomaticType {
  return type === 'outbound-full-relay' || type === 'block-relay-only' || type === 'feeler';
}
