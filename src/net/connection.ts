/**
 * One socket to a peer: frames go in and out, bytes are counted, and it says when it fills up. A peer that sends faster
 * than it is heard is read no further; one that does not read what we send is told of by `sendPaused`.
 */
import type net from 'node:net';
import type { Log } from '../base/log.ts';
import type { ConnectionType, PeerId, Permission } from '../p2p/events.ts';
import { isKnownCommand } from '../wire/messages.ts';
import type { NetAddress } from '../wire/net-address.ts';
import type { Received, Transport, TransportKind } from '../wire/transport.ts';

/** By default: undecoded bytes of one peer above which its socket is read no further (Core: -maxreceivebuffer). */
export const RECEIVE_BUFFER_BYTES = 5_000_000;
/** By default: unsent bytes to one peer above which nothing of it is handled (Core: -maxsendbuffer). */
export const SEND_BUFFER_BYTES = 1_000_000;
/** How long the last bytes to a peer that we drop may take. */
const FLUSH_TIMEOUT_MS = 1_000;
/** Core counts commands that it does not know under this name. */
const OTHER_COMMANDS = '*other*';

export interface ConnectionInfo {
  readonly peer: PeerId;
  readonly type: ConnectionType;
  readonly address: NetAddress;
  readonly localAddress: NetAddress;
  readonly permissions: readonly Permission[];
  /** It came in where only Tor delivers. */
  readonly isOnion?: true;
  /** The name or address that was asked for; only of outbound connections. */
  readonly dialedName?: string;
  readonly attempt?: number;
}

/** Called for each thing that happens; of `sendPayload` only `sendPaused` comes before it returns. */
export interface ConnectionHandler {
  /** `connection.next()` may have something. */
  readable(connection: Connection): void;
  /** The peer's first bytes of a connection that may be encrypted, and then what it has turned out to be. */
  transportChanged(connection: Connection): void;
  sendPaused(connection: Connection): void;
  sendResumed(connection: Connection): void;
  /** Once for each connection that stood. */
  closed(connection: Connection): void;
}

/** Bytes for each peer. */
export interface BufferLimits {
  readonly receive: number;
  readonly send: number;
}

/** Bytes on the wire, headers included. */
export class TrafficCounters {
  received = 0;
  sent = 0;
  readonly receivedByCommand = new Map<string, number>();
  readonly sentByCommand = new Map<string, number>();
}

export class Connection {
  readonly info: ConnectionInfo;
  readonly traffic = new TrafficCounters();
  readonly transport: Transport;
  readonly #log: Log;
  readonly #buffers: BufferLimits;
  readonly #socket: net.Socket;
  readonly #total: TrafficCounters;
  readonly #onSent: ((bytes: number) => void) | undefined;
  readonly #handler: ConnectionHandler;
  /** What `transportChanged` was told last. */
  #toldKind: TransportKind | undefined;
  #isSendPaused = false;
  /** We hang up: nothing is read, nothing more is sent. */
  #isClosing = false;
  #isClosed = false;

  constructor(
    socket: net.Socket,
    info: ConnectionInfo,
    context: {
      log: Log;
      buffers: BufferLimits;
      transport: Transport;
      total: TrafficCounters;
      handler: ConnectionHandler;
      onSent: ((bytes: number) => void) | undefined;
      onClosed(): void;
    },
  ) {
    this.info = info;
    this.#socket = socket;
    this.transport = context.transport;
    this.#log = context.log;
    this.#buffers = context.buffers;
    this.#total = context.total;
    this.#onSent = context.onSent;
    const { handler } = context;
    this.#handler = handler;
    this.#toldKind = this.transport.kind === 'v1' ? 'v1' : undefined;
    socket.on('data', chunk => {
      this.traffic.received += chunk.length;
      this.#total.received += chunk.length;
      if (this.#isClosing) return;
      this.transport.push(chunk);
      this.#write();
      this.#tellKind();
      if (this.transport.bufferedBytes > this.#buffers.receive) socket.pause();
      handler.readable(this);
    });
    socket.on('drain', () => {
      if (!this.#isSendPaused || this.#isClosing) return;
      this.#isSendPaused = false;
      handler.sendResumed(this);
    });
    socket.on('end', () => socket.destroySoon());
    socket.on('close', () => {
      this.#isClosed = true;
      context.onClosed();
      handler.closed(this);
    });
    this.#write();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** The next frame that has arrived whole; none once we have hung up. */
  next(): Received | undefined {
    if (this.#isClosing) return undefined;
    const frame = this.transport.next();
    this.#tellKind();
    // Of a frame longer than the buffer, the rest has to come all the same: the limit is for what nobody asks for.
    const isWanted = frame === undefined || this.transport.bufferedBytes <= this.#buffers.receive;
    if (isWanted && this.#socket.isPaused()) this.#socket.resume();
    if (frame !== undefined && frame.kind !== 'decoy') {
      const name = frame.kind === 'frame' && isKnownCommand(frame.command) ? frame.command : OTHER_COMMANDS;
      count(this.traffic.receivedByCommand, name, frame.size);
    }
    return frame;
  }

  #tellKind(): void {
    const { kind } = this.transport;
    if (kind === this.#toldKind) return;
    this.#toldKind = kind;
    this.#handler.transportChanged(this);
  }

  sendPayload(command: string, payload: Uint8Array): void {
    if (this.#isClosing || this.#isClosed || this.#socket.destroyed) return;
    this.transport.send(command, payload);
    this.#write();
    if (!this.#isSendPaused && this.#socket.writableLength > this.#buffers.send) {
      this.#isSendPaused = true;
      this.#handler.sendPaused(this);
    }
  }

  /** What the transport has ready; messages may wait in it for its handshake. */
  #write(): void {
    for (const { command, bytes } of this.transport.takeOutgoing()) {
      if (command === undefined && this.traffic.sent === 0)
        this.#log.debug('net', () => `start sending v2 handshake to peer=${this.info.peer}`);
      this.traffic.sent += bytes.length;
      this.#total.sent += bytes.length;
      this.#onSent?.(bytes.length);
      if (command !== undefined)
        count(this.traffic.sentByCommand, isKnownCommand(command) ? command : OTHER_COMMANDS, bytes.length);
      this.#socket.write(bytes);
    }
  }

  /** Closes after what was sent before; a peer that does not read is not waited for. */
  close(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    // A paused socket would not notice that the other end has gone.
    this.#socket.resume();
    this.#socket.destroySoon();
    setTimeout(() => this.#socket.destroy(), FLUSH_TIMEOUT_MS).unref();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

function count(counts: Map<string, number>, name: string, bytes: number): void {
  counts.set(name, (counts.get(name) ?? 0) + bytes);
}
