/**
 * Figures about all coins after each block, and what became of all that was ever mined (Core: index/coinstatsindex.cpp).
 * The hash of the set as a product is needed to go on, so it is kept with the place; each block's record has its digest.
 */
import { type BlockHash, type Hash256, hexToHash, ZERO_HASH } from '../../base/bytes.ts';
import type { ChainParams } from '../../consensus/params.ts';
import { blockSubsidy } from '../../consensus/subsidy.ts';
import { MUHASH_BYTES, MuHash } from '../../crypto/muhash.ts';
import { isUnspendable } from '../../script/opcodes.ts';
import type { BatchOp, ReadableStore } from '../../store/store.ts';
import { type Reader, Writer } from '../../wire/codec.ts';
import { exactValue } from '../../wire/transaction.ts';
import { type Coin, keyOf, type OutPointKey, outPointKey } from '../coin.ts';
import { bogoSizeOf, serializeCoin } from '../coin-stats.ts';
import { corrupted, findRecord, moveToHash, putByHeight, readRecord } from './by-block.ts';
import type { BlockRef, ChainIndex, IndexChange, IndexedBlock } from './chain-index.ts';

/** → the set as a product. */
const MUHASH_KEY = Uint8Array.of(0x4d); // 'M'

/** Coinbases that a later one repeats, before anybody spent them: height → block (Core: IsBIP30Unspendable). */
const REPEATED_COINBASES: ReadonlyMap<number, BlockHash> = new Map([
  [91_722, hexToHash<BlockHash>('00000000000271a2dc26e7667f8419f2e15416dc6955e5a6c6cdf3f2574dd08e')],
  [91_812, hexToHash<BlockHash>('00000000000af0aed4792b1acee3d966af36cf5def14935db8de83d6f9306f2f')],
]);

/** After a block, since genesis. Satoshi. */
export interface CoinTotalsSoFar {
  readonly muhash: Hash256;
  readonly outputs: bigint;
  readonly bogoSize: bigint;
  /** Of the coins there are. */
  readonly amount: bigint;
  readonly subsidy: bigint;
  readonly prevoutSpent: bigint;
  readonly newOutputsExCoinbase: bigint;
  readonly coinbase: bigint;
  readonly unspendableGenesis: bigint;
  readonly unspendableBip30: bigint;
  readonly unspendableScripts: bigint;
  readonly unclaimedRewards: bigint;
}

const BEFORE_GENESIS: CoinTotalsSoFar = {
  muhash: ZERO_HASH,
  outputs: 0n,
  bogoSize: 0n,
  amount: 0n,
  subsidy: 0n,
  prevoutSpent: 0n,
  newOutputsExCoinbase: 0n,
  coinbase: 0n,
  unspendableGenesis: 0n,
  unspendableBip30: 0n,
  unspendableScripts: 0n,
  unclaimedRewards: 0n,
};

type Totals = { -readonly [name in keyof CoinTotalsSoFar]: CoinTotalsSoFar[name] };

export class CoinStatsIndex implements ChainIndex {
  readonly name = 'coinstatsindex';
  readonly needsUndo = true;
  readonly needsRemoved = true;
  readonly #params: ChainParams;
  #records: ReadableStore | undefined;
  #set = new MuHash();
  #totals: CoinTotalsSoFar = BEFORE_GENESIS;

  constructor(params: ChainParams) {
    this.#params = params;
  }

  open(records: ReadableStore, best: BlockRef | undefined): readonly BatchOp[] {
    this.#records = records;
    this.#set = new MuHash();
    this.#totals = BEFORE_GENESIS;
    if (best === undefined) return [];
    const set = records.get(MUHASH_KEY);
    const totals = this.find(best);
    if (set?.length !== MUHASH_BYTES || totals === undefined) throw corrupted(this.name, best);
    this.#set = MuHash.decode(set);
    this.#totals = totals;
    if (this.#set.digest() !== totals.muhash) throw corrupted(this.name, best);
    return [];
  }

  append({ block, undo, hash, height }: IndexedBlock): IndexChange {
    const subsidy = BigInt(blockSubsidy(height, this.#params));
    const totals: Totals = { ...this.#totals };
    totals.subsidy += subsidy;
    if (height === 0) totals.unspendableGenesis += subsidy;
    else if (REPEATED_COINBASES.get(height) === hash) totals.unspendableBip30 += subsidy;
    if (height > 0) {
      forEachCoin(
        { block, undo, hash, height },
        {
          made: (key, coin) => {
            this.#set.insert(serializeCoin(key, coin));
            const value = BigInt(exactValue(coin));
            if (coin.isCoinbase) totals.coinbase += value;
            else totals.newOutputsExCoinbase += value;
            totals.outputs += 1n;
            totals.amount += value;
            totals.bogoSize += BigInt(bogoSizeOf(coin));
          },
          unspendable: value => {
            totals.unspendableScripts += value;
          },
          spent: (key, coin) => {
            this.#set.remove(serializeCoin(key, coin));
            const value = BigInt(exactValue(coin));
            totals.prevoutSpent += value;
            totals.outputs -= 1n;
            totals.amount -= value;
            totals.bogoSize -= BigInt(bogoSizeOf(coin));
          },
        },
      );
    }
    // What could have been taken and was not: a miner claimed less than subsidy and fees.
    const known =
      totals.newOutputsExCoinbase +
      totals.coinbase +
      totals.unspendableGenesis +
      totals.unspendableBip30 +
      totals.unspendableScripts +
      totals.unclaimedRewards;
    totals.unclaimedRewards += totals.prevoutSpent + totals.subsidy - known;
    totals.muhash = this.#set.digest();
    this.#totals = totals;
    return { ops: [putByHeight({ hash, height }, encodeTotals(totals))] };
  }

  remove({ block, undo, hash, height }: IndexedBlock): IndexChange {
    const ops = [moveToHash(this.name, this.#records!, { hash, height })];
    const before = { hash: block.header.prevHash, height: height - 1 };
    const totals = this.find(before);
    if (totals === undefined) throw corrupted(this.name, before);
    forEachCoin(
      { block, undo, hash, height },
      {
        made: (key, coin) => this.#set.remove(serializeCoin(key, coin)),
        unspendable: () => {},
        spent: (key, coin) => this.#set.insert(serializeCoin(key, coin)),
      },
    );
    if (this.#set.digest() !== totals.muhash) throw corrupted(this.name, before);
    this.#totals = totals;
    return { ops };
  }

  commit(): readonly BatchOp[] {
    return [{ type: 'put', key: MUHASH_KEY, value: this.#set.encode() }];
  }

  /** undefined: the index has not seen the block. Throws StoreError. */
  find(block: BlockRef): CoinTotalsSoFar | undefined {
    const value = this.#records && findRecord(this.#records, block);
    return value && readRecord(this.name, value, readTotals);
  }
}

interface CoinVisitor {
  made(key: OutPointKey, coin: Coin): void;
  unspendable(value: bigint): void;
  spent(key: OutPointKey, coin: Coin): void;
}

function forEachCoin(
  { block, undo, hash, height }: Omit<IndexedBlock, 'position'>,
  visitor: CoinVisitor,
): void {
  const isRepeated = REPEATED_COINBASES.get(height) === hash;
  block.transactions.forEach((tx, i) => {
    const { isCoinbase, txid } = tx;
    if (isCoinbase && isRepeated) return;
    tx.outputs.forEach((output, index) => {
      if (isUnspendable(output.scriptPubKey)) visitor.unspendable(BigInt(exactValue(output)));
      else visitor.made(outPointKey(txid, index), { ...output, height, isCoinbase });
    });
    if (isCoinbase) return;
    tx.inputs.forEach(({ prevout }, j) => {
      visitor.spent(keyOf(prevout), undo.spent[i - 1]![j]!);
    });
  });
}

function encodeTotals(totals: CoinTotalsSoFar): Uint8Array {
  const w = new Writer(200);
  w.hash(totals.muhash);
  w.u64(totals.outputs);
  w.u64(totals.bogoSize);
  w.i64(totals.amount);
  w.i64(totals.subsidy);
  // Sums of all that ever moved outgrow 64 bits.
  writeU256(w, totals.prevoutSpent);
  writeU256(w, totals.newOutputsExCoinbase);
  writeU256(w, totals.coinbase);
  w.i64(totals.unspendableGenesis);
  w.i64(totals.unspendableBip30);
  w.i64(totals.unspendableScripts);
  w.i64(totals.unclaimedRewards);
  return w.finish();
}

function readTotals(r: Reader): CoinTotalsSoFar {
  return {
    muhash: r.hash(),
    outputs: r.u64(),
    bogoSize: r.u64(),
    amount: r.i64(),
    subsidy: r.i64(),
    prevoutSpent: readU256(r),
    newOutputsExCoinbase: readU256(r),
    coinbase: readU256(r),
    unspendableGenesis: r.i64(),
    unspendableBip30: r.i64(),
    unspendableScripts: r.i64(),
    unclaimedRewards: r.i64(),
  };
}

function writeU256(w: Writer, value: bigint): void {
  for (let shift = 0n; shift < 256n; shift += 64n) w.u64(BigInt.asUintN(64, value >> shift));
}

function readU256(r: Reader): bigint {
  let value = 0n;
  for (let shift = 0n; shift < 256n; shift += 64n) value |= r.u64() << shift;
  return value;
}
