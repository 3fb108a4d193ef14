/** A real RPC server on a free loopback port, over a MemoryNode. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT_LOG } from '../../src/base/log.ts';
import type { MempoolOptions } from '../../src/mempool/options.ts';
import { type AuthOptions, RpcAuth } from '../../src/rpc/auth.ts';
import { Dispatcher } from '../../src/rpc/dispatcher.ts';
import { nodeMethods } from '../../src/rpc/methods/node-methods.ts';
import { RpcServer, type RpcServerOptions } from '../../src/rpc/server.ts';
import { MemoryNode } from './memory-node.ts';

export interface TestServer {
  readonly node: MemoryNode;
  readonly dispatcher: Dispatcher;
  readonly server: RpcServer;
  readonly port: number;
  readonly directory: string;
  /** `user:password` from the cookie. */
  readonly credentials: string;
  stop(): Promise<void>;
}

export async function startTestServer(
  options: {
    readonly auth?: Partial<AuthOptions>;
    readonly server?: Partial<RpcServerOptions>;
    readonly mempool?: Partial<MempoolOptions>;
  } = {},
): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'hearsay-rpc-'));
  const node = new MemoryNode(options.mempool);
  const dispatcher = new Dispatcher(SILENT_LOG);
  dispatcher.register(nodeMethods(node.facade, dispatcher));
  const start = async () => {
    const auth = new RpcAuth({ directory, ...options.auth }, SILENT_LOG);
    const created = new RpcServer(
      { dispatcher, auth, log: SILENT_LOG },
      { bind: [{ host: '127.0.0.1', port: 0 }], wallets: true, ...options.server },
    );
    return { server: created, addresses: await created.start() };
  };
  const { server, addresses } = await start().catch(error => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  const [address] = addresses;
  dispatcher.finishWarmup();
  const hasCookie = !options.auth?.password && options.auth?.cookieFile !== null;
  return {
    node,
    dispatcher,
    server,
    port: address!.port,
    directory,
    credentials: hasCookie ? readFileSync(join(directory, '.cookie'), 'utf8') : '',
    async stop() {
      await server.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export interface HttpReply {
  readonly status: number;
  readonly type: string | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One HTTP request to 127.0.0.1; `credentials` undefined sends no Authorization. */
export function httpCall(
  port: number,
  call: {
    readonly body?: string | Uint8Array;
    readonly credentials?: string;
    readonly method?: string;
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string>>;
  },
): Promise<HttpReply> {
  const { body = '', credentials, method = 'POST', path = '/' } = call;
  const authorization =
    credentials === undefined
      ? {}
      : { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  return new Promise((done, failed) => {
    const outgoing = request(
      { host: '127.0.0.1', port, method, path, headers: { ...authorization, ...call.headers } },
      response => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () =>
          done({
            status: response.statusCode!,
            type: response.headers['content-type'],
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('error', failed);
    outgoing.end(body);
  });
}

/** Until so many calls run. */
export async function untilActive({ dispatcher }: TestServer, count: number): Promise<void> {
  while ([...dispatcher.activeCommands()].length < count) await new Promise(setImmediate);
}
