/**
 * Frames as bytes: each message is encoded and given its checksum when it is sent, and checked and decoded when it comes.
 * With pipes its bytes are cut up, too, and put together again by a decoder for each connection, as on a socket.
 */
import type { P2pEvent } from '../p2p/events.ts';
import { DecodeError } from '../wire/codec.ts';
import { checksumOf, encodeFrame, encodeMessageFrame, type Frame, FrameDecoder } from '../wire/frame.ts';
import { type Command, decodeMessage, isKnownCommand, type Message } from '../wire/messages.ts';
import { BytePool } from './byte-pool.ts';
import type { FrameReceiver, Frames, SimFrame } from './frames.ts';

/** Sizes of the pieces in which pipes give a frame: within the header, to its end, within the payload. */
const PIECES: readonly number[] = [1, 9, 14, 3, 40, 1_000];

class ByteFrame implements SimFrame {
  readonly command: Command;
  readonly bytes: Uint8Array;
  readonly checksum: number;

  constructor(command: Command, bytes: Uint8Array) {
    this.command = command;
    this.bytes = bytes;
    this.checksum = checksumOf(bytes);
  }

  get length(): number {
    return this.bytes.length;
  }
}

export class ByteFrames implements Frames {
  readonly #magic: Uint8Array;
  readonly #usesPipes: boolean;
  /** Without pipes frames come whole, so one decoder serves all links. */
  readonly #decoder: FrameDecoder;
  readonly #pool = new BytePool();

  constructor(magic: Uint8Array, { pipes }: { readonly pipes: boolean }) {
    this.#magic = magic;
    this.#usesPipes = pipes;
    this.#decoder = new FrameDecoder(magic);
  }

  encode(message: Message): SimFrame {
    return new ByteFrame(message.command, encodeMessageFrame(this.#magic, message, this.#pool.allocate));
  }

  encodeBlock(raw: Uint8Array): SimFrame {
    return new ByteFrame('block', encodeFrame(this.#magic, 'block', raw));
  }

  decode(receiver: FrameReceiver, frame: SimFrame): P2pEvent {
    const { peer } = receiver;
    const { bytes } = frame as ByteFrame;
    const found = this.#usesPipes ? this.#throughPipe(receiver, bytes) : this.#whole(bytes);
    if (found?.kind !== 'frame') throw new Error('A frame of our own is whole');
    const { command, payload, size } = found;
    if (!isKnownCommand(command)) return { kind: 'unknownMessage', peer, command, size };
    try {
      return { kind: 'message', peer, message: decodeMessage(command, payload), size };
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return { kind: 'undecodable', peer, command, defect: 'payload', detail: error.message };
    }
  }

  #whole(bytes: Uint8Array): Frame | undefined {
    this.#decoder.push(bytes);
    return this.#decoder.next();
  }

  #throughPipe(receiver: FrameReceiver, whole: Uint8Array): Frame | undefined {
    receiver.decoder ??= new FrameDecoder(this.#magic);
    const { decoder } = receiver;
    const bytes = whole.slice();
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
}
