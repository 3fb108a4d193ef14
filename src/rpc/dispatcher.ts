/**
 * JSON-RPC without its transport: from the parsed body of a request to the status and value of the answer. Versions 1.0,
 * 1.1 and 2.0, batches and notifications are told apart as Core does (httprpc.cpp ExecuteHTTPRPC, rpc/request.cpp,
 * rpc/server.cpp): 1.1 errors use HTTP statuses, 2.0 errors and batches do not.
 */
import { AssertionError } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import { Reject } from '../consensus/reject.ts';
import { bindArguments } from './bind-arguments.ts';
import { RpcCode, RpcError, transactionError } from './codes.ts';
import { type JsonOut, type JsonValue, ParsedObject } from './json.ts';
import { compactJson } from './json-write.ts';
import type { BoundMethod, Call } from './method.ts';

/** Who asks, as the transport found out. */
export interface Caller {
  readonly user: string;
  readonly walletName: string | undefined;
  /** Whether this user may call `method`; false answers 403. */
  mayCall(method: string): boolean;
  /** False answers 403 to everything. */
  readonly mayCallAny: boolean;
}

/** `body` undefined: an empty one. */
export interface Answer {
  readonly status: 200 | 204 | 400 | 403 | 404 | 500;
  readonly body?: JsonOut;
}

export interface ActiveCommand {
  readonly method: string;
  /** Of `performance.now()`. */
  readonly startedAt: number;
}

/** What control methods see of the server. */
export interface ServerView {
  methods(): Iterable<BoundMethod>;
  method(name: string): BoundMethod | undefined;
  activeCommands(): Iterable<ActiveCommand>;
}

/** What one request said; a batch fills the same one again, so that a member that is no object inherits its id, as in Core. */
interface Request {
  id: JsonValue | undefined;
  version: 1 | 2;
  method: string;
  params: readonly JsonValue[] | ParsedObject;
}

const FORBIDDEN: Answer = { status: 403 };

export class Dispatcher implements ServerView {
  readonly #methods = new Map<string, BoundMethod>();
  readonly #active = new Set<ActiveCommand>();
  readonly #stopping = new AbortController();
  readonly #log: Log;
  /** What init is doing; undefined once calls are answered. */
  #warmup: string | undefined = 'RPC server started';

  constructor(log: Log) {
    this.#log = log;
  }

  register(methods: readonly BoundMethod[]): void {
    for (const method of methods) this.#methods.set(method.name, method);
  }

  methods(): Iterable<BoundMethod> {
    return this.#methods.values();
  }

  method(name: string): BoundMethod | undefined {
    return this.#methods.get(name);
  }

  activeCommands(): Iterable<ActiveCommand> {
    return this.#active;
  }

  /** Until `finishWarmup`, every call is answered −28 with `status`. */
  setWarmup(status: string): void {
    this.#warmup = status;
    this.#log.info(`init message: ${status}`);
  }

  finishWarmup(): void {
    this.#warmup = undefined;
    this.#log.info('init message: Done loading');
  }

  /** Calls that wait for something return now. */
  interrupt(): void {
    this.#stopping.abort();
  }

  /** Never rejects. `body` undefined: the bytes were no JSON. */
  async answer(body: JsonValue | undefined, caller: Caller): Promise<Answer> {
    const request: Request = { id: null, version: 1, method: '', params: [] };
    try {
      if (body === undefined) throw new RpcError(RpcCode.PARSE_ERROR, 'Parse error');
      if (!caller.mayCallAny) {
        this.#log.warn(`RPC User ${caller.user} not allowed to call any methods`);
        return FORBIDDEN;
      }
      if (body instanceof ParsedObject) return await this.#answerOne(body, request, caller);
      if (Array.isArray(body)) return await this.#answerBatch(body as readonly JsonValue[], request, caller);
      throw new RpcError(RpcCode.PARSE_ERROR, 'Top-level object parse error');
    } catch (error) {
      const { code, message } = this.#rpcErrorOf(error);
      const status = code === RpcCode.INVALID_REQUEST ? 400 : code === RpcCode.METHOD_NOT_FOUND ? 404 : 500;
      return { status, body: errorReply(request, code, message) };
    }
  }

  async #answerOne(body: ParsedObject, request: Request, caller: Caller): Promise<Answer> {
    parseRequest(body, request);
    if (!this.#isAllowed(request.method, caller)) return FORBIDDEN;
    // A 1.1 error is thrown on, to become an HTTP status.
    const reply =
      request.version === 2
        ? await this.#replyTo(request, caller)
        : resultReply(request, await this.#execute(request, caller));
    return isNotification(request) ? { status: 204 } : { status: 200, body: reply };
  }

  async #answerBatch(members: readonly JsonValue[], request: Request, caller: Caller): Promise<Answer> {
    for (const member of members) {
      if (!(member instanceof ParsedObject)) continue;
      const method = member.get('method');
      if (typeof method === 'string' && !this.#isAllowed(method, caller)) return FORBIDDEN;
    }
    const replies: JsonOut[] = [];
    for (const member of members) {
      let reply: JsonOut;
      try {
        parseRequest(member, request);
        reply = await this.#replyTo(request, caller);
      } catch (error) {
        const { code, message } = this.#rpcErrorOf(error);
        reply = errorReply(request, code, message);
      }
      if (!isNotification(request)) replies.push(reply);
    }
    if (replies.length === 0 && members.length > 0) return { status: 204 };
    return { status: 200, body: replies };
  }

  #isAllowed(method: string, caller: Caller): boolean {
    if (caller.mayCall(method)) return true;
    this.#log.warn(`RPC User ${caller.user} not allowed to call method ${sanitize(method)}`);
    return false;
  }

  async #replyTo(request: Request, caller: Caller): Promise<JsonOut> {
    try {
      return resultReply(request, await this.#execute(request, caller));
    } catch (error) {
      const { code, message } = this.#rpcErrorOf(error);
      return errorReply(request, code, message);
    }
  }

  async #execute(request: Request, caller: Caller): Promise<JsonOut> {
    this.#log.debug(
      'rpc',
      () => `ThreadRPCServer method=${sanitize(request.method)} user=${caller.user} id=${idText(request.id)}`,
    );
    if (this.#warmup !== undefined) throw new RpcError(RpcCode.IN_WARMUP, this.#warmup);
    const method = this.#methods.get(request.method);
    if (method === undefined) throw new RpcError(RpcCode.METHOD_NOT_FOUND, 'Method not found');
    const active = { method: request.method, startedAt: performance.now() };
    this.#active.add(active);
    try {
      const call: Call = {
        method: request.method,
        user: caller.user,
        walletName: caller.walletName,
        stopping: this.#stopping.signal,
      };
      return await method.call(bindArguments(method, request.params), call);
    } finally {
      this.#active.delete(active);
    }
  }

  /** Whatever a method threw, as the caller is told. */
  #rpcErrorOf(error: unknown): { readonly code: number; readonly message: string } {
    if (error instanceof RpcError) return error;
    if (error instanceof Reject) return transactionError(error);
    const text = error instanceof Error ? error.message : String(error);
    if (error instanceof AssertionError || !(error instanceof Error)) this.#log.warn(text);
    else this.#log.debug('rpc', () => error.stack ?? text);
    return { code: RpcCode.MISC_ERROR, message: text };
  }
}

/** Fills `request` as far as `body` can be read; throws RpcError −32600. */
function parseRequest(body: JsonValue, request: Request): void {
  if (!(body instanceof ParsedObject)) invalidRequest('Invalid Request object');
  request.id = body.get('id');
  request.version = 1;
  const version = body.get('jsonrpc') ?? null;
  if (version !== null) {
    if (typeof version !== 'string') invalidRequest('jsonrpc field must be a string');
    if (version === '2.0') request.version = 2;
    else if (version !== '1.0') invalidRequest('JSON-RPC version not supported');
  }
  const method = body.get('method') ?? null;
  if (method === null) invalidRequest('Missing method');
  if (typeof method !== 'string') invalidRequest('Method must be a string');
  request.method = method;
  const params = body.get('params') ?? null;
  if (params === null) request.params = [];
  else if (params instanceof ParsedObject || Array.isArray(params)) {
    request.params = params as readonly JsonValue[] | ParsedObject;
  } else invalidRequest('Params must be an array or object');
}

function invalidRequest(message: string): never {
  throw new RpcError(RpcCode.INVALID_REQUEST, message);
}

function isNotification(request: Request): boolean {
  return request.version === 2 && request.id === undefined;
}

function resultReply(request: Request, result: JsonOut): JsonOut {
  const { id } = request;
  const value = result === undefined ? null : result;
  return request.version === 2 ? { jsonrpc: '2.0', result: value, id } : { result: value, error: null, id };
}

function errorReply(request: Request, code: number, message: string): JsonOut {
  const { id } = request;
  const error = { code, message };
  return request.version === 2 ? { jsonrpc: '2.0', error, id } : { result: null, error, id };
}

/** As the log shows it; nothing of a notification. */
function idText(id: JsonValue | undefined): string {
  if (id === undefined || id === null) return '';
  return sanitize(typeof id === 'string' ? id : compactJson(id));
}

/** For the log: characters that cannot forge a line (Core: SanitizeString). */
function sanitize(text: string): string {
  return text.replaceAll(/[^a-zA-Z0-9 .,;\-_/:?@()]/g, '');
}
