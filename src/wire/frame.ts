/**
 * v1 framing: magic, command, payload length, checksum, payload. `FrameDecoder` turns a stream of chunks into frames,
 * one at a time and only when asked, so that whoever reads decides the pace. What each defect earns, p2p/penalty.ts says.
 * Source: Core src/net.cpp, V1Transport; src/protocol.h, CMessageHeader.
 */
import { binaryBetween, bytesToBinary } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { ByteQueue } from './byte-queue.ts';
import { encodePayloadBehind, type Message, PAYLOAD_BYTES_MAX } from './messages.ts';

/** Magic 4, command 12, length 4, checksum 4. */
export const FRAME_HEADER_BYTES = 24;
export const COMMAND_BYTES = 12;
const MAGIC_BYTES = 4;
const LENGTH_OFFSET = 16;
const CHECKSUM_OFFSET = 20;
const CHECKSUM_BYTES = 4;

/** What a frame can be wrong in. After 'magic', 'oversize' and 'transport' (BIP324) the stream cannot be followed any further. */
export type FrameDefect = 'magic' | 'oversize' | 'transport' | 'checksum' | 'command';

export type Frame =
  /** `payload` is a view of received bytes; `size` counts header and payload. */
  | { readonly kind: 'frame'; readonly command: string; readonly payload: Uint8Array; readonly size: number }
  | {
      readonly kind: 'defect';
      readonly defect: FrameDefect;
      readonly command: string;
      readonly detail: string;
      readonly size: number;
    };

/** A whole frame. `command` has at most 12 printable characters, `magic` four bytes. */
export function encodeFrame(magic: Uint8Array, command: string, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(FRAME_HEADER_BYTES + payload.length);
  frame.set(payload, FRAME_HEADER_BYTES);
  return putHeader(frame, magic, command, payload);
}

/** As `encodeFrame` of the message's payload, with one array less. */
export function encodeMessageFrame(magic: Uint8Array, message: Message): Uint8Array {
  const frame = encodePayloadBehind(message, FRAME_HEADER_BYTES);
  return putHeader(frame, magic, message.command, frame.subarray(FRAME_HEADER_BYTES));
}

function putHeader(frame: Uint8Array, magic: Uint8Array, command: string, payload: Uint8Array): Uint8Array {
  for (let i = 0; i < MAGIC_BYTES; i += 1) frame[i] = magic[i]!;
  for (let i = 0; i < command.length; i += 1) frame[MAGIC_BYTES + i] = command.charCodeAt(i);
  const { length } = payload;
  frame[LENGTH_OFFSET] = length;
  frame[LENGTH_OFFSET + 1] = length >>> 8;
  frame[LENGTH_OFFSET + 2] = length >>> 16;
  frame[LENGTH_OFFSET + 3] = length >>> 24;
  const checksum = sha256d(payload);
  for (let i = 0; i < CHECKSUM_BYTES; i += 1) frame[CHECKSUM_OFFSET + i] = checksum.charCodeAt(i);
  return frame;
}

interface Header {
  /** Twelve bytes as they came, with their padding. */
  readonly command: string;
  readonly length: number;
  readonly checksum: string;
}

/** Keeps what has arrived until it is asked for. After a defect that ends the stream, `next` gives nothing more. */
export class FrameDecoder {
  readonly #magic: string;
  readonly #queue = new ByteQueue();
  #header: Header | undefined;
  #ended = false;

  constructor(magic: Uint8Array) {
    this.#magic = bytesToBinary(magic);
  }

  /** Bytes that wait to be decoded. */
  get bufferedBytes(): number {
    return this.#queue.length;
  }

  push(chunk: Uint8Array): void {
    if (!this.#ended) this.#queue.push(chunk);
  }

  /** The next frame, or undefined until more has arrived. */
  next(): Frame | undefined {
    if (this.#ended) return undefined;
    if (this.#header === undefined) {
      if (this.#queue.length < FRAME_HEADER_BYTES) return undefined;
      const outcome = this.#readHeader();
      if ('kind' in outcome) return outcome;
      this.#header = outcome;
    }
    const { command, length, checksum } = this.#header;
    if (this.#queue.length < length) return undefined;
    this.#header = undefined;
    const payload = this.#queue.take(length);
    const size = FRAME_HEADER_BYTES + length;
    const defect = (kind: FrameDefect, detail: string): Frame => {
      return { kind: 'defect', defect: kind, command: printable(command), detail, size };
    };
    if (!sha256d(payload).startsWith(checksum))
      return defect('checksum', `Wrong checksum of ${length} bytes`);
    const name = commandName(command);
    if (name === undefined) return defect('command', `Invalid message type "${printable(command)}"`);
    return { kind: 'frame', command: name, payload, size };
  }

  #readHeader(): Header | Frame {
    const bytes = this.#queue.take(FRAME_HEADER_BYTES);
    const command = binaryBetween(bytes, MAGIC_BYTES, MAGIC_BYTES + COMMAND_BYTES);
    const length =
      (bytes[LENGTH_OFFSET]! |
        (bytes[LENGTH_OFFSET + 1]! << 8) |
        (bytes[LENGTH_OFFSET + 2]! << 16) |
        (bytes[LENGTH_OFFSET + 3]! << 24)) >>>
      0;
    if (binaryBetween(bytes, 0, MAGIC_BYTES) !== this.#magic)
      return this.#end('magic', command, 'Wrong magic: a peer of another chain?');
    if (length > PAYLOAD_BYTES_MAX)
      return this.#end('oversize', command, `Payload of ${length} bytes announced`);
    return { command, length, checksum: binaryBetween(bytes, CHECKSUM_OFFSET, FRAME_HEADER_BYTES) };
  }

  #end(defect: FrameDefect, command: string, detail: string): Frame {
    this.#ended = true;
    this.#queue.clear();
    return { kind: 'defect', defect, command: printable(command), detail, size: FRAME_HEADER_BYTES };
  }
}

/** Without its padding; undefined unless it is printable ASCII, then only zeros. */
function commandName(command: string): string | undefined {
  const end = command.indexOf('\0');
  const length = end < 0 ? command.length : end;
  for (let i = 0; i < command.length; i += 1) {
    const code = command.charCodeAt(i);
    if (i < length ? code < 0x20 || code > 0x7e : code !== 0) return undefined;
  }
  return command.slice(0, length);
}

/** For logs: whatever is not printable is left out. */
function printable(command: string): string {
  return command.replace(/[^\x20-\x7e]/g, '');
}
