/**
 * v1 framing: magic, command, payload length, checksum, payload. `FrameDecoder` turns a stream of chunks into frames,
 * one at a time and only when asked, so that whoever reads decides the pace. What each defect earns, p2p/penalty.ts says.
 * Source: Core src/net.cpp, V1Transport; src/protocol.h, CMessageHeader.
 */
import { binaryToBytes, bytesToBinary, concatBytes } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import { PAYLOAD_BYTES_MAX } from './messages.ts';

/** Magic 4, command 12, length 4, checksum 4. */
export const FRAME_HEADER_BYTES = 24;
const COMMAND_BYTES = 12;
/** Small chunks are joined up to this size. */
const COALESCED_BYTES_MAX = 4_096;

/** What a frame can be wrong in. After 'magic' and 'oversize' the stream cannot be followed any further. */
export type FrameDefect = 'magic' | 'oversize' | 'checksum' | 'command';

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
  #chunks: Uint8Array[] = [];
  #buffered = 0;
  #header: Header | undefined;
  #ended = false;

  constructor(magic: Uint8Array) {
    this.#magic = bytesToBinary(magic);
  }

  /** Bytes that wait to be decoded. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  push(chunk: Uint8Array): void {
    if (this.#ended || chunk.length === 0) return;
    this.#buffered += chunk.length;
    const last = this.#chunks.at(-1);
    // A peer that sends single bytes must not cost an object for each.
    if (last !== undefined && last.length + chunk.length <= COALESCED_BYTES_MAX)
      this.#chunks[this.#chunks.length - 1] = concatBytes(last, chunk);
    else this.#chunks.push(chunk);
  }

  /** The next frame, or undefined until more has arrived. */
  next(): Frame | undefined {
    if (this.#ended) return undefined;
    if (this.#header === undefined) {
      if (this.#buffered < FRAME_HEADER_BYTES) return undefined;
      const outcome = this.#readHeader();
      if ('kind' in outcome) return outcome;
      this.#header = outcome;
    }
    const { command, length, checksum } = this.#header;
    if (this.#buffered < length) return undefined;
    this.#header = undefined;
    const payload = this.#take(length);
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
    const bytes = this.#take(FRAME_HEADER_BYTES);
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
    this.#chunks = [];
    this.#buffered = 0;
    return { kind: 'defect', defect, command: printable(command), detail, size: FRAME_HEADER_BYTES };
  }

  /** Exactly `length` bytes that are known to have arrived. */
  #take(length: number): Uint8Array {
    this.#buffered -= length;
    const first = this.#chunks[0];
    if (length === 0) return new Uint8Array(0);
    if (first !== undefined && first.length > length) {
      this.#chunks[0] = first.subarray(length);
      return first.subarray(0, length);
    }
    const parts: Uint8Array[] = [];
    let missing = length;
    let used = 0;
    while (missing > 0) {
      const chunk = this.#chunks[used]!;
      if (chunk.length > missing) {
        parts.push(chunk.subarray(0, missing));
        this.#chunks[used] = chunk.subarray(missing);
        missing = 0;
      } else {
        parts.push(chunk);
        missing -= chunk.length;
        used += 1;
      }
    }
    this.#chunks.splice(0, used);
    return parts.length === 1 ? parts[0]! : concatBytes(...parts);
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
