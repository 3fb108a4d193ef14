/**
 * v1 framing: magic, command, payload length, checksum, payload. `FrameDecoder` turns a stream of chunks into frames,
 * one at a time and only when asked, so that whoever reads decides the pace. What each defect earns, p2p/penalty.ts says.
 * Source: Core src/net.cpp, V1Transport; src/protocol.h, CMessageHeader.
 */
import { binaryToBytes, bytesToBinary } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { ByteQueue } from './byte-queue.ts';
import { PAYLOAD_BYTES_MAX } from './messages.ts';

/** Magic 4, command 12, length 4, checksum 4. */
export const FRAME_HEADER_BYTES = 24;
export const COMMAND_BYTES = 12;

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
  frame.set(magic);
  frame.set(binaryToBytes(command), 4);
  new DataView(frame.buffer).setUint32(16, payload.length, true);
  frame.set(binaryToBytes(sha256d(payload).slice(0, 4)), 20);
  frame.set(payload, FRAME_HEADER_BYTES);
  return frame;
}

interface Header {
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
    if (!isValidCommand(command)) return defect('command', `Invalid message type "${printable(command)}"`);
    const name = command.replace(/\0+$/, '');
    return { kind: 'frame', command: name, payload, size };
  }

  #readHeader(): Header | Frame {
    const bytes = this.#queue.take(FRAME_HEADER_BYTES);
    const text = bytesToBinary(bytes);
    const command = text.slice(4, 4 + COMMAND_BYTES);
    const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(16, true);
    if (text.slice(0, 4) !== this.#magic)
      return this.#end('magic', command, 'Wrong magic: a peer of another chain?');
    if (length > PAYLOAD_BYTES_MAX)
      return this.#end('oversize', command, `Payload of ${length} bytes announced`);
    return { command, length, checksum: text.slice(20) };
  }

  #end(defect: FrameDefect, command: string, detail: string): Frame {
    this.#ended = true;
    this.#queue.clear();
    return { kind: 'defect', defect, command: printable(command), detail, size: FRAME_HEADER_BYTES };
  }
}

/** Printable ASCII, then only zeros. */
function isValidCommand(command: string): boolean {
  return /^[\x20-\x7e]*\0*$/.test(command);
}

/** For logs: whatever is not printable is left out. */
function printable(command: string): string {
  return command.replace(/[^\x20-\x7e]/g, '');
}
