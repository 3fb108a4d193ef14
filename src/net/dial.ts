/**
 * One connection that we ask for: straight, or through a SOCKS5 proxy, which is told the host as a name. It ends in a
 * socket on which the peer speaks next, or in a reason.
 */
import net from 'node:net';
import { type ProxyCredentials, Socks5Request, type Socks5Step } from './socks5.ts';

/** How long a proxy may take for each of its answers (Core: g_socks5_recv_timeout). */
const PROXY_ANSWER_MS = 20_000;

/** Where a proxy listens: an address, or a Unix domain socket. */
export type ProxyPlace = { readonly host: string; readonly port: number } | { readonly path: string };

export interface Route {
  readonly host: string;
  readonly port: number;
  readonly proxy?: ProxyPlace;
  readonly credentials?: ProxyCredentials;
}

export interface DialOptions {
  readonly localAddress: string | undefined;
  /** For the TCP connection, be it to a proxy. */
  readonly connectTimeoutMs: number;
}

export type DialOutcome =
  | { readonly kind: 'connected'; readonly socket: net.Socket }
  | { readonly kind: 'failed'; readonly reason: string };

/** `onEnd` is called once; until then the socket may be destroyed, and after that too. */
export function dialSocket(
  route: Route,
  options: DialOptions,
  onEnd: (outcome: DialOutcome) => void,
): net.Socket {
  const { localAddress } = options;
  const place = route.proxy ?? route;
  const socket =
    'path' in place
      ? net.connect({ path: place.path })
      : net.connect({
          host: place.host,
          port: place.port,
          noDelay: true,
          ...(localAddress !== undefined && route.proxy === undefined && { localAddress }),
        });
  let timer = setTimeout(() => socket.destroy(new Error('timed out')), options.connectTimeoutMs);
  let reason = 'failed';
  let isEnded = false;
  const end = (outcome: DialOutcome) => {
    clearTimeout(timer);
    socket.removeListener('error', noteError);
    socket.removeListener('close', close);
    if (!isEnded) onEnd(outcome);
    isEnded = true;
  };
  const noteError = (error: NodeJS.ErrnoException) => {
    // Several addresses of one name that all fail come as one error without text.
    reason = error.message || (error.code ?? 'failed');
  };
  const close = () => end({ kind: 'failed', reason });
  socket.on('error', noteError);
  socket.once('close', close);
  socket.once('connect', () => {
    clearTimeout(timer);
    if (route.proxy === undefined) {
      end({ kind: 'connected', socket });
      return;
    }
    const request = new Socks5Request(route.host, route.port, route.credentials);
    const follow = (step: Socks5Step) => {
      for (let next = step; next.kind !== 'more'; next = request.push(new Uint8Array(0))) {
        clearTimeout(timer);
        if (next.kind === 'send') {
          socket.write(next.bytes);
          timer = setTimeout(() => socket.destroy(new Error('proxy timed out')), PROXY_ANSWER_MS);
        } else {
          socket.removeListener('data', read);
          if (next.kind === 'failed') socket.destroy(new Error(next.reason));
          else {
            if (next.rest.length > 0) socket.unshift(next.rest);
            end({ kind: 'connected', socket });
          }
          return;
        }
      }
    };
    const read = (chunk: Uint8Array) => follow(request.push(chunk));
    socket.on('data', read);
    follow(request.start());
  });
  return socket;
}
