/**
 * Files with all coins of one moment, as `dumptxoutset` writes and `loadtxoutset` reads them, byte for byte as Core's
 * (node/utxo_snapshot.h, rpc/blockchain.cpp WriteUTXOSnapshot, validation.cpp PopulateAndValidateSnapshot): magic, version,
 * the network's magic, the block that the coins stand at, their number; then for each transaction its id, how many of its
 * outputs are unspent, and each one's index and coin.
 */
import { type BlockHash, equalBytes, type Txid } from '../base/bytes.ts';
import { MONEY_MAX } from '../consensus/amount.ts';
import type { Entry } from '../store/store.ts';
import { DecodeError, Reader, Writer } from '../wire/codec.ts';
import { exactValue } from '../wire/transaction.ts';
import {
  coinRecordKeyFor,
  encodeCoin,
  indexOf,
  parseCoinRecordKey,
  readCoin,
  txidOf,
} from './coin-records.ts';

/** "utxo" and a byte that no text has. */
const SNAPSHOT_MAGIC = Uint8Array.of(0x75, 0x74, 0x78, 0x6f, 0xff);
const SNAPSHOT_VERSION = 2;
/** Magic, version, network, block hash, number of coins. */
export const SNAPSHOT_HEADER_BYTES = 5 + 2 + 4 + 32 + 8;
const INDEX_MAX = 0xffff_ffff;
/** No coin is longer; what is does not end, or the file is none. */
const COIN_BYTES_MAX = 4 * 1024 * 1024;

export interface SnapshotHeader {
  /** The coins are those after this block. */
  readonly baseBlock: BlockHash;
  readonly coins: number;
}

/** What is wrong with a snapshot, in Core's words. */
export class SnapshotError extends Error {
  override readonly name = 'SnapshotError';
}

export function encodeSnapshotHeader({ baseBlock, coins }: SnapshotHeader, magic: Uint8Array): Uint8Array {
  const w = new Writer(SNAPSHOT_HEADER_BYTES);
  w.put(SNAPSHOT_MAGIC);
  w.u16(SNAPSHOT_VERSION);
  w.put(magic);
  w.hash(baseBlock);
  w.u64(BigInt(coins));
  return w.finish();
}

/** `networkOf` names the network with a magic, if it is a known one. Throws SnapshotError. */
export function decodeSnapshotHeader(
  bytes: Uint8Array,
  network: { readonly name: string; readonly magic: Uint8Array },
  networkOf: (magic: Uint8Array) => string | undefined,
): SnapshotHeader {
  const r = new Reader(bytes);
  try {
    if (!equalBytes(r.take(SNAPSHOT_MAGIC.length), SNAPSHOT_MAGIC)) {
      throw new SnapshotError(
        'Invalid UTXO set snapshot magic bytes. Please check if this is indeed a snapshot file or if you are using an outdated snapshot format.',
      );
    }
    const version = r.u16();
    if (version !== SNAPSHOT_VERSION) {
      throw new SnapshotError(`Version of snapshot ${version} does not match any of the supported versions.`);
    }
    const magic = r.take(4);
    if (!equalBytes(magic, network.magic)) {
      const other = networkOf(magic);
      throw new SnapshotError(
        other === undefined
          ? 'This snapshot has been created for an unrecognized network. This could be a custom signet, a new testnet or possibly caused by data corruption.'
          : `The network of the snapshot (${other}) does not match the network of this node (${network.name}).`,
      );
    }
    const baseBlock = r.hash<BlockHash>();
    return { baseBlock, coins: Number(r.u64()) };
  } catch (error) {
    if (error instanceof DecodeError) throw new SnapshotError('end of file');
    throw error;
  }
}

/** Records of the chainstate, in its order, into the file's bytes. */
export class SnapshotWriter {
  #txid: Txid | undefined;
  #outputs: { readonly index: number; readonly record: Uint8Array }[] = [];
  #coins = 0;

  get coins(): number {
    return this.#coins;
  }

  /** Bytes that are complete with this record; often none. Throws DecodeError. */
  add([recordKey, record]: Entry): Uint8Array | undefined {
    const key = parseCoinRecordKey(recordKey);
    const txid = txidOf(key);
    const done = txid === this.#txid ? undefined : this.end();
    this.#txid = txid;
    this.#outputs.push({ index: indexOf(key), record });
    return done;
  }

  /** What is left. */
  end(): Uint8Array | undefined {
    if (this.#txid === undefined || this.#outputs.length === 0) return undefined;
    const w = new Writer(64 * this.#outputs.length + 40);
    w.hash(this.#txid);
    w.compactSize(this.#outputs.length);
    for (const { index, record } of this.#outputs) {
      w.compactSize(index);
      w.put(record);
    }
    this.#coins += this.#outputs.length;
    this.#outputs = [];
    return w.finish();
  }
}

/** Reads the coins behind the header, in pieces as the file is read. */
export class SnapshotReader {
  readonly #expected: number;
  readonly #baseHeight: number;
  #pending = new Uint8Array(0);
  #coins = 0;
  #txid: Txid | undefined;
  #leftOfTx = 0;

  constructor({ coins }: SnapshotHeader, baseHeight: number) {
    this.#expected = coins;
    this.#baseHeight = baseHeight;
  }

  get coins(): number {
    return this.#coins;
  }

  /** The records of the chainstate that are complete now. Throws SnapshotError. */
  *push(chunk: Uint8Array): Generator<Entry, void, void> {
    const bytes = new Uint8Array(this.#pending.length + chunk.length);
    bytes.set(this.#pending);
    bytes.set(chunk, this.#pending.length);
    const r = new Reader(bytes);
    let start = 0;
    try {
      while (this.#coins < this.#expected || this.#leftOfTx > 0) {
        start = r.position;
        const entry = this.#next(r);
        if (entry !== undefined) yield entry;
      }
      start = r.position;
    } catch (error) {
      // Not yet whole, or never: the end tells.
      if (!(error instanceof DecodeError)) throw error;
    }
    this.#pending = bytes.slice(start);
    if (this.#pending.length > COIN_BYTES_MAX + chunk.length) this.end();
    if (this.#coins === this.#expected && this.#leftOfTx === 0 && this.#pending.length > 0) {
      throw new SnapshotError(`Bad snapshot - coins left over after deserializing ${this.#expected} coins`);
    }
  }

  /** The file has ended. Throws SnapshotError. */
  end(): void {
    if (this.#coins === this.#expected) return;
    throw new SnapshotError(
      `Bad snapshot format or truncated snapshot after deserializing ${this.#coins} coins`,
    );
  }

  /** One step: the head of a transaction, or a coin. State changes only when it is whole. */
  #next(r: Reader): Entry | undefined {
    if (this.#leftOfTx === 0) {
      const txid = r.hash<Txid>();
      const count = r.compactSize();
      if (count > this.#expected - this.#coins) {
        throw new SnapshotError('Mismatch in coins count in snapshot metadata and actual snapshot data');
      }
      this.#txid = txid;
      this.#leftOfTx = count;
      return undefined;
    }
    const index = r.compactSize(INDEX_MAX);
    const coin = readCoin(r);
    if (coin.height > this.#baseHeight || index >= INDEX_MAX) {
      throw new SnapshotError(`Bad snapshot data after deserializing ${this.#coins} coins`);
    }
    const value = exactValue(coin);
    if (value < 0n || value > BigInt(MONEY_MAX)) {
      throw new SnapshotError(
        `Bad snapshot data after deserializing ${this.#coins} coins - bad tx out value`,
      );
    }
    this.#coins += 1;
    this.#leftOfTx -= 1;
    return [coinRecordKeyFor(this.#txid!, index), encodeCoin(coin)];
  }
}
