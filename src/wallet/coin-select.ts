/**
 * Which coins pay for a transaction (Core: src/wallet/coinselection.cpp).
 *
 * Branch and bound looks for coins that need no change output; a single random draw takes coins in random order until
 * they leave a useful change. Of what was found the least wasteful counts: waste is the fee of spending these coins now
 * rather than at the long-term rate, plus what change costs, or what goes to the miner when there is none. Coins that
 * reach the target with an amount between "no change" and "useful change" are found by neither; then the largest first.
 */
import { assert } from '../base/assert.ts';
import { MinHeap } from '../base/heap.ts';
import { type Random, shuffle } from '../base/random.ts';

/** Sets of coins looked at before the best so far is taken (Core: TOTAL_TRIES). */
const TRIES_MAX = 100_000;
/** Satoshi of change that a draw leaves at least. */
const CHANGE_LOWER = 50_000;

export interface Candidate {
  /** Satoshi. */
  readonly value: number;
  /** What it costs to spend the coin, at the rate of the transaction, with what its parents lack of it, and in the long term. */
  readonly fee: number;
  readonly longTermFee: number;
  /** Of the input with its signatures. */
  readonly weight: number;
}

export interface SelectionParams {
  /** True: recipients pay the fee, so coins count with their whole value. */
  readonly subtractsFee: boolean;
  /** Fee of the change output; with that of spending it later. */
  readonly changeFee: number;
  readonly costOfChange: number;
  /** Change below this goes to the miner. */
  readonly minViableChange: number;
  /** Weight that inputs may have together, and what a change output takes of it. */
  readonly maxInputsWeight: number;
  readonly changeWeight: number;
}

export interface Selection<C extends Candidate> {
  readonly algorithm: 'bnb' | 'srd' | 'largest' | 'manual';
  readonly coins: readonly C[];
  readonly waste: number;
}

/** No set of coins that is light enough reaches the target. */
export class TooHeavyError extends Error {
  override readonly name = 'TooHeavyError';
  /** What does not fit. */
  readonly what: 'inputs' | 'change';

  constructor(what: 'inputs' | 'change' = 'inputs') {
    super();
    this.what = what;
  }
}

/** What a coin adds to the transaction: its value less the fee of spending it, unless recipients pay that. */
export function amountOf(coin: Candidate, params: Pick<SelectionParams, 'subtractsFee'>): number {
  return params.subtractsFee ? coin.value : coin.value - coin.fee;
}

/** The least wasteful selection that reaches `target`; undefined when there is none. Throws TooHeavyError. */
export function selectCoins<C extends Candidate>(
  coins: readonly C[],
  target: number,
  params: SelectionParams,
  random: Random,
): Selection<C> | undefined {
  const pool = coins.filter(coin => amountOf(coin, params) > 0);
  const weights = {
    max: params.maxInputsWeight,
    maxWithChange: params.maxInputsWeight - params.changeWeight,
  };
  const found: Selection<C>[] = [];
  let tooHeavy = false;
  const attempt = (algorithm: Selection<C>['algorithm'], select: () => readonly C[] | undefined) => {
    try {
      const chosen = select();
      if (chosen) found.push({ algorithm, coins: chosen, waste: wasteOf(chosen, target, params) });
    } catch (error) {
      if (!(error instanceof TooHeavyError)) throw error;
      tooHeavy = true;
    }
  };
  // Recipients that pay the fee get more when there is change, so nobody looks for a set without.
  if (!params.subtractsFee) {
    attempt('bnb', () => branchAndBound(pool, target, params.costOfChange, weights.max));
  }
  if (weights.maxWithChange < 0 && found.length === 0) throw new TooHeavyError('change');
  attempt('srd', () => singleRandomDraw(pool, target, params, weights.maxWithChange, random));
  if (found.length === 0) attempt('largest', () => largestFirst(pool, target, params, weights.maxWithChange));
  if (found.length === 0 && tooHeavy) throw new TooHeavyError();
  return leastWaste(found);
}

/** Of equal waste, the one that spends more coins. */
export function leastWaste<C extends Candidate>(
  selections: readonly Selection<C>[],
): Selection<C> | undefined {
  let best = selections[0];
  for (const selection of selections) {
    const more = selection.coins.length > best!.coins.length;
    if (selection.waste < best!.waste || (selection.waste === best!.waste && more)) best = selection;
  }
  return best;
}

/** Satoshi of the change output; 0: none is worth making. */
export function changeOf(coins: readonly Candidate[], target: number, params: SelectionParams): number {
  const sum = coins.reduce((total, coin) => total + amountOf(coin, params), 0);
  const change = sum - target - (params.subtractsFee ? 0 : params.changeFee);
  return change < params.minViableChange ? 0 : change;
}

export function wasteOf(coins: readonly Candidate[], target: number, params: SelectionParams): number {
  let waste = 0;
  let sum = 0;
  for (const coin of coins) {
    waste += coin.fee - coin.longTermFee;
    sum += amountOf(coin, params);
  }
  if (changeOf(coins, target, params) > 0) return waste + params.costOfChange;
  assert(sum >= target, 'a selection reaches its target');
  return waste + sum - target;
}

/**
 * Coins whose effective values sum up to `target` or at most `costOfChange` more, with the least waste; undefined when
 * there are none. Explores depth first, with each coin before without it, from the largest.
 */
export function branchAndBound<C extends Candidate>(
  pool: readonly C[],
  target: number,
  costOfChange: number,
  maxWeight: number,
): readonly C[] | undefined {
  const coins = pool
    .map(coin => ({
      coin,
      amount: coin.value - coin.fee,
      waste: coin.fee - coin.longTermFee,
      weight: coin.weight,
    }))
    .sort((a, b) => b.amount - a.amount || a.waste - b.waste);
  /** `left[i]`: the sum of all amounts from i on. */
  const left = new Array<number>(coins.length + 1).fill(0);
  for (let i = coins.length - 1; i >= 0; i -= 1) left[i] = left[i + 1]! + coins[i]!.amount;
  if (left[0]! < target) return undefined;

  // While fees are high every further coin adds waste, so a set that is worse than the best is not continued.
  const feesAreHigh = coins.length > 0 && coins[0]!.waste > 0;
  const chosen: number[] = [];
  let amount = 0;
  let waste = 0;
  let weight = 0;
  let best: readonly number[] | undefined;
  let bestWaste = Number.POSITIVE_INFINITY;
  let tooHeavy = false;
  let next = 0;
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    let isDeadEnd = amount + left[next]! < target;
    if (!isDeadEnd) {
      if (weight > maxWeight) {
        tooHeavy = true;
        isDeadEnd = true;
      } else if (amount > target + costOfChange || (feesAreHigh && waste > bestWaste)) isDeadEnd = true;
      else if (amount >= target) {
        isDeadEnd = true;
        const total = waste + amount - target;
        if (total <= bestWaste) {
          best = [...chosen];
          bestWaste = total;
        }
      }
    }
    if (!isDeadEnd && next < coins.length) {
      const coin = coins[next]!;
      chosen.push(next);
      amount += coin.amount;
      waste += coin.waste;
      weight += coin.weight;
      next += 1;
      continue;
    }
    // Back to the last coin taken, which is now left out.
    const last = chosen.pop();
    if (last === undefined) break;
    const coin = coins[last]!;
    amount -= coin.amount;
    waste -= coin.waste;
    weight -= coin.weight;
    next = last + 1;
    // The same amount again makes a set that is no better than one already seen.
    while (next < coins.length && coins[next]!.amount === coin.amount) next += 1;
  }
  if (best === undefined && tooHeavy) throw new TooHeavyError();
  return best?.map(i => coins[i]!.coin);
}

/** Coins in random order until they leave a change of at least CHANGE_LOWER; above the weight the least go again. */
export function singleRandomDraw<C extends Candidate>(
  pool: readonly C[],
  target: number,
  params: Pick<SelectionParams, 'subtractsFee' | 'changeFee'>,
  maxWeight: number,
  random: Random,
): readonly C[] | undefined {
  return draw(shuffle(random, [...pool]), target + CHANGE_LOWER + params.changeFee, params, maxWeight);
}

function largestFirst<C extends Candidate>(
  pool: readonly C[],
  target: number,
  params: Pick<SelectionParams, 'subtractsFee'>,
  maxWeight: number,
): readonly C[] | undefined {
  const sorted = [...pool].sort((a, b) => amountOf(b, params) - amountOf(a, params));
  return draw(sorted, target, params, maxWeight);
}

function draw<C extends Candidate>(
  ordered: readonly C[],
  target: number,
  params: Pick<SelectionParams, 'subtractsFee'>,
  maxWeight: number,
): readonly C[] | undefined {
  const taken = new MinHeap<C>();
  let amount = 0;
  let weight = 0;
  let tooHeavy = false;
  for (const coin of ordered) {
    const own = amountOf(coin, params);
    taken.push(own, coin);
    amount += own;
    weight += coin.weight;
    while (weight > maxWeight && taken.size > 0) {
      tooHeavy = true;
      const least = taken.pop()!;
      amount -= amountOf(least, params);
      weight -= least.weight;
    }
    if (amount >= target && taken.size > 0) return Array.from({ length: taken.size }, () => taken.pop()!);
  }
  if (tooHeavy) throw new TooHeavyError();
  return undefined;
}
