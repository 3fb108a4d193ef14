/**
 * A link between two hosts. Each has an end of it, and an end knows how much of what was sent to it has not been read yet.
 * The systems at both ends and the way between them hold some of it; what is more than that waits in the sender's buffer,
 * and when that is full, the sender is told, as the daemon is of a socket.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { ConnectionType } from '../p2p/events.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Target } from './agenda.ts';
import type { SimFrame } from './frames.ts';

/** What the two systems hold of one way (Linux: the middle values of tcp_wmem and tcp_rmem, 16 and 128 KiB, and some growth). */
export const SOCKET_BUFFER_BYTES = 256 * 1_024;
/** Unsent bytes above which the sender hears nothing of the peer (Core: -maxsendbuffer; `net/connection.ts`). */
const SEND_BUFFER_BYTES = 1_000_000;
export const SEND_PAUSE_BYTES: number = SOCKET_BUFFER_BYTES + SEND_BUFFER_BYTES;

/** A node as the network sees it. */
export interface Host {
  readonly index: number;
  readonly address: NetAddress;
  /** Accepts connections, while it runs. */
  readonly listens: boolean;
  /** Accepts connections now. */
  readonly isReachable: boolean;
  /** For a link that is about to be made. It is the host's own when it has dialed successfully, or accepts. */
  createEnd(link: Link, side: Side): LinkEnd;
  accept(link: Link, side: Side, from: NetAddress): void;
}

/** The dialer's is 0. */
export type Side = 0 | 1;

interface Carrier {
  arrived(to: LinkEnd, frame: SimFrame): void;
}

/**
 * One side of a link, and the way that leads to it: frames arrive in the order in which they were sent. Millions do, each
 * at another end than the one before, and what of it must be fetched from far memory costs more than all that is done with
 * it: so an end is one object, and has what it needs of its link.
 */
export abstract class LinkEnd implements Target<SimFrame> {
  readonly link: Link;
  readonly side: Side;
  readonly latencyMs: Milliseconds;
  readonly #carrier: Carrier;
  /** Set by the link. */
  other!: LinkEnd;
  /** The host has it, and has not hung up. */
  isUp = false;
  /** As `Link` says. */
  isOpen = true;
  carries = true;
  lastArrival: Milliseconds = 0;
  /** When a slow reader has read what has arrived. */
  readFreeAt: Milliseconds = 0;
  /** Sent by the other side, and not read here. */
  unreadBytes = 0;
  /** So much of what was sent from here waits to be read by the other side. */
  isBufferFull = false;
  /** Frames that have arrived while the reader is full. */
  unread: SimFrame[] | undefined;

  constructor(link: Link, side: Side) {
    this.link = link;
    this.side = side;
    this.latencyMs = link.latencyMs;
    this.#carrier = link.carrier;
  }

  fire(frame: SimFrame): void {
    this.#carrier.arrived(this, frame);
  }

  /** It has so much unheard that it reads no more; `Network.resumeReading` ends that. */
  abstract get isFull(): boolean;
  abstract received(frame: SimFrame): void;
  abstract closed(): void;
  /** More than its buffer waits to be read by the other side. */
  abstract sendPaused(): void;
  /** The buffer is empty again. */
  abstract sendResumed(): void;
}

export class Link {
  readonly carrier: Carrier;
  /** The dialer first. */
  readonly hosts: readonly [Host, Host];
  readonly type: Exclude<ConnectionType, 'inbound'>;
  readonly latencyMs: Milliseconds;
  readonly ends: readonly [LinkEnd, LinkEnd];

  constructor(
    carrier: Carrier,
    hosts: readonly [Host, Host],
    shape: { readonly type: Exclude<ConnectionType, 'inbound'>; readonly latencyMs: Milliseconds },
  ) {
    this.carrier = carrier;
    this.hosts = hosts;
    this.type = shape.type;
    this.latencyMs = shape.latencyMs;
    const [dialer, listener] = hosts;
    const [a, b] = [dialer.createEnd(this, 0), listener.createEnd(this, 1)];
    a.other = b;
    b.other = a;
    this.ends = [a, b];
  }

  get isOpen(): boolean {
    return this.ends[0].isOpen;
  }

  /** False once it has broken silently: it is open until both sides have found out. */
  get carries(): boolean {
    return this.ends[0].carries;
  }

  /** Nothing arrives any more. */
  break(): void {
    for (const end of this.ends) end.carries = false;
  }

  /** It is gone. */
  cut(): void {
    for (const end of this.ends) end.isOpen = false;
  }
}
