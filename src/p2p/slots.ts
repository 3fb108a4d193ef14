/**
 * Dials for the places that outbound connections have (Core: ThreadOpenConnections in src/net.cpp): which kind is wanted,
 * the plan says (connection-plan.ts); whom, dial-choice.ts. One dial at a time, half a second apart; when nobody suits,
 * the pause grows until something changes.
 *
 * What became of a dial goes into the address book; when it was last tried is noted as the dial begins.
 */

import { MINUTE_MS, type Milliseconds, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { LateMap } from '../base/late-map.ts';
import { SERVICES } from '../wire/messages.ts';
import type { NetAddress, TimedAddress } from '../wire/net-address.ts';
import { type AddedNode, AddedNodes } from './added-nodes.ts';
import type { Concern, P2pContext } from './concern.ts';
import {
  ConnectionPlan,
  isAutomatic,
  type PlanOptions,
  takesPlace,
  type WantedConnection,
} from './connection-plan.ts';
import { type ChoiceRules, chooseAddress, isConnected, outboundGroups, takeAnchor } from './dial-choice.ts';
import { type Dial, Dialer, type DialTransport } from './dialer.ts';
import type { DialTarget, PeerId } from './events.ts';
import { isSameAddress, networkOf } from './netgroup.ts';
import type { OutboundPeers, OutboundSlots } from './outbound-slots.ts';
import type { Peer } from './peer.ts';
import { Seeding, type SeedingOptions } from './seeding.ts';
import type { Alarm } from './timers.ts';
import type { Turn } from './turns.ts';

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

export interface SlotsOptions extends SeedingOptions, PlanOptions {
  /** `connect`: only these are dialed, nobody from the book and no seeds; an empty list dials nobody. */
  readonly dialing:
    | { readonly kind: 'book' }
    | { readonly kind: 'connect'; readonly targets: readonly DialTarget[] };
  readonly addNodes: readonly DialTarget[];
  /** As `anchors()` told at the last clean stop. */
  readonly anchors: readonly TimedAddress[];
  /** Where others reach us at the start: never dialed. */
  readonly ownAddresses: readonly NetAddress[];
  readonly networkActive: boolean;
}

export class Slots implements Concern, OutboundSlots {
  readonly #context: P2pContext;
  readonly #options: SlotsOptions;
  readonly #plan: ConnectionPlan;
  readonly #dialer: Dialer;
  readonly #added: AddedNodes;
  readonly #connectTo: AddedNodes | undefined;
  readonly #seeding: Seeding;
  readonly #anchors: TimedAddress[];
  #ownAddresses: readonly NetAddress[];
  readonly turn: Turn;
  readonly #next: Alarm;
  readonly #save: Alarm;
  /** How outbound peers were dialed, as long as it may have to be done again. */
  readonly #dials = new LateMap<PeerId, Dial>();
  /** Few among many inbound ones, and often counted. */
  readonly #outbound: OutboundPeers = new Map();
  #isStarted = false;
  #isActive: boolean;
  /** Something changed: at the end of the event, the next dial is set to come soon. */
  #isWoken = true;
  #fruitlessRounds = 0;
  /** The open dial is of an address that was tried a short while ago. */
  #isRetry = false;

  constructor(context: P2pContext, options: SlotsOptions) {
    this.turn = context.turns.turn();
    this.#context = context;
    this.#options = options;
    this.#ownAddresses = options.ownAddresses;
    this.#plan = new ConnectionPlan(context, options, this.#outbound);
    this.#isActive = options.networkActive;
    this.#anchors = options.anchors.slice(0, ANCHORS_MAX);
    this.#dialer = new Dialer(context);
    this.#added = new AddedNodes(context, this.#dialer, 'added', options.addNodes);
    if (options.dialing.kind === 'connect')
      this.#connectTo = new AddedNodes(context, this.#dialer, 'connect', options.dialing.targets);
    this.#seeding = new Seeding(context, options, {
      fullRelayCount: () => this.#plan.count('outbound-full-relay', 'ready'),
      hasAddedNodes: () => this.#added.size > 0,
      onAddresses: () => this.addressesAdded(),
      fetchFrom: target => this.#fetchFrom(target),
    });
    this.#next = context.timers.paced(now => this.#dialNext(now));
    this.#save = context.timers.scheduled(now => this.#saveAddresses(now));
  }

  get isNetworkActive(): boolean {
    return this.#isActive;
  }

  get dialsFromAddressBook(): boolean {
    return this.#connectTo === undefined;
  }

  get wantsExtraFullRelay(): boolean {
    return this.#plan.wantsExtraFullRelay;
  }

  setExtraFullRelay(wanted: boolean): void {
    this.#plan.wantsExtraFullRelay = wanted;
    if (wanted) this.#wake();
  }

  startExtraBlockRelay(): void {
    this.#plan.makesExtraBlockRelay = true;
    this.#wake();
  }

  extraFullRelayCount(): number {
    return Math.max(0, this.#plan.count('outbound-full-relay', 'ready') - this.#plan.counts.fullRelay);
  }

  extraBlockRelayCount(): number {
    return Math.max(0, this.#plan.count('block-relay-only', 'ready') - this.#plan.counts.blockRelay);
  }

  hasOtherOnNetwork(peer: Peer): boolean {
    const network = networkOf(peer.address, this.#context.options);
    for (const other of this.#outbound.keys()) {
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

  /** Where others reach us from now on. */
  addOwnAddress(address: NetAddress): void {
    if (!this.#isOwn(address)) this.#ownAddresses = [...this.#ownAddresses, address];
  }

  removeOwnAddress(address: NetAddress): void {
    this.#ownAddresses = this.#ownAddresses.filter(own => !isSameAddress(own, address));
  }

  /** There is nothing to be dialed: it is us, or we are there. */
  isOwnOrConnected(address: NetAddress): boolean {
    if (this.#isOwn(address) || this.#dialer.isDialing({ kind: 'address', address })) return true;
    const { peers, privatePeers } = this.#context;
    return isConnected(peers, address) || isConnected(privatePeers, address);
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
    const peers = [...this.#outbound.keys()].filter(peer => peer.type === 'block-relay-only');
    return peers.slice(0, ANCHORS_MAX).map(peer => ({ ...peer.address, services: peer.services, time: 0 }));
  }

  onConnected(peer: Peer): void {
    if (isOutbound(peer)) this.#outbound.set(peer, 'dialed');
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
      this.turn.ask();
    } else this.#wake();
  }

  onVersion(peer: Peer, now: Milliseconds): void {
    if (isOutbound(peer)) this.#context.addressBook.good(peer.address, now);
  }

  onHandshakeDone(peer: Peer): void {
    if (isOutbound(peer)) this.#outbound.set(peer, 'met');
  }

  onDisconnected(peer: Peer, now: Milliseconds): void {
    // Of block-relay-only peers, nothing in the book may tell that we were connected.
    if (this.#outbound.get(peer) === 'met' && peer.type !== 'block-relay-only')
      this.#context.addressBook.connected(peer.address, now);
    this.#outbound.delete(peer);
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
    this.#plan.start(now);
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
    this.turn.ask();
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

  #isFull(): boolean {
    return this.#plan.isFull(this.#dialer.count(({ type }) => takesPlace(type)));
  }

  #dialNext(now: Milliseconds): void {
    if (!this.#isActive || !this.dialsFromAddressBook) return;
    // The end of the open dial, or of a connection, brings us back.
    if (this.#dialer.count(dial => isAutomatic(dial.type)) > 0 || this.#isFull()) return;
    const wanted = this.#plan.next(now, { anchors: this.#anchors.length });
    if (wanted === undefined) {
      this.#setNext(now, Math.max(this.#pace(), this.#plan.nextAt() - now));
      return;
    }
    const { type } = wanted;
    const groups = outboundGroups(this.#outbound.keys(), this.#context.options);
    const address = this.#choose(wanted, groups.taken, now);
    if (address === undefined) {
      this.#fruitlessRounds += 1;
      this.#setNext(now, this.#pause());
      return;
    }
    // While offline every dial fails, and that says nothing of the addresses.
    const countFailure = groups.count >= Math.min(this.#options.maxConnections - 1, 2);
    const lastTry = this.#context.addressBook.lastTryOf(address);
    this.#isRetry = toUnixSeconds(now) - lastTry < RECENT_S;
    this.#context.addressBook.attempt(address, now, { countFailure });
    const { network, bytes, port } = address;
    const knowsV2 = ((address.services ?? 0n) & SERVICES.v2Transport) !== 0n;
    const transport = knowsV2 ? undefined : 'v1';
    this.#dialer.dial({ kind: 'address', address: { network, bytes, port } }, type, transport);
  }

  #choose(
    { type, networks }: WantedConnection,
    takenGroups: ReadonlySet<string>,
    now: Milliseconds,
  ): TimedAddress | undefined {
    const rules: ChoiceRules = {
      purpose: type === 'feeler' ? 'feeler' : 'connection',
      takenGroups,
      reachableNetworks: networks,
      isOwn: address => this.#isOwn(address),
      isAdded: address => this.#added.contains(address),
    };
    const anchor =
      type === 'block-relay-only' ? takeAnchor(this.#context, this.#anchors, rules, now) : undefined;
    return anchor ?? chooseAddress(this.#context, rules, now);
  }

  #isOwn(address: NetAddress): boolean {
    return this.#ownAddresses.some(own => isSameAddress(own, address));
  }
}

function isOutbound(peer: Peer): boolean {
  return peer.type !== 'inbound' && peer.type !== 'private-broadcast';
}
