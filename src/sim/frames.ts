/**
 * Messages to frames and back, with the daemon's own codecs: every message is encoded, given its checksum, checked and
 * decoded. What thousands of nodes get alike, transactions, blocks and announced headers, is decoded once for each
 * distinct string of bytes, and the nodes share the result, as nothing ever changes it. Without the memo all is decoded
 * each time, to the same effect: a test compares the two.
 */
import { bytesToBinary, type Wtxid } from '../base/bytes.ts';
import type { P2pEvent, PeerId } from '../p2p/events.ts';
import { DecodeError } from '../wire/codec.ts';
import { encodeFrame, encodeMessageFrame, FrameDecoder } from '../wire/frame.ts';
import { decodeMessage, isKnownCommand, type Message, type MessageOf, SERVICES } from '../wire/messages.ts';
import type { TimedAddress } from '../wire/net-address.ts';

/** Payloads of `headers` up to this are announcements, which all nodes send alike. */
const ANNOUNCEMENT_BYTES_MAX = 1_000;
/** Entries kept before they are forgotten, the old half first. */
const MEMO_ENTRIES_MAX = 20_000;

export class Frames {
  readonly #magic: Uint8Array;
  readonly #usesMemo: boolean;
  /** Frames come whole, so one decoder serves all links. */
  readonly #decoder: FrameDecoder;
  readonly #txFrames = new BoundedMap<Wtxid, Uint8Array>(MEMO_ENTRIES_MAX);
  readonly #blockFrames = new WeakMap<Uint8Array, Uint8Array>();
  readonly #decoded = new WeakMap<Uint8Array, Message>();
  readonly #announcements = new BoundedMap<string, Message>(MEMO_ENTRIES_MAX);

  /** Of hosts: each address is known to many nodes. */
  readonly #addressBytes = new Map<string, Uint8Array>();
  /** What nearly all nodes offer: one bigint for all. */
  readonly #services = SERVICES.network | SERVICES.witness | SERVICES.networkLimited;

  constructor(magic: Uint8Array, options: { readonly memo: boolean }) {
    this.#magic = magic;
    this.#usesMemo = options.memo;
    this.#decoder = new FrameDecoder(magic);
  }

  encode(message: Message): Uint8Array {
    if (!this.#usesMemo || message.command !== 'tx') return encodeMessageFrame(this.#magic, message);
    const { wtxid } = message.tx;
    let frame = this.#txFrames.get(wtxid);
    if (frame === undefined) {
      frame = encodeMessageFrame(this.#magic, message);
      this.#txFrames.set(wtxid, frame);
    }
    return frame;
  }

  /** A stored block as a `block` message. */
  encodeBlock(raw: Uint8Array): Uint8Array {
    let frame = this.#usesMemo ? this.#blockFrames.get(raw) : undefined;
    if (frame === undefined) {
      frame = encodeFrame(this.#magic, 'block', raw);
      if (this.#usesMemo) this.#blockFrames.set(raw, frame);
    }
    return frame;
  }

  /** What the node is told of a frame that came from `peer`. */
  decode(peer: PeerId, frame: Uint8Array): P2pEvent {
    const known = this.#decoded.get(frame);
    if (known !== undefined) return { kind: 'message', peer, message: known, size: frame.length };
    this.#decoder.push(frame);
    const found = this.#decoder.next();
    if (found?.kind !== 'frame') throw new Error('A frame of our own is whole');
    const { command, payload, size } = found;
    if (!isKnownCommand(command)) return { kind: 'unknownMessage', peer, command, size };
    try {
      return { kind: 'message', peer, message: this.#decodePayload(command, payload, frame), size };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { kind: 'undecodable', peer, command, defect: 'payload', detail: error.message };
    }
  }

  /** The same address with the bytes that everybody else has of it, too. */
  #shared({ network, bytes, port, time, services }: TimedAddress): TimedAddress {
    const key = bytesToBinary(bytes);
    let known = this.#addressBytes.get(key);
    if (known === undefined) {
      known = bytes;
      this.#addressBytes.set(key, bytes);
    }
    return {
      network,
      bytes: known,
      port,
      time,
      services: services === this.#services ? this.#services : services,
    };
  }

  #decodePayload(command: Message['command'], payload: Uint8Array, frame: Uint8Array): Message {
    if (this.#usesMemo && (command === 'addrv2' || command === 'addr')) {
      const message = decodeMessage(command, payload) as MessageOf<'addrv2'>;
      return {
        command,
        addresses: message.addresses.map(address => address && this.#shared(address)),
      } as Message;
    }
    if (this.#usesMemo && (command === 'tx' || command === 'block')) {
      // A copy with nothing around it: whoever keeps it need not copy it again.
      const message = decodeMessage(command, payload.slice());
      this.#decoded.set(frame, message);
      return message;
    }
    if (this.#usesMemo && command === 'headers' && payload.length <= ANNOUNCEMENT_BYTES_MAX) {
      const key = bytesToBinary(payload);
      const known = this.#announcements.get(key);
      if (known !== undefined) return known;
      const message = decodeMessage(command, payload);
      this.#announcements.set(key, message);
      return message;
    }
    return decodeMessage(command, payload);
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
