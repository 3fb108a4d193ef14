/**
 * Figures about all coins, as `gettxoutsetinfo` gives them (Core: kernel/coinstats.cpp). Coins are fed in the order
 * of the chainstate's keys. Two nodes with the same `hash_serialized_3` (or `muhash`) have the same coins.
 */
import { type Hash256, hashToHex, type Txid } from '../base/bytes.ts';
import { MuHash } from '../crypto/muhash.ts';
import { Sha256dStream } from '../crypto/sha256-stream.ts';
import type { Entry } from '../store/store.ts';
import { Writer } from '../wire/codec.ts';
import { writeOutput } from '../wire/transaction.ts';
import type { Coin, OutPointKey } from './coin.ts';
import { decodeCoin, indexOf, parseCoinRecordKey, txidOf } from './coin-records.ts';

export type CoinStatsHash = 'hash_serialized_3' | 'muhash' | 'none';

export interface CoinTotals {
  /** Transactions with at least one unspent output. */
  readonly transactions: number;
  readonly outputs: number;
  /** A size of the set that does not depend on how it is stored. */
  readonly bogoSize: number;
  /** Satoshi. */
  readonly totalAmount: bigint;
  /** Hex as people read it; absent for 'none'. */
  readonly hash?: string;
}

/** Bytes that a coin counts besides its script: txid, index, height, amount, length. */
const BOGO_BYTES = 32 + 4 + 4 + 8 + 2;

interface SetHash {
  add(coin: Uint8Array): void;
  digest(): Hash256;
}

export class CoinStatistics {
  readonly #hash: SetHash | undefined;
  /** Outputs of the transaction at hand: by index, while keys order them by their encoding. */
  readonly #outputs: { readonly index: number; readonly key: OutPointKey; readonly coin: Coin }[] = [];
  #txid: Txid | undefined;
  #transactions = 0;
  #outputCount = 0;
  #bogoSize = 0;
  #totalAmount = 0n;

  constructor(hash: CoinStatsHash) {
    this.#hash = createSetHash(hash);
  }

  /** Takes one record of the chainstate. Throws DecodeError. */
  add([recordKey, record]: Entry): void {
    const key = parseCoinRecordKey(recordKey);
    const txid = txidOf(key);
    if (txid !== this.#txid) this.#endTransaction();
    this.#txid = txid;
    this.#outputs.push({ index: indexOf(key), key, coin: decodeCoin(record) });
  }

  finish(): CoinTotals {
    this.#endTransaction();
    const totals = {
      transactions: this.#transactions,
      outputs: this.#outputCount,
      bogoSize: this.#bogoSize,
      totalAmount: this.#totalAmount,
    };
    return this.#hash === undefined ? totals : { ...totals, hash: hashToHex(this.#hash.digest()) };
  }

  #endTransaction(): void {
    const outputs = this.#outputs;
    if (outputs.length === 0) return;
    outputs.sort((a, b) => a.index - b.index);
    for (const { key, coin } of outputs) {
      this.#hash?.add(serializeCoin(key, coin));
      this.#bogoSize += bogoSizeOf(coin);
      this.#totalAmount += BigInt(coin.value);
    }
    this.#transactions += 1;
    this.#outputCount += outputs.length;
    outputs.length = 0;
  }
}

/** What a coin counts in `bogoSize` (Core: GetBogoSize). */
export function bogoSizeOf({ scriptPubKey }: Pick<Coin, 'scriptPubKey'>): number {
  return BOGO_BYTES + scriptPubKey.length;
}

/** A coin as the hashes of the set take it in (Core: TxOutSer): outpoint, height and coinbase in one number, output. */
export function serializeCoin(key: OutPointKey, coin: Coin): Uint8Array {
  const w = new Writer(96);
  w.hash(txidOf(key));
  w.u32(indexOf(key));
  w.u32(coin.height * 2 + (coin.isCoinbase ? 1 : 0));
  writeOutput(w, coin);
  return w.finish();
}

function createSetHash(kind: CoinStatsHash): SetHash | undefined {
  if (kind === 'none') return undefined;
  if (kind === 'muhash') {
    const muHash = new MuHash();
    return { add: coin => muHash.insert(coin), digest: () => muHash.digest() };
  }
  const stream = new Sha256dStream();
  return { add: coin => stream.update(coin), digest: () => stream.digest() };
}
