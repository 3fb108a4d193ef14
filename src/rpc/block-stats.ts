/** Figures of one block, as `getblockstats` gives them; amounts in satoshi (Core: rpc/blockchain.cpp). */
import type { Coin } from '../chain/coin.ts';
import type { BlockUndo } from '../chain/undo.ts';
import { isUnspendable } from '../script/opcodes.ts';
import type { Block } from '../wire/block.ts';
import { Writer } from '../wire/codec.ts';
import { type TxOutput, WITNESS_SCALE_FACTOR, writeOutput } from '../wire/transaction.ts';

/** Bytes of an outpoint and of a coin's height, which an output counts besides itself. */
const COIN_OVERHEAD_BYTES = 36 + 4;
/** Parts of a block's weight, in order of fee rate, whose last fee rates are told. */
const PERCENTILES = [0.1, 0.25, 0.5, 0.75, 0.9];

export interface BlockFacts {
  readonly block: Block;
  readonly undo: BlockUndo;
  /** Its coinbase makes no coins that there were not before: of genesis, and of the two that repeat earlier ones (BIP30). */
  readonly makesNoCoinbaseCoins: boolean;
}

/** All that follows from the transactions alone, by the names of the result. */
export function transactionStats({ block, undo, makesNoCoinbaseCoins }: BlockFacts) {
  const { transactions } = block;
  const sizes: number[] = [];
  const fees: number[] = [];
  const rates: { readonly rate: number; readonly weight: number }[] = [];
  let [inputs, outputs, made, madeBytes, madeBytesActual, spentBytes] = [0, 0, 0, 0, 0, 0];
  let [totalOut, totalWeight] = [0, 0];
  const witness = { count: 0, size: 0, weight: 0 };
  transactions.forEach((tx, i) => {
    outputs += tx.outputs.length;
    for (const output of tx.outputs) {
      madeBytes += coinBytes(output);
      if ((tx.isCoinbase && makesNoCoinbaseCoins) || isUnspendable(output.scriptPubKey)) continue;
      made += 1;
      madeBytesActual += coinBytes(output);
    }
    if (tx.isCoinbase) return;
    const spent: readonly Coin[] = undo.spent[i - 1]!;
    const out = sum(tx.outputs.map(({ value }) => value));
    const fee = sum(spent.map(({ value }) => value)) - out;
    inputs += tx.inputs.length;
    totalOut += out;
    totalWeight += tx.weight;
    spentBytes += sum(spent.map(coinBytes));
    sizes.push(tx.size);
    fees.push(fee);
    rates.push({ rate: Math.floor((fee * WITNESS_SCALE_FACTOR) / tx.weight), weight: tx.weight });
    if (!tx.hasWitness) return;
    witness.count += 1;
    witness.size += tx.size;
    witness.weight += tx.weight;
  });
  const totalFee = sum(fees);
  const totalSize = sum(sizes);
  const average = (total: number): number => (fees.length > 0 ? Math.floor(total / fees.length) : 0);
  const rateValues = rates.map(({ rate }) => rate);
  return {
    avgfee: average(totalFee),
    avgfeerate: totalWeight > 0 ? Math.floor((totalFee * WITNESS_SCALE_FACTOR) / totalWeight) : 0,
    avgtxsize: average(totalSize),
    feerate_percentiles: percentiles(rates, totalWeight),
    ins: inputs,
    maxfee: Math.max(0, ...fees),
    maxfeerate: Math.max(0, ...rateValues),
    maxtxsize: Math.max(0, ...sizes),
    medianfee: median(fees),
    mediantxsize: median(sizes),
    minfee: fees.length > 0 ? Math.min(...fees) : 0,
    minfeerate: fees.length > 0 ? Math.min(...rateValues) : 0,
    mintxsize: fees.length > 0 ? Math.min(...sizes) : 0,
    outs: outputs,
    swtotal_size: witness.size,
    swtotal_weight: witness.weight,
    swtxs: witness.count,
    total_out: totalOut,
    total_size: totalSize,
    total_weight: totalWeight,
    totalfee: totalFee,
    txs: transactions.length,
    utxo_increase: outputs - inputs,
    utxo_size_inc: madeBytes - spentBytes,
    utxo_increase_actual: made - inputs,
    utxo_size_inc_actual: madeBytesActual - spentBytes,
  };
}

function coinBytes(output: TxOutput): number {
  const w = new Writer(64);
  writeOutput(w, output);
  return w.length + COIN_OVERHEAD_BYTES;
}

/** Rounded down between two. */
function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  if (sorted.length === 0) return 0;
  return sorted.length % 2 === 1 ? sorted[middle]! : Math.floor((sorted[middle - 1]! + sorted[middle]!) / 2);
}

function percentiles(
  rates: readonly { readonly rate: number; readonly weight: number }[],
  totalWeight: number,
): number[] {
  const sorted = rates.toSorted((a, b) => a.rate - b.rate || a.weight - b.weight);
  return PERCENTILES.map(part => {
    let weight = 0;
    for (const each of sorted) {
      weight += each.weight;
      if (weight >= totalWeight * part) return each.rate;
    }
    return sorted.at(-1)?.rate ?? 0;
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
