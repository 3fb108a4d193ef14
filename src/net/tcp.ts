/**
 * Listens and dials, straight or through proxies; every socket that stands becomes a `Connection`. Nobody is judged here,
 * and no frame is decoded before somebody asks for it.
 */
import net from 'node:net';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { ConnectionType, DialTarget, PeerId, Permission } from '../p2p/events.ts';
import { networkOf } from '../p2p/netgroup.ts';
import { addressText, asCjdns, hostText, type NetAddress, parseAddress } from '../wire/net-address.ts';
import { V1Transport } from '../wire/transport.ts';
import { V2Transport } from '../wire/v2-transport.ts';
import {
  type BufferLimits,
  Connection,
  type ConnectionHandler,
  RECEIVE_BUFFER_BYTES,
  SEND_BUFFER_BYTES,
  TrafficCounters,
} from './connection.ts';
import { dialSocket } from './dial.ts';
import type { I2pBridge } from './i2p.ts';
import { CredentialsGenerator, type Proxies, type SocksProxy } from './proxies.ts';
import { I2P_PORT } from './sam.ts';

/** How long a dial may take by default (Core: DEFAULT_CONNECT_TIMEOUT). */
const CONNECT_TIMEOUT_MS = 5_000;
/** Of a peer that only a proxy knows, and of our end where there is none. */
const UNKNOWN_ADDRESS: NetAddress = { network: 'ipv6', bytes: new Uint8Array(16), port: 0 };

export interface ListenOptions {
  readonly permissions: readonly Permission[];
  /** Only Tor delivers here (`-bind=…=onion`). */
  readonly isOnion: boolean;
}

export interface TransportHandler extends ConnectionHandler {
  opened(connection: Connection): void;
  dialFailed(attempt: number, reason: string): void;
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
  readonly buffers?: BufferLimits;
  /** At the start; absent: everybody is dialed straight. */
  readonly proxies?: Proxies;
  /** Absent: nobody on I2P is dialed. */
  readonly i2p?: I2pBridge;
  /** False: hosts are given by address, or looked up by a proxy (`-dns=0`). */
  readonly looksUpNames?: boolean;
  /** fc00::/8 is CJDNS. */
  readonly isCjdnsReachable?: boolean;
  /** Told of all bytes that are sent. */
  readonly onSent?: (bytes: number) => void;
  permissionsOf(address: NetAddress, direction: 'in' | 'out'): readonly Permission[];
}

/** Peer ids ascend from 0 in the order in which connections stand. */
export class TcpTransport {
  readonly total = new TrafficCounters();
  readonly #deps: { readonly log: Log; readonly handler: TransportHandler };
  readonly #options: TransportOptions;
  readonly #connections = new Map<PeerId, Connection>();
  readonly #dialing = new Set<net.Socket>();
  readonly #credentials: CredentialsGenerator;
  readonly #servers: net.Server[] = [];
  #proxies: Proxies;
  #nextPeer: PeerId = 0;

  constructor(deps: { readonly log: Log; readonly handler: TransportHandler }, options: TransportOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#proxies = options.proxies ?? {};
    this.#credentials = new CredentialsGenerator(options.random);
  }

  get(peer: PeerId): Connection | undefined {
    return this.#connections.get(peer);
  }

  get proxies(): Proxies {
    return this.#proxies;
  }

  /** From now on; connections that stand go on. */
  setProxy(network: keyof Proxies, proxy: SocksProxy): void {
    this.#proxies = { ...this.#proxies, [network]: proxy };
  }

  /** Resolves to the address in use (the port, when 0 was asked for); rejects with the system's error. */
  listen(host: string, port: number, how: Partial<ListenOptions> = {}): Promise<NetAddress> {
    const { permissions = [], isOnion = false } = how;
    const server = net.createServer({ noDelay: true }, socket =>
      this.#accept(socket, { permissions, isOnion }),
    );
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      // Each family has a socket of its own.
      const ipv6Only = host.includes(':');
      server.listen({ host, port, exclusive: true, ipv6Only }, () => {
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
    how: {
      readonly type: Exclude<ConnectionType, 'inbound'>;
      readonly transport: 'v1' | 'v2';
      readonly throughTor?: true;
    },
  ): void {
    const { handler } = this.#deps;
    const { localAddress, connectTimeoutMs = CONNECT_TIMEOUT_MS } = this.#options;
    const proxy = how.throughTor ? this.#proxies.onion : this.#proxyFor(target);
    // Without a proxy it would go straight, and tell who we are.
    const isLost = how.throughTor === true && proxy === undefined;
    const refusal = isLost ? 'no way to Tor' : proxy === undefined && this.#refusalOf(target);
    if (refusal) {
      setImmediate(() => handler.dialFailed(attempt, refusal));
      return;
    }
    const [host, port] =
      target.kind === 'name' ? [target.host, target.port] : [hostText(target.address), target.address.port];
    const dialedName = target.kind === 'name' ? `${host}:${port}` : addressText(target.address);
    if (target.kind === 'address' && target.address.network === 'i2p') {
      this.#dialI2p(attempt, target.address, { ...how, dialedName });
      return;
    }
    const credentials = proxy?.randomizesCredentials ? this.#credentials.next() : undefined;
    const route = {
      host,
      port,
      ...(proxy && { proxy: proxy.place }),
      ...(credentials && { credentials }),
    };
    const address = target.kind === 'address' ? target.address : proxy && UNKNOWN_ADDRESS;
    const socket = dialSocket(route, { localAddress, connectTimeoutMs }, outcome => {
      this.#dialing.delete(socket);
      if (outcome.kind === 'failed') handler.dialFailed(attempt, outcome.reason);
      else this.#open(socket, { ...how, attempt, dialedName, permissions: [], ...(address && { address }) });
    });
    this.#dialing.add(socket);
  }

  #dialI2p(
    attempt: number,
    address: NetAddress,
    how: {
      readonly type: Exclude<ConnectionType, 'inbound'>;
      readonly transport: 'v1' | 'v2';
      readonly dialedName: string;
    },
  ): void {
    const { handler, log } = this.#deps;
    const fail = (reason: string) => {
      log.debug('i2p', () => `Error connecting to ${how.dialedName}${reason}`);
      handler.dialFailed(attempt, reason.replace(/^[:,] /, ''));
    };
    if (address.port !== I2P_PORT) {
      setImmediate(() => fail(`, connection refused due to arbitrary port ${address.port}`));
      return;
    }
    this.#options.i2p!.connect(address).then(
      socket => this.#open(socket, { ...how, attempt, permissions: [], address }),
      (error: Error) => fail(`: ${error.message}`),
    );
  }

  /** Peers on I2P that come to us, from now on; `onAddress`: where they can. */
  acceptI2p(onAddress: (own: NetAddress) => void): void {
    const transport = this.#options.acceptsV2 ? 'v2' : 'v1';
    this.#options.i2p?.acceptAll({
      onReady: onAddress,
      onPeer: (socket, address, localAddress) =>
        this.#open(socket, { type: 'inbound', transport, permissions: [], address, localAddress }),
    });
  }

  #proxyFor(target: DialTarget): SocksProxy | undefined {
    if (target.kind === 'name') return this.#proxies.name;
    const network = networkOf(target.address, { privateNetwork: false });
    // To I2P leads a router, not a SOCKS5 proxy.
    return network === 'unroutable' || network === 'internal' || network === 'i2p'
      ? undefined
      : this.#proxies[network];
  }

  /** Why it cannot be dialed straight. */
  #refusalOf(target: DialTarget): string | undefined {
    // Asking DNS for such a name would tell strangers whom we look for.
    if (target.kind === 'address')
      return isDialable(target.address) || (target.address.network === 'i2p' && this.#options.i2p)
        ? undefined
        : `no way to ${target.address.network} hosts`;
    return this.#options.looksUpNames === false ? 'names are not looked up (-dns=0)' : undefined;
  }

  #accept(socket: net.Socket, { permissions, isOnion }: ListenOptions): void {
    const transport = this.#options.acceptsV2 ? 'v2' : 'v1';
    this.#open(socket, { type: 'inbound', transport, permissions, ...(isOnion && { isOnion }) });
  }

  #open(
    socket: net.Socket,
    how: {
      type: ConnectionType;
      transport: 'v1' | 'v2';
      permissions: readonly Permission[];
      attempt?: number;
      dialedName?: string;
      isOnion?: true;
      /** Whom we asked for, and who we are to it: the other end of the socket is a proxy's. */
      address?: NetAddress;
      localAddress?: NetAddress;
    },
  ): void {
    const remote = parseAddress(stripZone(socket.remoteAddress), socket.remotePort ?? 0);
    const address = how.address ?? (remote && this.#options.isCjdnsReachable ? asCjdns(remote) : remote);
    const bound = parseAddress(stripZone(socket.localAddress), socket.localPort ?? 0);
    const localAddress = how.localAddress ?? bound ?? (how.address && UNKNOWN_ADDRESS);
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
        buffers: this.#options.buffers ?? { receive: RECEIVE_BUFFER_BYTES, send: SEND_BUFFER_BYTES },
        transport,
        total: this.total,
        handler,
        onSent: this.#options.onSent,
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
    this.#options.i2p?.close();
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
