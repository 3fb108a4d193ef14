/**
 * A DNS seed: answers A and AAAA for its own name with nodes that accept connections, over UDP and TCP. The name
 * `x<hex>.<zone>` asks for nodes with at least these service bits, as public seeders have it.
 */
import dgram from 'node:dgram';
import type { EventEmitter } from 'node:events';
import net from 'node:net';
import packet from 'dns-packet';
import type { Log } from '../base/log.ts';
import { hostText, type NetAddress } from '../wire/net-address.ts';

/** Addresses in one answer: a bootstrapping node needs no more. */
const ANSWERS_MAX = 24;
/** Clients over TCP at a time, unread bytes of one, and how long it may be silent. */
const TCP_CLIENTS_MAX = 64;
const TCP_UNREAD_BYTES_MAX = 65_536;
const TCP_IDLE_MS = 10_000;
/** Bits that are zero in a standard query; response codes (RFC 1035): no such name, this kind of query is not answered, not ours to answer. */
const OPCODE_MASK = 0x7800;
const RCODE = { nameError: 3, notImplemented: 4, refused: 5 } as const;
/** Bytes of a datagram without EDNS (RFC 1035). */
const UDP_BYTES_MAX = 512;
const TTL_S = 60;
const SOA_REFRESH_S = 604_800;
const SOA_RETRY_S = 86_400;
const SOA_EXPIRE_S = 2_592_000;

export interface DnsServerOptions {
  /** The name that is answered for, such as `seed.example.org`. */
  readonly zone: string;
  /** The name server's own name, for NS and SOA. */
  readonly nameServer: string;
  readonly listen: { readonly host: string; readonly port: number };
}

/** Nodes with at least the service bits `services`, in random order, best `limit` of them. */
export type NodeSource = (services: bigint, network: 'ipv4' | 'ipv6', limit: number) => readonly NetAddress[];

export class DnsServer {
  readonly #source: NodeSource;
  readonly #log: Log;
  readonly #options: DnsServerOptions;
  readonly #udp: dgram.Socket;
  readonly #tcp: net.Server;
  readonly #clients = new Set<net.Socket>();

  constructor(deps: { readonly source: NodeSource; readonly log: Log }, options: DnsServerOptions) {
    this.#source = deps.source;
    this.#log = deps.log;
    this.#options = { ...options, zone: options.zone.toLowerCase().replace(/\.$/, '') };
    this.#udp = dgram.createSocket(options.listen.host.includes(':') ? 'udp6' : 'udp4');
    this.#udp.on('message', (bytes, from) => {
      const answer = this.#answer(bytes, UDP_BYTES_MAX);
      if (answer !== undefined) this.#udp.send(answer, from.port, from.address);
    });
    this.#tcp = net.createServer(socket => this.#serveTcp(socket));
    this.#tcp.maxConnections = TCP_CLIENTS_MAX;
  }

  /** Resolves to the port in use, the same for UDP and TCP; rejects with the system's error and listens to nothing then. */
  async start(): Promise<number> {
    const { host, port } = this.#options.listen;
    await settled(this.#tcp, done => this.#tcp.listen(port, host, done));
    const actual = (this.#tcp.address() as net.AddressInfo).port;
    try {
      await settled(this.#udp, done => this.#udp.bind(actual, host, done));
    } catch (error) {
      this.#tcp.close();
      throw error;
    }
    this.#tcp.on('error', error => this.#log.warn(`DNS over TCP: ${error.message}`));
    this.#udp.on('error', error => this.#log.warn(`DNS over UDP: ${error.message}`));
    return actual;
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.destroy();
    await Promise.all([
      new Promise<void>(resolve => this.#udp.close(() => resolve())),
      new Promise<void>(resolve => this.#tcp.close(() => resolve())),
    ]);
  }

  #serveTcp(socket: net.Socket): void {
    let received = Buffer.alloc(0);
    this.#clients.add(socket);
    socket.on('close', () => this.#clients.delete(socket));
    socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
    socket.on('error', error => this.#log.debug('net', () => `DNS over TCP: ${error.message}`));
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 2) {
        const length = received.readUInt16BE(0);
        if (received.length < 2 + length) return;
        const answer = this.#answer(received.subarray(2, 2 + length), 0xffff);
        received = received.subarray(2 + length);
        if (answer === undefined) return void socket.destroy();
        const prefix = Buffer.alloc(2);
        prefix.writeUInt16BE(answer.length);
        socket.write(Buffer.concat([prefix, answer]));
        if (socket.writableLength > TCP_UNREAD_BYTES_MAX) return void socket.destroy();
      }
    });
  }

  /** Undefined for what is no question. */
  #answer(bytes: Buffer, bytesMax: number): Buffer | undefined {
    let query: packet.DecodedPacket;
    try {
      query = packet.decode(bytes);
    } catch {
      return undefined;
    }
    const asked = query.questions?.[0];
    if (query.type !== 'query' || asked === undefined) return undefined;
    const reply = (rcode: number, rest: Pick<packet.Packet, 'answers' | 'authorities'>) =>
      packet.encode({
        type: 'response',
        id: query.id ?? 0,
        flags: packet.AUTHORITATIVE_ANSWER | rcode,
        questions: [asked],
        ...rest,
      });
    if (((query.flags ?? 0) & OPCODE_MASK) !== 0) return reply(RCODE.notImplemented, {});
    const services = this.#servicesAsked(asked.name.toLowerCase());
    if (services === 'foreign' || asked.class !== 'IN') return reply(RCODE.refused, {});
    if (services === 'unknown') return reply(RCODE.nameError, { authorities: [this.#soa()] });
    const answers = this.#records(asked.name, asked.type, services);
    // Any few of the nodes are as good as more: what fits is answered, and nobody has to come again over TCP.
    for (let count = answers.length; count > 0; count -= 1) {
      const fitting = reply(0, { answers: answers.slice(0, count) });
      if (fitting.length <= bytesMax) return fitting;
    }
    const empty = reply(0, { authorities: [this.#soa()] });
    return answers.length === 0 && empty.length <= bytesMax ? empty : truncated(reply(0, {}));
  }

  /** The bits in `x<hex>.<zone>`; none for the zone itself. */
  #servicesAsked(name: string): bigint | 'foreign' | 'unknown' {
    const { zone } = this.#options;
    if (name === zone) return 0n;
    if (!name.endsWith(`.${zone}`)) return 'foreign';
    const match = /^x([0-9a-f]{1,16})$/.exec(name.slice(0, -zone.length - 1));
    return match === null ? 'unknown' : BigInt(`0x${match[1]}`);
  }

  #records(name: string, type: string, services: bigint): packet.Answer[] {
    if (type === 'NS') return [{ type: 'NS', name, ttl: TTL_S, data: this.#options.nameServer }];
    if (type === 'SOA') return [this.#soa()];
    if (type !== 'A' && type !== 'AAAA') return [];
    const nodes = this.#source(services, type === 'A' ? 'ipv4' : 'ipv6', ANSWERS_MAX);
    return nodes.map(node => ({ type, name, ttl: TTL_S, data: hostText(node) }));
  }

  #soa(): packet.Answer {
    const { zone, nameServer } = this.#options;
    return {
      type: 'SOA',
      name: zone,
      ttl: TTL_S,
      data: {
        mname: nameServer,
        rname: `hostmaster.${zone}`,
        serial: 1,
        refresh: SOA_REFRESH_S,
        retry: SOA_RETRY_S,
        expire: SOA_EXPIRE_S,
        minimum: TTL_S,
      },
    };
  }
}

/** The flag that sends a client to TCP. */
function truncated(header: Buffer): Buffer {
  header.writeUInt16BE(header.readUInt16BE(2) | packet.TRUNCATED_RESPONSE, 2);
  return header;
}

/** Resolves when `start` calls back, rejects when `emitter` fails before. */
function settled(emitter: EventEmitter, start: (done: () => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    emitter.once('error', reject);
    start(() => {
      emitter.removeListener('error', reject);
      resolve();
    });
  });
}
