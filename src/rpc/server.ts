/**
 * The HTTP side of the RPC interface (Core: httpserver.cpp, httprpc.cpp). Order of checks: 400 size of
 * header lines · 403 client address · 413 size ·
 * 405 unknown verb · 404 path · 503 queue full · 405 not POST · 401 credentials · then the JSON-RPC of dispatcher.ts.
 *
 * Answers carry `Content-Type: application/json` and nothing more: clients compare it. Connections stay open for as long
 * as `-rpcservertimeout` says. Stopping first refuses new calls, then lets those that run answer.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Log } from '../base/log.ts';
import { parseAddress } from '../wire/net-address.ts';
import { parseSubnet, type Subnet, subnetContains } from '../wire/subnet.ts';
import type { RpcAuth } from './auth.ts';
import type { Dispatcher } from './dispatcher.ts';
import { parseJsonBytes } from './json-parse.ts';
import { compactJson } from './json-write.ts';

/** Bytes of a request's body (Core: MAX_BODY_SIZE). */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
/** Bytes of a request's header lines (Core: MAX_HEADERS_SIZE). */
const HEADER_BYTES_MAX = 8192;
/** How long a wrong password waits for its answer, against guessing. */
const WRONG_PASSWORD_PAUSE_MS = 250;
/** How late a client may be dropped after its time. */
const CHECKING_MS = 1_000;
/** Longest delay of a timer in Node. */
const TIMER_MS_MAX = 0x7fff_ffff;
const KNOWN_VERBS: ReadonlySet<string> = new Set(['GET', 'POST', 'HEAD', 'PUT']);
const WALLET_PREFIX = '/wallet/';
const PLAIN_TYPE = 'text/html; charset=ISO-8859-1';
const BAD_REQUEST = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';
const METHOD_NOT_ALLOWED =
  'HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n';

const DEFAULT_SERVER_TIMEOUT_S = 30;
const DEFAULT_WORK_QUEUE = 64;
const DEFAULT_THREADS = 16;

export interface RpcServerOptions {
  /** Where to listen; loopback unless the user said otherwise. Port 0: any free one. */
  readonly bind: readonly { readonly host: string; readonly port: number }[];
  /** `-rpcallowip`; loopback is always allowed. */
  readonly allowIp?: readonly string[];
  /** `-rpcservertimeout`, in seconds. */
  readonly timeoutS?: number;
  /** `-rpcworkqueue` and `-rpcthreads`: calls beyond their sum are refused. */
  readonly workQueue?: number;
  readonly threads?: number;
  /** Whether `/wallet/…` is a path. */
  readonly wallets: boolean;
  /** Called before a call is answered. */
  readonly beforeAnswer?: () => void;
}

/** No address could be bound, or an option is wrong; the message is for the log. */
export class RpcServerError extends Error {
  override readonly name = 'RpcServerError';
}

export class RpcServer {
  readonly #dispatcher: Dispatcher;
  readonly #auth: RpcAuth;
  readonly #log: Log;
  readonly #options: RpcServerOptions;
  readonly #allowed: readonly Subnet[];
  readonly #callsMax: number;
  readonly #servers: Server[] = [];
  /** Calls that are being answered. */
  #running = 0;
  #stopping = false;
  #lastAllowed: string | undefined;
  /** The newest answer of each connection, begun or not. */
  readonly #lastOf = new WeakMap<Socket, ServerResponse>();
  #whenIdle: (() => void) | undefined;

  /** Throws RpcServerError for a bad `allowIp`. */
  constructor(
    deps: { readonly dispatcher: Dispatcher; readonly auth: RpcAuth; readonly log: Log },
    options: RpcServerOptions,
  ) {
    this.#dispatcher = deps.dispatcher;
    this.#auth = deps.auth;
    this.#log = deps.log;
    this.#options = options;
    this.#allowed = ['127.0.0.0/8', '::1', ...(options.allowIp ?? [])].map(text => {
      const subnet = parseSubnet(text);
      if (subnet === undefined)
        throw new RpcServerError(`Invalid -rpcallowip subnet specification: ${text}.`);
      return subnet;
    });
    this.#callsMax = (options.workQueue ?? DEFAULT_WORK_QUEUE) + (options.threads ?? DEFAULT_THREADS);
  }

  /** Listens; answers where. Addresses that cannot be bound are logged, and it is an error if none can. */
  async start(): Promise<readonly AddressInfo[]> {
    const bound: AddressInfo[] = [];
    for (const { host, port } of this.#options.bind) {
      const server = this.#createServer();
      try {
        bound.push(await listen(server, host, port));
        this.#servers.push(server);
      } catch (error) {
        this.#log.warn(`Binding RPC on address ${host} port ${port} failed: ${(error as Error).message}`);
      }
    }
    if (bound.length === 0) throw new RpcServerError('Unable to bind any endpoint for RPC server');
    return bound;
  }

  /** From now on new calls are refused; those that wait for something return. */
  interrupt(): void {
    this.#stopping = true;
    this.#dispatcher.interrupt();
  }

  /** Lets running calls answer, then closes all connections and removes the cookie. */
  async stop(): Promise<void> {
    this.interrupt();
    if (this.#running > 0) await new Promise<void>(done => (this.#whenIdle = done));
    await Promise.all(this.#servers.map(close));
    this.#auth.close(this.#log);
  }

  #createServer(): Server {
    const timeoutMs = Math.min((this.#options.timeoutS ?? DEFAULT_SERVER_TIMEOUT_S) * 1000, TIMER_MS_MAX);
    const server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      // Core asks for none either.
      requireHostHeader: false,
      keepAliveTimeout: timeoutMs,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      // How often Node looks for those who are late; it would be half a minute.
      connectionsCheckingInterval: Math.min(timeoutMs, CHECKING_MS),
    });
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const before = this.#lastOf.get(request.socket);
      this.#lastOf.set(request.socket, response);
      if (!this.#refuseEarly(request, response)) void this.#handle(request, response, before);
    });
    // Node would drop the connection.
    server.on('connect', (_request, socket) => socket.end(METHOD_NOT_ALLOWED));
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
      const isSilent = error.code === 'ECONNRESET' || error.code === 'ERR_HTTP_REQUEST_TIMEOUT';
      if (isSilent || !socket.writable) socket.destroy();
      else socket.end(BAD_REQUEST);
    });
    return server;
  }

  /** Answers what needs no body; true if it did. */
  #refuseEarly(request: IncomingMessage, response: ServerResponse): boolean {
    const { method, headers, socket, url } = request;
    const refuse = (status: number, body = ''): true => {
      plain(response, status, body);
      return true;
    };
    if (headerBytes(request) > HEADER_BYTES_MAX) {
      response.setHeader('connection', 'close');
      return refuse(400);
    }
    if (!this.#isAllowed(socket.remoteAddress)) return refuse(403);
    if (Number(headers['content-length'] ?? 0) > BODY_BYTES_MAX) {
      response.setHeader('connection', 'close');
      return refuse(413);
    }
    if (!KNOWN_VERBS.has(method ?? '')) return refuse(405);
    if (this.#stopping) return refuse(503);
    if (walletNameOf(url ?? '', this.#options.wallets) === null) return refuse(404);
    if (this.#running >= this.#callsMax) {
      this.#log.warn(
        'Request rejected because http work queue depth exceeded, it can be increased with the -rpcworkqueue= setting',
      );
      return refuse(503, 'Work queue depth exceeded');
    }
    if (method !== 'POST') return refuse(405, 'JSONRPC server handles only POST requests');
    if (headers.authorization === undefined) {
      response.setHeader('www-authenticate', 'Basic realm="jsonrpc"');
      return refuse(401);
    }
    return false;
  }

  /** `before`: the answer to the last request of this connection; what it asks for is done before this is begun. */
  async #handle(
    request: IncomingMessage,
    response: ServerResponse,
    before: ServerResponse | undefined,
  ): Promise<void> {
    try {
      const body = await bodyOf(request);
      if (before !== undefined && !before.writableEnded && !before.destroyed) await once(before, 'close');
      this.#running += 1;
      // The call runs until its answer has left, or its client has: stopping waits for that.
      response.once('close', () => this.#callEnded());
      await this.#answer(request, response, body);
    } catch (error) {
      const reason = (error as Error).message;
      this.#log.debug('http', () => `A request of ${peerText(request.socket)} failed: ${reason}`);
      if (response.headersSent) return;
      response.setHeader('connection', 'close');
      plain(response, error instanceof BodyTooLongError ? 413 : 400, '');
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, body: Buffer): Promise<void> {
    const { headers, socket, url } = request;
    const user = this.#auth.authorize(headers.authorization ?? '');
    if (user === undefined) {
      this.#log.warn(`ThreadRPCServer incorrect password attempt from ${peerText(socket)}`);
      await new Promise(done => setTimeout(done, WRONG_PASSWORD_PAUSE_MS));
      response.setHeader('www-authenticate', 'Basic realm="jsonrpc"');
      plain(response, 401, '');
      return;
    }
    const answer = await this.#dispatcher.answer(parseJsonBytes(body), {
      user,
      walletName: walletNameOf(url ?? '', true) ?? undefined,
      mayCallAny: this.#auth.mayCallAny(user),
      mayCall: method => this.#auth.mayCall(user, method),
    });
    this.#options.beforeAnswer?.();
    if (answer.body === undefined) {
      plain(response, answer.status, '');
      return;
    }
    if (this.#stopping) response.setHeader('connection', 'close');
    send(response, answer.status, 'application/json', `${compactJson(answer.body)}\n`);
  }

  #callEnded(): void {
    this.#running -= 1;
    if (this.#running === 0) this.#whenIdle?.();
  }

  #isAllowed(remoteAddress = ''): boolean {
    // Mostly it is the same client again.
    if (remoteAddress === this.#lastAllowed) return true;
    const address = parseAddress(remoteAddress.replace(/%.*$/, ''), 0);
    if (address === undefined || !this.#allowed.some(subnet => subnetContains(subnet, address))) return false;
    this.#lastAllowed = remoteAddress;
    return true;
  }
}

/** The wallet that a path names, undefined for `/`, null for a path that is none of ours. */
function walletNameOf(url: string, wallets: boolean): string | undefined | null {
  if (url === '/') return undefined;
  if (!wallets || !url.startsWith(WALLET_PREFIX)) return null;
  const encoded = url.slice(WALLET_PREFIX.length);
  // As Core's UrlDecode: what is no escape stays as it is.
  const bytes = encoded.replaceAll(/%([0-9a-fA-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Of request line and header lines, as they came: Node's own limit leaves out what separates them. */
function headerBytes({ method = '', url = '', rawHeaders }: IncomingMessage): number {
  let bytes = method.length + url.length + '  HTTP/1.1\r\n\r\n'.length;
  for (const text of rawHeaders) bytes += text.length + ': '.length;
  return bytes;
}

class BodyTooLongError extends Error {}

/** Rejects with BodyTooLongError, or the system's error when the client is gone. */
function bodyOf(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else {
        request.removeAllListeners('data').pause();
        reject(new BodyTooLongError(`Its body has more than ${BODY_BYTES_MAX} bytes`));
      }
    });
    request.once('end', () => resolve(Buffer.concat(chunks)));
    request.once('error', reject);
  });
}

function plain(response: ServerResponse, status: number, body: string): void {
  if (status === 204) response.writeHead(status).end();
  else send(response, status, PLAIN_TYPE, body);
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  const bytes = Buffer.from(body);
  response.writeHead(status, { 'content-type': type, 'content-length': bytes.length }).end(bytes);
}

function peerText(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

function listen(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((done, failed) => {
    server.once('error', failed);
    server.listen({ host, port }, () => {
      server.off('error', failed);
      done(server.address() as AddressInfo);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise(done => {
    server.close(() => done());
    server.closeAllConnections();
  });
}
