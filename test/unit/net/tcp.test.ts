/** Two transports on loopback: messages, pauses, ends, and counts. */
import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { hexToBytes } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Connection } from '../../../src/net/connection.ts';
import { TcpTransport, type TransportHandler, type TransportOptions } from '../../../src/net/tcp.ts';
import { encodeFrame } from '../../../src/wire/frame.ts';
import { encodePayload, type Message } from '../../../src/wire/messages.ts';
import { type NetAddress, parseAddress } from '../../../src/wire/net-address.ts';

const MAGIC = hexToBytes('fabfb5da');
const ONION = 'pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion';

/** Notes everything; frames are taken at once unless it is told not to read. */
class Node implements TransportHandler {
  readonly transport: TcpTransport;
  readonly seen: string[] = [];
  connection: Connection | undefined;
  reads = true;
  #waiting: { readonly isDone: () => boolean; readonly done: () => void }[] = [];

  constructor(options: Partial<TransportOptions> = {}) {
    this.transport = new TcpTransport(
      { log: SILENT_LOG, handler: this },
      {
        magic: MAGIC,
        random: new SeededRandom(8333),
        acceptsV2: false,
        permissionsOf: () => [],
        ...options,
      },
    );
  }

  opened(connection: Connection): void {
    this.connection = connection;
    this.#note(`opened ${connection.info.type}`);
  }
  dialFailed(attempt: number, reason: string): void {
    this.#note(`failed ${attempt} ${reason}`);
  }
  readable(connection: Connection): void {
    if (this.reads) this.read(connection);
    this.#note();
  }
  transportChanged({ transport }: Connection): void {
    this.#note(transport.kind);
  }
  sendPaused(): void {
    this.#note('paused');
  }
  sendResumed(): void {
    this.#note('resumed');
  }
  closed(): void {
    this.#note('closed');
  }

  read(connection: Connection): void {
    for (let frame = connection.next(); frame !== undefined; frame = connection.next())
      this.#note(frame.kind === 'frame' ? `${frame.command} ${frame.payload.length}` : frame.kind === 'decoy' ? 'decoy' : frame.defect); // biome-ignore format: one line a frame
  }

  /** Resolves when `isDone` holds after something has happened. */
  until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise(done => this.#waiting.push({ isDone, done }));
  }

  saw(what: string): Promise<void> {
    return this.until(() => this.seen.includes(what));
  }

  #note(what?: string): void {
    if (what !== undefined) this.seen.push(what);
    this.#waiting = this.#waiting.filter(({ isDone, done }) => {
      if (!isDone()) return true;
      done();
      return false;
    });
  }
}

const nodes: Node[] = [];
afterEach(async () => {
  for (const node of nodes.splice(0)) await node.transport.close();
});

function newNode(options?: Partial<TransportOptions>): Node {
  const node = new Node(options);
  nodes.push(node);
  return node;
}

async function pair(): Promise<{
  server: Node;
  client: Node;
  there: Connection;
  here: Connection;
  address: NetAddress;
}> {
  const [server, client] = [newNode(), newNode()];
  const address = await server.transport.listen('127.0.0.1', 0, { permissions: ['noban'] });
  client.transport.dial(3, { kind: 'address', address }, { type: 'manual', transport: 'v1' });
  await Promise.all([server.saw('opened inbound'), client.saw('opened manual')]);
  return { server, client, there: server.connection!, here: client.connection!, address };
}

function send(connection: Connection, message: Message): void {
  connection.sendPayload(message.command, encodePayload(message));
}

test('messages both ways, counted by command', async () => {
  const { server, client, there, here, address } = await pair();
  expect(here.info).toMatchObject({ peer: 0, attempt: 3, address, dialedName: `127.0.0.1:${address.port}` });
  expect(there.info).toMatchObject({
    peer: 0,
    type: 'inbound',
    permissions: ['noban'],
    localAddress: address,
  });
  send(here, { command: 'ping', nonce: 5n });
  here.sendPayload('unknown', new Uint8Array(10));
  send(there, { command: 'verack' });
  await Promise.all([server.saw('unknown 10'), client.saw('verack 0')]);
  expect(server.seen).toEqual(['opened inbound', 'ping 8', 'unknown 10']);
  expect([here.traffic.sent, there.traffic.received, here.traffic.received]).toEqual([32 + 34, 32 + 34, 24]);
  expect([...there.traffic.receivedByCommand]).toEqual([
    ['ping', 32],
    ['*other*', 34],
  ]);
  expect([...here.traffic.sentByCommand]).toEqual([
    ['ping', 32],
    ['*other*', 34],
  ]);
  expect([client.transport.total.sent, server.transport.total.received]).toEqual([66, 66]);
});

test('who does not read pauses the sender, and resumes it by reading', async () => {
  const { server, client, there, here } = await pair();
  server.reads = false;
  const payload = new Uint8Array(900_000);
  let sent = 0;
  const isPaused = () => client.seen.lastIndexOf('paused') > client.seen.lastIndexOf('resumed');
  // What the system takes meanwhile may let the sender go on for a while.
  while (there.traffic.received <= 5_000_000 || !isPaused()) {
    if (!isPaused()) {
      here.sendPayload('block', payload);
      sent += 1;
    }
    await new Promise(setImmediate);
  }
  // The receiver keeps 5 MB and a little, then leaves the rest to the system.
  expect(there.traffic.received).toBeLessThan(5_200_000);
  server.reads = true;
  server.read(there);
  await client.until(() => !isPaused());
  await server.until(() => server.seen.length === 1 + sent);
});

test('a message longer than the receive buffer comes through', async () => {
  const server = newNode({ buffers: { receive: 1_000, send: 1_000_000 } });
  const { port } = await server.transport.listen('127.0.0.1', 0);
  const socket = net.connect(port, '127.0.0.1');
  socket.write(encodeFrame(MAGIC, 'long', new Uint8Array(1_000_000)));
  socket.write(encodeFrame(MAGIC, 'verack', new Uint8Array(0)));
  await server.saw('verack 0');
  expect(server.seen).toEqual(['opened inbound', 'long 1000000', 'verack 0']);
  socket.destroy();
});

test('hanging up sends what was sent before, and hears nothing more', async () => {
  const { server, client, there, here } = await pair();
  send(here, { command: 'ping', nonce: 1n });
  here.sendPayload('block', new Uint8Array(300_000));
  client.reads = false;
  send(there, { command: 'verack' });
  await client.until(() => here.traffic.received > 0);
  here.close();
  here.close();
  expect(here.next()).toBeUndefined();
  send(here, { command: 'verack' });
  await Promise.all([server.saw('closed'), client.saw('closed')]);
  expect(server.seen).toEqual(['opened inbound', 'ping 8', 'block 300000', 'closed']);
  expect(client.seen).toEqual(['opened manual', 'closed']);
  expect([here.isClosed, client.transport.get(0)]).toEqual([true, undefined]);
});

test('hanging up on who does not read takes a second at most', async () => {
  const { server, client, here } = await pair();
  server.reads = false;
  for (let i = 0; i < 12; i += 1) here.sendPayload('block', new Uint8Array(1_000_000));
  here.close();
  await client.saw('closed');
  expect(client.seen).toEqual(['opened manual', 'paused', 'closed']);
});

test('a dial that is refused, that takes too long, or cannot be', async () => {
  const port = await new Promise<number>(done => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address() as net.AddressInfo;
      probe.close(() => done(free));
    });
  });
  const node = newNode();
  node.transport.dial(
    1,
    { kind: 'address', address: parseAddress('127.0.0.1', port)! },
    { type: 'manual', transport: 'v1' },
  );
  node.transport.dial(2, { kind: 'name', host: 'localhost', port }, { type: 'manual', transport: 'v1' });
  node.transport.dial(
    3,
    { kind: 'address', address: parseAddress(ONION, 8333)! },
    { type: 'manual', transport: 'v1' },
  );
  // Who is to be reached through Tor is not reached without it.
  node.transport.dial(
    4,
    { kind: 'address', address: parseAddress('127.0.0.1', port)! },
    { type: 'private-broadcast', transport: 'v1', throughTor: true },
  );
  await node.until(() => node.seen.length === 4);
  expect(node.seen.sort()[0]).toMatch(/^failed 1 .*ECONNREFUSED/);
  expect(node.seen[1]).toMatch(/^failed 2 .*ECONNREFUSED/);
  expect(node.seen[2]).toBe('failed 3 no way to onion hosts');
  expect(node.seen[3]).toBe('failed 4 no way to Tor');
});

test('defects are told, and the stream goes on where it can', async () => {
  const server = newNode();
  const { port } = await server.transport.listen('127.0.0.1', 0);
  const bad = encodeFrame(MAGIC, 'ping', new Uint8Array(8));
  bad[24] = 1;
  const socket = net.connect(port, '127.0.0.1', () => {
    socket.write(Buffer.concat([bad, encodeFrame(MAGIC, 'verack', new Uint8Array(0)), new Uint8Array(24)]));
  });
  await server.saw('magic');
  expect(server.seen).toEqual(['opened inbound', 'checksum', 'verack 0', 'magic']);
  expect([...server.connection!.traffic.receivedByCommand]).toEqual([
    ['*other*', 56],
    ['verack', 24],
  ]);
  socket.destroy();
  await server.saw('closed');
});

test('a port in use is an error', async () => {
  const server = newNode();
  const { port } = await server.transport.listen('127.0.0.1', 0);
  await expect(newNode().transport.listen('127.0.0.1', port)).rejects.toThrow('EADDRINUSE');
});

test('closing ends everything', async () => {
  const { server, client } = await pair();
  await client.transport.close();
  await Promise.all([server.saw('closed'), client.saw('closed')]);
});
