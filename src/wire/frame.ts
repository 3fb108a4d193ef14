/**
 * v1 framing: magic, command, payload length, checksum, payload. `FrameDecoder` turns a stream of chunks into frames,
 * one at a time and only when asked, so that whoever reads decides the pace. What each defect earns, p2p/penalty.ts says.
 * Source: Core src/net.cpp, V1Transport; src/protocol.h, CMessageHeader.
 */
import { binaryBetween } from '../base/bytes.ts';
import { sha256dWord } from '../crypto/sha256.ts';
import { ByteQueue } from './byte-queue.ts';
import type { Allocate } from './codec.ts';
import {
  encodePayloadBehind,
  isKnownCommand,
  type Message,
  messages,
  PAYLOAD_BYTES_MAX,
} from './messages.ts';

/** Magic 4, command 12, length 4, checksum 4. */
export const FRAME_HEADER_BYTES = 24;
export const COMMAND_BYTES = 12;
const MAGIC_BYTES = 4;
const LENGTH_OFFSET = 16;
const CHECKSUM_OFFSET = 20;

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

/** As `encodeFrame` of the message's payload, with one array less. `allocate`: where the frame is to lie. */
export function encodeMessageFrame(magic: Uint8Array, message: Message, allocate?: Allocate): Uint8Array {
  const frame = encodePayloadBehind(message, FRAME_HEADER_BYTES, allocate);
  return putHeader(frame, magic, message.command, frame.subarray(FRAME_HEADER_BYTES));
}

/** What a whole frame says that the checksum of its payload is. */
export function checksumOf(frame: Uint8Array): number {
  return wordAt(frame, CHECKSUM_OFFSET);
}

function putHeader(frame: Uint8Array, magic: Uint8Array, command: string, payload: Uint8Array): Uint8Array {
  for (let i = 0; i < MAGIC_BYTES; i += 1) frame[i] = magic[i]!;
  for (let i = 0; i < command.length; i += 1) frame[MAGIC_BYTES + i] = command.charCodeAt(i);
  putWord(frame, LENGTH_OFFSET, payload.length);
  putWord(frame, CHECKSUM_OFFSET, sha256dWord(payload));
  return frame;
}

/** Keeps what has arrived until it is asked for. After a defect that ends the stream, `next` gives nothing more. */
export class FrameDecoder {
  readonly #magic: number;
  readonly #queue = new ByteQueue();
  /** Of the frame whose header is here, when #command is set. */
  #command: string | undefined;
  #length = 0;
  #checksum = 0;
  #ended = false;

  constructor(magic: Uint8Array) {
    this.#magic = wordAt(magic, 0);
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
    if (this.#command === undefined) {
      if (this.#queue.length < FRAME_HEADER_BYTES) return undefined;
      const defect = this.#readHeader();
      if (defect !== undefined) return defect;
    }
    if (this.#queue.length < this.#length) return undefined;
    const command = this.#command!;
    const length = this.#length;
    this.#command = undefined;
    const payload = this.#queue.take(length);
    const size = FRAME_HEADER_BYTES + length;
    if (sha256dWord(payload) !== this.#checksum) {
      const detail = `Wrong checksum of ${length} bytes`;
      return { kind: 'defect', defect: 'checksum', command: printable(command), detail, size };
    }
    if (isKnownCommand(command)) return { kind: 'frame', command, payload, size };
    const name = commandName(command);
    if (name !== undefined) return { kind: 'frame', command: name, payload, size };
    const detail = `Invalid message type "${printable(command)}"`;
    return { kind: 'defect', defect: 'command', command: printable(command), detail, size };
  }

  #readHeader(): Frame | undefined {
    const bytes = this.#queue.front(FRAME_HEADER_BYTES);
    const at = this.#queue.position;
    const command = knownCommandAt(bytes, at + MAGIC_BYTES) ?? commandAt(bytes, at + MAGIC_BYTES);
    this.#length = wordAt(bytes, at + LENGTH_OFFSET) >>> 0;
    this.#checksum = wordAt(bytes, at + CHECKSUM_OFFSET);
    const magic = wordAt(bytes, at);
    this.#queue.skip(FRAME_HEADER_BYTES);
    if (magic !== this.#magic) return this.#end('magic', command, 'Wrong magic: a peer of another chain?');
    if (this.#length > PAYLOAD_BYTES_MAX)
      return this.#end('oversize', command, `Payload of ${this.#length} bytes announced`);
    this.#command = command;
    return undefined;
  }

  #end(defect: FrameDefect, command: string, detail: string): Frame {
    this.#ended = true;
    this.#queue.clear();
    return { kind: 'defect', defect, command: printable(command), detail, size: FRAME_HEADER_BYTES };
  }
}

/** Little endian, as 32 signed bits. */
function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function putWord(bytes: Uint8Array, at: number, word: number): void {
  bytes[at] = word;
  bytes[at + 1] = word >>> 8;
  bytes[at + 2] = word >>> 16;
  bytes[at + 3] = word >>> 24;
}

interface PaddedCommand {
  readonly name: string;
  readonly words: readonly [number, number, number];
}

/** Commands by their first four bytes: nearly all that come are known, and then no string need be made of them. */
const KNOWN_COMMANDS: ReadonlyMap<number, readonly PaddedCommand[]> = commandsByFirstWord();

function commandsByFirstWord(): Map<number, PaddedCommand[]> {
  const byWord = new Map<number, PaddedCommand[]>();
  for (const name of Object.keys(messages)) {
    const padded = paddedCommand(name);
    const [first] = padded.words;
    byWord.set(first, [...(byWord.get(first) ?? []), padded]);
  }
  return byWord;
}

function paddedCommand(name: string): PaddedCommand {
  const bytes = new Uint8Array(COMMAND_BYTES);
  for (let i = 0; i < name.length; i += 1) bytes[i] = name.charCodeAt(i);
  return { name, words: [wordAt(bytes, 0), wordAt(bytes, 4), wordAt(bytes, 8)] };
}

function knownCommandAt(bytes: Uint8Array, at: number): string | undefined {
  const second = wordAt(bytes, at + 4);
  const third = wordAt(bytes, at + 8);
  const alike = KNOWN_COMMANDS.get(wordAt(bytes, at));
  return alike?.find(({ words }) => words[1] === second && words[2] === third)?.name;
}

/** Twelve bytes as they came, with their padding. */
function commandAt(bytes: Uint8Array, at: number): string {
  return binaryBetween(bytes, at, at + COMMAND_BYTES);
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
