/**
 * The Internet as the simulator has it: hosts with an uplink and a downlink, and links between them.
 *
 * A link has one latency, drawn when it is made (latency.ts), and keeps the order of what is sent. A frame first waits for
 * the sender's uplink, then travels, then waits for the receiver's downlink; both serve in order of arrival. Last it waits
 * until its reader reads: who reads slowly, or has enough unheard, lets the sender's buffer fill up (link.ts). A lost
 * packet is a frame that comes later by a retransmission. A partition cuts the links across it and lets no new ones
 * through; a link that breaks does so silently: nothing arrives any more, and neither side is told. Connecting takes a
 * round trip; who does not listen lets the caller wait for a timeout.
 */
import { HOUR_MS, type Milliseconds } from '../base/clock.ts';
import { type Random, randomBelow, randomExponential } from '../base/random.ts';
import { isSameAddress } from '../p2p/netgroup.ts';
import { addressKey, type NetAddress } from '../wire/net-address.ts';
import type { Agenda } from './agenda.ts';
import type { SimFrame } from './frames.ts';
import { type AlikeLatencies, Latencies, type LatencyMatrix } from './latency.ts';
import { type Host, Link, type LinkEnd, SEND_PAUSE_BYTES, type Side, SOCKET_BUFFER_BYTES } from './link.ts';

/** How long a dial of nobody takes (Core: DEFAULT_CONNECT_TIMEOUT). */
const CONNECT_TIMEOUT_MS = 5_000;
/** A lost packet is sent again after this and a round trip (RFC 6298: the least is a second; Linux takes 200 ms). */
const RETRANSMIT_MS = 200;
/** A DNS answer takes so long, and has so many addresses. */
const DNS_MS = 100;
const DNS_ANSWER_MAX = 25;

export interface NetworkOptions extends AlikeLatencies {
  /** Instead of latencies that are drawn alike. */
  readonly latencies?: LatencyMatrix;
  /** Bytes a second of each host; Infinity: no queueing. */
  readonly upBytesPerSecond: number;
  readonly downBytesPerSecond: number;
  /** Chance that a frame is lost once. */
  readonly lossRate: number;
  /** Of the links that stand, how many break silently in an hour. */
  readonly breakageRate: number;
  /** Share of the hosts that read so slowly from each of their links. */
  readonly slowReaders: number;
  readonly slowBytesPerSecond: number;
}

/** What a host's access line is busy with. */
interface Line {
  upFreeAt: Milliseconds;
  downFreeAt: Milliseconds;
  /** From each link; Infinity: what comes is read. */
  readonly readsBytesPerSecond: number;
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
  /** Links that were made and that broke silently; how often a sender's buffer was full, and a reader had enough unheard. */
  readonly counts = { links: 0, broken: 0, sendPauses: 0, readPauses: 0 };
  readonly latencies: Latencies;

  /** Connections that were tried. */
  dials = 0;

  constructor(agenda: Agenda, random: Random, options: NetworkOptions) {
    this.#agenda = agenda;
    this.#random = random;
    this.#options = options;
    this.latencies = new Latencies(random, options, options.latencies);
  }

  get links(): ReadonlySet<Link> {
    return this.#links;
  }

  add(host: Host): void {
    this.#hosts.set(addressKey(host.address), host);
    this.latencies.place(host.index);
    const { slowReaders, slowBytesPerSecond } = this.#options;
    const isSlow = slowReaders > 0 && this.#chance(slowReaders);
    const readsBytesPerSecond = isSlow ? slowBytesPerSecond : Number.POSITIVE_INFINITY;
    this.#lines[host.index] = { upFreeAt: 0, downFreeAt: 0, readsBytesPerSecond };
  }

  /** As whoever lives there has it: one object for all who know the address. */
  readonly addressAt = (address: NetAddress): NetAddress => {
    const host = this.#hosts.get(addressKey(address));
    return host !== undefined && isSameAddress(host.address, address) ? host.address : address;
  };

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
    const latencyMs = this.latencies.draw(from.index, to.index);
    const link = new Link(this, [from, to], { type, latencyMs });
    this.#agenda.after(2 * link.latencyMs, () => {
      if (this.#isCut(link)) {
        this.#agenda.after(CONNECT_TIMEOUT_MS, () => outcome.failed('timeout'));
        return;
      }
      this.#stands(link);
      // Before anything that the dialer sends.
      this.#agenda.after(link.latencyMs, () => {
        if (link.carries) to.accept(link, 1, from.address);
      });
      outcome.opened(link);
    });
  }

  /** A link that stands already: both hosts know of it, and give it their ends. */
  connect(from: Host, to: Host, type: Link['type']): Link {
    const latencyMs = this.latencies.draw(from.index, to.index);
    const link = new Link(this, [from, to], { type, latencyMs });
    this.#stands(link);
    return link;
  }

  #stands(link: Link): void {
    this.#links.add(link);
    this.counts.links += 1;
    this.#breakSometime(link);
  }

  /** From this end to the other. */
  send(from: LinkEnd, frame: SimFrame): void {
    if (!from.isOpen) return;
    const { upBytesPerSecond, lossRate, latencies } = this.#options;
    const to = from.other;
    this.frames.sent += 1;
    to.unreadBytes += frame.length;
    if (to.unreadBytes > SEND_PAUSE_BYTES && !from.isBufferFull) {
      from.isBufferFull = true;
      this.counts.sendPauses += 1;
      if (from.isUp) from.sendPaused();
    }
    if (!from.carries) {
      // It stays in the sender's buffer until he gives up.
      this.frames.lost += 1;
      return;
    }
    this.frames.inFlight += 1;
    let leaves = this.#agenda.now;
    if (upBytesPerSecond !== Number.POSITIVE_INFINITY) {
      const line = this.#lineOf(from);
      leaves = Math.max(leaves, line.upFreeAt) + (frame.length / upBytesPerSecond) * 1_000;
      line.upFreeAt = leaves;
    }
    let arrives = leaves + from.latencyMs;
    if (latencies !== undefined) arrives += this.latencies.jitter();
    if (lossRate > 0 && this.#chance(lossRate)) arrives += RETRANSMIT_MS + 2 * from.latencyMs;
    arrives = Math.max(arrives, to.lastArrival);
    to.lastArrival = arrives;
    this.#agenda.fireAt(arrives, to, frame);
  }

  /** What `side` has sent before still arrives; then the other side learns of it, unless the link is broken. */
  close(link: Link, side: Side): void {
    if (!link.isOpen) return;
    const end = link.ends[side];
    const wasUp = end.isUp;
    end.isUp = false;
    this.#agenda.after(0, () => {
      if (wasUp) end.closed();
    });
    if (!link.carries) {
      if (!end.other.isUp) this.#cut(link);
      return;
    }
    const arrives = Math.max(this.#agenda.now + link.latencyMs, end.other.lastArrival);
    this.#agenda.at(arrives, () => {
      if (link.carries) this.#cut(link);
    });
  }

  /** From now on nothing passes, and nobody is told: a router forgot it, or a cable was cut. */
  break(link: Link): void {
    if (!link.isOpen || !link.carries) return;
    this.counts.broken += 1;
    link.break();
    // One side had hung up already, or had not heard of the dial yet: there is nobody to find out.
    if (!link.ends[0].isUp && !link.ends[1].isUp) this.#cut(link);
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
    link.cut();
    for (const { unread } of link.ends) this.#lose(unread?.length ?? 0);
    for (const end of link.ends) if (end.isUp) end.closed();
  }

  /** A frame has come to the end of its way. */
  arrived(to: LinkEnd, frame: SimFrame): void {
    if (!to.carries) {
      this.#lose(1);
      return;
    }
    const { downBytesPerSecond, slowReaders } = this.#options;
    if (downBytesPerSecond === Number.POSITIVE_INFINITY && slowReaders === 0) {
      this.#deliver(to, frame);
      return;
    }
    const line = this.#lineOf(to);
    let readAt = this.#agenda.now;
    if (downBytesPerSecond !== Number.POSITIVE_INFINITY) {
      readAt = Math.max(readAt, line.downFreeAt) + (frame.length / downBytesPerSecond) * 1_000;
      line.downFreeAt = readAt;
    }
    if (line.readsBytesPerSecond !== Number.POSITIVE_INFINITY) {
      readAt = Math.max(readAt, to.readFreeAt) + (frame.length / line.readsBytesPerSecond) * 1_000;
      to.readFreeAt = readAt;
    }
    if (readAt === this.#agenda.now) this.#deliver(to, frame);
    else this.#agenda.at(readAt, () => this.#deliver(to, frame));
  }

  /** It has room again: what waited for it is read now. */
  resumeReading(end: LinkEnd): void {
    const { unread } = end;
    if (unread === undefined) return;
    end.unread = undefined;
    for (const [i, frame] of unread.entries()) {
      this.#hand(end, frame);
      if (!end.isUp || !end.isFull) continue;
      end.unread = unread.slice(i + 1);
      return;
    }
  }

  #deliver(to: LinkEnd, frame: SimFrame): void {
    if (to.unread !== undefined || (to.isUp && to.isFull)) {
      if (to.unread === undefined) {
        this.counts.readPauses += 1;
        to.unread = [];
      }
      to.unread.push(frame);
      return;
    }
    this.#hand(to, frame);
  }

  #hand(to: LinkEnd, frame: SimFrame): void {
    if (!to.isOpen || !to.isUp) {
      this.#lose(1);
      return;
    }
    this.frames.inFlight -= 1;
    this.frames.delivered += 1;
    if (to.carries) this.#acknowledge(to, frame.length);
    to.received(frame);
  }

  /** Read. The sender learns a latency later that there is room again. */
  #acknowledge(to: LinkEnd, bytes: number): void {
    const before = to.unreadBytes;
    to.unreadBytes = before - bytes;
    if (before <= SOCKET_BUFFER_BYTES || to.unreadBytes > SOCKET_BUFFER_BYTES) return;
    const sender = to.other;
    if (!sender.isBufferFull) return;
    sender.isBufferFull = false;
    this.#agenda.after(sender.latencyMs, () => {
      if (sender.isOpen && sender.isUp && !sender.isBufferFull) sender.sendResumed();
    });
  }

  #lineOf({ link, side }: LinkEnd): Line {
    return this.#lines[link.hosts[side].index]!;
  }

  /** Frames that were on their way come to nobody. */
  #lose(count: number): void {
    this.frames.inFlight -= count;
    this.frames.lost += count;
  }

  #breakSometime(link: Link): void {
    const { breakageRate } = this.#options;
    if (breakageRate === 0) return;
    this.#agenda.after(randomExponential(this.#random, HOUR_MS / breakageRate), () => this.break(link));
  }

  #chance(share: number): boolean {
    return this.#random.u32() < share * 0x1_0000_0000;
  }
}
