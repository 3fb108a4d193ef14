/**
 * All messages of the protocol in one table: command → codec, with limits. Types, framing and dispatch derive from
 * it; a new message is one line here and one handler. Payload bytes behind what a codec reads are ignored, as in Core.
 */
import { type BlockHash, type Hash256, ZERO_HASH } from '../base/bytes.ts';
import { block, blockHeader } from './block.ts';
import {
  type Allocate, array, blockHash, type Codec, compactSize, DecodeError, encodeBehind, hash256, type Infer, i64, Reader, struct,
  u8, u16, u32, u64, varBytes, varText, type Writer,
} from './codec.ts'; // biome-ignore format: one list
import { compactBlock, txIndexes } from './compact-block.ts';
import { feature } from './feature.ts';
import { merkleBlock } from './merkle-block.ts';
import { serviceAddress, timedAddressV1, timedAddressV2 } from './net-address.ts';
import { type Transaction, transaction } from './transaction.ts';

/** Payload of one message at most (Core: MAX_PROTOCOL_MESSAGE_LENGTH). */
export const PAYLOAD_BYTES_MAX = 4_000_000;
/** Entries in one inv, getdata or notfound (Core: MAX_INV_SZ). */
export const INV_COUNT_MAX = 50_000;
/** Headers in one message (Core: MAX_HEADERS_RESULTS). */
export const HEADERS_COUNT_MAX = 2_000;
/** Hashes in a locator (Core: MAX_LOCATOR_SZ). */
const LOCATOR_COUNT_MAX = 101;
/** Addresses in one addr or addrv2 (Core: MAX_ADDR_TO_SEND). */
export const ADDR_COUNT_MAX = 1_000;
/** Words of a sketch (BIP330: 2^12), and short ids that it can bring out. */
const SKETCH_WORDS_MAX = 4_096;
const SHORT_IDS_MAX = SKETCH_WORDS_MAX;
/** Bytes of a user agent (Core: MAX_SUBVERSION_LENGTH). */
const USER_AGENT_BYTES_MAX = 256;

/** What an inventory entry names; `WITNESS_FLAG` asks for it with witnesses (BIP144), `wtx` names by wtxid (BIP339). */
export const INV = { tx: 1, block: 2, filteredBlock: 3, compactBlock: 4, wtx: 5 } as const;
export const WITNESS_FLAG = 0x4000_0000;
export const INV_WITNESS_TX = INV.tx | WITNESS_FLAG;
export const INV_WITNESS_BLOCK = INV.block | WITNESS_FLAG;

/** Service bits (BIP111, 144, 157, 159, 324). */
export const SERVICES = {
  network: 1n,
  bloom: 1n << 2n,
  witness: 1n << 3n,
  compactFilters: 1n << 6n,
  networkLimited: 1n << 10n,
  v2Transport: 1n << 11n,
} as const;

export interface InventoryItem {
  readonly type: number;
  readonly hash: Hash256;
}
/** Written out: most of what a node says and hears is made of these. */
const inventoryItem: Codec<InventoryItem> = {
  read: r => ({ type: r.u32(), hash: r.hash() }),
  write(w, v) {
    w.u32(v.type);
    w.hash(v.hash);
  },
};
const inventory = inventoryOf(array(inventoryItem, INV_COUNT_MAX));
function inventoryOf(items: Codec<InventoryItem[]>): Codec<{ readonly items: InventoryItem[] }> {
  return { read: r => ({ items: items.read(r) }), write: (w, v) => items.write(w, v.items) };
}

/** Written out, as the inventories are. Nearly all are kept, so it gets bytes of its own before it is decoded, not after. */
const txMessage: Codec<{ readonly tx: Transaction }> = {
  read: r => ({ tx: transaction.read(new Reader(r.take(r.remaining).slice())) }),
  write: (w, v) => transaction.write(w, v.tx),
};

const userAgentText = varText(USER_AGENT_BYTES_MAX);
const NO_ADDRESS = { services: 0n, network: 'ipv6', bytes: new Uint8Array(16), port: 0 } as const;

/** Optional tail: peers of old versions stop after `to`, the nonce, the user agent or the height, and nowhere else. */
const version: Codec<VersionMessage> = {
  read(r) {
    const version = r.i32();
    const services = r.u64();
    const time = r.i64();
    const to = serviceAddress.read(r);
    const from = r.remaining > 0 ? serviceAddress.read(r) : undefined;
    const nonce = from === undefined ? 0n : r.u64();
    const userAgent = r.remaining > 0 ? userAgentText.read(r) : '';
    const startHeight = r.remaining > 0 ? r.i32() : -1;
    const relay = r.remaining > 0 ? r.u8() !== 0 : true;
    if (from === undefined) return { version, services, time, to, nonce, userAgent, startHeight, relay };
    return { version, services, time, to, from, nonce, userAgent, startHeight, relay };
  },
  write(w, v) {
    w.i32(v.version);
    w.u64(v.services);
    w.i64(v.time);
    serviceAddress.write(w, v.to);
    serviceAddress.write(w, v.from ?? NO_ADDRESS);
    w.u64(v.nonce);
    userAgentText.write(w, v.userAgent);
    w.i32(v.startHeight);
    w.u8(v.relay ? 1 : 0);
  },
};
export interface VersionMessage {
  readonly version: number;
  readonly services: bigint;
  readonly time: bigint;
  readonly to: Infer<typeof serviceAddress>;
  readonly from?: Infer<typeof serviceAddress>;
  readonly nonce: bigint;
  /** Latin1 text, at most 256 bytes. */
  readonly userAgent: string;
  readonly startHeight: number;
  /** False: send no transactions until asked (BIP37). */
  readonly relay: boolean;
}

/** A header as `headers` carries it: followed by a count of transactions that means nothing. */
const headerItem = {
  read: (r: Reader) => {
    const header = blockHeader.read(r);
    compactSize.read(r);
    return header;
  },
  write: (w: Writer, v: Infer<typeof blockHeader>) => {
    blockHeader.write(w, v);
    w.compactSize(0);
  },
};

/** `stopHash` all zero: as many as allowed. */
const locatorRequest = struct({
  version: u32,
  locator: array(blockHash, LOCATOR_COUNT_MAX) as Codec<readonly BlockHash[]>,
  stopHash: blockHash,
});
const filterRange = struct({ filterType: u8, startHeight: u32, stopHash: blockHash });
const empty = struct({});

/** BIP31: a ping of an old peer has no nonce and wants no pong. */
const ping: Codec<{ readonly nonce: bigint | undefined }> = {
  read: r => ({ nonce: r.remaining >= 8 ? r.u64() : undefined }),
  write(w, v) {
    if (v.nonce !== undefined) w.u64(v.nonce);
  },
};

/** Too short for a nonce: decodes all the same, because such an answer ends the wait for a pong (Core). */
const pong: Codec<{ readonly nonce: bigint | undefined }> = ping;

/** Bytes in the message, words here. */
const sketch: Codec<{ readonly words: readonly number[] }> = {
  read(r) {
    const length = r.compactSize(4 * SKETCH_WORDS_MAX);
    if (length % 4 !== 0) throw new DecodeError(`A sketch of ${length} bytes`);
    return { words: Array.from({ length: length / 4 }, () => r.u32()) };
  },
  write(w, v) {
    w.compactSize(4 * v.words.length);
    for (const word of v.words) w.u32(word);
  },
};

export const messages = {
  version,
  verack: empty,
  addr: struct({ addresses: array(timedAddressV1, ADDR_COUNT_MAX) }),
  addrv2: struct({ addresses: array(timedAddressV2, ADDR_COUNT_MAX) }),
  sendaddrv2: empty,
  getaddr: empty,
  inv: inventory,
  getdata: inventory,
  notfound: inventory,
  getheaders: locatorRequest,
  getblocks: locatorRequest,
  headers: struct({ headers: array(headerItem, HEADERS_COUNT_MAX) }),
  block: struct({ block }),
  tx: txMessage,
  ping,
  pong,
  sendheaders: empty,
  /** Satoshi per 1000 virtual bytes (BIP133). */
  feefilter: struct({ feeRate: i64 }),
  wtxidrelay: empty,
  /** Asks for all that is in the pool (BIP35). */
  mempool: empty,
  /** Bloom filters (BIP37). Limits are the handler's: what exceeds them is punished, not undecodable. */
  filterload: struct({ data: varBytes(), hashFunctions: u32, tweak: u32, flags: u8 }),
  filteradd: struct({ data: varBytes() }),
  filterclear: empty,
  merkleblock: merkleBlock,
  /** Compact blocks (BIP152): 1 asks to be sent new blocks at once, 0 not; only version 2, with witnesses, is spoken. */
  sendcmpct: struct({ announce: u8, version: u64 }),
  cmpctblock: compactBlock,
  getblocktxn: struct({ blockHash, indexes: txIndexes }),
  blocktxn: struct({ blockHash, transactions: array(transaction) }),
  /** Compact block filters (BIP157); type 0 is the basic one of BIP158. */
  getcfilters: filterRange,
  cfilter: struct({ filterType: u8, blockHash, filter: varBytes() }),
  getcfheaders: filterRange,
  cfheaders: struct({ filterType: u8, stopHash: blockHash, previousHeader: hash256, hashes: array(hash256) }),
  getcfcheckpt: struct({ filterType: u8, stopHash: blockHash }),
  cfcheckpt: struct({ filterType: u8, stopHash: blockHash, headers: array(hash256) }),
  /** What a peer can do besides (BIP434); and an offer to reconcile transactions (BIP330). */
  feature,
  sendtxrcncl: struct({ version: u32, salt: u64 }),
  /** What follows such an agreement: a question, the words of a sketch, and which short ids were missing (BIP330). */
  reqrecon: struct({ setSize: u16, q: u16 }),
  sketch,
  reconcildiff: struct({ success: u8, shortIds: array(u32, SHORT_IDS_MAX) }),
};

type Table = typeof messages;
export type Command = keyof Table;
/** A decoded message: its command and the fields of its codec. */
export type MessageOf<C extends Command> = { readonly command: C } & Infer<Table[C]>;
export type Message = { [C in Command]: MessageOf<C> }[Command];

export function isKnownCommand(command: string): command is Command {
  return Object.hasOwn(messages, command);
}

/** Throws DecodeError. Trailing bytes are ignored. */
export function decodeMessage(command: Command, payload: Uint8Array): Message {
  const codec = messages[command] as Codec<object>;
  // What a codec has just read is nobody else's: its command is added in place.
  const message = codec.read(new Reader(payload)) as { command?: Command };
  message.command = command;
  return message as Message;
}

/** The payload with `room` zero bytes before it. */
export function encodePayloadBehind(message: Message, room: number, allocate?: Allocate): Uint8Array {
  return encodeBehind(messages[message.command] as Codec<Message>, message, room, allocate);
}

export function encodePayload(message: Message, allocate?: Allocate): Uint8Array {
  return encodePayloadBehind(message, 0, allocate);
}

export const NO_STOP_HASH = ZERO_HASH;
