/**
 * A link between two hosts: two lanes, one each way. A lane knows how much of what was sent has not been read yet. The
 * systems at both ends and the way between them hold some of it; what is more than that waits in the sender's buffer, and
 * when that is full, the sender is told, as the daemon is of a socket.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { ConnectionType } from '../p2p/events.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Target } from './agenda.ts';
import type { SimFrame } from './frames.ts';

/** What the two systems hold of one lane (Linux: the middle values of tcp_wmem and tcp_rmem, 16 and 128 KiB, and some growth). */
export const SOCKET_BUFFER_BYTES = 256 * 1_024;
/** Unsent bytes above which the sender hears nothing of the peer (Core: -maxsendbuffer; `net/connection.ts`). */
const SEND_BUFFER_BYTES = 1_000_000;
export const SEND_PAUSE_BYTES: number = SOCKET_BUFFER_BYTES + SEND_BUFFER_BYTES;

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
  /** It has so much unheard that it reads no more; `Network.resumeReading` ends that. */
  readonly isFull: boolean;
  received(frame: SimFrame): void;
  closed(): void;
  /** More than its buffer waits to be read by the other side. */
  sendPaused(): void;
  /** The buffer is empty again. */
  sendResumed(): void;
}
export type Side = 0 | 1;

interface Carrier {
  arrived(link: Link, side: Side, frame: SimFrame): void;
}

/** One way of a link: frames arrive at its other end in the order in which they were sent. */
export class Lane implements Target<SimFrame> {
  readonly #carrier: Carrier;
  readonly #link: Link;
  readonly #side: Side;
  lastArrival: Milliseconds = 0;
  /** When a slow reader has read what has arrived. */
  readFreeAt: Milliseconds = 0;
  /** Sent, and not read by the other side. */
  unreadBytes = 0;
  isSendPaused = false;
  /** Frames that have arrived while the reader is full. */
  unread: SimFrame[] | undefined;

  constructor(carrier: Carrier, link: Link, side: Side) {
    this.#carrier = carrier;
    this.#link = link;
    this.#side = side;
  }

  fire(frame: SimFrame): void {
    this.#carrier.arrived(this.#link, this.#side, frame);
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
  /** False once it has broken silently: it is open until both sides have found out. */
  carries = true;

  constructor(
    carrier: Carrier,
    hosts: readonly [Host, Host],
    shape: { readonly type: Exclude<ConnectionType, 'inbound'>; readonly latencyMs: Milliseconds },
  ) {
    this.hosts = hosts;
    this.type = shape.type;
    this.latencyMs = shape.latencyMs;
    this.lanes = [new Lane(carrier, this, 0), new Lane(carrier, this, 1)];
  }
}
