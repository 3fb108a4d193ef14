/** Records of the chainstate store, as Core lays them out (txdb.cpp): coins, the best block, and a flush under way. */
import { type BlockHash, binaryToBytes, bytesToHash, type Txid } from '../base/bytes.ts';
import { Reader, Writer } from '../wire/codec.ts';
import { outPointIndexAt } from '../wire/tx-cursors.ts';
import { type Coin, type OutPointKey, outPointKey } from './coin.ts';
import { putVarInt, readCompressedOutput, readVarInt, varIntBytes, writeCompressedOutput, writeVarInt } from './compress.ts'; // biome-ignore format: one list

const COIN_PREFIX = 0x43; // 'C'
const TXID_BYTES = 32;
/** All coins lie between these keys. */
export const COIN_KEYS = { gte: Uint8Array.of(COIN_PREFIX), lt: Uint8Array.of(COIN_PREFIX + 1) } as const;
/** → the hash of the block that the coins stand at. Absent while a flush is under way. */
export const BEST_BLOCK_KEY = Uint8Array.of(0x42); // 'B'
/** → `[new tip, old tip]` while coins are on their way from one to the other. */
export const HEAD_BLOCKS_KEY = Uint8Array.of(0x48); // 'H'

/** Millions of records are written one by one: a writer for each would be the larger part of the work. */
const scratch = new Writer(64);

/** Of the store's other records there is one each. */
export function isCoinRecordKey(key: Uint8Array): boolean {
  return key[0] === COIN_PREFIX;
}

/** 'C', the txid, and the index as a VARINT. */
export function coinRecordKey(key: OutPointKey): Uint8Array {
  return coinRecordKeyFor(txidOf(key), indexOf(key));
}

export function coinRecordKeyFor(txid: Txid, index: number): Uint8Array {
  const key = newRecordKey(index);
  for (let i = 0; i < TXID_BYTES; i += 1) key[1 + i] = txid.charCodeAt(i);
  return key;
}

/** As `coinRecordKey`, of the outpoint that starts at `start`, as it goes over the wire. */
export function coinRecordKeyAt(outPoint: Uint8Array, start: number): Uint8Array {
  const key = newRecordKey(outPointIndexAt(outPoint, start));
  for (let i = 0; i < TXID_BYTES; i += 1) key[1 + i] = outPoint[start + i]!;
  return key;
}

/** All but the txid. */
function newRecordKey(index: number): Uint8Array {
  // Most indexes are one byte.
  const key = new Uint8Array(1 + TXID_BYTES + varIntBytes(index));
  key[0] = COIN_PREFIX;
  putVarInt(key, key.length - 1, index);
  return key;
}

/** The inverse of `coinRecordKey`. Throws DecodeError. */
export function parseCoinRecordKey(key: Uint8Array): OutPointKey {
  const r = new Reader(key, 1);
  const txid = r.hash<Txid>();
  return outPointKey(txid, readVarInt(r));
}

export function encodeCoin(coin: Coin): Uint8Array {
  scratch.reset();
  writeVarInt(scratch, coin.height * 2 + (coin.isCoinbase ? 1 : 0));
  writeCompressedOutput(scratch, coin);
  return scratch.finish();
}

/** Throws DecodeError. */
export function decodeCoin(record: Uint8Array): Coin {
  return readCoin(new Reader(record));
}

/** As `decodeCoin`, of a record that is followed by others. */
export function readCoin(r: Reader): Coin {
  const code = readVarInt(r);
  const { value, scriptPubKey } = readCompressedOutput(r);
  return { value, scriptPubKey, height: Math.floor(code / 2), isCoinbase: (code & 1) === 1 };
}

export function txidOf(key: OutPointKey): Txid {
  return key.slice(0, 32) as Txid;
}

export function indexOf(key: OutPointKey): number {
  return (
    (key.charCodeAt(32) |
      (key.charCodeAt(33) << 8) |
      (key.charCodeAt(34) << 16) |
      (key.charCodeAt(35) << 24)) >>>
    0
  );
}

export function encodeHeadBlocks(newTip: BlockHash, oldTip: BlockHash): Uint8Array {
  return Uint8Array.of(2, ...binaryToBytes(newTip), ...binaryToBytes(oldTip));
}

/** Throws DecodeError. */
export function decodeHeadBlocks(record: Uint8Array): {
  readonly newTip: BlockHash;
  readonly oldTip: BlockHash;
} {
  const r = new Reader(record);
  r.compactSize(2);
  return { newTip: r.hash<BlockHash>(), oldTip: r.hash<BlockHash>() };
}

export function encodeBestBlock(hash: BlockHash): Uint8Array {
  return binaryToBytes(hash);
}

export function decodeBestBlock(record: Uint8Array): BlockHash {
  return bytesToHash<BlockHash>(record);
}
