/**
 * Finds nodes that accept connections: the eyes of a DNS seed. It shakes hands with everybody it hears of, asks for
 * addresses, leaves, and comes back from time to time. Sans-IO like the peer manager, with the same events and effects.
 */
import type { Milliseconds } from '../base/clock.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { type Random, randomU64, shuffle } from '../base/random.ts';
import type { VersionMessage } from '../wire/messages.ts';
import { addressKey, type NetAddress, type TimedAddress } from '../wire/net-address.ts';
import type { P2pEffect, P2pEvent, PeerId } from './events.ts';

/** Connections at a time. */
const CRAWLS_MAX = 32;
/** A visit ends when no address has come in this time: peers answer `getaddr` with their next flush, 30 s on average. */
const VISIT_MS = 2 * MINUTE_MS;
/** Who has failed this often in a row is forgotten. */
const FAILURES_MAX = 10;
/** Who was not reached in this time is not listed. */
const GOOD_FOR_MS = 4 * HOUR_MS;
/** Addresses remembered at most. */
const NODES_MAX = 200_000;

export interface CrawlerOptions {
  readonly protocolVersion: number;
  readonly userAgent: string;
  readonly defaultPort: number;
  /** Between two visits to a node that answered; one that did not waits twice as long, and so on. */
  readonly revisitMs: Milliseconds;
  readonly isRoutable: (address: NetAddress) => boolean;
}

interface CrawledNode {
  readonly address: NetAddress;
  services: bigint;
  lastGood: Milliseconds;
  failures: number;
  nextVisit: Milliseconds;
  isVisited: boolean;
}

interface Visit {
  readonly node: CrawledNode;
  readonly until: Milliseconds;
  isGreeted: boolean;
}

export class Crawler {
  readonly #random: Random;
  readonly #options: CrawlerOptions;
  readonly #nodes = new Map<string, CrawledNode>();
  readonly #dials = new Map<number, CrawledNode>();
  readonly #visits = new Map<PeerId, Visit>();
  #attempts = 0;

  constructor(deps: { readonly random: Random }, options: CrawlerOptions) {
    this.#random = deps.random;
    this.#options = options;
  }

  /** Nodes to start from. */
  add(addresses: readonly NetAddress[], now: Milliseconds): void {
    for (const address of addresses) this.#learn(address, 0n, now);
  }

  get size(): number {
    return this.#nodes.size;
  }

  /** Nodes that answered lately, have `services` and listen on the default port (DNS carries none), shuffled. */
  good(services: bigint, network: NetAddress['network'], limit: number, now: Milliseconds): NetAddress[] {
    const fits = [...this.#nodes.values()].filter(
      node =>
        node.failures === 0 &&
        node.lastGood > now - GOOD_FOR_MS &&
        node.address.network === network &&
        node.address.port === this.#options.defaultPort &&
        (node.services & services) === services,
    );
    return shuffle(this.#random, fits)
      .slice(0, limit)
      .map(node => node.address);
  }

  handle(event: P2pEvent, now: Milliseconds): P2pEffect[] {
    switch (event.kind) {
      case 'connected':
        return this.#connected(event.peer, event.attempt!, event.address, now);
      case 'connectFailed': {
        const node = this.#dials.get(event.attempt);
        this.#dials.delete(event.attempt);
        if (node !== undefined) this.#failed(node, now);
        return this.#dial(now);
      }
      case 'disconnected':
        this.#left(event.peer, now);
        return this.#dial(now);
      case 'message':
        return this.#message(event, now);
      case 'tick':
        return [...this.#expire(now), ...this.#dial(now)];
      default:
        return [];
    }
  }

  /** When a tick has something to do. */
  nextDeadline(): Milliseconds | undefined {
    let next: Milliseconds | undefined;
    const consider = (at: Milliseconds) => {
      if (next === undefined || at < next) next = at;
    };
    for (const visit of this.#visits.values()) consider(visit.until);
    for (const node of this.#nodes.values()) if (!node.isVisited) consider(node.nextVisit);
    return next;
  }

  #learn(address: NetAddress, services: bigint, now: Milliseconds): void {
    const key = addressKey(address);
    if (this.#nodes.has(key) || this.#nodes.size >= NODES_MAX) return;
    this.#nodes.set(key, { address, services, lastGood: 0, failures: 0, nextVisit: now, isVisited: false });
  }

  #dial(now: Milliseconds): P2pEffect[] {
    const effects: P2pEffect[] = [];
    for (const node of this.#nodes.values()) {
      if (this.#dials.size + this.#visits.size >= CRAWLS_MAX) break;
      if (node.isVisited || node.nextVisit > now) continue;
      node.isVisited = true;
      this.#dials.set(this.#attempts, node);
      const target = { kind: 'address' as const, address: node.address };
      effects.push({ kind: 'connect', attempt: this.#attempts, target, type: 'addr-fetch' });
      this.#attempts += 1;
    }
    return effects;
  }

  #connected(peer: PeerId, attempt: number, address: NetAddress, now: Milliseconds): P2pEffect[] {
    const node = this.#dials.get(attempt);
    if (node === undefined) return [{ kind: 'disconnect', peer, reason: 'not dialed' }];
    this.#dials.delete(attempt);
    this.#visits.set(peer, { node, until: now + VISIT_MS, isGreeted: false });
    const version: VersionMessage = {
      version: this.#options.protocolVersion,
      services: 0n,
      time: BigInt(toUnixSeconds(now)),
      to: { services: 0n, ...address },
      nonce: randomU64(this.#random),
      userAgent: this.#options.userAgent,
      startHeight: 0,
      relay: false,
    };
    return [{ kind: 'send', peer, message: { command: 'version', ...version } }];
  }

  #message({ peer, message }: Extract<P2pEvent, { kind: 'message' }>, now: Milliseconds): P2pEffect[] {
    const visit = this.#visits.get(peer);
    if (visit === undefined) return [];
    switch (message.command) {
      case 'version':
        visit.node.services = message.services;
        return [
          { kind: 'send', peer, message: { command: 'sendaddrv2' } },
          { kind: 'send', peer, message: { command: 'verack' } },
        ];
      case 'verack':
        visit.isGreeted = true;
        visit.node.lastGood = now;
        visit.node.failures = 0;
        return [{ kind: 'send', peer, message: { command: 'getaddr' } }];
      case 'ping':
        return [{ kind: 'send', peer, message: { command: 'pong', nonce: message.nonce } }];
      case 'addr':
      case 'addrv2':
        return this.#heard(peer, message.addresses, now);
      default:
        return [];
    }
  }

  /** A lone address is the peer announcing itself; the answer to `getaddr` has more, or comes alone in a tiny network. */
  #heard(peer: PeerId, addresses: readonly (TimedAddress | undefined)[], now: Milliseconds): P2pEffect[] {
    for (const address of addresses) {
      if (address !== undefined && this.#options.isRoutable(address))
        this.#learn(address, address.services, now);
    }
    const leave: P2pEffect[] = addresses.length > 1 ? [{ kind: 'disconnect', peer, reason: 'crawled' }] : [];
    return [...leave, ...this.#dial(now)];
  }

  #expire(now: Milliseconds): P2pEffect[] {
    const effects: P2pEffect[] = [];
    for (const [peer, visit] of this.#visits) {
      if (visit.until <= now) effects.push({ kind: 'disconnect', peer, reason: 'visit over' });
    }
    return effects;
  }

  #left(peer: PeerId, now: Milliseconds): void {
    const visit = this.#visits.get(peer);
    if (visit === undefined) return;
    this.#visits.delete(peer);
    if (!visit.isGreeted) {
      this.#failed(visit.node, now);
      return;
    }
    visit.node.isVisited = false;
    visit.node.nextVisit = now + this.#options.revisitMs;
  }

  #failed(node: CrawledNode, now: Milliseconds): void {
    node.isVisited = false;
    node.failures += 1;
    node.nextVisit = now + this.#options.revisitMs * 2 ** Math.min(node.failures, FAILURES_MAX);
    if (node.failures > FAILURES_MAX) this.#nodes.delete(addressKey(node.address));
    // A node that is known to be there and does not answer once is tried again soon.
    if (node.failures === 1) node.nextVisit = now + Math.min(this.#options.revisitMs, 10 * SECOND_MS);
  }
}
