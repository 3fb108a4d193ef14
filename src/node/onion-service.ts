/** An onion service at work: Tor's control port, the files that it takes, and what the node learns by it. */
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import type { Milliseconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import type { SocksProxy } from '../net/proxies.ts';
import { COOKIE_BYTES } from '../net/tor-control.ts';
import { TorController } from '../net/tor-controller.ts';
import type { NetAddress } from '../wire/net-address.ts';
import { type HostPort, hostPortText, splitHostPort } from './host-port.ts';
import { TOR_SOCKS_PORT } from './reachability.ts';
import type { TorOptions } from './tor-options.ts';

const KEY_FILE = 'onion_v3_private_key';
/** `TYPE:KEY`, as Tor gives it and takes it: nothing in it ends a line of ours, or adds to it. */
const PRIVATE_KEY = /^[A-Za-z0-9-]{1,64}:[A-Za-z0-9+/=-]{1,1024}$/;

export interface OnionServiceDeps {
  readonly log: Log;
  readonly random: Random;
  /** Where the key is kept. */
  readonly directory: string;
}

export interface OnionServicePlace {
  /** `HOST:PORT` where we listen for it. */
  readonly target: string;
  /** What others see. */
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly looksUpNames: boolean;
}

export interface OnionServiceHandler {
  /** What leads to Tor. */
  onProxy(proxy: SocksProxy): void;
  onService(own: NetAddress): void;
  onServiceEnd(own: NetAddress): void;
}

/** Begins at once; what is returned ends it. */
export function startOnionService(
  { log, random, directory }: OnionServiceDeps,
  options: TorOptions,
  { port, ...place }: OnionServicePlace,
  handler: OnionServiceHandler,
): { close(): void } {
  const controller = new TorController(
    { log, random, after, readCookie, keyFile: keyFile(path.join(directory, KEY_FILE), log) },
    { ...options, ...place, virtualPort: port },
    {
      ...handler,
      onSocksListeners(places) {
        const proxy = socksProxy(places);
        log.debug('tor', () => `Configuring onion proxy for ${hostPortText(proxy)}`);
        // Each connection gets a circuit of its own, so that nobody sees that two are ours.
        handler.onProxy({ place: proxy, randomizesCredentials: true });
      },
    },
  );
  controller.start();
  return controller;
}

/** The first that is an address; without any, where Tor listens if nobody tells it otherwise. */
function socksProxy(places: readonly string[]): HostPort {
  for (const text of places) {
    const place = splitHostPort(text, TOR_SOCKS_PORT);
    if (place !== undefined && net.isIP(place.host) !== 0) return place;
  }
  return { host: '127.0.0.1', port: TOR_SOCKS_PORT };
}

function after(delayMs: Milliseconds, job: () => void): () => void {
  const timer = setTimeout(job, delayMs);
  return () => clearTimeout(timer);
}

/**
 * A little more than a cookie, so that what is no cookie is seen; a path is bytes. Whoever listens in place of Tor names the
 * file: one that is none, a pipe say, must not make us wait.
 */
function readCookie(file: string): Uint8Array | undefined {
  try {
    const { O_RDONLY, O_NONBLOCK = 0 } = fs.constants;
    const descriptor = fs.openSync(Buffer.from(file, 'latin1'), O_RDONLY | O_NONBLOCK);
    try {
      if (!fs.fstatSync(descriptor).isFile()) return undefined;
      const bytes = new Uint8Array(COOKIE_BYTES + 1);
      return bytes.subarray(0, fs.readSync(descriptor, bytes));
    } finally {
      fs.closeSync(descriptor);
    }
  } catch {
    return undefined;
  }
}

/** Reading throws when there is a file that is no key: another in its place would be another address for good. */
function keyFile(file: string, log: Log) {
  return {
    read() {
      if (!fs.existsSync(file)) return undefined;
      log.debug('tor', () => `Reading cached private key from ${file}`);
      const key = fs.readFileSync(file, 'latin1');
      if (!PRIVATE_KEY.test(key)) throw new Error(`${file} holds no key of an onion service`);
      return key;
    },
    write(key: string) {
      try {
        fs.writeFileSync(`${file}.new`, key, { mode: 0o600 });
        fs.renameSync(`${file}.new`, file);
        log.debug('tor', () => `Cached service private key to ${file}`);
      } catch (error) {
        log.warn(`tor: Error writing service private key to ${file}: ${(error as Error).message}`);
      }
    },
  };
}
