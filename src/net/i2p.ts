/**
 * Connections over I2P by the SAM bridge of a router (Core: i2p::sam::Session in src/i2p.cpp). A session is an address of
 * ours there: one that stays, whose key is kept in a file, so that others find us again; or one for a single connection,
 * so that nobody sees that two are ours.
 */
import type net from 'node:net';
import { bytesToHex } from '../base/bytes.ts';
import { MINUTE_MS, SECOND_MS } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { addressText, hostText, type NetAddress } from '../wire/net-address.ts';
import {
  addressOfDestination,
  decodeI2pBase64,
  destinationOfKey,
  encodeI2pBase64,
  SamConnection,
} from './sam.ts';

/** Ed25519, and the encryptions that a router should take (Core: i2p.cpp). */
const SIGNATURE_TYPE = 'SIGNATURE_TYPE=7';
const LEASE_SETS = 'i2cp.leaseSetEncType=4,0';
const ID_BYTES = 5;
/** Between two attempts to take peers: each longer than the last (Core: ThreadI2PAcceptIncoming). */
const RETRY_STEP_MS = SECOND_MS;
const RETRY_MAX_MS = 5 * MINUTE_MS;
/** Nobody knows when somebody comes. */
const FOREVER_MS = Number.POSITIVE_INFINITY;

/** Where the key of an address that stays is kept. */
export interface I2pKeyFile {
  read(): Uint8Array | undefined;
  write(key: Uint8Array): void;
}

export interface I2pDeps {
  readonly log: Log;
  readonly random: Random;
  readonly router: { readonly host: string; readonly port: number };
  readonly connectTimeoutMs: number;
}

/** What comes of taking peers: `onReady` when they can find us, once for each address of ours. */
export interface I2pHandler {
  onReady(own: NetAddress): void;
  onPeer(socket: net.Socket, peer: NetAddress, own: NetAddress): void;
}

interface Session {
  readonly id: string;
  readonly address: NetAddress;
  /** The session lasts as long as this connection. */
  readonly control: SamConnection;
}

export class I2pSession {
  readonly #deps: I2pDeps;
  /** Absent: an address for one connection. */
  readonly #keyFile: I2pKeyFile | undefined;
  #session: Promise<Session> | undefined;
  #isClosed = false;

  constructor(deps: I2pDeps, keyFile?: I2pKeyFile) {
    this.#deps = deps;
    this.#keyFile = keyFile;
  }

  /** A stream to that peer, whose port is I2P_PORT. Rejects with the reason. */
  async connect(to: NetAddress): Promise<net.Socket> {
    const session = await this.#open();
    const connection = await this.#hello();
    try {
      const found = await connection.request(`NAMING LOOKUP NAME=${hostText(to)}`);
      const line = `STREAM CONNECT ID=${session.id} DESTINATION=${found.get('VALUE')} SILENT=false`;
      const reply = await connection.request(line, 'none');
      this.#check(reply);
      return connection.release();
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** The next peer that comes to us. Rejects when there is no session any more. `onReady`: peers may come. */
  async accept(onReady: (own: NetAddress) => void): Promise<{ socket: net.Socket; peer: NetAddress }> {
    const session = await this.#open();
    const connection = await this.#hello();
    try {
      this.#check(await connection.request(`STREAM ACCEPT ID=${session.id} SILENT=false`, 'none'));
      onReady(session.address);
      const destination = await connection.line(FOREVER_MS);
      const peer = addressOfDestination(decodeI2pBase64(destination.split(' ')[0]!));
      return { socket: connection.release(), peer };
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  /** Takes peers as they come, until it is closed. */
  async acceptAll(handler: I2pHandler): Promise<void> {
    const { log } = this.#deps;
    let pause = RETRY_STEP_MS;
    let own: NetAddress | undefined;
    while (!this.#isClosed) {
      try {
        const { socket, peer } = await this.accept(address => {
          if (own === undefined || hostText(own) !== hostText(address)) handler.onReady(address);
          own = address;
        });
        handler.onPeer(socket, peer, own!);
        pause = RETRY_STEP_MS;
      } catch (error) {
        log.debug('i2p', () => `Error accepting: ${(error as Error).message}`);
        await new Promise<void>(resolve => setTimeout(resolve, pause).unref());
        pause = Math.min(pause + RETRY_STEP_MS, RETRY_MAX_MS);
      }
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#drop();
  }

  #check(reply: { get(key: string): string; readonly text: string }): void {
    const result = reply.get('RESULT');
    if (result === 'OK') return;
    // The router forgot us: the next one gets a new session.
    if (result === 'INVALID_ID') this.#drop();
    throw new Error(`"${reply.text}"`);
  }

  #hello(): Promise<SamConnection> {
    return SamConnection.open(this.#deps.router, this.#deps.connectTimeoutMs);
  }

  #drop(): void {
    const session = this.#session;
    this.#session = undefined;
    session?.then(
      ({ id, control }) => {
        this.#deps.log.info(`Destroying I2P SAM session ${id}`);
        control.close();
      },
      () => {},
    );
  }

  /** The session that stands, or a new one; who comes meanwhile waits for the same. */
  async #open(): Promise<Session> {
    if (this.#isClosed) throw new Error('closed');
    const known = this.#session && (await this.#session.catch(() => undefined));
    if (known !== undefined && !known.control.isEnded) return known;
    this.#session = this.#create();
    return this.#session;
  }

  async #create(): Promise<Session> {
    const { log, random, router } = this.#deps;
    const kind = this.#keyFile === undefined ? 'transient' : 'persistent';
    const id = bytesToHex(random.bytes(ID_BYTES));
    log.debug('i2p', () => `Creating ${kind} I2P SAM session ${id} with ${router.host}:${router.port}`);
    const control = await this.#hello();
    try {
      const key = await (this.#keyFile === undefined
        ? this.#createTransient(control, id)
        : this.#createPersistent(control, id, this.#keyFile));
      const address = addressOfDestination(destinationOfKey(key));
      log.info(`${kind === 'transient' ? 'Transient' : 'Persistent'} I2P SAM session ${id} created, my address=${addressText(address)}`); // biome-ignore format: one line of the log
      return { id, address, control };
    } catch (error) {
      control.close();
      throw error;
    }
  }

  async #createTransient(control: SamConnection, id: string): Promise<Uint8Array> {
    const reply = await control.request(
      `SESSION CREATE STYLE=STREAM ID=${id} DESTINATION=TRANSIENT ${SIGNATURE_TYPE} ${LEASE_SETS} inbound.quantity=1 outbound.quantity=1`,
    );
    return decodeI2pBase64(reply.get('DESTINATION'));
  }

  async #createPersistent(control: SamConnection, id: string, file: I2pKeyFile): Promise<Uint8Array> {
    let key = file.read();
    if (key === undefined) {
      const reply = await control.request(`DEST GENERATE ${SIGNATURE_TYPE}`, 'none');
      key = decodeI2pBase64(reply.get('PRIV'));
      file.write(key);
    }
    await control.request(
      `SESSION CREATE STYLE=STREAM ID=${id} DESTINATION=${encodeI2pBase64(key)} ${LEASE_SETS} inbound.quantity=3 outbound.quantity=3`,
    );
    return key;
  }
}

/** How peers on I2P are reached: all from one address that stays, or each from an address of its own. */
export class I2pBridge {
  readonly #deps: I2pDeps;
  readonly #lasting: I2pSession | undefined;
  readonly #transient = new Set<I2pSession>();

  /** With `keyFile`, one address that stays. */
  constructor(deps: I2pDeps, keyFile?: I2pKeyFile) {
    this.#deps = deps;
    this.#lasting = keyFile && new I2pSession(deps, keyFile);
  }

  async connect(to: NetAddress): Promise<net.Socket> {
    if (this.#lasting !== undefined) return this.#lasting.connect(to);
    const session = new I2pSession(this.#deps);
    this.#transient.add(session);
    const end = () => {
      this.#transient.delete(session);
      session.close();
    };
    try {
      const socket = await session.connect(to);
      socket.once('close', end);
      return socket;
    } catch (error) {
      end();
      throw error;
    }
  }

  /** Only with an address that stays can others find us. */
  acceptAll(handler: I2pHandler): void {
    void this.#lasting?.acceptAll(handler);
  }

  close(): void {
    this.#lasting?.close();
    for (const session of this.#transient) session.close();
  }
}
