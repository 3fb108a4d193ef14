/** HTTP behaviour of the RPC server, after Core's httprpc.cpp and its tests interface_http.py, interface_rpc.py. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BoundMethod } from '../../../src/rpc/method.ts';
import { httpCall, startTestServer, type TestServer, untilActive } from '../../support/rpc-server.ts';

const COUNT = '"method":"getblockcount"';
const JSON_TYPE = 'application/json';
const HTML_TYPE = 'text/html; charset=ISO-8859-1';

describe('one server', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(() => server.stop());

  const call = (body: string | Uint8Array, options: Partial<Parameters<typeof httpCall>[1]> = {}) =>
    httpCall(server.port, { credentials: server.credentials, body, ...options });

  const NOT_FOUND = '{"code":-32601,"message":"Method not found"}';
  const invalid = (message: string) => `{"code":-32600,"message":"${message}"}`;
  test.each([
    // JSON-RPC 1.0 and 1.1
    [`{${COUNT},"id":1}`, 200, '{"result":0,"error":null,"id":1}'],
    [`{${COUNT}}`, 200, '{"result":0,"error":null}'],
    [`{"jsonrpc":"1.0",${COUNT},"id":"x"}`, 200, '{"result":0,"error":null,"id":"x"}'],
    [`{"jsonrpc":null,${COUNT},"id":1.50}`, 200, '{"result":0,"error":null,"id":1.50}'],
    ['{"method":"foo","id":1}', 404, `{"result":null,"error":${NOT_FOUND},"id":1}`],
    [`{"method":"getblockhash","params":[9],"id":1}`, 500, '{"result":null,"error":{"code":-8,"message":"Block height out of range"},"id":1}'],
    ['{"id":1}', 400, `{"result":null,"error":${invalid('Missing method')},"id":1}`],
    ['{"method":1,"id":1}', 400, `{"result":null,"error":${invalid('Method must be a string')},"id":1}`],
    [`{${COUNT},"params":1,"id":1}`, 400, `{"result":null,"error":${invalid('Params must be an array or object')},"id":1}`],
    [`{"jsonrpc":2,${COUNT},"id":1}`, 400, `{"result":null,"error":${invalid('jsonrpc field must be a string')},"id":1}`],
    [`{"jsonrpc":"3.0",${COUNT},"id":1}`, 400, `{"result":null,"error":${invalid('JSON-RPC version not supported')},"id":1}`],
    // 2.0
    [`{"jsonrpc":"2.0",${COUNT},"id":1}`, 200, '{"jsonrpc":"2.0","result":0,"id":1}'],
    [`{"jsonrpc":"2.0",${COUNT},"id":null}`, 200, '{"jsonrpc":"2.0","result":0,"id":null}'],
    ['{"jsonrpc":"2.0","method":"foo","id":1}', 200, `{"jsonrpc":"2.0","error":${NOT_FOUND},"id":1}`],
    // Batches
    ['[]', 200, '[]'],
    [`[{${COUNT},"id":1},{"jsonrpc":"2.0",${COUNT},"id":2},{"jsonrpc":"2.0",${COUNT}}]`, 200,
      '[{"result":0,"error":null,"id":1},{"jsonrpc":"2.0","result":0,"id":2}]'],
    ['[1]', 200, `[{"result":null,"error":${invalid('Invalid Request object')},"id":null}]`],
    ['[{"method":"foo","id":1}]', 200, `[{"result":null,"error":${NOT_FOUND},"id":1}]`],
    // No JSON at all
    ['', 500, '{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}'],
    ['{', 500, '{"result":null,"error":{"code":-32700,"message":"Parse error"},"id":null}'],
    ['"x"', 500, '{"result":null,"error":{"code":-32700,"message":"Top-level object parse error"},"id":null}'],
  ])('%s → %i', async (body, status, reply) => {
    const { status: gotStatus, body: got, type } = await call(body);
    expect([gotStatus, got, type]).toEqual([status, `${reply}\n`, JSON_TYPE]);
  }); // biome-ignore format: a table

  test.each([
    `{"jsonrpc":"2.0",${COUNT}}`,
    '{"jsonrpc":"2.0","method":"foo"}',
    `[{"jsonrpc":"2.0",${COUNT}},{"jsonrpc":"2.0",${COUNT}}]`,
  ])('%s is a notification', async body => {
    const reply = await call(body);
    expect([reply.status, reply.body]).toEqual([204, '']);
  });

  test.each([
    ['GET', '/', 405, 'JSONRPC server handles only POST requests'],
    ['PUT', '/', 405, 'JSONRPC server handles only POST requests'],
    ['DELETE', '/', 405, ''],
    ['OPTIONS', '/wallet/x', 405, ''],
    ['POST', '/x', 404, ''],
    ['POST', '/?a=b', 404, ''],
    ['GET', '/rest/chaininfo.json', 404, ''],
    ['GET', '/%zz', 404, ''],
  ])('%s %s → %i', async (method, path, status, body) => {
    const reply = await call('', { method, path });
    expect([reply.status, reply.body, reply.type]).toEqual([status, body, HTML_TYPE]);
  });

  test.each(['/wallet/', '/wallet/w1', '/wallet/%2Fabs%2Fpath', '/wallet/a/b'])(
    '%s is a path',
    async path => {
      expect((await call(`{${COUNT},"id":1}`, { path })).status).toBe(200);
    },
  );

  test.each(['text/plain', 'garbage', 'application/json; charset=utf-8', ''])(
    'content type %j',
    async type => {
      const reply = await call(`{${COUNT},"id":1}`, { headers: { 'content-type': type } });
      expect([reply.status, reply.type]).toEqual([200, JSON_TYPE]);
    },
  );

  test('without credentials 401 at once, with wrong ones after a pause', async () => {
    const none = await httpCall(server.port, { body: `{${COUNT}}` });
    expect([none.status, none.body, none.headers['www-authenticate']]).toEqual([
      401,
      '',
      'Basic realm="jsonrpc"',
    ]);
    const start = performance.now();
    const wrong = await httpCall(server.port, { body: `{${COUNT}}`, credentials: '__cookie__:x' });
    expect(performance.now() - start).toBeGreaterThan(240);
    expect([wrong.status, wrong.headers['www-authenticate']]).toEqual([401, 'Basic realm="jsonrpc"']);
  });

  test('32 MiB is the largest body', async () => {
    const largest = Buffer.alloc(32 * 1024 * 1024, 0x20);
    largest.write(`{${COUNT},"id":1}`);
    expect((await call(largest)).status).toBe(200);
    const raw = await rawCall(server, [
      'POST / HTTP/1.1', 'Host: x', `Authorization: ${authorization(server)}`, `Content-Length: ${largest.length + 1}`, '', '',
    ]); // biome-ignore format: lines of a request
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
  });

  test('a chunked body that grows too large', async () => {
    const chunk = `${(1024 * 1024).toString(16)}\r\n${' '.repeat(1024 * 1024)}\r\n`;
    const raw = await rawCall(server, [
      'POST / HTTP/1.1', 'Host: x', `Authorization: ${authorization(server)}`, 'Transfer-Encoding: chunked', '', chunk.repeat(33),
    ]); // biome-ignore format: lines of a request
    expect(raw).toMatch(/^HTTP\/1\.1 413 /);
  });

  test.each([
    ['headers of 9000 bytes', ['POST / HTTP/1.1', `X: ${'x'.repeat(9000)}`, '', '']],
    [
      'many short headers',
      ['POST / HTTP/1.1', ...Array.from({ length: 560 }, () => 'Name: value xx'), '', ''],
    ],
    ['no colon', ['POST / HTTP/1.1', 'Host', '', '']],
    ['no HTTP', ['hello', '', '']],
  ])('%s → 400 and closed', async (_name, lines) => {
    expect(await rawCall(server, lines)).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/);
  });

  test('CONNECT → 405', async () => {
    expect(await rawCall(server, ['CONNECT / HTTP/1.1', '', ''])).toMatch(/^HTTP\/1\.1 405 /);
  });

  test('a connection is kept open, requests in it are answered in order, without a Host line too', async () => {
    const body = (id: number) => `{${COUNT},"id":${id}}`;
    const request = (id: number, extra = '') =>
      `POST / HTTP/1.1\r\nAuthorization: ${authorization(server)}\r\n${extra}` +
      `Content-Length: ${body(id).length}\r\n\r\n${body(id)}`;
    const raw = await rawCall(server, [request(1) + request(2) + request(3, 'Connection: close\r\n')]);
    expect([...raw.matchAll(/"id":(\d)/g)].map(match => match[1])).toEqual(['1', '2', '3']);
  });
});

test('of one connection a call is begun when the one before it is answered', async () => {
  const server = await startTestServer();
  const told: string[] = [];
  let release = () => {};
  const method = (name: string, work: () => void | Promise<void>): BoundMethod => ({
    ...({ name, category: 'control', description: '', params: [], results: [], examples: [] } as const),
    async call() {
      told.push(`${name} begins`);
      await work();
      told.push(`${name} ends`);
      return null;
    },
  });
  server.dispatcher.register([
    method('slow', () => new Promise(done => (release = done))),
    method('quick', () => {}),
  ]);
  const request = (name: string, extra = '') => {
    const body = `{"method":"${name}"}`;
    return `POST / HTTP/1.1\r\nAuthorization: ${authorization(server)}\r\n${extra}Content-Length: ${body.length}\r\n\r\n${body}`;
  };
  const both = rawCall(server, [request('slow') + request('quick', 'Connection: close\r\n')]);
  // On a connection of its own nothing waits, and when it is answered the other two have been read.
  while (told.length === 0)
    await httpCall(server.port, { credentials: server.credentials, body: `{${COUNT}}` });
  expect(told).toEqual(['slow begins']);
  release();
  await both;
  expect(told).toEqual(['slow begins', 'slow ends', 'quick begins', 'quick ends']);
  await server.stop();
});

test('before init is over every call is answered with what it does', async () => {
  const server = await startTestServer();
  server.dispatcher.setWarmup('Loading block index…');
  const reply = await httpCall(server.port, { credentials: server.credentials, body: `{${COUNT},"id":1}` });
  expect([reply.status, reply.body]).toEqual([
    500,
    '{"result":null,"error":{"code":-28,"message":"Loading block index…"},"id":1}\n',
  ]);
  await server.stop();
});

test('a full queue answers 503', async () => {
  const server = await startTestServer({ server: { workQueue: 1, threads: 1 } });
  const { credentials, port } = server;
  const waiting = [1, 2].map(id =>
    httpCall(port, { credentials, body: `{"method":"waitfornewblock","id":${id}}` }),
  );
  await untilActive(server, 2);
  const refused = await httpCall(port, { credentials, body: `{${COUNT}}` });
  expect([refused.status, refused.body]).toEqual([503, 'Work queue depth exceeded']);
  server.node.mine(1);
  for (const reply of await Promise.all(waiting)) expect(reply.status).toBe(200);
  await server.stop();
});

test('stopping lets a waiting call return and refuses new ones; the cookie goes', async () => {
  const server = await startTestServer();
  const { credentials, port } = server;
  const waiting = httpCall(port, { credentials, body: '{"method":"waitfornewblock","id":1}' });
  await untilActive(server, 1);
  server.server.interrupt();
  const refused = httpCall(port, { credentials, body: `{${COUNT},"id":1}` });
  await server.server.stop();
  expect((await waiting).body).toContain('"height":0');
  expect(
    await refused.then(
      reply => reply.status,
      () => 'closed',
    ),
  ).toSatisfy(outcome => outcome === 503 || outcome === 'closed');
  expect(existsSync(join(server.directory, '.cookie'))).toBe(false);
  await server.stop();
});

test('a whitelist answers 403 for what is not on it', async () => {
  const server = await startTestServer({
    auth: { user: 'u', password: 'p', whitelist: ['u:getblockcount'] },
  });
  const status = async (body: string) => (await httpCall(server.port, { credentials: 'u:p', body })).status;
  expect(await status(`{${COUNT},"id":1}`)).toBe(200);
  expect(await status('{"method":"getbestblockhash","id":1}')).toBe(403);
  expect(await status(`[{${COUNT}},{"method":"uptime"}]`)).toBe(403);
  await server.stop();
});

test('a bad subnet and a busy port are errors', async () => {
  await expect(startTestServer({ server: { allowIp: ['1.2.3.4/33'] } })).rejects.toThrow(
    'Invalid -rpcallowip subnet specification: 1.2.3.4/33.',
  );
  const first = await startTestServer();
  const bind = [{ host: '127.0.0.1', port: first.port }];
  await expect(startTestServer({ server: { bind } })).rejects.toThrow('Unable to bind any endpoint');
  await first.stop();
});

function authorization({ credentials }: TestServer): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/** Sends bytes as they are and reads until the server closes. */
async function rawCall({ port }: TestServer, lines: readonly string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', chunk => {
    text += chunk.toString('latin1');
  });
  // A server that has answered may reset what is still being sent.
  socket.on('error', () => {});
  socket.write(lines.join('\r\n'));
  await once(socket, 'close');
  return text;
}
