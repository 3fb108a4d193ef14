/**
 * The encrypted transport (BIP324): all bytes look random to whoever does not hold a key, from the first one on.
 *
 * Who dials sends its key (64 bytes) and garbage of random length. Who is dialed waits: 16 bytes that begin a v1 version
 * message mean a v1 peer, and this transport becomes that one; anything else is a key, answered with its own and garbage.
 * With both keys, each sends the terminator of its garbage, which the other end looks for, then packets. The first that
 * is no decoy is the version packet, reserved for what may come; then each is a message. The garbage is authenticated by
 * the first packet. Names of states and limits are those of V2Transport in Core's src/net.cpp.
 */
import { bytesToBinary, bytesToHex, concatBytes, EMPTY_BYTES } from '../base/bytes.ts';
import { type Random, randomBelow } from '../base/random.ts';
import {
  createExchangeKey,
  type ExchangeKey,
  GARBAGE_TERMINATOR_BYTES,
  PACKET_EXPANSION_BYTES,
  PACKET_LENGTH_BYTES,
  PacketCipher,
} from '../crypto/bip324.ts';
import { ELLSWIFT_BYTES } from '../crypto/ellswift.ts';
import { ByteQueue } from './byte-queue.ts';
import { COMMAND_BYTES, type Frame } from './frame.ts';
import { PAYLOAD_BYTES_MAX } from './messages.ts';
import { messageTypeOf, shortIdOf } from './short-ids.ts';
import {
  type Outgoing,
  type Received,
  type Transport,
  type TransportKind,
  V1Transport,
} from './transport.ts';

/** Bytes of garbage at most, either way (BIP324; Core: MAX_GARBAGE_LEN). */
export const GARBAGE_BYTES_MAX = 4_095;
/** A v1 version message begins with the magic and this. */
const V1_COMMAND = 'version\0\0\0\0\0';
const V1_PREFIX_BYTES = 4 + V1_COMMAND.length;
/** Contents of a packet: a message type of up to 13 bytes, and the payload (Core: MAX_CONTENTS_LEN). */
const CONTENTS_BYTES_MAX = 1 + COMMAND_BYTES + PAYLOAD_BYTES_MAX;

/** What the peer's next bytes are. */
type ReceiveState = 'key-maybe-v1' | 'key' | 'garbage' | 'version' | 'app' | 'ended';

export interface V2Options {
  readonly magic: Uint8Array;
  /** We made the connection. */
  readonly initiating: boolean;
}

export class V2Transport implements Transport {
  readonly #random: Random;
  readonly #options: V2Options;
  #state: ReceiveState;
  #v1: V1Transport | undefined;
  readonly #queue = new ByteQueue();
  #key: ExchangeKey | undefined;
  #garbage: Uint8Array = EMPTY_BYTES;
  #cipher: PacketCipher | undefined;
  /** What the next packet authenticates besides itself: the garbage, for the first one. */
  #associated: Uint8Array | undefined;
  /** Of the packet whose length is known and whose rest is not all here. */
  #contentsLength: number | undefined;
  #defect: Frame | undefined;
  /** Messages that wait for the cipher. */
  #waiting: { readonly command: string; readonly payload: Uint8Array }[] = [];
  #outgoing: Outgoing[] = [];

  constructor(random: Random, options: V2Options) {
    this.#random = random;
    this.#options = options;
    this.#state = options.initiating ? 'key' : 'key-maybe-v1';
    if (options.initiating) this.#sendKey();
  }

  get kind(): TransportKind {
    if (this.#v1 !== undefined) return 'v1';
    // Not before the peer has shown that it has the same keys.
    return this.#state === 'app' ? 'v2' : 'detecting';
  }

  get sessionId(): Uint8Array | undefined {
    return this.kind === 'v2' ? this.#cipher?.sessionId : undefined;
  }

  get bufferedBytes(): number {
    return this.#v1?.bufferedBytes ?? this.#queue.length;
  }

  get shouldRetryV1(): boolean {
    return this.#options.initiating && this.#state === 'key' && this.#queue.length === 0;
  }

  push(chunk: Uint8Array): void {
    if (this.#v1 !== undefined) {
      this.#v1.push(chunk);
      return;
    }
    if (this.#state === 'ended') return;
    this.#queue.push(chunk);
    if (this.#state === 'key-maybe-v1') this.#detect();
    if (this.#state === 'key') this.#receiveKey();
    if (this.#state === 'garbage') this.#receiveGarbage();
  }

  next(): Received | undefined {
    if (this.#v1 !== undefined) return this.#v1.next();
    if (this.#defect !== undefined) {
      const defect = this.#defect;
      this.#defect = undefined;
      return defect;
    }
    while (this.#state === 'version' || this.#state === 'app') {
      const packet = this.#receivePacket();
      if (packet === undefined || 'kind' in packet) return packet;
      if (this.#state === 'app') return messageFrame(packet.contents);
      // What it says is for versions of the transport that do not exist yet.
      this.#state = 'app';
    }
    return undefined;
  }

  send(command: string, payload: Uint8Array): void {
    if (this.#v1 !== undefined) this.#v1.send(command, payload);
    else if (this.#cipher === undefined) this.#waiting.push({ command, payload });
    else this.#outgoing.push({ command, bytes: this.#cipher.seal([messageTypeBytes(command), payload]) });
  }

  takeOutgoing(): Outgoing[] {
    if (this.#v1 !== undefined) return this.#v1.takeOutgoing();
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    return outgoing;
  }

  #sendKey(): void {
    this.#key = createExchangeKey(this.#random);
    this.#garbage = this.#random.bytes(randomBelow(this.#random, GARBAGE_BYTES_MAX + 1));
    this.#outgoing.push({ command: undefined, bytes: concatBytes(this.#key.encoded, this.#garbage) });
  }

  #detect(): void {
    const { magic } = this.#options;
    const begin = bytesToBinary(this.#queue.peek(V1_PREFIX_BYTES));
    const prefix = bytesToBinary(magic) + V1_COMMAND;
    if (!prefix.startsWith(begin)) {
      this.#state = 'key';
      this.#sendKey();
    } else if (begin.length === V1_PREFIX_BYTES) {
      this.#v1 = new V1Transport(magic);
      this.#v1.push(this.#queue.take(this.#queue.length));
      for (const { command, payload } of this.#waiting) this.#v1.send(command, payload);
      this.#waiting = [];
    }
  }

  #receiveKey(): void {
    const { initiating, magic } = this.#options;
    const begin = bytesToBinary(this.#queue.peek(V1_PREFIX_BYTES));
    if (!initiating && begin.slice(4) === V1_COMMAND) {
      this.#end(`V1 peer with wrong MessageStart ${bytesToHex(this.#queue.peek(4))}`);
      return;
    }
    if (this.#queue.length < ELLSWIFT_BYTES) return;
    this.#cipher = new PacketCipher(this.#key!, this.#queue.take(ELLSWIFT_BYTES), { initiating, magic });
    this.#key = undefined;
    this.#state = 'garbage';
    const version = this.#cipher.seal([], { associated: this.#garbage });
    this.#garbage = EMPTY_BYTES;
    this.#outgoing.push({ command: undefined, bytes: concatBytes(this.#cipher.sendTerminator, version) });
    for (const { command, payload } of this.#waiting) this.send(command, payload);
    this.#waiting = [];
  }

  #receiveGarbage(): void {
    const most = GARBAGE_BYTES_MAX + GARBAGE_TERMINATOR_BYTES;
    const received = bytesToBinary(this.#queue.peek(most));
    const end = received.indexOf(bytesToBinary(this.#cipher!.receiveTerminator));
    if (end !== -1) {
      // A copy: it outlives the chunk.
      this.#associated = this.#queue.take(end).slice();
      this.#queue.take(GARBAGE_TERMINATOR_BYTES);
      this.#state = 'version';
    } else if (received.length === most) this.#end('missing garbage terminator');
  }

  /** Contents, or a defect, or a decoy, which is thrown away but has cost its turn; undefined: not all is here. */
  #receivePacket(): Received | { readonly contents: Uint8Array } | undefined {
    if (this.#contentsLength === undefined) {
      if (this.#queue.length < PACKET_LENGTH_BYTES) return undefined;
      const length = this.#cipher!.openLength(this.#queue.take(PACKET_LENGTH_BYTES));
      if (length > CONTENTS_BYTES_MAX) {
        this.#end(`packet too large (${length} bytes)`);
        return this.next();
      }
      this.#contentsLength = length;
    }
    const length = this.#contentsLength;
    const rest = length + PACKET_EXPANSION_BYTES - PACKET_LENGTH_BYTES;
    if (this.#queue.length < rest) return undefined;
    const packet = this.#cipher!.open(this.#queue.take(rest), this.#associated);
    if (packet === undefined) {
      this.#end(`packet decryption failure (${length} bytes)`);
      return this.next();
    }
    this.#contentsLength = undefined;
    this.#associated = undefined;
    return packet.ignored ? { kind: 'decoy', size: length + PACKET_EXPANSION_BYTES } : packet;
  }

  #end(detail: string): void {
    this.#state = 'ended';
    this.#queue.clear();
    this.#waiting = [];
    this.#defect = { kind: 'defect', defect: 'transport', command: '', detail, size: 0 };
  }
}

/** One byte where the type has a number, else a zero and 12 bytes. */
function messageTypeBytes(command: string): Uint8Array {
  const id = shortIdOf(command);
  if (id !== undefined) return Uint8Array.of(id);
  const bytes = new Uint8Array(1 + COMMAND_BYTES);
  for (let i = 0; i < command.length; i += 1) bytes[1 + i] = command.charCodeAt(i);
  return bytes;
}

function messageFrame(contents: Uint8Array): Frame {
  const size = contents.length + PACKET_EXPANSION_BYTES;
  const [command, length] = readMessageType(contents);
  if (command !== undefined) return { kind: 'frame', command, payload: contents.subarray(length), size };
  return {
    kind: 'defect',
    defect: 'command',
    command: '',
    detail: `invalid message type (${contents.length} bytes contents)`,
    size,
  };
}

/** The type, and how many bytes it takes. */
function readMessageType(contents: Uint8Array): readonly [string | undefined, number] {
  const first = contents[0];
  if (first === undefined) return [undefined, 0];
  if (first !== 0) return [messageTypeOf(first), 1];
  const length = 1 + COMMAND_BYTES;
  if (contents.length < length) return [undefined, length];
  const text = bytesToBinary(contents.subarray(1, length));
  // 0x7f passes here and not in v1 (Core: GetMessageType).
  return [/^[\x20-\x7f]*\0*$/.test(text) ? text.replace(/\0+$/, '') : undefined, length];
}
