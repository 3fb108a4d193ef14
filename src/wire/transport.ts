/**
 * How messages travel over one connection: bytes in, frames out, and bytes to be written. Without sockets, clocks or
 * timers; frames are decoded one at a time and only when asked for, so that whoever reads decides the pace.
 */
import { encodeFrame, type Frame, FrameDecoder } from './frame.ts';

/** What is spoken; `detecting` until the peer's first bytes tell, or its end of the encryption is proven. */
export type TransportKind = 'detecting' | 'v1' | 'v2';

/** Bytes for the socket. */
export interface Outgoing {
  /** Of the message in it; undefined for what the transport says for itself. */
  readonly command: string | undefined;
  readonly bytes: Uint8Array;
}

/** A decoy was sent to mislead observers (BIP324) and means nothing. */
export type Received = Frame | { readonly kind: 'decoy'; readonly size: number };

export interface Transport {
  readonly kind: TransportKind;
  /** 32 bytes that both ends have in common and nobody else knows (BIP324); undefined without encryption. */
  readonly sessionId: Uint8Array | undefined;
  /** Bytes that have arrived and wait to be decoded. */
  readonly bufferedBytes: number;
  /** Nothing came of what we have sent: the peer may be one that knows v1 only. */
  readonly shouldRetryV1: boolean;
  /** Takes in what has arrived; may leave something to be written. */
  push(chunk: Uint8Array): void;
  /** The next frame, or undefined until more has arrived. After a defect that ends the stream nothing comes. */
  next(): Received | undefined;
  /** Leaves the message to be written, now or when the handshake of the transport is done. */
  send(command: string, payload: Uint8Array): void;
  /** What is to be written now, in order. */
  takeOutgoing(): Outgoing[];
}

/** Frames in the clear: magic, command, length, checksum, payload. */
export class V1Transport implements Transport {
  readonly kind = 'v1';
  readonly sessionId = undefined;
  readonly shouldRetryV1 = false;
  readonly #magic: Uint8Array;
  readonly #decoder: FrameDecoder;
  #outgoing: Outgoing[] = [];

  constructor(magic: Uint8Array) {
    this.#magic = magic;
    this.#decoder = new FrameDecoder(magic);
  }

  get bufferedBytes(): number {
    return this.#decoder.bufferedBytes;
  }

  push(chunk: Uint8Array): void {
    this.#decoder.push(chunk);
  }

  next(): Frame | undefined {
    return this.#decoder.next();
  }

  send(command: string, payload: Uint8Array): void {
    this.#outgoing.push({ command, bytes: encodeFrame(this.#magic, command, payload) });
  }

  takeOutgoing(): Outgoing[] {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    return outgoing;
  }
}
