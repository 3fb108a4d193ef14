/** The DNS client against the DNS server, and against servers that misbehave; all on loopback, on free ports. */
import dgram from 'node:dgram';
import net from 'node:net';
import packet from 'dns-packet';
import { afterEach, describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { resolveHost } from '../../../src/net/dns-client.ts';
import { DnsServer } from '../../../src/net/dns-server.ts';
import { addressText, type NetAddress, parseAddress } from '../../../src/wire/net-address.ts';

const ZONE = 'seed.example.org';
const QUICK = { timeoutMs: 150 };
const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const parse = (text: string) => parseAddress(text, 8333)!;
const NODES: readonly { readonly address: NetAddress; readonly services: bigint }[] = [
  { address: parse('8.8.8.8'), services: 9n },
  { address: parse('8.8.4.4'), services: 0x409n },
  { address: parse('2001:4860::8888'), services: 9n },
];

async function serve(nodes = NODES): Promise<number> {
  const server = new DnsServer(
    {
      log: SILENT_LOG,
      source: (services, network, limit) =>
        nodes
          .filter(node => node.address.network === network && (node.services & services) === services)
          .map(node => node.address)
          .slice(0, limit),
    },
    { zone: `${ZONE}.`, nameServer: 'ns.example.org', listen: { host: '127.0.0.1', port: 0 } },
  );
  const port = await server.start();
  closers.push(() => server.close());
  return port;
}

const at = (port: number) => ({ host: '127.0.0.1', port });
const resolve = async (host: string, ...ports: readonly number[]) =>
  (await resolveHost(host, 8333, ports.map(at), QUICK)).map(addressText).sort();

/** A datagram server that answers each question with what `answer` makes of it. */
async function stub(answer: (query: packet.DecodedPacket) => readonly Buffer[]): Promise<number> {
  const socket = dgram.createSocket('udp4');
  socket.on('message', (bytes, from) => {
    for (const reply of answer(packet.decode(bytes))) socket.send(reply, from.port, from.address);
  });
  await new Promise<void>(done => socket.bind(0, '127.0.0.1', done));
  closers.push(() => new Promise<void>(done => void socket.close(done)));
  return socket.address().port;
}

type Reply = Partial<packet.Packet> & { readonly data?: string };

function reply(query: packet.DecodedPacket, { data, ...parts }: Reply = {}): Buffer {
  const asked = query.questions![0]!;
  const answers =
    data !== undefined && asked.type === 'A' ? [{ type: 'A' as const, name: asked.name, ttl: 1, data }] : [];
  return packet.encode({ type: 'response', id: query.id!, flags: 0, questions: [asked], answers, ...parts });
}

/** Sends bytes as they are and resolves to the answer, or undefined when none comes soon. */
async function raw(port: number, bytes: Buffer): Promise<packet.DecodedPacket | undefined> {
  const socket = dgram.createSocket('udp4');
  try {
    return await new Promise(done => {
      socket.on('message', received => done(packet.decode(received)));
      socket.send(bytes, port, '127.0.0.1');
      setTimeout(() => done(undefined), QUICK.timeoutMs);
    });
  } finally {
    socket.close();
  }
}

const rcode = (answer: packet.DecodedPacket | undefined) => answer && answer.flags! & 0xf;
const ask = (name: string, parts: Partial<packet.Packet> = {}) =>
  packet.encode({ type: 'query', id: 7, flags: 0, questions: [{ type: 'A', name }], ...parts });

describe('our server', () => {
  test('answers for its zone, in any case, by IPv4 and IPv6', async () => {
    const port = await serve();
    expect(await resolve(ZONE, port)).toEqual(['8.8.4.4:8333', '8.8.8.8:8333', '[2001:4860::8888]:8333']);
    expect(await resolve('SEED.Example.org', port)).toHaveLength(3);
  });

  test('names of service bits', async () => {
    const port = await serve();
    expect(await resolve(`x409.${ZONE}`, port)).toEqual(['8.8.4.4:8333']);
    expect(await resolve(`x9.${ZONE}`, port)).toHaveLength(3);
    expect(await resolve(`x800.${ZONE}`, port)).toEqual([]);
  });

  test('names that do not exist, and other zones', async () => {
    const port = await serve();
    for (const name of [
      `www.${ZONE}`,
      `xg.${ZONE}`,
      `x.${ZONE}`,
      `x11112222333344445.${ZONE}`,
      `a.x9.${ZONE}`,
    ]) {
      expect(await resolve(name, port), name).toEqual([]);
      expect(rcode(await raw(port, ask(name))), name).toBe(3);
    }
    await expect(resolve('example.org', port)).rejects.toThrow('REFUSED');
    await expect(resolve(`not${ZONE}`, port)).rejects.toThrow('REFUSED');
  });

  test('other questions', async () => {
    const port = await serve();
    const other = (type: 'NS' | 'SOA' | 'TXT') => raw(port, ask(ZONE, { questions: [{ type, name: ZONE }] }));
    expect((await other('NS'))?.answers).toMatchObject([{ type: 'NS', data: 'ns.example.org' }]);
    expect((await other('SOA'))?.answers).toMatchObject([{ type: 'SOA' }]);
    const text = await other('TXT');
    expect([rcode(text), text?.answers, text?.authorities?.length]).toEqual([0, [], 1]);
    expect(rcode(await raw(port, ask(ZONE, { questions: [{ type: 'A', name: ZONE, class: 'CH' }] })))).toBe(
      5,
    );
    expect(rcode(await raw(port, ask(ZONE, { flags: 2 << 11 })))).toBe(4);
  });

  test('what is no question gets no answer', async () => {
    const port = await serve();
    expect(await raw(port, Buffer.from('0102'.repeat(9), 'hex'))).toBeUndefined();
    expect(await raw(port, Buffer.alloc(0))).toBeUndefined();
    expect(await raw(port, Buffer.alloc(12))).toBeUndefined();
    expect(await raw(port, ask(ZONE, { type: 'response' }))).toBeUndefined();
    expect(await resolve(ZONE, port)).toHaveLength(3);
  });

  test('a datagram holds as many as fit', async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ address: parse(`8.8.1.${i}`), services: 1n }));
    const port = await serve(many);
    const found = await resolve(ZONE, port);
    expect(found.length).toBeGreaterThan(10);
    expect(found.length).toBeLessThanOrEqual(24);
  });

  test('TCP: several questions in pieces, more answers than a datagram; silence for garbage', async () => {
    const many = Array.from({ length: 100 }, (_, i) => ({ address: parse(`8.8.1.${i}`), services: 1n }));
    const port = await serve(many);
    const query = packet.streamEncode({ type: 'query', id: 7, questions: [{ type: 'A', name: ZONE }] });
    const received = await new Promise<Buffer>(done => {
      const chunks: Buffer[] = [];
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write(query.subarray(0, 1));
        setImmediate(() =>
          socket.write(Buffer.concat([query.subarray(1), query, Buffer.from('0001ff', 'hex')])),
        );
      });
      socket.on('data', chunk => chunks.push(chunk));
      socket.on('close', () => done(Buffer.concat(chunks)));
    });
    const first = packet.streamDecode(received);
    expect(first.answers).toHaveLength(24);
    expect(received.length).toBe(2 * (received.readUInt16BE(0) + 2));
  });

  test('a port in use is an error, and nothing stays open', async () => {
    const port = await serve();
    const second = new DnsServer(
      { log: SILENT_LOG, source: () => [] },
      { zone: ZONE, nameServer: 'ns', listen: { host: '127.0.0.1', port } },
    );
    await expect(second.start()).rejects.toThrow('EADDRINUSE');
  });
});

describe('our client', () => {
  test('a truncated answer is fetched over TCP', async () => {
    const port = await stub(query => [reply(query, { flags: packet.TRUNCATED_RESPONSE })]);
    const server = net.createServer(socket =>
      socket.once('data', bytes => {
        const answer = reply(packet.decode(bytes.subarray(2)), { data: '9.9.9.9' });
        const prefix = Buffer.alloc(2);
        prefix.writeUInt16BE(answer.length);
        socket.write(prefix);
        setImmediate(() => socket.end(answer));
      }),
    );
    await new Promise<void>(done => server.listen(port, '127.0.0.1', done));
    closers.push(() => new Promise<void>(done => void server.close(() => done())));
    expect(await resolve('a.org', port)).toEqual(['9.9.9.9:8333']);
  });

  test('over TCP a server that hangs up, or drips, is given up', async () => {
    const port = await stub(query => [reply(query, { flags: packet.TRUNCATED_RESPONSE })]);
    let drip = false;
    const server = net.createServer(socket => {
      socket.on('error', () => {});
      if (!drip) return void socket.destroy();
      const timer = setInterval(() => socket.write(Buffer.alloc(1, 255)), 20);
      socket.on('close', () => clearInterval(timer));
    });
    await new Promise<void>(done => server.listen(port, '127.0.0.1', done));
    closers.push(() => new Promise<void>(done => void server.close(() => done())));
    await expect(resolve('a.org', port)).rejects.toThrow(/closed without an answer|ECONNRESET/);
    drip = true;
    await expect(resolve('a.org', port)).rejects.toThrow('does not answer over TCP');
  });

  test('answers to another question are not listened to', async () => {
    const wrong: readonly Reply[] = [
      { id: 0 },
      { type: 'query' },
      { questions: [{ type: 'A', name: 'b.org' }] },
      { questions: [{ type: 'TXT', name: 'a.org' }] },
      { questions: [] },
    ];
    const port = await stub(query => [
      Buffer.from('garbage'),
      ...wrong.map(parts =>
        reply(query, {
          id: query.id!,
          data: '6.6.6.6',
          ...parts,
          ...(parts.id === 0 && { id: query.id! ^ 1 }),
        }),
      ),
      reply(query, { data: '9.9.9.9' }),
    ]);
    expect(await resolve('a.org', port)).toEqual(['9.9.9.9:8333']);
  });

  test('after a server that is silent, fails or is not there comes the next', async () => {
    const silent = await stub(() => []);
    const failing = await stub(query => [reply(query, { flags: 2 })]);
    const good = await stub(query => [reply(query, { data: '9.9.9.9' })]);
    const gone = await stub(() => []);
    await closers.pop()!();
    expect(await resolve('a.org', silent, failing, gone, good)).toEqual(['9.9.9.9:8333']);
    await expect(resolve('a.org', failing)).rejects.toThrow('answers SERVFAIL for a.org');
    await expect(resolve('a.org', silent)).rejects.toThrow('does not answer for a.org');
    await expect(resolve('a.org')).rejects.toThrow('No DNS server is known');
  });

  test.each(['', 'a..b', `${'a'.repeat(64)}.org`, `${'a.'.repeat(127)}a`])('%j is no name', async host => {
    await expect(resolve(host, 1)).rejects.toThrow(/^Not a host name/);
  });
});
