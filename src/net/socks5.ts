/**
 * Asking a SOCKS5 proxy for a connection (RFC 1928, RFC 1929; Core: Socks5 in src/netbase.cpp): bytes in, bytes out. Hosts
 * always go as names, numeric ones too, so that nothing is looked up on our side and Tor can reach its own.
 */
import { concatBytes } from '../base/bytes.ts';
import { ByteQueue } from '../wire/byte-queue.ts';

const VERSION = 5;
const AUTH_VERSION = 1;
const METHOD = { none: 0, userPass: 2 } as const;
const COMMAND_CONNECT = 1;
const ADDRESS = { ipv4: 1, name: 3, ipv6: 4 } as const;
/** Lengths are one byte. */
const TEXT_BYTES_MAX = 255;
const PORT_BYTES = 2;

/** RFC 1928, section 6, and what Tor says besides (its proposal 304). */
const REPLIES: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'connection not allowed',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused',
  6: 'TTL expired',
  7: 'protocol error',
  8: 'address type not supported',
  240: 'onion service descriptor can not be found',
  241: 'onion service descriptor is invalid',
  242: 'onion service introduction failed',
  243: 'onion service rendezvous failed',
  244: 'onion service missing client authorization',
  245: 'onion service wrong client authorization',
  246: 'onion service invalid address',
  247: 'onion service introduction timed out',
};

/** Latin1 texts of 255 bytes at most. Tor gives each pair of them a circuit of its own. */
export interface ProxyCredentials {
  readonly username: string;
  readonly password: string;
}

/** `send`: to be written now. `connected`: from now on the bytes are the peer's, of which `rest` has come already. */
export type Socks5Step =
  | { readonly kind: 'more' }
  | { readonly kind: 'send'; readonly bytes: Uint8Array }
  | { readonly kind: 'connected'; readonly rest: Uint8Array }
  | { readonly kind: 'failed'; readonly reason: string };

export class Socks5Request {
  readonly #host: string;
  readonly #port: number;
  readonly #credentials: ProxyCredentials | undefined;
  readonly #queue = new ByteQueue();
  #state: 'method' | 'auth' | 'reply' | 'ended' = 'method';

  constructor(host: string, port: number, credentials?: ProxyCredentials) {
    this.#host = host;
    this.#port = port;
    this.#credentials = credentials;
  }

  /** The first bytes to write, or why there is nothing to ask. */
  start(): Socks5Step {
    if (this.#host.length > TEXT_BYTES_MAX) return this.#fail('hostname too long');
    const methods = this.#credentials === undefined ? [METHOD.none] : [METHOD.none, METHOD.userPass];
    return { kind: 'send', bytes: Uint8Array.of(VERSION, methods.length, ...methods) };
  }

  /** To be asked again after `send`, with no bytes, as more may have come at once. */
  push(chunk: Uint8Array): Socks5Step {
    this.#queue.push(chunk);
    switch (this.#state) {
      case 'method':
        return this.#method();
      case 'auth':
        return this.#auth();
      case 'reply':
        return this.#reply();
      case 'ended':
        return { kind: 'more' };
    }
  }

  #method(): Socks5Step {
    if (this.#queue.length < 2) return { kind: 'more' };
    const [version, method] = this.#queue.take(2);
    if (version !== VERSION) return this.#fail('proxy failed to initialize');
    if (method === METHOD.none) return this.#connect();
    if (method !== METHOD.userPass || this.#credentials === undefined)
      return this.#fail(`proxy requested wrong authentication method ${method}`);
    const { username, password } = this.#credentials;
    this.#state = 'auth';
    return {
      kind: 'send',
      bytes: concatBytes(Uint8Array.of(AUTH_VERSION), shortText(username), shortText(password)),
    };
  }

  #auth(): Socks5Step {
    if (this.#queue.length < 2) return { kind: 'more' };
    const [version, status] = this.#queue.take(2);
    if (version !== AUTH_VERSION || status !== 0) return this.#fail('proxy authentication unsuccessful');
    return this.#connect();
  }

  #connect(): Socks5Step {
    this.#state = 'reply';
    return {
      kind: 'send',
      bytes: concatBytes(
        Uint8Array.of(VERSION, COMMAND_CONNECT, 0, ADDRESS.name),
        shortText(this.#host),
        Uint8Array.of(this.#port >> 8, this.#port & 0xff),
      ),
    };
  }

  #reply(): Socks5Step {
    const [version, status, reserved, type, length] = this.#queue.peek(5);
    if (length === undefined) return { kind: 'more' };
    if (version !== VERSION) return this.#fail('proxy failed to accept request');
    if (status !== 0) return this.#fail(`proxy: ${REPLIES[status!] ?? 'unknown'}`);
    const address =
      type === ADDRESS.ipv4 ? 4 : type === ADDRESS.ipv6 ? 16 : type === ADDRESS.name ? 1 + length : undefined;
    if (reserved !== 0 || address === undefined) return this.#fail('malformed proxy response');
    const whole = 4 + address + PORT_BYTES;
    if (this.#queue.length < whole) return { kind: 'more' };
    this.#queue.take(whole);
    this.#state = 'ended';
    return { kind: 'connected', rest: this.#queue.take(this.#queue.length) };
  }

  #fail(reason: string): Socks5Step {
    this.#state = 'ended';
    this.#queue.clear();
    return { kind: 'failed', reason };
  }
}

function shortText(text: string): Uint8Array {
  return Uint8Array.of(text.length, ...Buffer.from(text, 'latin1'));
}
