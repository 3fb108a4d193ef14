/** Hostile clients of the RPC port: who speaks slowly, says nothing, sends too much, or comes with very many connections. */
import fs from 'node:fs';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, Sandbox, type SandboxNode } from '../support/process.ts';

/** Core's own: how long a connection may say nothing, or take to say what it wants. */
const TIMEOUT_S = 1;
const OTHER_FILES = 8;

const sandbox = new Sandbox();
let node: SandboxNode;
beforeAll(async () => {
  const options = ['--rpcservertimeout', String(TIMEOUT_S), '--rpcthreads', '2', '--rpcworkqueue', '2'];
  node = await sandbox.hearsay('node', options);
  await node.start();
}, 60_000);
afterAll(() => sandbox.close());

const openFiles = () => fs.readdirSync(`/proc/${node.pid}/fd`).length;

/** A client of bare bytes. */
class Client {
  readonly #socket: net.Socket;
  readonly closed: Promise<void>;
  text = '';

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    this.closed = new Promise(resolve => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    socket.setEncoding('latin1').on('data', chunk => (this.text += chunk));
  }

  static open(): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = net.connect(node.setup.rpcPort, '127.0.0.1', () => resolve(new Client(socket)));
      socket.once('error', reject);
    });
  }

  say(text: string): void {
    this.#socket.write(text);
  }

  close(): void {
    this.#socket.destroy();
  }
}

const head = (length: number) =>
  `POST / HTTP/1.1\r\nHost: x\r\nAuthorization: ${node.authorization}\r\nContent-Length: ${length}\r\n\r\n`;

test.each<[string, () => string]>([
  ['says nothing', () => ''],
  ['says half a request line', () => 'POST / HT'],
  ['says half of its headers', () => head(10).slice(0, -4)],
  ['says half of its body', () => `${head(1_000)}{"method"`],
])(
  'a client that %s is dropped after -rpcservertimeout; the others are answered',
  { timeout: 60_000 },
  async (_, said) => {
    const files = openFiles();
    const clients = await Promise.all(Array.from({ length: 100 }, () => Client.open()));
    for (const client of clients) client.say(said());
    // Not those more than at first: right after a start there may be some that are closed soon.
    await eventually('all are there', async () => openFiles() >= clients.length);
    expect(await node.rpc('getblockcount')).toBe(0);
    await Promise.all(clients.map(({ closed }) => closed));
    expect(clients.filter(({ text }) => text.startsWith('HTTP/1.1 200'))).toEqual([]);
    await eventually('their sockets are closed', async () => openFiles() <= files + OTHER_FILES);
  },
);

test('bodies above the limit are refused from their headers, however many come', async () => {
  const clients = await Promise.all(Array.from({ length: 50 }, () => Client.open()));
  for (const client of clients) client.say(head(33 * 1024 * 1024));
  await Promise.all(clients.map(({ closed }) => closed));
  for (const { text } of clients) expect(text).toMatch(/^HTTP\/1\.1 413 /);
  expect(await node.rpc('getblockcount')).toBe(0);
});

test('calls beyond -rpcthreads and -rpcworkqueue are 503, and the others go on', async () => {
  const body = '{"jsonrpc":"2.0","id":1,"method":"waitfornewblock","params":[]}';
  const waiting = await Promise.all(Array.from({ length: 4 }, () => Client.open()));
  for (const client of waiting) client.say(head(body.length) + body);
  const extra = await Client.open();
  await eventually('the queue is full', async () => {
    extra.say(head(body.length) + body);
    return extra.text.includes('HTTP/1.1 503 ');
  });
  expect(extra.text).toContain('Work queue depth exceeded');
  extra.close();
  waiting[0]!.close();
  await eventually('there is room', async () => {
    const made = await node.rpc('generateblock', 'raw(51)', []).catch(() => false);
    return made !== false;
  });
  for (const client of waiting.slice(1))
    await eventually('it is answered', async () => client.text.includes('"height":1'));
  for (const client of waiting) client.close();
});
