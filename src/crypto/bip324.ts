/**
 * BIP324's packet cipher: from a key exchange to packets that tell an observer nothing, not even where they begin.
 *
 * A packet is 3 bytes of length, enciphered by a ChaCha20 stream of their own (so that they need no tag), then one byte of
 * header and the contents under ChaCha20-Poly1305. Keys of both are replaced every 224 packets, so that a stolen one does
 * not open what was sent long before. Source: Core src/bip324.cpp, src/crypto/chacha20poly1305.cpp.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { textToBytes } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import { ellswiftCreate, ellswiftSharedSecret } from './ellswift.ts';
import { hmacSha256 } from './hashes.ts';
import { isValidSecretKey } from './keys.ts';

/** Packets under one key. */
const REKEY_INTERVAL = 224;
export const PACKET_LENGTH_BYTES = 3;
const HEADER_BYTES = 1;
const TAG_BYTES = 16;
const KEY_BYTES = 32;
/** How much longer a packet is than its contents. */
export const PACKET_EXPANSION_BYTES = PACKET_LENGTH_BYTES + HEADER_BYTES + TAG_BYTES;
export const GARBAGE_TERMINATOR_BYTES = 16;
/** In the header: a decoy, to be thrown away. */
const IGNORE_BIT = 0x80;

/** Our half of the exchange; used for one connection only. */
export interface ExchangeKey {
  readonly secretKey: Uint8Array;
  /** 64 bytes: the public key as the wire carries it. */
  readonly encoded: Uint8Array;
}

export function createExchangeKey(random: Random): ExchangeKey {
  let secretKey = random.bytes(KEY_BYTES);
  while (!isValidSecretKey(secretKey)) secretKey = random.bytes(KEY_BYTES);
  return { secretKey, encoded: ellswiftCreate(secretKey, random) };
}

export interface Opened {
  readonly contents: Uint8Array;
  /** The packet is a decoy. */
  readonly ignored: boolean;
}

export class PacketCipher {
  readonly sessionId: Uint8Array;
  readonly sendTerminator: Uint8Array;
  readonly receiveTerminator: Uint8Array;
  readonly #sendLength: LengthCipher;
  readonly #receiveLength: LengthCipher;
  readonly #seal: PacketKeys;
  readonly #open: PacketKeys;

  /** `theirs`: 64 bytes. `initiating`: we made the connection. */
  constructor(
    key: ExchangeKey,
    theirs: Uint8Array,
    context: { readonly magic: Uint8Array; readonly initiating: boolean },
  ) {
    const { initiating, magic } = context;
    const secret = ellswiftSharedSecret(key.secretKey, { ours: key.encoded, theirs, initiating });
    const salt = new Uint8Array([...textToBytes('bitcoin_v2_shared_secret'), ...magic]);
    // HKDF (RFC 5869) step by step: the first is the same for all keys, and each of them is one block long.
    const pseudorandomKey = hmacSha256(salt, secret);
    const derive = (info: string) => hmacSha256(pseudorandomKey, textToBytes(`${info}\x01`));
    const [us, them] = initiating ? ['initiator', 'responder'] : ['responder', 'initiator'];
    this.#sendLength = new LengthCipher(derive(`${us}_L`));
    this.#receiveLength = new LengthCipher(derive(`${them}_L`));
    this.#seal = new PacketKeys(derive(`${us}_P`));
    this.#open = new PacketKeys(derive(`${them}_P`));
    const terminators = derive('garbage_terminators');
    const ofInitiator = terminators.slice(0, GARBAGE_TERMINATOR_BYTES);
    const ofResponder = terminators.slice(GARBAGE_TERMINATOR_BYTES);
    this.sendTerminator = initiating ? ofInitiator : ofResponder;
    this.receiveTerminator = initiating ? ofResponder : ofInitiator;
    this.sessionId = derive('session_id');
  }

  /** A whole packet. `parts` are its contents, joined; `associated` is authenticated, not sent. */
  seal(
    parts: readonly Uint8Array[],
    options: { readonly associated?: Uint8Array; readonly ignored?: true } = {},
  ): Uint8Array {
    let length = 0;
    for (const part of parts) length += part.length;
    const packet = new Uint8Array(length + PACKET_EXPANSION_BYTES);
    packet[0] = length & 0xff;
    packet[1] = (length >>> 8) & 0xff;
    packet[2] = length >>> 16;
    this.#sendLength.crypt(packet);
    const { key, nonce } = this.#seal.next();
    const cipher = createCipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES });
    if (options.associated !== undefined)
      cipher.setAAD(options.associated, { plaintextLength: length + HEADER_BYTES });
    let at = PACKET_LENGTH_BYTES;
    for (const part of [Uint8Array.of(options.ignored ? IGNORE_BIT : 0), ...parts]) {
      packet.set(cipher.update(part), at);
      at += part.length;
    }
    cipher.final();
    packet.set(cipher.getAuthTag(), at);
    return packet;
  }

  /** How long the contents of the packet are that begins with these 3 bytes; to be asked once for each. */
  openLength(bytes: Uint8Array): number {
    const plain = bytes.slice(0, PACKET_LENGTH_BYTES);
    this.#receiveLength.crypt(plain);
    return plain[0]! | (plain[1]! << 8) | (plain[2]! << 16);
  }

  /** `sealed`: the packet without its length. Undefined when it was not made by the other end. */
  open(sealed: Uint8Array, associated?: Uint8Array): Opened | undefined {
    const { key, nonce } = this.#open.next();
    const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: TAG_BYTES });
    const end = sealed.length - TAG_BYTES;
    if (associated !== undefined) decipher.setAAD(associated, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    const plain = decipher.update(sealed.subarray(0, end));
    try {
      decipher.final();
    } catch {
      return undefined;
    }
    return { contents: plain.subarray(HEADER_BYTES), ignored: (plain[0]! & IGNORE_BIT) !== 0 };
  }
}

/** FSChaCha20: one stream for the lengths of an interval, of which the last bytes are the next interval's key. */
class LengthCipher {
  #stream: Uint8Array;
  #used = 0;
  #interval = 0n;

  constructor(key: Uint8Array) {
    this.#stream = intervalStream(key, 0n);
  }

  /** The first 3 bytes, in place. */
  crypt(bytes: Uint8Array): void {
    for (let i = 0; i < PACKET_LENGTH_BYTES; i += 1) bytes[i]! ^= this.#stream[this.#used + i]!;
    this.#used += PACKET_LENGTH_BYTES;
    if (this.#used < REKEY_INTERVAL * PACKET_LENGTH_BYTES) return;
    const key = this.#stream.slice(this.#used);
    this.#interval += 1n;
    this.#stream = intervalStream(key, this.#interval);
    this.#used = 0;
  }
}

function intervalStream(key: Uint8Array, interval: bigint): Uint8Array {
  return chacha20Stream(key, 0, nonceOf(0, interval), REKEY_INTERVAL * PACKET_LENGTH_BYTES + KEY_BYTES);
}

/** The keys of FSChaCha20Poly1305: a nonce for each packet, a new key for each interval. */
class PacketKeys {
  #key: Uint8Array;
  #packet = 0;
  #interval = 0n;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  next(): { readonly key: Uint8Array; readonly nonce: Uint8Array } {
    const now = { key: this.#key, nonce: nonceOf(this.#packet, this.#interval) };
    this.#packet += 1;
    if (this.#packet === REKEY_INTERVAL) {
      // Block 0 of that nonce would be the key of a tag.
      this.#key = chacha20Stream(this.#key, 1, nonceOf(0xffff_ffff, this.#interval), KEY_BYTES);
      this.#packet = 0;
      this.#interval += 1n;
    }
    return now;
  }
}

/** 12 bytes: 4 of the packet's number, 8 of the interval's. */
function nonceOf(packet: number, interval: bigint): Uint8Array {
  const nonce = new Uint8Array(12);
  const view = new DataView(nonce.buffer);
  view.setUint32(0, packet, true);
  view.setBigUint64(4, interval, true);
  return nonce;
}

/** OpenSSL takes the number of the first block before the nonce. */
function chacha20Stream(key: Uint8Array, block: number, nonce: Uint8Array, length: number): Uint8Array {
  const iv = new Uint8Array(16);
  new DataView(iv.buffer).setUint32(0, block, true);
  iv.set(nonce, 4);
  return createCipheriv('chacha20', key, iv).update(new Uint8Array(length));
}
