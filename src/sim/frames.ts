/**
 * Messages to frames and back, with the daemon's own codecs: every message is encoded, given its checksum, checked and
 * decoded. What thousands of nodes send alike, a transaction, its announcement, a block, a new header, is encoded and
 * decoded once for each distinct string of bytes, and the nodes share the result, as nothing ever changes it. Without the
 * memo all is done each time, and with pipes even the bytes are cut up and put together again by a decoder for each
 * connection, to the same effect: a test compares the traces of the three.
 */
import { bytesToBinary } from '../base/bytes.ts';
import type { P2pEvent, PeerId } from '../p2p/events.ts';
import { DecodeError } from '../wire/codec.ts';
import { encodeFrame, encodeMessageFrame, type Frame, FrameDecoder } from '../wire/frame.ts';
import { decodeMessage, isKnownCommand, type Message } from '../wire/messages.ts';
import type { TimedAddress } from '../wire/net-address.ts';
import { NODE_SERVICES } from './node-options.ts';

/** Entries kept before they are forgotten, the old half first. */
const MEMO_ENTRIES_MAX = 20_000;

export interface FramesOptions {
  /** Share what is encoded and decoded alike. */
  readonly memo: boolean;
  /** Bytes go as on a socket: a copy, in pieces, through a decoder of each connection. Then nothing is shared. */
  readonly pipes?: boolean;
}

/** Who gets a frame. */
export interface FrameReceiver {
  readonly peer: PeerId;
  /** With pipes, its own. */
  decoder?: FrameDecoder;
}

type ServiceAddress = Omit<TimedAddress, 'time'>;

/** Sizes of the pieces in which pipes give a frame: within the header, to its end, within the payload. */
const PIECES: readonly number[] = [1, 9, 14, 3, 40, 1_000];

export class Frames {
  readonly #magic: Uint8Array;
  readonly #usesMemo: boolean;
  readonly #usesPipes: boolean;
  /** Frames come whole, so one decoder serves all links. */
  readonly #decoder: FrameDecoder;
  readonly #pool = new FramePool();
  /** What many send alike, by what it says; and what it was decoded to, once somebody has got it. */
  readonly #frames = new BoundedMap<string, Uint8Array>(MEMO_ENTRIES_MAX);
  readonly #blockFrames = new WeakMap<Uint8Array, Uint8Array>();
  readonly #decoded = new WeakMap<Uint8Array, Message | 'not yet'>();
  /** Of hosts: each address is known to many nodes. */
  readonly #addressBytes = new Map<string, Uint8Array>();

  constructor(magic: Uint8Array, { memo, pipes = false }: FramesOptions) {
    this.#magic = magic;
    this.#usesMemo = memo && !pipes;
    this.#usesPipes = pipes;
    this.#decoder = new FrameDecoder(magic);
  }

  encode(message: Message): Uint8Array {
    const key = this.#usesMemo ? contentKey(message) : undefined;
    if (key === undefined) return encodeMessageFrame(this.#magic, message, this.#pool.allocate);
    const known = this.#frames.get(key);
    if (known !== undefined) return known;
    // Alone: it stays, and would hold back what lay around it.
    const frame = encodeMessageFrame(this.#magic, message);
    this.#frames.set(key, frame);
    this.#decoded.set(frame, 'not yet');
    return frame;
  }

  /** A stored block as a `block` message. */
  encodeBlock(raw: Uint8Array): Uint8Array {
    const known = this.#usesMemo ? this.#blockFrames.get(raw) : undefined;
    if (known !== undefined) return known;
    const frame = encodeFrame(this.#magic, 'block', raw);
    if (this.#usesMemo) {
      this.#blockFrames.set(raw, frame);
      this.#decoded.set(frame, 'not yet');
    }
    return frame;
  }

  /** What the node is told of a frame that has come. */
  decode(receiver: FrameReceiver, frame: Uint8Array): P2pEvent {
    const { peer } = receiver;
    const known = this.#usesMemo ? this.#decoded.get(frame) : undefined;
    if (known !== undefined && known !== 'not yet')
      return { kind: 'message', peer, message: known, size: frame.length };
    const found = this.#usesPipes ? this.#throughPipe(receiver, frame) : this.#whole(frame);
    if (found?.kind !== 'frame') throw new Error('A frame of our own is whole');
    const { command, payload, size } = found;
    if (!isKnownCommand(command)) return { kind: 'unknownMessage', peer, command, size };
    try {
      const isShared = known === 'not yet';
      // A copy with nothing around it: whoever keeps a transaction need not copy it again.
      const message = this.#decodePayload(command, isShared ? payload.slice() : payload);
      if (isShared) this.#decoded.set(frame, message);
      return { kind: 'message', peer, message, size };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { kind: 'undecodable', peer, command, defect: 'payload', detail: error.message };
    }
  }

  #whole(frame: Uint8Array): Frame | undefined {
    this.#decoder.push(frame);
    return this.#decoder.next();
  }

  #throughPipe(receiver: FrameReceiver, frame: Uint8Array): Frame | undefined {
    receiver.decoder ??= new FrameDecoder(this.#magic);
    const { decoder } = receiver;
    const bytes = frame.slice();
    let found = decoder.next();
    for (let at = 0, piece = 0; at < bytes.length; piece += 1) {
      if (found !== undefined) throw new Error('A frame is not whole before its last byte');
      const length = PIECES[piece % PIECES.length]!;
      decoder.push(bytes.subarray(at, at + length));
      at += length;
      found = decoder.next();
    }
    return found;
  }

  #decodePayload(command: Message['command'], payload: Uint8Array): Message {
    const message = decodeMessage(command, payload);
    if (this.#usesMemo && message.command === 'version') {
      const { to, from } = message;
      return {
        ...message,
        to: this.#sharedHost(to),
        ...(from !== undefined && { from: this.#sharedHost(from) }),
      };
    }
    if (!this.#usesMemo || (message.command !== 'addrv2' && message.command !== 'addr')) return message;
    const addresses = message.addresses.map(address => address && this.#shared(address));
    return { command, addresses } as Message;
  }

  /** The same address with the bytes that everybody else has of it, too. */
  #shared(address: TimedAddress): TimedAddress {
    const { network, bytes, port, services } = this.#sharedHost(address);
    return { network, bytes, port, time: address.time, services };
  }

  #sharedHost({ network, bytes, port, services }: ServiceAddress): ServiceAddress {
    const key = bytesToBinary(bytes);
    let known = this.#addressBytes.get(key);
    if (known === undefined) {
      // A copy: it stays, and the frames around it need not.
      known = bytes.slice();
      this.#addressBytes.set(key, known);
    }
    // What nearly all offer is one bigint for all.
    return { network, bytes: known, port, services: services === NODE_SERVICES ? NODE_SERVICES : services };
  }
}

/** Shared by many frames that live for less than a second. */
const POOL_BYTES = 0x4000;

/**
 * Memory of one frame after the other. An array of its own costs V8 far more than its bytes as soon as a part of it is
 * looked at: it counts as memory outside of the heap, and in a large world each such piece makes V8 look through some
 * milliseconds' worth of the heap for what could be freed.
 */
class FramePool {
  #bytes = new ArrayBuffer(POOL_BYTES);
  #used = 0;

  readonly allocate = (length: number): Uint8Array => {
    if (length > POOL_BYTES) return new Uint8Array(length);
    if (this.#used + length > POOL_BYTES) {
      this.#bytes = new ArrayBuffer(POOL_BYTES);
      this.#used = 0;
    }
    const frame = new Uint8Array(this.#bytes, this.#used, length);
    this.#used += length;
    return frame;
  };
}

/** The same for messages of the same bytes, where many nodes send them; undefined for all others. */
function contentKey(message: Message): string | undefined {
  switch (message.command) {
    case 'tx':
      return `t${message.tx.wtxid}`;
    case 'inv':
    case 'getdata': {
      if (message.items.length !== 1) return undefined;
      const { type, hash } = message.items[0]!;
      return `${message.command}${type} ${hash}`;
    }
    case 'headers':
      return message.headers.length === 1 ? `h${message.headers[0]!.hash}` : undefined;
    default:
      return undefined;
  }
}

/** Forgets the older half when it is full. */
class BoundedMap<K, V> {
  readonly #max: number;
  readonly #entries = new Map<K, V>();

  constructor(max: number) {
    this.#max = max;
  }

  get(key: K): V | undefined {
    return this.#entries.get(key);
  }

  set(key: K, value: V): void {
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#max) return;
    let excess = this.#max >> 1;
    for (const old of this.#entries.keys()) {
      if (excess === 0) return;
      this.#entries.delete(old);
      excess -= 1;
    }
  }
}
