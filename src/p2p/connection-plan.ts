/**
 * Which kind of connection to make next (Core: ThreadOpenConnections in src/net.cpp). In this order: block-relay-only
 * connections to the anchors of last time, eight full-relay connections, two block-relay-only ones, one more full-relay
 * when the tip is stale, now and then one more block-relay-only, and feelers, which only test an address; and when none
 * of these is wanted, one more full-relay into a network that we have nobody of.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { randomBelow, randomExponential } from '../base/random.ts';
import type { AddressNetwork } from '../wire/net-address.ts';
import type { P2pContext } from './concern.ts';
import { lonelyNetwork } from './dial-choice.ts';
import type { Dial } from './dialer.ts';
import type { Peer } from './peer.ts';
import { FLOOD, type RelayStrategyOptions } from './relay-strategy.ts';

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

export interface PlanOptions {
  /** `-maxconnections`: of all kinds but those that the user named. */
  readonly maxConnections: number;
  readonly reachableNetworks: ReadonlySet<AddressNetwork>;
}

export type AutomaticType = 'outbound-full-relay' | 'block-relay-only' | 'feeler';

export interface WantedConnection {
  readonly type: AutomaticType;
  /** To somebody on one of these. */
  readonly networks: ReadonlySet<AddressNetwork>;
}

interface SlotCounts {
  readonly fullRelay: number;
  readonly blockRelay: number;
  readonly inbound: number;
}

/** How many connections of each kind a node with `maxConnections` has. */
export function slotCounts(maxConnections: number, strategy: RelayStrategyOptions = FLOOD): SlotCounts {
  const wanted = FULL_RELAY_MAX + (strategy.kind === 'reconcile' ? RECONCILING_MAX : 0);
  const fullRelay = Math.min(wanted, maxConnections);
  const blockRelay = Math.min(BLOCK_RELAY_MAX, maxConnections - fullRelay);
  return {
    fullRelay,
    blockRelay,
    inbound: Math.max(0, maxConnections - fullRelay - blockRelay - FEELERS_MAX),
  };
}

export class ConnectionPlan {
  readonly counts: SlotCounts;
  /** One full-relay connection more than usual is wanted. */
  wantsExtraFullRelay = false;
  /** From time to time one block-relay-only connection more is. */
  makesExtraBlockRelay = false;
  readonly #context: P2pContext;
  readonly #options: PlanOptions;
  readonly #outbound: ReadonlyMap<Peer, unknown>;
  #feelerAt: Milliseconds = 0;
  #extraBlockRelayAt: Milliseconds = 0;
  #extraNetworkAt: Milliseconds = 0;

  /** `outbound`: the peers that we dialed, as they come and go. */
  constructor(context: P2pContext, options: PlanOptions, outbound: ReadonlyMap<Peer, unknown>) {
    this.#context = context;
    this.#outbound = outbound;
    this.#options = options;
    this.counts = slotCounts(options.maxConnections, context.options.relayStrategy);
  }

  start(now: Milliseconds): void {
    const { random } = this.#context;
    this.#feelerAt = now + randomExponential(random, FEELER_INTERVAL_MS);
    this.#extraBlockRelayAt = now + randomExponential(random, EXTRA_BLOCK_RELAY_INTERVAL_MS);
    this.#extraNetworkAt = now + EXTRA_NETWORK_INTERVAL_MS;
  }

  /**
   * Of all outbound connections that the user did not name, the short-lived ones with them (Core: semOutbound); `dialing`:
   * those on the way.
   */
  isFull(dialing: number): boolean {
    const { fullRelay, blockRelay } = this.counts;
    const max = Math.min(fullRelay + blockRelay + FEELERS_MAX, this.#options.maxConnections);
    let taken = dialing;
    for (const peer of this.#outbound.keys()) if (takesPlace(peer.type)) taken += 1;
    return taken >= max;
  }

  /** Connections that stand, of a kind that we dial. */
  count(type: Dial['type'], phase: 'any' | 'ready'): number {
    let count = 0;
    for (const peer of this.#outbound.keys())
      if (peer.type === type && (phase === 'any' || peer.phase === phase)) count += 1;
    return count;
  }

  /** What is wanted now; what comes by the clock counts as made. `anchors` of last time are left. */
  next(now: Milliseconds, left: { readonly anchors: number }): WantedConnection | undefined {
    const type = this.#nextType(now, left.anchors);
    if (type !== undefined) return { type, networks: this.#options.reachableNetworks };
    const lonely = this.#lonelyNetwork(now);
    return lonely && { type: 'outbound-full-relay', networks: new Set([lonely]) };
  }

  /** When something comes by the clock. */
  nextAt(): Milliseconds {
    const extra = this.makesExtraBlockRelay ? this.#extraBlockRelayAt : Infinity;
    return Math.min(this.#feelerAt, extra, this.#extraNetworkAt);
  }

  #nextType(now: Milliseconds, anchors: number): AutomaticType | undefined {
    const { random } = this.#context;
    const blockRelayIsShort = this.count('block-relay-only', 'any') < this.counts.blockRelay;
    if (anchors > 0 && blockRelayIsShort) return 'block-relay-only';
    if (this.count('outbound-full-relay', 'any') < this.counts.fullRelay) return 'outbound-full-relay';
    if (blockRelayIsShort) return 'block-relay-only';
    if (this.wantsExtraFullRelay) return 'outbound-full-relay';
    if (now >= this.#extraBlockRelayAt && this.makesExtraBlockRelay) {
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
    if (now < this.#extraNetworkAt || this.counts.fullRelay < FULL_RELAY_MAX) return undefined;
    const network = lonelyNetwork(this.#context, this.#outbound.keys(), this.#options.reachableNetworks);
    const { random } = this.#context;
    this.#extraNetworkAt =
      now +
      (network === undefined
        ? EXTRA_NETWORK_INTERVAL_MS
        : randomExponential(random, EXTRA_NETWORK_INTERVAL_MS));
    return network;
  }
}

/** It counts against `-maxconnections`. */
export function takesPlace(type: Peer['type']): boolean {
  return type !== 'inbound' && type !== 'manual' && type !== 'private-broadcast';
}

export function isAutomatic(type: Dial['type']): type is AutomaticType {
  return type === 'outbound-full-relay' || type === 'block-relay-only' || type === 'feeler';
}
