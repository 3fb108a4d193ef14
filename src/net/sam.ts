/**
 * SAM 3.1, the line protocol by which an I2P router is asked for streams (https://geti2p.net/en/docs/api/samv3; Core:
 * src/i2p.cpp): a request is a line, and so is the answer, a list of KEY=VALUE; after some of them the connection is no
 * longer the router's but a peer's.
 */
import net from 'node:net';
import { textToBytes } from '../base/bytes.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { NetAddress } from '../wire/net-address.ts';

/** A router asks others before it answers (Core: three minutes). */
const ANSWER_MS = 3 * 60_000;
/** A line at most (Core: MAX_MSG_SIZE). */
const LINE_BYTES_MAX = 65_536;
/** SAM 3.1 knows no ports (Core: I2P_SAM31_PORT). */
export const I2P_PORT = 0;
/** A destination is so long, and the certificate whose length stands there (I2P's common structures). */
const DESTINATION_BYTES = 387;
const CERTIFICATE_LENGTH_OFFSET = 385;

export interface SamReply {
  /** Throws when the reply has none. */
  get(key: string): string;
  readonly text: string;
}

export class SamConnection {
  readonly #socket: net.Socket;
  #received = Buffer.alloc(0);
  #isEnded = false;
  #wake: () => void = () => {};
  readonly #onData = (chunk: Buffer) => {
    this.#received = Buffer.concat([this.#received, chunk]);
    this.#wake();
  };
  readonly #onEnd = () => {
    this.#isEnded = true;
    this.#wake();
  };

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on('data', this.#onData);
    socket.on('error', this.#onEnd);
    socket.on('close', this.#onEnd);
  }

  /** Connected, and on speaking terms. Rejects with the reason. */
  static async open(
    place: { readonly host: string; readonly port: number },
    timeoutMs: number,
  ): Promise<SamConnection> {
    const socket = net.connect({ ...place, noDelay: true });
    const timer = setTimeout(() => socket.destroy(new Error('timed out')), timeoutMs);
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve);
        socket.once('error', reject);
      });
    } catch {
      throw new Error(`Cannot connect to ${place.host}:${place.port}`);
    } finally {
      clearTimeout(timer);
    }
    const connection = new SamConnection(socket);
    await connection.request('HELLO VERSION MIN=3.1 MAX=3.1');
    return connection;
  }

  /** `check`: whether anything but RESULT=OK rejects. What is secret in a request is in no error. */
  async request(line: string, check: 'result' | 'none' = 'result'): Promise<SamReply> {
    const shown = line.startsWith('SESSION CREATE') ? 'SESSION CREATE …' : line;
    this.#socket.write(textToBytes(`${line}\n`));
    const text = await this.line();
    const pairs = new Map(
      text.split(' ').map(word => {
        const at = word.indexOf('=');
        return at === -1 ? [word, ''] : [word.slice(0, at), word.slice(at + 1)];
      }),
    );
    const reply: SamReply = {
      text,
      get(key) {
        const value = pairs.get(key);
        if (value === undefined) throw new Error(`Missing ${key}= in the reply to "${shown}"`);
        return value;
      },
    };
    if (check === 'result' && reply.get('RESULT') !== 'OK')
      throw new Error(`Reply to "${shown}": had a RESULT not equal to OK.`);
    return reply;
  }

  /** The next line, when it is here. */
  async line(timeoutMs = ANSWER_MS): Promise<string> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      const end = this.#received.indexOf(10);
      if (end !== -1) {
        const text = this.#received.subarray(0, end).toString('latin1');
        this.#received = this.#received.subarray(end + 1);
        return text;
      }
      if (this.#received.length > LINE_BYTES_MAX) throw new Error('A line without end');
      if (this.#isEnded) throw new Error('The router closed the connection');
      const left = until - performance.now();
      if (left <= 0) throw new Error('The router does not answer');
      await this.#more(left);
    }
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The peer's from now on: what it has said already comes out of the socket first. */
  release(): net.Socket {
    this.#socket.removeListener('data', this.#onData);
    this.#socket.removeListener('error', this.#onEnd);
    this.#socket.removeListener('close', this.#onEnd);
    if (this.#received.length > 0) this.#socket.unshift(this.#received);
    return this.#socket;
  }

  close(): void {
    this.#socket.destroy();
  }

  #more(timeoutMs: number): Promise<void> {
    return new Promise(resolve => {
      const timer = Number.isFinite(timeoutMs) ? setTimeout(resolve, timeoutMs) : undefined;
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** I2P writes - and ~ for + and /. Throws for anything else. */
export function decodeI2pBase64(text: string): Uint8Array {
  if (!/^[A-Za-z0-9~-]*={0,2}$/.test(text)) throw new Error(`Cannot decode Base64: "${text.slice(0, 80)}"`);
  return new Uint8Array(Buffer.from(text.replaceAll('-', '+').replaceAll('~', '/'), 'base64'));
}

export function encodeI2pBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replaceAll('+', '-').replaceAll('/', '~');
}

/** What a destination is called: the hash of it. */
export function addressOfDestination(destination: Uint8Array): NetAddress {
  return { network: 'i2p', bytes: sha256(destination), port: I2P_PORT };
}

/** A private key begins with its destination. */
export function destinationOfKey(privateKey: Uint8Array): Uint8Array {
  const length =
    privateKey.length < DESTINATION_BYTES
      ? Number.POSITIVE_INFINITY
      : DESTINATION_BYTES +
        new DataView(privateKey.buffer, privateKey.byteOffset).getUint16(CERTIFICATE_LENGTH_OFFSET);
  if (length > privateKey.length) throw new Error(`The private key is too short (${privateKey.length})`);
  return privateKey.slice(0, length);
}
