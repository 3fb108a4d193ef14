/**
 * Sockets and nothing else: connections carry frames in and out, count bytes, and say when they fill up. Nobody is
 * judged here, and no frame is decoded before somebody asks for it.
 */
import net from 'node:net';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ConnectionType, DialTarget, PeerId, Permission } from '../p2p/events.ts';
import { isKnownCommand } from '../wire/messages.ts';
import { addressText, hostText, type NetAddress, parseAddress } from '../wire/net-address.ts';
import { type Received, type Transport, type TransportKind, V1Transport } from '../wire/transport.ts';
import { V2Transport } from '../wire/v2-transport.ts';

/** Undecoded bytes of one peer above which its socket is read no further (Core: -maxreceivebuffer). */
const RECEIVE_BUFFER_BYTES_MAX = 5_000_000;
/** Unsent bytes to one peer above which nothing of it is handled (Core: -maxsendbuffer). */
const SEND_BUFFER_BYTES_MAX = 1_000_000;
/** How long a dial may take by default (Core: DEFAULT_CONNECT_TIMEOUT). */
const CONNECT_TIMEOUT_MS = 5_000;
/** Core counts commands that it does not know under this name. */
const OTHER_COMMANDS = '*other*';

export interface ConnectionInfo {
  readonly peer: PeerId;
  readonly type: ConnectionType;
  readonly address: NetAddress;
  readonly localAddress: NetAddress;
  readonly permissions: readonly Permission[];
  /** The name or address that was asked for; only of outbound connections. */
  readonly dialedName?: string;
  readonly attempt?: number;
}

/** Called for each thing that happens; of `send` only `sendPaused` comes before it returns. */
export interface TransportHandler {
  opened(connection: Connection): void;
  dialFailed(attempt: number, reason: string): void;
  /** `connection.next()` may have something. */
  readable(connection: Connection): void;
  /** The peer's first bytes of a connection that may be encrypted, and then what it has turned out to be. */
  transportChanged(connection: Connection): void;
  sendPaused(connection: Connection): void;
  sendResumed(connection: Connection): void;
  /** Once for each `opened`. */
  closed(connection: Connection): void;
}

export interface TransportOptions {
  readonly magic: Uint8Array;
  /** Of keys and garbage. */
  readonly random: Random;
  /** Connections that come in may be encrypted (`-v2transport`). */
  readonly acceptsV2: boolean;
  /** Outbound sockets leave from this address: how nodes of a private network are told apart. */
  readonly localAddress?: string;
  readonly connectTimeoutMs?: number;
  permissionsOf(address: NetAddress, direction: 'in' | 'out'): readonly Permission[];
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
  readonly #socket: net.Socket;
  readonly #total: TrafficCounters;
  readonly #handler: TransportHandler;
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
      transport: Transport;
      total: TrafficCounters;
      handler: TransportHandler;
      onClosed(): void;
    },
  ) {
    this.info = info;
    this.#socket = socket;
    this.transport = context.transport;
    this.#log = context.log;
    this.#total = context.total;
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
      if (this.transport.bufferedBytes > RECEIVE_BUFFER_BYTES_MAX) socket.pause();
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
    if (this.#socket.isPaused() && this.transport.bufferedBytes <= RECEIVE_BUFFER_BYTES_MAX)
      this.#socket.resume();
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

  sendPayload(command: string, payload: Uint8Array, handler: TransportHandler): void {
    if (this.#isClosing || this.#isClosed || this.#socket.destroyed) return;
    this.transport.send(command, payload);
    this.#write();
    if (!this.#isSendPaused && this.#socket.writableLength > SEND_BUFFER_BYTES_MAX) {
      this.#isSendPaused = true;
      handler.sendPaused(this);
    }
  }

  /** What the transport has ready; messages may wait in it for its handshake. */
  #write(): void {
    for (const { command, bytes } of this.transport.takeOutgoing()) {
      if (command === undefined && this.traffic.sent === 0)
        this.#log.debug('net', () => `start sending v2 handshake to peer=${this.info.peer}`);
      this.traffic.sent += bytes.length;
      this.#total.sent += bytes.length;
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

/** How long the last bytes to a peer that we drop may take. */
const FLUSH_TIMEOUT_MS = 1_000;

function count(counts: Map<string, number>, name: string, bytes: number): void {
  counts.set(name, (counts.get(name) ?? 0) + bytes);
}

/** Listens and dials. Peer ids ascend from 0 in the order in which connections stand. */
export class TcpTransport {
  readonly total = new TrafficCounters();
  readonly #deps: { readonly log: Log; readonly handler: TransportHandler };
  readonly #options: TransportOptions;
  readonly #connections = new Map<PeerId, Connection>();
  readonly #dialing = new Set<net.Socket>();
  readonly #servers: net.Server[] = [];
  #nextPeer: PeerId = 0;

  constructor(deps: { readonly log: Log; readonly handler: TransportHandler }, options: TransportOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  get(peer: PeerId): Connection | undefined {
    return this.#connections.get(peer);
  }

  /** Resolves to the address in use (the port, when 0 was asked for); rejects with the system's error. */
  listen(host: string, port: number, permissions: readonly Permission[] = []): Promise<NetAddress> {
    const server = net.createServer({ noDelay: true }, socket => this.#accept(socket, permissions));
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.removeListener('error', reject);
        server.on('error', error => this.#deps.log.warn(`Listening on ${host}:${port}: ${error.message}`));
        this.#servers.push(server);
        const { address, port: actual } = server.address() as net.AddressInfo;
        resolve(parseAddress(address, actual)!);
      });
    });
  }

  dial(
    attempt: number,
    target: DialTarget,
    how: { readonly type: Exclude<ConnectionType, 'inbound'>; readonly transport: 'v1' | 'v2' },
  ): void {
    const { handler } = this.#deps;
    const { localAddress, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
    if (target.kind === 'address' && !isDialable(target.address)) {
      // Asking DNS for such a name would tell strangers whom we look for.
      setImmediate(() => handler.dialFailed(attempt, `no way to ${target.address.network} hosts`));
      return;
    }
    const [host, port] =
      target.kind === 'name' ? [target.host, target.port] : [hostText(target.address), target.address.port];
    const dialedName = target.kind === 'name' ? `${host}:${port}` : addressText(target.address);
    const socket = net.connect({
      host,
      port,
      noDelay: true,
      ...(localAddress !== undefined && { localAddress }),
    });
    this.#dialing.add(socket);
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), connectTimeoutMs);
    const settle = () => {
      clearTimeout(timer);
      this.#dialing.delete(socket);
    };
    const fail = (error: NodeJS.ErrnoException) => {
      settle();
      // Several addresses of one name that all fail come as one error without text.
      handler.dialFailed(attempt, error.message || (error.code ?? 'failed'));
    };
    socket.once('error', fail);
    socket.once('close', settle);
    socket.once('connect', () => {
      settle();
      socket.removeListener('error', fail);
      this.#open(socket, { ...how, attempt, dialedName, permissions: [] });
    });
  }

  #accept(socket: net.Socket, permissions: readonly Permission[]): void {
    this.#open(socket, { type: 'inbound', transport: this.#options.acceptsV2 ? 'v2' : 'v1', permissions });
  }

  #open(
    socket: net.Socket,
    how: {
      type: ConnectionType;
      transport: 'v1' | 'v2';
      permissions: readonly Permission[];
      attempt?: number;
      dialedName?: string;
    },
  ): void {
    const address = parseAddress(stripZone(socket.remoteAddress), socket.remotePort ?? 0);
    const localAddress = parseAddress(stripZone(socket.localAddress), socket.localPort ?? 0);
    if (address === undefined || localAddress === undefined) {
      // Reset between connecting and now: there is nobody at the other end to name.
      socket.destroy();
      if (how.attempt !== undefined) this.#deps.handler.dialFailed(how.attempt, 'connection reset');
      return;
    }
    const peer = this.#nextPeer;
    this.#nextPeer += 1;
    const { transport: _, ...info } = how;
    const { magic, random } = this.#options;
    const transport =
      how.transport === 'v1'
        ? new V1Transport(magic)
        : new V2Transport(random, { magic, initiating: how.type !== 'inbound' });
    const granted = this.#options.permissionsOf(address, how.type === 'inbound' ? 'in' : 'out');
    const permissions = [...new Set([...how.permissions, ...granted])];
    const { handler } = this.#deps;
    socket.on('error', error =>
      this.#deps.log.debug('net', () => `Socket of peer=${peer}: ${error.message}`),
    );
    const connection = new Connection(
      socket,
      { ...info, peer, address, localAddress, permissions },
      {
        log: this.#deps.log,
        transport,
        total: this.total,
        handler,
        onClosed: () => this.#connections.delete(peer),
      },
    );
    this.#connections.set(peer, connection);
    handler.opened(connection);
  }

  /** Stops listening, drops all connections and dials. */
  async close(): Promise<void> {
    const closed = this.#servers.map(server => new Promise<void>(resolve => server.close(() => resolve())));
    for (const socket of this.#dialing) socket.destroy();
    for (const connection of this.#connections.values()) connection.destroy();
    await Promise.all(closed);
  }
}

/** Link-local addresses carry a zone (`fe80::1%eth0`) that is not part of the address. */
function stripZone(address: string | undefined): string {
  return (address ?? '').replace(/%.*$/, '');
}

/** Without a proxy only IP reaches anybody. */
function isDialable({ network }: NetAddress): boolean {
  return network === 'ipv4' || network === 'ipv6' || network === 'cjdns';
}
