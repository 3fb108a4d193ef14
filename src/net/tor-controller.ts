/**
 * Keeps a connection to Tor's control port (Core: TorController in src/torcontrol.cpp): the onion service lasts as long as it
 * does. Where no Tor is, or none that lets us in, it is tried again, ever more rarely.
 */
import net from 'node:net';
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { DecodeError } from '../wire/codec.ts';
import { type NetAddress, parseAddress } from '../wire/net-address.ts';
import { dialSocket } from './dial.ts';
import { type TorAction, TorControl, type TorControlOptions } from './tor-control.ts';
import { TorReplyReader } from './tor-reply.ts';

/** Pauses between two attempts: each longer than the last by this factor (Core: RECONNECT_TIMEOUT_…). */
const RETRY_MS = SECOND_MS;
const RETRY_FACTOR = 1.5;
const RETRY_MS_MAX = 600 * SECOND_MS;

export interface TorControllerDeps {
  readonly log: Log;
  readonly random: Random;
  /** Calls back once; what is returned calls that off. */
  after(delayMs: Milliseconds, job: () => void): () => void;
  /** Of a path in latin1, a character for each byte; undefined: it cannot be read. */
  readCookie(file: string): Uint8Array | undefined;
  /** Where the key of the service is kept. Throws when there is one that cannot be used. */
  readonly keyFile: { read(): string | undefined; write(key: string): void };
}

export interface TorControllerOptions extends Omit<TorControlOptions, 'privateKey'> {
  readonly place: { readonly host: string; readonly port: number };
  readonly connectTimeoutMs: number;
  /** False: a name leads nowhere (`-dns=0`). */
  readonly looksUpNames: boolean;
  /** The user named it: that nobody is there is worth a warning. */
  readonly isWanted: boolean;
}

export interface TorControllerHandler {
  /** SOCKS proxies as Tor writes them, those that are preferred first. */
  onSocksListeners(places: readonly string[]): void;
  /** Where others find us, from now on and no more. */
  onService(own: NetAddress): void;
  onServiceEnd(own: NetAddress): void;
}

export class TorController {
  readonly #deps: TorControllerDeps;
  readonly #options: TorControllerOptions;
  readonly #handler: TorControllerHandler;
  #socket: net.Socket | undefined;
  #callOff: () => void = () => {};
  #pauseMs = RETRY_MS;
  #service: NetAddress | undefined;
  #privateKey: string | undefined;
  /** Those who look at the log are told once for each time that Tor is gone. */
  #hasWarned = false;
  #isClosed = false;

  constructor(deps: TorControllerDeps, options: TorControllerOptions, handler: TorControllerHandler) {
    this.#deps = deps;
    this.#options = options;
    this.#handler = handler;
  }

  start(): void {
    const { place, connectTimeoutMs, looksUpNames } = this.#options;
    const { host, port } = place;
    this.#debug(`Attempting to connect to Tor control port ${host}:${port}`);
    if (!looksUpNames && net.isIP(host) === 0) {
      this.#retry('names are not looked up (-dns=0)');
      return;
    }
    this.#socket = dialSocket(place, { localAddress: undefined, connectTimeoutMs }, outcome => {
      if (outcome.kind === 'connected') this.#converse(outcome.socket);
      else this.#retry(outcome.reason);
    });
  }

  close(): void {
    this.#isClosed = true;
    this.#callOff();
    this.#socket?.destroy();
    this.#endService();
  }

  #converse(socket: net.Socket): void {
    this.#debug('Successfully connected to Tor control port');
    let reason = 'lost connection to Tor control port';
    socket.on('error', error => {
      reason = error.message;
    });
    socket.once('close', () => {
      this.#endService();
      this.#retry(reason);
    });
    try {
      this.#privateKey ??= this.#deps.keyFile.read();
    } catch (error) {
      socket.destroy(error as Error);
      return;
    }
    const control = new TorControl(this.#deps, { ...this.#options, privateKey: this.#privateKey });
    const reader = new TorReplyReader();
    socket.on('data', chunk => {
      try {
        for (const reply of reader.push(chunk)) this.#perform(socket, control, control.receive(reply));
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        socket.destroy(error);
      }
    });
    this.#perform(socket, control, control.start());
  }

  #perform(socket: net.Socket, control: TorControl, actions: readonly TorAction[]): void {
    for (const action of actions) {
      switch (action.kind) {
        case 'send':
          socket.write(`${action.line}\r\n`);
          break;
        case 'readCookie':
          this.#perform(socket, control, control.onCookie(this.#deps.readCookie(action.file)));
          break;
        case 'authenticated':
          this.#pauseMs = RETRY_MS;
          this.#hasWarned = false;
          break;
        case 'socksListeners':
          this.#handler.onSocksListeners(action.places);
          break;
        case 'service':
          this.#beginService(action);
          break;
      }
    }
  }

  #beginService({ serviceId, privateKey }: Extract<TorAction, { readonly kind: 'service' }>): void {
    const { log, keyFile } = this.#deps;
    const { virtualPort } = this.#options;
    if (privateKey !== undefined) {
      // Also where it cannot be kept the address stays as long as we run.
      this.#privateKey = privateKey;
      keyFile.write(privateKey);
    }
    const own = parseAddress(`${serviceId}.onion`, virtualPort);
    if (own === undefined) {
      log.warn('tor: The service ID that Tor gave is none of an onion service of version 3');
      return;
    }
    log.info(`Got tor service ID ${serviceId}, advertising service ${serviceId}.onion:${virtualPort}`);
    this.#service = own;
    this.#handler.onService(own);
  }

  #endService(): void {
    if (this.#service !== undefined) this.#handler.onServiceEnd(this.#service);
    this.#service = undefined;
  }

  #retry(reason: string): void {
    this.#socket = undefined;
    if (this.#isClosed) return;
    const { log } = this.#deps;
    const { place, isWanted } = this.#options;
    const pauseMs = this.#pauseMs;
    const text = () =>
      `Not connected to Tor control port ${place.host}:${place.port}, will retry in ${(pauseMs / SECOND_MS).toFixed(1)} s: ${reason}`;
    if (isWanted && !this.#hasWarned) log.warn(`tor: ${text()}`);
    else log.debug('tor', text);
    this.#hasWarned = true;
    this.#pauseMs = Math.min(pauseMs * RETRY_FACTOR, RETRY_MS_MAX);
    this.#callOff = this.#deps.after(pauseMs, () => this.start());
  }

  #debug(text: string): void {
    this.#deps.log.debug('tor', () => text);
  }
}
