/**
 * A `bitcoin-cli`: words of a command line to a call, its answer to what is printed (Core: bitcoin-cli.cpp,
 * rpc/client.cpp). Which words are JSON and which are text follows from the declarations of the methods.
 */
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { RpcCode } from '../rpc/codes.ts';
import { JsonNumber, JsonObject, type JsonOut, type JsonValue, ParsedObject } from '../rpc/json.ts';
import { parseJson, parseJsonBytes } from '../rpc/json-parse.ts';
import { compactJson, prettyJson } from '../rpc/json-write.ts';
import type { RpcMethod } from '../rpc/method.ts';
import { type Param, paramNames } from '../rpc/param.ts';

type Declaration = Pick<RpcMethod<never>, 'name' | 'params'>;

/** How long an answer may take (Core: DEFAULT_HTTP_CLIENT_TIMEOUT). */
const ANSWER_TIMEOUT_S = 900;
/** Longest delay of a timer in Node. */
const TIMER_MS_MAX = 0x7fff_ffff;

export interface RpcTarget {
  readonly host: string;
  readonly port: number;
  /** Without it the cookie is read. */
  readonly password?: string | undefined;
  readonly user?: string | undefined;
  readonly cookieFile: string | undefined;
  /** Selects a wallet; '' is the one without name. */
  readonly wallet?: string | undefined;
  /** Seconds; 0: for ever. */
  readonly timeoutS?: number | undefined;
}

/** What to print where, and the exit code. */
export interface CommandOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The call could not be made or answered; the message is for the user. */
export class RpcClientError extends Error {
  override readonly name = 'RpcClientError';
}

/** `words`: method and arguments. Never rejects for what the server or the network does. */
export async function runRpcCommand(
  target: RpcTarget,
  declarations: readonly Declaration[],
  words: readonly string[],
  style: 'positional' | 'named',
): Promise<CommandOutcome> {
  try {
    const [method, ...args] = words;
    if (method === undefined) throw new RpcClientError('too few parameters (need at least command)');
    const declaration = declarations.find(({ name }) => name === method);
    const params = style === 'named' ? namedParams(declaration, args) : positionalParams(declaration, args);
    const reply = await callRpc(target, method, params);
    const error = reply.get('error') ?? null;
    return error === null ? shownResult(reply.get('result') ?? null) : shownError(error);
  } catch (error) {
    if (!(error instanceof RpcClientError)) throw error;
    return { code: 1, stdout: '', stderr: `error: ${error.message}\n` };
  }
}

/** The reply object, with `result` or `error`; throws RpcClientError. */
export async function callRpc(target: RpcTarget, method: string, params: JsonOut): Promise<ParsedObject> {
  const body = `${compactJson({ method, params, id: 1, jsonrpc: '2.0' })}\n`;
  const cookie = target.password ? undefined : readCookie(target.cookieFile);
  const credentials = target.password ? `${target.user ?? ''}:${target.password}` : (cookie ?? '');
  const path = target.wallet === undefined ? '/' : `/wallet/${encodeURIComponent(target.wallet)}`;
  const { status, bytes } = await post(target, path, credentials, body);
  if (status === 401) throw new RpcClientError(`Authorization failed: ${whyUnauthorized(target, cookie)}`);
  if (status === 503) throw new RpcClientError(`Server response: ${Buffer.from(bytes).toString('utf8')}`);
  if (status >= 400 && status !== 400 && status !== 404 && status !== 500) {
    throw new RpcClientError(`server returned HTTP error ${status}`);
  }
  if (bytes.length === 0) throw new RpcClientError('no response from server');
  const reply = parseJsonBytes(bytes);
  if (reply === undefined) throw new RpcClientError("couldn't parse reply from server");
  if (!(reply instanceof ParsedObject) || reply.members.length === 0) {
    throw new RpcClientError('expected reply to have result, error and id properties');
  }
  return reply;
}

/** Each word as the argument in its place wants it; throws RpcClientError for bad JSON. */
function positionalParams(declaration: Declaration | undefined, args: readonly string[]): JsonOut {
  return args.map((word, i) => convert(declaration?.params[i], word));
}

/**
 * NAME=VALUE words become named arguments, others positional ones. A word whose NAME is no argument may still be a
 * positional value that holds an equals sign: JSON where JSON is wanted, any text where text is.
 */
function namedParams(declaration: Declaration | undefined, args: readonly string[]): JsonOut {
  const params = declaration?.params ?? [];
  const positional: JsonOut[] = [];
  const named = new Map<string, JsonOut>();
  for (const word of args) {
    const equals = word.indexOf('=');
    const next = params[positional.length];
    if (equals < 0) {
      positional.push(convert(next, word));
      continue;
    }
    const name = word.slice(0, equals);
    const param = findParam(params, name);
    if (param === undefined && next !== undefined) {
      const json = formatOf(next) === 'json' ? parseJson(word) : undefined;
      if (json !== undefined || formatOf(next) === 'text') {
        positional.push(json ?? word);
        continue;
      }
    }
    named.set(name, convert(param, word.slice(equals + 1)));
  }
  const members: [string, JsonOut][] = [...named];
  if (positional.length > 0) members.push(['args', positional]);
  return new JsonObject(members);
}

function findParam(params: readonly Param[], name: string): Param | undefined {
  const candidates = params.flatMap(param =>
    param.type === 'namedOptions' ? [param, ...(param.fields ?? [])] : [param],
  );
  return candidates.find(param => paramNames(param).includes(name));
}

/** 'either': JSON if it can be read as such, text otherwise. */
function formatOf(param: Param): 'text' | 'json' | 'either' {
  if (param.clientReads !== undefined) return param.clientReads;
  if (param.type === 'string' || param.type === 'hex') return 'text';
  return param.typeText?.[1] === 'string or numeric' ? 'either' : 'json';
}

function convert(param: Param | undefined, word: string): JsonOut {
  const format = param === undefined ? 'text' : formatOf(param);
  if (format === 'text') return word;
  const value = parseJson(word);
  if (value !== undefined) return value;
  if (format === 'either') return word;
  throw new RpcClientError(`Error parsing JSON: ${word}`);
}

function shownResult(result: JsonValue): CommandOutcome {
  if (result === null) return { code: 0, stdout: '', stderr: '' };
  const text = typeof result === 'string' ? result : prettyJson(result, 2);
  return { code: 0, stdout: text === '' ? '' : `${text}\n`, stderr: '' };
}

function shownError(error: JsonValue): CommandOutcome {
  if (!(error instanceof ParsedObject)) {
    return { code: 1, stdout: '', stderr: `error: ${compactJson(error)}\n` };
  }
  const code = error.get('code') ?? null;
  const message = error.get('message') ?? null;
  let text = code instanceof JsonNumber ? `error code: ${code.text}\n` : '';
  if (typeof message === 'string') text += `error message:\n${message}`;
  const number = code instanceof JsonNumber ? Number(code.text) : 1;
  if (number === RpcCode.WALLET_NOT_SPECIFIED) {
    text +=
      ' Or for the CLI, specify the "-rpcwallet=<walletname>" option before the command' +
      ' (run "bitcoin-cli -h" for help or "bitcoin-cli listwallets" to see which wallets are currently loaded).';
  }
  // An exit code has eight bits.
  return { code: Math.abs(number) & 0xff, stdout: '', stderr: `${text}\n` };
}

function readCookie(path: string | undefined): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8').split('\n')[0];
  } catch {
    return undefined;
  }
}

function whyUnauthorized(target: RpcTarget, cookie: string | undefined): string {
  if (target.password) return 'Incorrect rpcuser or rpcpassword were specified.';
  if (target.cookieFile === undefined) {
    return 'Cookie file was disabled via -norpccookiefile and no rpcpassword was specified.';
  }
  return cookie === undefined
    ? 'Failed to read cookie file and no rpcpassword was specified.'
    : 'Cookie file credentials were invalid and no rpcpassword was specified.';
}

function post(
  { host, port, timeoutS = ANSWER_TIMEOUT_S }: RpcTarget,
  path: string,
  credentials: string,
  body: string,
): Promise<{ readonly status: number; readonly bytes: Uint8Array }> {
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    Authorization: `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`,
    Connection: 'close',
  };
  return new Promise((done, failed) => {
    const fail = (reason: string): void =>
      failed(
        new RpcClientError(
          `Error while attempting to communicate with server ${host}:${port} (${reason})\n\n` +
            'Make sure the node is running and that you are connecting to the correct RPC port.',
        ),
      );
    const call = request({ host, port, path, method: 'POST', headers }, response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', error => fail(error.message));
      response.on('end', () => done({ status: response.statusCode ?? 0, bytes: Buffer.concat(chunks) }));
    });
    if (timeoutS > 0)
      call.setTimeout(Math.min(timeoutS * 1000, TIMER_MS_MAX), () => call.destroy(new Error('timeout')));
    call.on('error', error => fail(error.message));
    call.end(body);
  });
}
