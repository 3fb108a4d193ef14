/**
 * Which coins pay for a transaction (Core: ChooseSelectionResult in src/wallet/spend.cpp).
 *
 * Branch and bound looks for coins that need no change output, the knapsack solver for a sum next to the target or to the
 * change that is aimed at, CoinGrinder while fees are high for the lightest coins; a single random draw takes coins in random
 * order until they leave a useful change. Of what was found the least wasteful counts.
 */
import type { Random } from '../base/random.ts';
import {
  type Candidate,
  type ChosenCoins,
  type CoinGroup,
  type SelectionParams,
  TooHeavyError,
  wasteOf,
} from './coin-candidate.ts';
import { knapsack, singleRandomDraw } from './coin-draw.ts';
import { branchAndBound, coinGrinder } from './coin-search.ts';

export interface Selection<C extends Candidate> extends ChosenCoins {
  readonly algorithm: 'bnb' | 'knapsack' | 'cg' | 'srd';
  readonly coins: readonly C[];
  readonly waste: number;
}

export interface SelectionContext<C extends Candidate> {
  readonly random: Random;
  /** Satoshi that these pay less for their parents together than each of them alone. */
  bumpFeeDiscount(coins: readonly C[]): number;
}

/** What may be chosen: of what brings more than it costs, and of all. */
export interface CoinPools<C extends Candidate> {
  readonly positive: readonly CoinGroup<C>[];
  readonly mixed: readonly CoinGroup<C>[];
}

/** The least wasteful selection that reaches `target`; undefined when there is none. Throws TooHeavyError. */
export function selectCoins<C extends Candidate>(
  { positive, mixed }: CoinPools<C>,
  target: number,
  params: SelectionParams,
  { random, bumpFeeDiscount }: SelectionContext<C>,
): Selection<C> | undefined {
  const maxWeight = params.maxInputsWeight;
  const maxWithChange = maxWeight - params.changeWeight;
  if (maxWeight <= 0) throw new TooHeavyError('outputs');
  const found: Selection<C>[] = [];
  let tooHeavy = false;
  const attempt = (
    algorithm: Selection<C>['algorithm'],
    select: () => readonly CoinGroup<C>[] | undefined,
  ) => {
    try {
      const coins = select()?.flatMap(group => group.coins);
      if (coins === undefined) return;
      const chosen = { coins, bumpFeeDiscount: bumpFeeDiscount(coins) };
      found.push({ algorithm, ...chosen, waste: wasteOf(chosen, target, params) });
    } catch (error) {
      if (!(error instanceof TooHeavyError)) throw error;
      tooHeavy = true;
    }
  };
  // Recipients that pay the fee get more when there is change, so nobody looks for a set without.
  if (!params.subtractsFee) {
    attempt('bnb', () => branchAndBound(positive, target, params.costOfChange, maxWeight));
  }
  if (maxWithChange < 0 && found.length === 0) throw new TooHeavyError('change');
  // Coins that cost more than they bring are not left out here: when they belong to a sum that fits, they are cleared away.
  attempt('knapsack', () => knapsack(mixed, target, params, maxWithChange, random));
  if (params.savesWeight) attempt('cg', () => coinGrinder(positive, target, params, maxWithChange));
  attempt('srd', () => singleRandomDraw(positive, target, params, maxWithChange, random));
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
