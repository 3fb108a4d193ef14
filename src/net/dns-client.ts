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
import { hostText, parseAddress } from '../wire/net-address.ts';

export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

const DNS_PORT = 53;
/** How long one server may take for one question over one transport. */
const QUERY_TIMEOUT_MS = 3_000;
/** Over TCP a message comes after its length (RFC 1035). */
const TCP_PREFIX_BYTES = 2;
/** Bytes of a label and of a whole name at most (RFC 1035). */
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 253;

export interface ResolveOptions {
  readonly timeoutMs?: number;
}

/** The servers that the system is set up with. */
export function systemDnsServers(): DnsServer[] {
  return getServers().flatMap(text => {
    const address = parseAddress(text, DNS_PORT);
    return address === undefined ? [] : { host: hostText(address), port: address.port };
  });
}

/**
 * All addresses of `host`, each with `port`. Servers are tried in order until one answers; an empty list when the name
 * has no address. Rejects when no server answers, and for what cannot be a name.
 */
export async function resolveHost(
  host: string,
  port: number,
  servers: readonly DnsServer[],
  { timeoutMs = QUERY_TIMEOUT_MS }: ResolveOptions = {},
): Promise<NetAddress[]> {
  if (!isName(host)) throw new Error(`Not a host name: "${host.slice(0, NAME_BYTES_MAX)}"`);
  const answers = await Promise.allSettled(
    (['A', 'AAAA'] as const).map(type => ask({ host, type }, servers, timeoutMs)),
  );
  const texts = answers.flatMap(answer => (answer.status === 'fulfilled' ? answer.value : []));
  const failed = answers.find(answer => answer.status === 'rejected');
  if (texts.length === 0 && failed !== undefined) throw failed.reason;
  return texts.flatMap(text => parseAddress(text, port) ?? []);
}

interface Question {
  readonly host: string;
  readonly type: 'A' | 'AAAA';
}

function isName(host: string): boolean {
  const labels = host.split('.').map(label => Buffer.byteLength(label));
  return host.length <= NAME_BYTES_MAX && labels.every(bytes => bytes > 0 && bytes <= LABEL_BYTES_MAX);
}

async function ask(
  { host, type }: Question,
  servers: readonly DnsServer[],
  timeoutMs: number,
): Promise<string[]> {
  let failure = new Error('No DNS server is known: name one with --resolver HOST:PORT');
  for (const server of servers) {
    try {
      let response = await queryUdp({ host, type }, server, timeoutMs);
      if (response.flag_tc) response = await queryTcp({ host, type }, server, timeoutMs);
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

function newQuery({ host, type }: Question): packet.Packet & { id: number } {
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

function queryUdp(question: Question, server: DnsServer, timeoutMs: number): Promise<Response> {
  return new Promise((resolve, reject) => {
    const query = newQuery(question);
    const bytes = packet.encode(query);
    const socket = dgram.createSocket(server.host.includes(':') ? 'udp6' : 'udp4');
    let isDone = false;
    const finish = (outcome: () => void) => {
      if (isDone) return;
      isDone = true;
      clearTimeout(timer);
      socket.close();
      outcome();
    };
    const timer = setTimeout(
      () =>
        finish(() => reject(new Error(`${server.host}:${server.port} does not answer for ${question.host}`))),
      timeoutMs,
    );
    socket.on('error', error => finish(() => reject(error)));
    socket.on('message', received => {
      const response = decode(received);
      if (response !== undefined && answers(query, response)) finish(() => resolve(response));
    });
    // Connected: datagrams of anybody else are dropped by the system.
    socket.connect(server.port, server.host, () => {
      if (!isDone) socket.send(bytes);
    });
  });
}

function queryTcp(question: Question, server: DnsServer, timeoutMs: number): Promise<Response> {
  return new Promise((resolve, reject) => {
    const query = newQuery(question);
    const bytes = packet.streamEncode(query);
    const socket = net.connect(server.port, server.host, () => socket.write(bytes));
    let received = Buffer.alloc(0);
    // For the whole answer: a server that sends a byte from time to time is not waited for.
    const timer = setTimeout(
      () => socket.destroy(new Error(`${server.host} does not answer over TCP`)),
      timeoutMs,
    );
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`${server.host} closed without an answer for ${question.host}`));
    });
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
