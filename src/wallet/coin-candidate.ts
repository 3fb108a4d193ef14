/** What may be chosen to pay for a transaction: single coins, or groups of them that are spent together. */
import { assert } from '../base/assert.ts';

/** Satoshi of change that is worth aiming at, at least and at most (Core: CHANGE_LOWER, CHANGE_UPPER). */
export const CHANGE_LOWER = 50_000;
export const CHANGE_UPPER = 1_000_000;

export interface Candidate {
  /** Satoshi. */
  readonly value: number;
  /** What it costs to spend it, at the rate of the transaction, with what its parents lack of it, and in the long term. */
  readonly fee: number;
  readonly longTermFee: number;
  /** Of the inputs with their signatures. */
  readonly weight: number;
}

/** Coins that are spent together or not at all. */
export interface CoinGroup<C extends Candidate> extends Candidate {
  readonly coins: readonly C[];
}

export interface SelectionParams {
  /** True: recipients pay the fee, so coins count with their whole value. */
  readonly subtractsFee: boolean;
  /** Fee of the change output; with that of spending it later. */
  readonly changeFee: number;
  readonly costOfChange: number;
  /** Change below this goes to the miner. */
  readonly minViableChange: number;
  /** What is aimed at where there is change, with its fee: drawn anew for each transaction. */
  readonly minChangeTarget: number;
  /** Fees are so high that inputs should weigh as little as possible. */
  readonly savesWeight: boolean;
  /** Weight that inputs may have together, and what a change output takes of it. */
  readonly maxInputsWeight: number;
  /** The same where inputs may be unconfirmed: less in version 3 (BIP431). */
  readonly maxChildInputsWeight: number;
  readonly changeWeight: number;
}

/** No set of coins that is light enough reaches the target. */
export class TooHeavyError extends Error {
  override readonly name = 'TooHeavyError';
  /** What does not fit. */
  readonly what: 'inputs' | 'change' | 'outputs';

  constructor(what: TooHeavyError['what'] = 'inputs') {
    super();
    this.what = what;
  }
}

/** What a coin adds to the transaction: its value less the fee of spending it, unless recipients pay that. */
export function amountOf(coin: Candidate, params: Pick<SelectionParams, 'subtractsFee'>): number {
  return params.subtractsFee ? coin.value : coin.value - coin.fee;
}

/** Coins that were chosen. */
export interface ChosenCoins {
  readonly coins: readonly Candidate[];
  /** Satoshi that they pay less for their parents together than each of them alone would. */
  readonly bumpFeeDiscount: number;
}

function reach({ coins, bumpFeeDiscount }: ChosenCoins, params: SelectionParams): number {
  const sum = coins.reduce((total, coin) => total + amountOf(coin, params), 0);
  return params.subtractsFee ? sum : sum + bumpFeeDiscount;
}

/** Satoshi of the change output; 0: none is worth making. */
export function changeOf(chosen: ChosenCoins, target: number, params: SelectionParams): number {
  const change = reach(chosen, params) - target - (params.subtractsFee ? 0 : params.changeFee);
  return change < params.minViableChange ? 0 : change;
}

/** The fee of spending these now rather than at the long-term rate, and what change costs, or what the miner gets instead. */
export function wasteOf(chosen: ChosenCoins, target: number, params: SelectionParams): number {
  const spending = chosen.coins.reduce((total, { fee, longTermFee }) => total + fee - longTermFee, 0);
  const waste = spending - chosen.bumpFeeDiscount;
  if (changeOf(chosen, target, params) > 0) return waste + params.costOfChange;
  const sum = reach(chosen, params);
  assert(sum >= target, 'a selection reaches its target');
  return waste + sum - target;
}
