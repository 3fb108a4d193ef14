/**
 * Frames whose work is done once for all. A message is encoded for its length and its checksum, and decoded at once, when
 * it is sent: whoever gets it is handed what it was decoded to. And what thousands of nodes send alike, a transaction, its
 * announcement, a block, a new header, is encoded and decoded once for each distinct string of bytes. Nodes share the
 * result, as nothing ever changes it.
 */
import { bytesToBinary, type Hash256 } from '../base/bytes.ts';
import { sha256dWord } from '../crypto/sha256.ts';
import type { P2pEvent } from '../p2p/events.ts';
import { DecodeError } from '../wire/codec.ts';
import { FRAME_HEADER_BYTES } from '../wire/frame.ts';
import { type Command, decodeMessage, encodePayload, type Message } from '../wire/messages.ts';
import type { TimedAddress } from '../wire/net-address.ts';
import { BytePool } from './byte-pool.ts';
import type { FrameReceiver, Frames, SimFrame } from './frames.ts';
import { NODE_SERVICES } from './node-options.ts';

/** Of so many, what was said of them is kept; then the older half is forgotten. */
const SUBJECTS_MAX = 10_000;

type ServiceAddress = Omit<TimedAddress, 'time'>;

class SharedFrame implements SimFrame {
  readonly command: Command;
  /** What the payload says; undefined where it follows no format. */
  readonly message: Message | undefined;
  readonly defect: string;
  readonly length: number;
  readonly checksum: number;
  /** Of its only inventory item; 0 where it has none. */
  readonly itemType: number;

  constructor(
    payload: Uint8Array,
    content: { readonly command: Command; readonly message: Message | undefined; readonly defect: string },
    itemType: number,
  ) {
    this.command = content.command;
    this.message = content.message;
    this.defect = content.defect;
    this.length = FRAME_HEADER_BYTES + payload.length;
    this.checksum = sha256dWord(payload);
    this.itemType = itemType;
  }
}

export class SharedFrames implements Frames {
  readonly #pool = new BytePool();
  /** What many send alike, by the hash that it is about, or by its command if that is all: a handful for each. */
  readonly #about = new Map<Hash256 | Command, SharedFrame[]>();
  readonly #blocks = new WeakMap<Uint8Array, SharedFrame>();
  /** Of hosts: each address is known to many nodes. */
  readonly #addressBytes = new Map<string, Uint8Array>();

  encode(message: Message): SimFrame {
    switch (message.command) {
      case 'tx':
        return this.#known(message, message.tx.wtxid);
      case 'inv':
      case 'getdata': {
        const { items } = message;
        if (items.length === 1) return this.#known(message, items[0]!.hash, items[0]!.type);
        break;
      }
      case 'headers': {
        const { headers } = message;
        if (headers.length === 1) return this.#known(message, headers[0]!.hash);
        break;
      }
      case 'verack':
      case 'wtxidrelay':
      case 'sendaddrv2':
      case 'sendheaders':
      case 'getaddr':
        return this.#known(message, message.command);
    }
    return this.#create(message.command, encodePayload(message, this.#pool.allocate));
  }

  encodeBlock(raw: Uint8Array): SimFrame {
    let frame = this.#blocks.get(raw);
    if (frame === undefined) {
      frame = this.#create('block', raw);
      this.#blocks.set(raw, frame);
    }
    return frame;
  }

  decode({ peer }: FrameReceiver, frame: SimFrame): P2pEvent {
    const { command, message, defect, length } = frame as SharedFrame;
    if (message === undefined)
      return { kind: 'undecodable', peer, command, defect: 'payload', detail: defect };
    return { kind: 'message', peer, message, size: length };
  }

  /** The frame of all who say the same about `subject`. */
  #known(message: Message, subject: Hash256 | Command, itemType = 0): SharedFrame {
    const { command } = message;
    const known = this.#about.get(subject);
    if (known !== undefined)
      for (const frame of known) if (frame.command === command && frame.itemType === itemType) return frame;
    // Alone: what was decoded stays, and would hold back what lay around it.
    const frame = this.#create(command, encodePayload(message), itemType);
    if (known === undefined) this.#remember(subject, frame);
    else known.push(frame);
    return frame;
  }

  #create(command: Command, payload: Uint8Array, itemType = 0): SharedFrame {
    let message: Message | undefined;
    let defect = '';
    try {
      message = this.#withSharedHosts(decodeMessage(command, payload));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      defect = error.message;
    }
    return new SharedFrame(payload, { command, message, defect }, itemType);
  }

  #remember(subject: Hash256 | Command, frame: SharedFrame): void {
    const about = this.#about;
    about.set(subject, [frame]);
    if (about.size <= SUBJECTS_MAX) return;
    let excess = SUBJECTS_MAX >> 1;
    for (const old of about.keys()) {
      if (excess === 0) return;
      about.delete(old);
      excess -= 1;
    }
  }

  #withSharedHosts(message: Message): Message {
    switch (message.command) {
      case 'version': {
        const to = this.#sharedHost(message.to);
        return message.from === undefined
          ? { ...message, to }
          : { ...message, to, from: this.#sharedHost(message.from) };
      }
      case 'addr':
      case 'addrv2': {
        const addresses = message.addresses.map(address => address && this.#shared(address));
        return { command: message.command, addresses } as Message;
      }
      default:
        return message;
    }
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
