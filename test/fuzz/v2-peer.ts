/**
 * A fuzzing peer of the encrypted transport (BIP324). It exchanges keys as it should, so that what it says is opened, and
 * then is wrong in every way that a holder of the keys can be: garbage of all lengths, with its terminator or without,
 * decoys before the version packet and between messages, short and long names of messages where the others belong,
 * numbers that mean nothing, contents without a name, packets with a bit changed. What the node sends it opens, and the
 * node's packets must be right, always.
 */
import { bytesToBinary, concatBytes, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { type Random, randomBelow } from '../../src/base/random.ts';
import {
  type ExchangeKey,
  GARBAGE_TERMINATOR_BYTES,
  PACKET_EXPANSION_BYTES,
  PACKET_LENGTH_BYTES,
  PacketCipher,
} from '../../src/crypto/bip324.ts';
import { ELLSWIFT_BYTES } from '../../src/crypto/ellswift.ts';
import { COMMAND_BYTES } from '../../src/wire/frame.ts';
import { decodeMessage, encodePayload, isKnownCommand, type Message } from '../../src/wire/messages.ts';
import { messageTypeOf, shortIdOf } from '../../src/wire/short-ids.ts';
import { GARBAGE_BYTES_MAX, V2Transport } from '../../src/wire/v2-transport.ts';
import type { ScriptedPeer } from '../support/p2p-world.ts';
import { REGTEST } from '../support/test-chain.ts';
import type { Said } from './mill.ts';

const { magic } = REGTEST;

/** The node's end of a connection, and who gets what it sends. */
interface NodeSide {
  readonly transport: V2Transport;
  readonly onBytes: (bytes: Uint8Array) => void;
}

export class V2Peer {
  readonly nodeSide: NodeSide;
  readonly #random: Random;
  readonly #isInitiating: boolean;
  readonly #key: ExchangeKey;
  readonly #garbage: Uint8Array;
  readonly #greeting: readonly Message[];
  readonly #answer: (message: Message) => Said[];
  readonly #count: (what: string) => void;
  #peer: ScriptedPeer | undefined;
  #cipher: PacketCipher | undefined;
  /** What the node has sent and is not read yet. */
  #inbox: Uint8Array = EMPTY_BYTES;
  /** What the node's next packet vouches for; undefined before its garbage has ended. */
  #associated: Uint8Array | undefined;
  #length: number | undefined;

  constructor(
    random: Random,
    shape: {
      /** May be another peer's too. */
      readonly key: ExchangeKey;
      /** It dialed the node. */
      readonly isInitiating: boolean;
      /** Its handshake; empty when it comes to none. */
      readonly greeting: readonly Message[];
      /** What it says to a message of the node. */
      readonly answer: (message: Message) => Said[];
      /** Is told of each kind of thing that it did. */
      readonly count: (what: string) => void;
    },
  ) {
    this.#random = random;
    this.#isInitiating = shape.isInitiating;
    this.#greeting = shape.greeting;
    this.#answer = shape.answer;
    this.#count = shape.count;
    this.#key = shape.key;
    this.#garbage = random.bytes(this.#pick([0, 1, 17, 400, GARBAGE_BYTES_MAX]));
    this.nodeSide = {
      transport: new V2Transport(random, { magic, initiating: !shape.isInitiating }),
      onBytes: bytes => this.#heard(bytes),
    };
  }

  get isOpen(): boolean {
    return this.#peer?.isOpen ?? false;
  }

  /** The connection stands; what the node has sent meanwhile is read now. */
  begin(peer: ScriptedPeer): void {
    this.#peer = peer;
    if (this.#isInitiating) this.#sendKey();
    this.#heard(EMPTY_BYTES);
  }

  say({ command, payload }: Said): void {
    if (command === 'random bytes') this.#send('random bytes', payload);
    else if (this.#cipher === undefined)
      // Before there is a key, it can only be garbage.
      this.#send('bytes before a key', payload.subarray(0, 50));
    else this.#sendPacket(command, payload);
  }

  close(): void {
    this.#peer?.close();
  }

  #sendKey(): void {
    this.#send('key', concatBytes(this.#key.encoded, this.#garbage));
  }

  /** Throws when the node sends what a peer with the right keys cannot open. */
  #heard(bytes: Uint8Array): void {
    this.#inbox = concatBytes(this.#inbox, bytes);
    if (this.#peer === undefined) return;
    if (this.#cipher === undefined) {
      if (this.#inbox.length < ELLSWIFT_BYTES) return;
      const theirs = this.#take(ELLSWIFT_BYTES).slice();
      if (!this.#isInitiating) this.#sendKey();
      this.#beginPackets(theirs);
    }
    const cipher = this.#cipher!;
    if (this.#associated === undefined) {
      const end = Buffer.from(this.#inbox).indexOf(cipher.receiveTerminator);
      if (end === -1 && this.#inbox.length < GARBAGE_BYTES_MAX + GARBAGE_TERMINATOR_BYTES) return;
      if (end === -1) throw new Error('The node’s garbage does not end');
      this.#associated = this.#take(end).slice();
      this.#take(GARBAGE_TERMINATOR_BYTES);
    }
    for (;;) {
      if (this.#length === undefined) {
        if (this.#inbox.length < PACKET_LENGTH_BYTES) return;
        this.#length = cipher.openLength(this.#take(PACKET_LENGTH_BYTES));
      }
      const rest = this.#length + PACKET_EXPANSION_BYTES - PACKET_LENGTH_BYTES;
      if (this.#inbox.length < rest) return;
      const packet = cipher.open(this.#take(rest), this.#associated);
      if (packet === undefined) throw new Error('The node sent a packet that does not open');
      this.#associated = EMPTY_BYTES;
      this.#length = undefined;
      this.#count('packet of the node');
      const { contents } = packet;
      const message = messageIn(contents);
      if (message === undefined) continue;
      // Pings are answered, or it would have to leave after twenty minutes.
      if (message.command === 'ping') this.#sendPacket('pong', contents.subarray(1));
      for (const said of this.#answer(message)) {
        this.#count(`answer to ${message.command}`);
        this.say(said);
      }
    }
  }

  #take(count: number): Uint8Array {
    const taken = this.#inbox.subarray(0, count);
    this.#inbox = this.#inbox.subarray(count);
    return taken;
  }

  #beginPackets(theirs: Uint8Array): void {
    this.#cipher = new PacketCipher(this.#key, theirs, { initiating: this.#isInitiating, magic });
    const { sendTerminator } = this.#cipher;
    const dice = this.#below(40);
    if (dice === 0) {
      this.#send('garbage without end', this.#random.bytes(GARBAGE_BYTES_MAX + 20));
      return;
    }
    this.#send('terminator', dice === 1 ? spoilt(sendTerminator, this.#random) : sendTerminator);
    // The first packet vouches for the garbage, be it a decoy or not.
    let associated = dice === 2 ? this.#random.bytes(3) : this.#garbage;
    for (let i = this.#below(3); i > 0; i -= 1) {
      this.#send(
        'decoy',
        this.#cipher.seal([this.#random.bytes(this.#below(100))], { associated, ignored: true }),
      );
      associated = EMPTY_BYTES;
    }
    // Its contents are for what may come.
    this.#send('version packet', this.#cipher.seal([this.#random.bytes(this.#below(5))], { associated }));
    for (const message of this.#greeting)
      this.#send(
        'handshake',
        this.#cipher.seal([this.#name(message.command, 'right'), encodePayload(message)]),
      );
  }

  #sendPacket(command: string, payload: Uint8Array): void {
    const cipher = this.#cipher!;
    switch (this.#below(200)) {
      case 0:
        this.#send(
          'spoilt packet',
          spoilt(cipher.seal([this.#name(command, 'right'), payload]), this.#random),
        );
        return;
      case 1:
        this.#send('short packet', cipher.seal([this.#random.bytes(this.#below(13))]));
        return;
      case 2:
      case 3:
      case 4:
        this.#send('decoy', cipher.seal([this.#random.bytes(this.#below(2_000))], { ignored: true }));
        return;
      case 5:
      case 6:
        this.#send('unknown number', cipher.seal([Uint8Array.of(this.#below(256)), payload]));
        return;
      case 7:
        this.#send(
          'name of any bytes',
          cipher.seal([Uint8Array.of(0), this.#random.bytes(COMMAND_BYTES), payload]),
        );
        return;
      case 8:
      case 9:
      case 10:
        this.#send('name written out', cipher.seal([this.#name(command, 'long'), payload]));
        return;
      default:
        this.#send('message', cipher.seal([this.#name(command, 'right'), payload]));
    }
  }

  #name(command: string, form: 'right' | 'long'): Uint8Array {
    const id = form === 'right' ? shortIdOf(command) : undefined;
    if (id !== undefined) return Uint8Array.of(id);
    const bytes = new Uint8Array(1 + COMMAND_BYTES);
    bytes.set(Buffer.from(command, 'latin1'), 1);
    return bytes;
  }

  #send(what: string, bytes: Uint8Array): void {
    this.#count(what);
    this.#peer!.sendBytes(bytes);
  }

  #below(limit: number): number {
    return randomBelow(this.#random, limit);
  }

  #pick<T>(items: readonly T[]): T {
    return items[this.#below(items.length)]!;
  }
}

/** What the node says; undefined for its version packet. */
function messageIn(contents: Uint8Array): Message | undefined {
  if (contents.length === 0) return undefined;
  const id = contents[0]!;
  const length = id > 0 ? 1 : 1 + COMMAND_BYTES;
  const command =
    id > 0 ? messageTypeOf(id)! : bytesToBinary(contents.subarray(1, length)).replace(/\0+$/, '');
  if (!isKnownCommand(command)) throw new Error(`The node says ‘${command}’`);
  return decodeMessage(command, contents.subarray(length));
}

function spoilt(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = bytes.slice();
  changed[randomBelow(random, changed.length)]! ^= 1 << randomBelow(random, 8);
  return changed;
}
