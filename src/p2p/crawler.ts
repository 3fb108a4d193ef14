/**
 * Finds nodes that accept connections: the eyes of a DNS seed. It shakes hands with everybody it hears of, asks for
 * addresses, leaves, and comes back from time to time. Sans-IO like the peer manager, with the same events and effects.
 */
import type { Milliseconds } from '../base/clock.ts';
import { HOUR_MS, MINUTE_MS, SECOND_MS, toUnixSeconds } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';
import { type Random, randomU64, shuffle } from '../base/random.ts';
import type { VersionMessage } from '../wire/messages.ts';
import { addressKey, type NetAddress, type TimedAddress } from '../wire/net-address.ts';
import type { P2pEffect, P2pEvent, PeerId } from './events.ts';

/** Connections at a time. */
const CRAWLS_MAX = 32;
/** A visit ends when no address has come in this time: peers answer `getaddr` with their next flush, 30 s on average. */
const VISIT_MS = 2 * MINUTE_MS;
/** Who has failed this often in a row is forgotten; sooner when it was never reached at all. */
const FAILURES_MAX = 10;
const NEVER_REACHED_FAILURES_MAX = 3;
const FIRST_RETRY_MS = 10 * SECOND_MS;
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
}

interface Visit {
  readonly node: CrawledNode;
  readonly until: Milliseconds;
  /** Its version has come, and its verack. */
  isKnown: boolean;
  isGreeted: boolean;
  isLeaving: boolean;
}

export class Crawler {
  readonly #random: Random;
  readonly #options: CrawlerOptions;
  readonly #nodes = new Map<string, CrawledNode>();
  /** Those that were reached lately: a question of DNS must not walk through all that was ever heard of. */
  readonly #reached = new Set<CrawledNode>();
  /** All nodes but those being dialed or visited, by the time of the next visit. */
  readonly #waiting = new MinHeap<CrawledNode>();
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
    const fits = [...this.#reached].filter(
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
        return this.#connected(event, now);
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
      case 'undecodable':
        // Whoever cannot speak is no node to send people to.
        return this.#leave(event.peer, `undecodable: ${event.defect}`);
      case 'tick':
        return [...this.#expire(now), ...this.#dial(now)];
      default:
        return [];
    }
  }

  /** When a tick has something to do. */
  nextDeadline(): Milliseconds | undefined {
    const deadlines = [...this.#visits.values()].filter(visit => !visit.isLeaving).map(visit => visit.until);
    const next = this.#waiting.peekKey();
    if (next !== undefined && this.#hasRoom) deadlines.push(next);
    return deadlines.length === 0 ? undefined : Math.min(...deadlines);
  }

  get #hasRoom(): boolean {
    return this.#dials.size + this.#visits.size < CRAWLS_MAX;
  }

  #learn(address: NetAddress, services: bigint, now: Milliseconds): void {
    const key = addressKey(address);
    if (this.#nodes.has(key) || this.#nodes.size >= NODES_MAX) return;
    const { network, bytes, port } = address;
    const node = { address: { network, bytes: bytes.slice(), port }, services, lastGood: 0, failures: 0 };
    this.#nodes.set(key, node);
    this.#waiting.push(now, node);
  }

  #dial(now: Milliseconds): P2pEffect[] {
    const effects: P2pEffect[] = [];
    while (this.#hasRoom && (this.#waiting.peekKey() ?? Number.POSITIVE_INFINITY) <= now) {
      const node = this.#waiting.pop()!;
      this.#dials.set(this.#attempts, node);
      const target = { kind: 'address' as const, address: node.address };
      effects.push({ kind: 'connect', attempt: this.#attempts, target, type: 'addr-fetch', transport: 'v1' });
      this.#attempts += 1;
    }
    return effects;
  }

  #connected(
    { peer, attempt = -1, address }: Extract<P2pEvent, { kind: 'connected' }>,
    now: Milliseconds,
  ): P2pEffect[] {
    const node = this.#dials.get(attempt);
    if (node === undefined) return [{ kind: 'disconnect', peer, reason: 'not dialed' }];
    this.#dials.delete(attempt);
    const until = now + VISIT_MS;
    this.#visits.set(peer, { node, until, isKnown: false, isGreeted: false, isLeaving: false });
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
    if (visit === undefined || visit.isLeaving) return [];
    switch (message.command) {
      case 'version':
        if (visit.isKnown) return [];
        visit.isKnown = true;
        visit.node.services = message.services;
        return [
          { kind: 'send', peer, message: { command: 'sendaddrv2' } },
          { kind: 'send', peer, message: { command: 'verack' } },
        ];
      case 'verack':
        if (!visit.isKnown || visit.isGreeted) return [];
        visit.isGreeted = true;
        visit.node.lastGood = now;
        visit.node.failures = 0;
        this.#reached.add(visit.node);
        return [{ kind: 'send', peer, message: { command: 'getaddr' } }];
      case 'ping':
        return [{ kind: 'send', peer, message: { command: 'pong', nonce: message.nonce } }];
      case 'addr':
      case 'addrv2':
        return visit.isGreeted ? this.#heard(peer, message.addresses, now) : [];
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
    const leave = addresses.length > 1 ? this.#leave(peer, 'crawled') : [];
    return [...leave, ...this.#dial(now)];
  }

  /** Once for each visit: what the peer still says is not listened to. */
  #leave(peer: PeerId, reason: string): P2pEffect[] {
    const visit = this.#visits.get(peer);
    if (visit === undefined || visit.isLeaving) return [];
    visit.isLeaving = true;
    return [{ kind: 'disconnect', peer, reason }];
  }

  #expire(now: Milliseconds): P2pEffect[] {
    const over = [...this.#visits].filter(([, visit]) => visit.until <= now);
    return over.flatMap(([peer]) => this.#leave(peer, 'visit over'));
  }

  #left(peer: PeerId, now: Milliseconds): void {
    const visit = this.#visits.get(peer);
    if (visit === undefined) return;
    this.#visits.delete(peer);
    if (!visit.isGreeted) {
      this.#failed(visit.node, now);
      return;
    }
    this.#waiting.push(now + this.#options.revisitMs, visit.node);
  }

  #failed(node: CrawledNode, now: Milliseconds): void {
    node.failures += 1;
    const isReached = node.lastGood > 0;
    if (node.failures > (isReached ? FAILURES_MAX : NEVER_REACHED_FAILURES_MAX)) {
      this.#nodes.delete(addressKey(node.address));
      this.#reached.delete(node);
      return;
    }
    const { revisitMs } = this.#options;
    // Who does not answer once may be there all the same, and is tried again soon.
    const wait = node.failures === 1 ? Math.min(revisitMs, FIRST_RETRY_MS) : revisitMs * 2 ** node.failures;
    this.#waiting.push(now + wait, node);
  }
}
