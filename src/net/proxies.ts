/** Which proxy leads to which network (Core: SetProxy, SetNameProxy and GetProxy in src/netbase.cpp). */

import { bytesToHex } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import type { AddressNetwork } from '../wire/net-address.ts';
import type { ProxyPlace } from './dial.ts';
import type { ProxyCredentials } from './socks5.ts';

export interface SocksProxy {
  readonly place: ProxyPlace;
  /** Each connection comes with credentials of its own, so that Tor gives it a circuit of its own. */
  readonly randomizesCredentials: boolean;
}

/** `name`: for hosts that only the proxy may look up. */
export type Proxies = Readonly<Partial<Record<AddressNetwork | 'name', SocksProxy>>>;

/** `127.0.0.1:9050`, `[::1]:9050` or `unix:/path`. */
export function proxyText({ place }: SocksProxy): string {
  if ('path' in place) return `unix:${place.path}`;
  const { host, port } = place;
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Credentials nobody used before (Core: TorStreamIsolationCredentialsGenerator). */
export class CredentialsGenerator {
  /** Other runs, and other programs, on the same proxy have others. */
  readonly #prefix: string;
  #count = 0;

  constructor(random: Random) {
    this.#prefix = bytesToHex(random.bytes(8));
  }

  next(): ProxyCredentials {
    const text = `${this.#prefix}-${this.#count}`;
    this.#count += 1;
    return { username: text, password: text };
  }
}
