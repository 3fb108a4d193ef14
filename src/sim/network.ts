/**
 * The Internet as the simulator has it: hosts with an uplink and a downlink, and links between them.
 *
 * A link has one latency, drawn lognormally when it is made, and keeps the order of what is sent. A frame first waits for
 * the sender's uplink, then travels, then waits for the receiver's downlink; both serve in order of arrival. A lost
 * packet is a frame that comes later by a retransmission. A partition cuts the links across it and lets no new ones
 * through. Connecting takes a round trip; who does not listen lets the caller wait for a timeout.
 */
import type { Milliseconds } from '../base/clock.ts';
import { type Random, randomBelow } from '../base/random.ts';
import type { ConnectionType } from '../p2p/events.ts';
import { addressKey, type NetAddress } from '../wire/net-address.ts';
import type { Agenda, Target } from './agenda.ts';

/** How long a dial of nobody takes (Core: DEFAULT_CONNECT_TIMEOUT). */
const CONNECT_TIMEOUT_MS = 5_000;
/** A lost packet is sent again after this and a round trip (RFC 6298: the least is a second; Linux takes 200 ms). */
const RETRANSMIT_MS = 200;
/** A DNS answer takes so long, and has so many addresses. */
const DNS_MS = 100;
const DNS_ANSWER_MAX = 25;

export interface NetworkOptions {
  /** Median one-way latency of a link. */
  readonly latencyMs: Milliseconds;
  /** Of the logarithm: 0 makes all links alike. */
  readonly latencySigma: number;
  /** Bytes a second of each host; Infinity: no queueing. */
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
  /** Chance that a frame is lost once. */
  readonly lossRate: number;
}

/** A node as the network sees it. */
export interface Host {
  readonly index: number;
  readonly address: NetAddress;
  /** Accepts connections. */
  readonly isReachable: boolean;
  accept(link: Link, side: Side, from: NetAddress): void;
}

/** One side of a link. */
export interface LinkEnd {
  received(frame: Uint8Array): void;
  closed(): void;
}
export type Side = 0 | 1;

/** What a host's access line is busy with. */
interface Line {
  upFreeAt: Milliseconds;
  downFreeAt: Milliseconds;
}

/** One way of a link: frames arrive at its other end in the order in which they were sent. */
class Lane implements Target<Uint8Array> {
  readonly #network: Network;
  readonly #link: Link;
  readonly #side: Side;
  lastArrival: Milliseconds = 0;

  constructor(network: Network, link: Link, side: Side) {
    this.#network = network;
    this.#link = link;
    this.#side = side;
  }

  fire(frame: Uint8Array): void {
    this.#network.arrived(this.#link, this.#side, frame);
  }
}

export class Link {
  /** The dialer first. */
  readonly hosts: readonly [Host, Host];
  readonly type: Exclude<ConnectionType, 'inbound'>;
  readonly latencyMs: Milliseconds;
  readonly ends: [LinkEnd | undefined, LinkEnd | undefined] = [undefined, undefined];
  readonly lanes: readonly [Lane, Lane];
  isOpen = true;

  constructor(
    network: Network,
    hosts: readonly [Host, Host],
    shape: { readonly type: Exclude<ConnectionType, 'inbound'>; readonly latencyMs: Milliseconds },
  ) {
    this.hosts = hosts;
    this.type = shape.type;
    this.latencyMs = shape.latencyMs;
    this.lanes = [new Lane(network, this, 0), new Lane(network, this, 1)];
  }
}

export class Network {
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #options: NetworkOptions;
  readonly #hosts = new Map<string, Host>();
  readonly #lines: Line[] = [];
  readonly #links = new Set<Link>();
  /** DNS seeds: name → addresses, some of them dead. */
  readonly #zones = new Map<string, readonly NetAddress[]>();
  #sideOf: ((host: Host) => number) | undefined;
  /** Frames: sent, delivered, and lost with their links. */
  readonly frames = { sent: 0, delivered: 0, lost: 0, inFlight: 0 };

  /** Connections that were tried. */
  dials = 0;

  constructor(agenda: Agenda, random: Random, options: NetworkOptions) {
    this.#agenda = agenda;
    this.#random = random;
    this.#options = options;
  }

  get links(): ReadonlySet<Link> {
    return this.#links;
  }

  add(host: Host): void {
    this.#hosts.set(addressKey(host.address), host);
    this.#lines[host.index] = { upFreeAt: 0, downFreeAt: 0 };
  }

  /** `host` answers at this address too. */
  addAlias(host: Host, address: NetAddress): void {
    this.#hosts.set(addressKey(address), host);
  }

  setZone(name: string, addresses: readonly NetAddress[]): void {
    this.#zones.set(name, addresses);
  }

  /** `answer` gets a random choice of the zone, nothing for an unknown name. */
  resolve(name: string, answer: (addresses: readonly NetAddress[]) => void): void {
    this.#agenda.after(DNS_MS, () => {
      const zone = this.#zones.get(name) ?? [];
      const chosen = new Set<NetAddress>();
      const count = Math.min(DNS_ANSWER_MAX, zone.length);
      while (chosen.size < count) chosen.add(zone[randomBelow(this.#random, zone.length)]!);
      answer([...chosen]);
    });
  }

  /** Both sides open the link a round trip later, or `failed` is told. The dialer's end must be set in `opened`. */
  dial(
    from: Host,
    target: NetAddress,
    type: Link['type'],
    outcome: { readonly opened: (link: Link) => void; readonly failed: (reason: string) => void },
  ): void {
    this.dials += 1;
    const to = this.#hosts.get(addressKey(target));
    if (to === undefined || !to.isReachable || to === from) {
      this.#agenda.after(CONNECT_TIMEOUT_MS, () => outcome.failed('timeout'));
      return;
    }
    const link = new Link(this, [from, to], { type, latencyMs: this.#drawLatency() });
    this.#agenda.after(2 * link.latencyMs, () => {
      if (this.#isCut(link)) {
        this.#agenda.after(CONNECT_TIMEOUT_MS, () => outcome.failed('timeout'));
        return;
      }
      this.#links.add(link);
      // Before anything that the dialer sends.
      this.#agenda.after(link.latencyMs, () => {
        if (link.isOpen) to.accept(link, 1, from.address);
      });
      outcome.opened(link);
    });
  }

  send(link: Link, side: Side, frame: Uint8Array): void {
    if (!link.isOpen) return;
    const { upBytesPerSecond, lossRate } = this.#options;
    this.frames.sent += 1;
    this.frames.inFlight += 1;
    let leaves = this.#agenda.now;
    if (upBytesPerSecond !== Number.POSITIVE_INFINITY) {
      const line = this.#lines[link.hosts[side].index]!;
      leaves = Math.max(leaves, line.upFreeAt) + (frame.length / upBytesPerSecond) * 1_000;
      line.upFreeAt = leaves;
    }
    let arrives = leaves + link.latencyMs;
    if (lossRate > 0 && this.#random.u32() < lossRate * 0x1_0000_0000)
      arrives += RETRANSMIT_MS + 2 * link.latencyMs;
    const lane = link.lanes[side];
    arrives = Math.max(arrives, lane.lastArrival);
    lane.lastArrival = arrives;
    this.#agenda.fireAt(arrives, lane, frame);
  }

  /** What `side` has sent before still arrives; then the other side learns of it. */
  close(link: Link, side: Side): void {
    if (!link.isOpen) return;
    const end = link.ends[side];
    link.ends[side] = undefined;
    this.#agenda.after(0, () => end?.closed());
    const arrives = Math.max(this.#agenda.now + link.latencyMs, link.lanes[side].lastArrival);
    this.#agenda.at(arrives, () => this.#cut(link));
  }

  /** Hosts of different sides no longer reach each other. */
  partition(sideOf: (host: Host) => number): void {
    this.#sideOf = sideOf;
    for (const link of this.#links) if (this.#isCut(link)) this.#cut(link);
  }

  heal(): void {
    this.#sideOf = undefined;
  }

  #isCut({ hosts: [a, b] }: Link): boolean {
    return this.#sideOf !== undefined && this.#sideOf(a) !== this.#sideOf(b);
  }

  #cut(link: Link): void {
    if (!this.#links.delete(link)) return;
    link.isOpen = false;
    for (const end of link.ends) end?.closed();
  }

  /** A frame has come to the end of its way. */
  arrived(link: Link, side: Side, frame: Uint8Array): void {
    const { downBytesPerSecond } = this.#options;
    if (downBytesPerSecond === Number.POSITIVE_INFINITY) {
      this.#deliver(link, side, frame);
      return;
    }
    const line = this.#lines[link.hosts[1 - side]!.index]!;
    line.downFreeAt =
      Math.max(this.#agenda.now, line.downFreeAt) + (frame.length / downBytesPerSecond) * 1_000;
    this.#agenda.at(line.downFreeAt, () => this.#deliver(link, side, frame));
  }

  #deliver(link: Link, side: Side, frame: Uint8Array): void {
    this.frames.inFlight -= 1;
    const end = link.isOpen ? link.ends[1 - side] : undefined;
    if (end === undefined) {
      this.frames.lost += 1;
      return;
    }
    this.frames.delivered += 1;
    end.received(frame);
  }

  #drawLatency(): Milliseconds {
    const { latencyMs, latencySigma } = this.#options;
    return latencyMs * Math.exp(latencySigma * normal(this.#random));
  }
}

/** Box and Muller. */
function normal(random: Random): number {
  const u = (random.u32() + 1) / 0x1_0000_0001;
  const v = random.u32() / 0x1_0000_0000;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}
