/**
 * A node's end of a link. As in the daemon, a peer with an open operation is not heard: its frames wait undecoded, and
 * that it hung up is told when the operation has ended.
 */
import type { ConnectionType, PeerId } from '../p2p/events.ts';
import type { FrameDecoder } from '../wire/frame.ts';
import type { Link, LinkEnd, Side } from './network.ts';

/** What a connection needs of its node. */
export interface Listener {
  isBusy(peer: PeerId): boolean;
  hear(connection: Connection, frame: Uint8Array): void;
  hungUp(connection: Connection): void;
}

export class Connection implements LinkEnd {
  readonly peer: PeerId;
  readonly link: Link;
  readonly side: Side;
  readonly type: ConnectionType;
  isClosed = false;
  /** The other side's verack came. */
  isReady = false;
  /** Of bytes that come in pieces (see frames.ts). */
  decoder?: FrameDecoder;
  readonly #listener: Listener;
  /** Frames that wait. */
  #inbox: Uint8Array[] | undefined;

  constructor(
    listener: Listener,
    facts: {
      readonly peer: PeerId;
      readonly link: Link;
      readonly side: Side;
      readonly type: ConnectionType;
    },
  ) {
    this.#listener = listener;
    this.peer = facts.peer;
    this.link = facts.link;
    this.side = facts.side;
    this.type = facts.type;
  }

  received(frame: Uint8Array): void {
    if (this.#inbox !== undefined) this.#inbox.push(frame);
    else if (this.#listener.isBusy(this.peer)) this.#inbox = [frame];
    else this.#listener.hear(this, frame);
  }

  closed(): void {
    this.isClosed = true;
    if (!this.#listener.isBusy(this.peer)) this.#listener.hungUp(this);
  }

  /** An operation has ended: hears what has come meanwhile, until the peer is busy again. */
  resume(): void {
    if (this.isClosed) {
      this.#listener.hungUp(this);
      return;
    }
    const inbox = this.#inbox;
    if (inbox === undefined) return;
    let taken = 0;
    while (taken < inbox.length && !this.isClosed && !this.#listener.isBusy(this.peer)) {
      taken += 1;
      this.#listener.hear(this, inbox[taken - 1]!);
    }
    if (taken === inbox.length) this.#inbox = undefined;
    else inbox.splice(0, taken);
  }
}
