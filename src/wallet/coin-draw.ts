/** Choosing coins by chance: the single random draw and the knapsack solver (Core: SelectCoinsSRD, KnapsackSolver). */
import { MinHeap } from '../base/heap.ts';
import { type Random, randomBelow, shuffle } from '../base/random.ts';
import {
  amountOf,
  type Candidate,
  CHANGE_LOWER,
  CHANGE_UPPER,
  type SelectionParams,
  TooHeavyError,
} from './coin-candidate.ts';

/** Subsets that the knapsack solver draws (Core: ApproximateBestSubset). */
const DRAWS = 1_000;

/**
 * Change to aim at for a payment of this size: a random amount up to twice the payment, so that the size of the smaller
 * output tells neither which one is change nor whose wallet it is (Core: GenerateChangeTarget). With the fee of the output.
 */
export function drawChangeTarget(payment: number, changeFee: number, random: Random): number {
  if (payment <= CHANGE_LOWER / 2) return changeFee + CHANGE_LOWER;
  const most = Math.min(payment * 2, CHANGE_UPPER);
  return changeFee + CHANGE_LOWER + randomBelow(random, most - CHANGE_LOWER);
}

/** Coins in random order until they leave a change of at least CHANGE_LOWER; above the weight the least go again. */
export function singleRandomDraw<C extends Candidate>(
  pool: readonly C[],
  target: number,
  params: Pick<SelectionParams, 'subtractsFee' | 'changeFee'>,
  maxWeight: number,
  random: Random,
): readonly C[] | undefined {
  const wanted = target + CHANGE_LOWER + params.changeFee;
  const taken = new MinHeap<C>();
  let amount = 0;
  let weight = 0;
  let tooHeavy = false;
  for (const coin of shuffle(random, [...pool])) {
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
    if (amount >= wanted && taken.size > 0) return Array.from({ length: taken.size }, () => taken.pop()!);
  }
  if (tooHeavy) throw new TooHeavyError();
  return undefined;
}

/**
 * The sum next to the target, or next to the target and the change that is aimed at: of coins that are smaller than that, by
 * drawing subsets; or the least of the larger ones, where that is nearer. Finds a solution whenever there is one that is light
 * enough, or all smaller coins together are.
 */
export function knapsack<C extends Candidate>(
  pool: readonly C[],
  target: number,
  params: Pick<SelectionParams, 'subtractsFee' | 'minChangeTarget'>,
  maxWeight: number,
  random: Random,
): readonly C[] | undefined {
  const withChange = target + params.minChangeTarget;
  const smaller: Weighed<C>[] = [];
  let larger: Weighed<C> | undefined;
  let total = 0;
  let tooHeavy = false;
  for (const coin of shuffle(random, [...pool])) {
    const amount = amountOf(coin, params);
    if (coin.weight > maxWeight) tooHeavy = true;
    else if (amount === target) return [coin];
    else if (amount < withChange) {
      smaller.push({ coin, amount });
      total += amount;
    } else if (larger === undefined || amount < larger.amount) larger = { coin, amount };
  }
  if (total < target) {
    if (larger !== undefined) return [larger.coin];
    if (tooHeavy) throw new TooHeavyError();
    return undefined;
  }
  smaller.sort(
    (a, b) => b.amount - a.amount || a.coin.fee - a.coin.longTermFee - (b.coin.fee - b.coin.longTermFee),
  );
  let best = drawSubsets(smaller, total, target, maxWeight, random);
  if (best.amount !== target && total >= withChange) {
    best = drawSubsets(smaller, total, withChange, maxWeight, random);
  }
  if (larger !== undefined) {
    const leavesLittle = best.amount !== target && best.amount < withChange;
    if (leavesLittle || larger.amount <= best.amount) return [larger.coin];
  }
  const chosen = smaller.filter((_, i) => best.included[i] === 1).map(({ coin }) => coin);
  if (chosen.reduce((weight, coin) => weight + coin.weight, 0) <= maxWeight) return chosen;
  if (larger === undefined) throw new TooHeavyError();
  return [larger.coin];
}

interface Weighed<C> {
  readonly coin: C;
  readonly amount: number;
}

/** Of random subsets the one with the least sum that reaches the target; all coins when none is better. */
function drawSubsets<C extends Candidate>(
  coins: readonly Weighed<C>[],
  total: number,
  target: number,
  maxWeight: number,
  random: Random,
): { readonly included: Uint8Array; readonly amount: number } {
  const best = { included: new Uint8Array(coins.length).fill(1), amount: total };
  const included = new Uint8Array(coins.length);
  let bits = 0;
  let bitsLeft = 0;
  const coinFlip = () => {
    if (bitsLeft === 0) {
      bits = random.u32();
      bitsLeft = 32;
    }
    bitsLeft -= 1;
    return ((bits >>> bitsLeft) & 1) === 1;
  };
  for (let draw = 0; draw < DRAWS && best.amount !== target; draw += 1) {
    included.fill(0);
    let amount = 0;
    let weight = 0;
    let reached = false;
    // Half of the coins first; where they do not reach the target the others follow, from the largest.
    for (const isRandom of [true, false]) {
      if (reached) break;
      for (let i = 0; i < coins.length; i += 1) {
        if (isRandom ? !coinFlip() : included[i] === 1) continue;
        const { coin, amount: own } = coins[i]!;
        included[i] = 1;
        amount += own;
        weight += coin.weight;
        if (amount < target || weight > maxWeight) continue;
        reached = true;
        if (amount < best.amount) {
          best.amount = amount;
          best.included.set(included);
        }
        // A smaller one further on may come nearer.
        included[i] = 0;
        amount -= own;
        weight -= coin.weight;
      }
    }
  }
  return best;
}
