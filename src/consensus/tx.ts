/** What a transaction must be by itself, and against the coins it spends (Core: tx_check.cpp, tx_verify.cpp). */
import { isNullOutPointAt, type Transaction, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { formatMoney, isMoney, MONEY_MAX } from './amount.ts';
import type { Coin } from './coin.ts';
import { BLOCK_WEIGHT_MAX } from './limits.ts';
import { OutPointSet } from './out-point-set.ts';
import { Reject } from './reject.ts';

/** Blocks that must stand on a coinbase before it may be spent: the hundredth block after it may (Core: COINBASE_MATURITY). */
export const COINBASE_MATURITY = 100;
/** Bytes of a coinbase's script. */
const COINBASE_SCRIPT_BYTES_MIN = 2;
const COINBASE_SCRIPT_BYTES_MAX = 100;

/** Throws Reject for what is wrong whatever the chain looks like. Witnesses are not looked at. */
export function checkTransaction(tx: Transaction): void {
  if (tx.inputCount === 0) throw new Reject('bad-txns-vin-empty');
  if (tx.outputCount === 0) throw new Reject('bad-txns-vout-empty');
  if (tx.strippedSize * WITNESS_SCALE_FACTOR > BLOCK_WEIGHT_MAX) throw new Reject('bad-txns-oversize');
  checkOutputValues(tx);
  // A coin that is spent twice in one transaction makes money out of nothing (CVE-2018-17144).
  if (tx.inputCount > 1) {
    if (hasDuplicates(tx)) throw new Reject('bad-txns-inputs-duplicate');
  }
  if (tx.isCoinbase) {
    const { length } = tx.inputs[0]!.scriptSig;
    if (length < COINBASE_SCRIPT_BYTES_MIN || length > COINBASE_SCRIPT_BYTES_MAX)
      throw new Reject('bad-cb-length');
  } else {
    for (const input = tx.inputCursor(); input.next(); )
      if (isNullOutPointAt(input.bytes, input.start)) throw new Reject('bad-txns-prevout-null');
  }
}

function hasDuplicates(tx: Transaction): boolean {
  const met = new OutPointSet(tx.inputCount, tx.txid);
  for (const input = tx.inputCursor(); input.next(); ) if (!met.add(input.bytes, input.start)) return true;
  return false;
}

/** Each output and their sum: an overflow made 184 billion coins in 2010 (CVE-2010-5139). */
function checkOutputValues(tx: Transaction): void {
  let total = 0;
  for (const output = tx.outputCursor(); output.next(); ) {
    const { value } = output;
    if (value < 0) throw new Reject('bad-txns-vout-negative');
    if (value > MONEY_MAX) throw new Reject('bad-txns-vout-toolarge');
    total += value;
    if (total > MONEY_MAX) throw new Reject('bad-txns-txouttotal-toolarge');
  }
}

/**
 * Checks what a transaction that passed `checkTransaction` spends in a block at `height`, and returns its fee in
 * satoshi. `coins[i]` is the coin of input i; undefined when there is none (or no more). Throws Reject.
 */
export function checkTxInputs(tx: Transaction, coins: readonly (Coin | undefined)[], height: number): number {
  for (let i = 0; i < tx.inputCount; i += 1) {
    if (coins[i] !== undefined) continue;
    throw new Reject('bad-txns-inputs-missingorspent', { detail: 'CheckTxInputs: inputs missing/spent' });
  }
  let valueIn = 0;
  for (const coin of coins as readonly Coin[]) {
    const depth = height - coin.height;
    if (coin.isCoinbase && depth < COINBASE_MATURITY) {
      const detail = `tried to spend coinbase at depth ${depth}`;
      throw new Reject('bad-txns-premature-spend-of-coinbase', { detail });
    }
    valueIn += coin.value;
    if (!isMoney(coin.value) || !isMoney(valueIn)) throw new Reject('bad-txns-inputvalues-outofrange');
  }
  const valueOut = outputTotal(tx);
  if (valueIn < valueOut) {
    const detail = `value in (${formatMoney(valueIn)}) < value out (${formatMoney(valueOut)})`;
    throw new Reject('bad-txns-in-belowout', { detail });
  }
  return valueIn - valueOut;
}

/** Satoshi; of a transaction that passed `checkTransaction`. */
export function outputTotal(tx: Transaction): number {
  let total = 0;
  for (const output = tx.outputCursor(); output.next(); ) total += output.value;
  return total;
}
