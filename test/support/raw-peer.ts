/** A peer made of bare bytes, for what no decent implementation would send. */
import net from 'node:net';
import { encodeFrame, type Frame, FrameDecoder } from '../../src/wire/frame.ts';
import { decodeMessage, encodePayload, isKnownCommand, type Message } from '../../src/wire/messages.ts';

/** How long an answer may take. */
const ANSWER_MS = 30_000;
const HOST = '127.0.0.1';

export class RawPeer {
  readonly #socket: net.Socket;
  readonly #magic: Uint8Array;
  readonly #decoder: FrameDecoder;
  readonly #received: Frame[] = [];
  #isClosed = false;
  #wake: () => void = () => {};

  private constructor(socket: net.Socket, magic: Uint8Array) {
    this.#socket = socket;
    this.#magic = magic;
    this.#decoder = new FrameDecoder(magic);
    socket.on('data', chunk => {
      this.#decoder.push(chunk);
      for (let frame = this.#decoder.next(); frame !== undefined; frame = this.#decoder.next()) {
        this.#received.push(frame);
      }
      this.#wake();
    });
    socket.on('error', () => {});
    socket.on('end', () => {
      this.#isClosed = true;
      socket.destroy();
      this.#wake();
    });
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake();
    });
  }

  /** `from`: the loopback address that the node sees. */
  static connect(port: number, magic: Uint8Array, from = HOST): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      // It hangs up when it is told to, not because the node has.
      const where = { port, host: HOST, localAddress: from, allowHalfOpen: true };
      const socket = net.connect(where, () => resolve(new RawPeer(socket, magic)));
      socket.once('error', reject);
    });
  }

  /** Connects and shakes hands. */
  static async greet(port: number, magic: Uint8Array, from = HOST): Promise<RawPeer> {
    const peer = await RawPeer.connect(port, magic, from);
    const nobody = { network: 'ipv4' as const, bytes: Uint8Array.of(127, 0, 0, 1), port: 0, services: 0n };
    peer.send({
      command: 'version',
      version: 70_016,
      services: 9n,
      time: BigInt(Math.floor(Date.now() / 1000)),
      to: nobody,
      from: nobody,
      nonce: 1n,
      userAgent: '/raw/',
      startHeight: 0,
      relay: true,
    });
    peer.send({ command: 'verack' });
    await peer.until(frame => frame.command === 'verack');
    return peer;
  }

  send(message: Message): void {
    this.sendPayload(message.command, encodePayload(message));
  }

  sendPayload(command: string, payload: Uint8Array): void {
    this.sendBytes(encodeFrame(this.#magic, command, payload));
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The first frame so far or to come that fits; throws when the peer closes or time is up. */
  async until(fits: (frame: Frame) => boolean): Promise<Frame> {
    for (;;) {
      const found = this.#received.find(fits);
      if (found !== undefined) return found;
      if (this.#isClosed) throw new Error('The node closed the connection');
      await this.#next();
    }
  }

  /** Whether the node answers a ping: what was sent before has then been handled. */
  async isAlive(nonce: bigint): Promise<boolean> {
    this.send({ command: 'ping', nonce });
    try {
      await this.until(frame => {
        if (frame.kind !== 'frame' || frame.command !== 'pong' || !isKnownCommand(frame.command))
          return false;
        const pong = decodeMessage(frame.command, frame.payload);
        return pong.command === 'pong' && pong.nonce === nonce;
      });
      return true;
    } catch {
      return false;
    }
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Reads no more; the systems still hold some megabytes. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says that nothing more will come, and waits for what the node still has to say. */
  end(): void {
    this.#socket.end();
  }

  /** Resolves when the node has closed the connection. */
  async closed(): Promise<true> {
    while (!this.#isClosed) await this.#next();
    return true;
  }

  close(): void {
    this.#socket.destroy();
  }

  #next(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('The node does not answer')), ANSWER_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
