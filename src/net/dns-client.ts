/**
 * Asks DNS servers for the addresses behind a name: A and AAAA over UDP, over TCP when the answer was cut short. Answers
 * are matched by id and question; whoever answers anything else is not listened to (RFC 1035, RFC 7766).
 */
import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import { getServers } from 'node:dns';
import net from 'node:net';
import packet from 'dns-packet';
import type { NetAddress } from '../wire/net-address.ts';
import { parseAddress } from '../wire/net-address.ts';

export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;
/** How long one server may take for one question. */
const QUERY_TIMEOUT_MS = 3_000;
/** Bytes of an answer over TCP at most: its length prefix has 16 bits. */
const TCP_PREFIX_BYTES = 2;

/** The servers that the system is set up with. */
export function systemDnsServers(): DnsServer[] {
  return getServers().map(text => {
    const address = parseAddress(text, DNS_PORT);
    return { host: text.replace(/^\[|\](:\d+)?$/g, ''), port: address?.port ?? DNS_PORT };
  });
}

/**
 * All addresses of `host`, each with `port`. Servers are tried in order until one answers; an empty list when the name
 * has no address. Rejects when no server answers.
 */
export async function resolveHost(
  host: string,
  port: number,
  servers: readonly DnsServer[],
): Promise<NetAddress[]> {
  const answers = await Promise.allSettled([ask(host, 'A', servers), ask(host, 'AAAA', servers)]);
  const texts = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = answers.find(answer => answer.status === 'rejected');
  if (texts.length === 0 && failed !== undefined) throw failed.reason;
  return texts.flatMap(text => parseAddress(text, port) ?? []);
}

async function ask(host: string, type: 'A' | 'AAAA', servers: readonly DnsServer[]): Promise<string[]> {
  let failure = new Error('No DNS server is known: name one with --resolver HOST:PORT');
  for (const server of servers) {
    try {
      let response = await queryUdp(host, type, server);
      if (response.flag_tc) response = await queryTcp(host, type, server);
      if (response.rcode !== 'NOERROR' && response.rcode !== 'NXDOMAIN') {
        throw new Error(`${server.host} answers ${response.rcode} for ${host}`);
      }
      return (response.answers ?? []).flatMap(answer => (answer.type === type ? [answer.data] : []));
    } catch (error) {
      failure = error as Error;
    }
  }
  throw failure;
}

/** The typings leave out what `decode` adds for responses. */
type Response = packet.DecodedPacket & { readonly rcode?: string };

function question(host: string, type: 'A' | 'AAAA'): packet.Packet & { id: number } {
  return {
    type: 'query',
    id: randomInt(0x1_0000),
    flags: packet.RECURSION_DESIRED,
    questions: [{ type, name: host }],
  };
}

/** Whether `response` answers `query` and nothing else. */
function answers(query: packet.Packet & { id: number }, response: Response): boolean {
  const asked = query.questions![0]!;
  const echoed = response.questions?.[0];
  return (
    response.id === query.id &&
    response.type === 'response' &&
    echoed !== undefined &&
    echoed.type === asked.type &&
    echoed.name.toLowerCase() === asked.name.toLowerCase()
  );
}

function decode(bytes: Buffer): Response | undefined {
  try {
    return packet.decode(bytes);
  } catch {
    return undefined;
  }
}

function queryUdp(host: string, type: 'A' | 'AAAA', server: DnsServer): Promise<Response> {
  return new Promise((resolve, reject) => {
    const query = question(host, type);
    const socket = dgram.createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
    const finish = (outcome: () => void) => {
      clearTimeout(timer);
      socket.close();
      outcome();
    };
    const timer = setTimeout(
      () => finish(() => reject(new Error(`${server.host}:${server.port} does not answer for ${host}`))),
      QUERY_TIMEOUT_MS,
    );
    socket.on('error', error => finish(() => reject(error)));
    socket.on('message', bytes => {
      const response = decode(bytes);
      if (response !== undefined && answers(query, response)) finish(() => resolve(response));
    });
    // Connected: datagrams of anybody else are dropped by the system.
    socket.connect(server.port, server.host, () => socket.send(packet.encode(query)));
  });
}

function queryTcp(host: string, type: 'A' | 'AAAA', server: DnsServer): Promise<Response> {
  return new Promise((resolve, reject) => {
    const query = question(host, type);
    const socket = net.connect(server.port, server.host, () => socket.write(packet.streamEncode(query)));
    let received = Buffer.alloc(0);
    socket.setTimeout(QUERY_TIMEOUT_MS, () =>
      socket.destroy(new Error(`${server.host} does not answer over TCP`)),
    );
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`${server.host} closed without an answer for ${host}`)));
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk]);
      if (received.length < TCP_PREFIX_BYTES) return;
      const length = received.readUInt16BE(0);
      if (received.length < TCP_PREFIX_BYTES + length) return;
      const response = decode(received.subarray(TCP_PREFIX_BYTES, TCP_PREFIX_BYTES + length));
      if (response !== undefined && answers(query, response)) resolve(response);
      socket.destroy();
    });
  });
}
