/**
 * A node's end of a link. As in the daemon, a peer with an open operation is not heard, nor one that does not read what
 * we send: its frames wait undecoded, and when they are very many, no more are read. That a peer with an open operation
 * has hung up is told when the operation has ended.
 */
import type { ConnectionType, PeerId } from '../p2p/events.ts';
import type { FrameDecoder } from '../wire/frame.ts';
import type { FrameReceiver, SimFrame } from './frames.ts';
import { type Link, LinkEnd, type Side } from './link.ts';

/** What a connection needs of its node. */
export interface Listener {
  isBusy(peer: PeerId): boolean;
  hear(connection: Connection, frame: SimFrame): void;
  hungUp(connection: Connection): void;
  sendPaused(connection: Connection): void;
  sendResumed(connection: Connection): void;
  /** It was full, and is no longer. */
  hasRoom(connection: Connection): void;
}

/** Undecoded bytes of one peer above which no more are read (Core: -maxreceivebuffer; `net/connection.ts`). */
const RECEIVE_BUFFER_BYTES = 5_000_000;

export class Connection extends LinkEnd implements FrameReceiver {
  /** Given when the node has it. */
  peer: PeerId = -1;
  readonly linkType: Link['type'];
  /** Of both ends of the link, those at nodes that do not listen. */
  readonly unreachableEnds: number;
  isClosed = false;
  /** The other side's verack came. */
  isReady = false;
  /** Of bytes that come in pieces (see byte-frames.ts). */
  decoder: FrameDecoder | undefined;
  readonly #listener: Listener;
  /** Frames that wait, and their bytes. */
  #inbox: SimFrame[] | undefined;
  #inboxBytes = 0;
  #isSendPaused = false;

  constructor(listener: Listener, link: Link, side: Side) {
    super(link, side);
    this.#listener = listener;
    this.linkType = link.type;
    this.unreachableEnds = link.hosts.filter(({ listens }) => !listens).length;
  }

  get type(): ConnectionType {
    return this.side === 0 ? this.linkType : 'inbound';
  }

  get isFull(): boolean {
    return this.#inboxBytes > RECEIVE_BUFFER_BYTES;
  }

  received(frame: SimFrame): void {
    if (this.#inbox === undefined && this.#isHeard()) {
      this.#listener.hear(this, frame);
      return;
    }
    this.#inbox ??= [];
    this.#inbox.push(frame);
    this.#inboxBytes += frame.length;
  }

  closed(): void {
    this.isClosed = true;
    if (!this.#listener.isBusy(this.peer)) this.#listener.hungUp(this);
  }

  sendPaused(): void {
    this.#isSendPaused = true;
    this.#listener.sendPaused(this);
  }

  sendResumed(): void {
    this.#isSendPaused = false;
    this.#listener.sendResumed(this);
  }

  /** It may be heard again: hears what has come meanwhile, until the peer is busy once more. */
  resume(): void {
    if (this.isClosed) {
      this.#listener.hungUp(this);
      return;
    }
    const inbox = this.#inbox;
    if (inbox === undefined) return;
    const wasFull = this.isFull;
    let taken = 0;
    while (taken < inbox.length && !this.isClosed && this.#isHeard()) {
      const frame = inbox[taken]!;
      taken += 1;
      this.#inboxBytes -= frame.length;
      this.#listener.hear(this, frame);
    }
    if (taken === inbox.length) this.#inbox = undefined;
    else inbox.splice(0, taken);
    if (wasFull && !this.isFull) this.#listener.hasRoom(this);
  }

  #isHeard(): boolean {
    return !this.#isSendPaused && !this.#listener.isBusy(this.peer);
  }
}
