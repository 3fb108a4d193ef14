/**
 * Choosing coins by search: branch and bound for what needs no change, CoinGrinder for what weighs least with change (Core:
 * SelectCoinsBnB, CoinGrinder).
 */
import { amountOf, type Candidate, type SelectionParams, TooHeavyError } from './coin-candidate.ts';

/** Sets of coins looked at before the best so far is taken (Core: TOTAL_TRIES). */
const TRIES_MAX = 100_000;

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

/**
 * The coins of the least weight that reach `target` and the change that is aimed at; of equal weight those of the least
 * amount. Explores depth first, with each coin before without it, from the largest, and leaves out what cannot weigh less
 * than the best so far.
 */
export function coinGrinder<C extends Candidate>(
  pool: readonly C[],
  target: number,
  params: Pick<SelectionParams, 'subtractsFee' | 'minChangeTarget'>,
  maxWeight: number,
): readonly C[] | undefined {
  const goal = target + params.minChangeTarget;
  const coins = pool
    .map(coin => ({ coin, amount: amountOf(coin, params), weight: coin.weight }))
    .sort((a, b) => b.amount - a.amount || a.weight - b.weight);
  /** From i on: the sum of all amounts, and the least weight. */
  const left = new Array<number>(coins.length + 1).fill(0);
  const lightest = new Array<number>(coins.length + 1).fill(Number.POSITIVE_INFINITY);
  for (let i = coins.length - 1; i >= 0; i -= 1) {
    left[i] = left[i + 1]! + coins[i]!.amount;
    lightest[i] = Math.min(lightest[i + 1]!, coins[i]!.weight);
  }
  if (left[0]! < goal) return undefined;

  const chosen: number[] = [];
  let amount = 0;
  let weight = 0;
  let best: readonly number[] | undefined;
  let bestAmount = Number.POSITIVE_INFINITY;
  let bestWeight = maxWeight;
  let tooHeavy = false;
  let next = 0;
  /** Takes the last coin out again and goes on behind it: there is nothing to find with it. */
  const omitLast = () => {
    const last = chosen.pop();
    if (last === undefined) return false;
    const coin = coins[last]!;
    amount -= coin.amount;
    weight -= coin.weight;
    next = last + 1;
    // The same amount again weighs as much or more.
    while (next < coins.length && coins[next]!.amount === coin.amount) next += 1;
    return true;
  };
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const coin = coins[next]!;
    chosen.push(next);
    amount += coin.amount;
    weight += coin.weight;
    next += 1;
    const missing = goal - amount;
    let isBarren = true;
    // Whether nothing is to be found without this coin either: what follows is too little, or no lighter.
    let isLast = next === coins.length;
    if (missing > left[next]!) isLast = true;
    else if (weight > bestWeight) {
      if (weight > maxWeight) tooHeavy = true;
      isLast ||= coin.weight <= lightest[next]!;
    } else if (missing <= 0) {
      if (weight < bestWeight || amount < bestAmount) {
        best = [...chosen];
        bestAmount = amount;
        bestWeight = weight;
      }
    } else if (best !== undefined) {
      // What follows is no larger than this one, so that so many more are needed at least.
      const atLeast = weight + lightest[next]! * Math.ceil(missing / coin.amount);
      isBarren = atLeast > bestWeight;
      isLast ||= isBarren && coin.weight <= lightest[next]!;
    } else isBarren = false;
    if (!isBarren && !isLast) continue;
    if (isLast) omitLast();
    do {
      if (!omitLast()) {
        next = coins.length;
        break;
      }
    } while (next === coins.length);
    if (next === coins.length) break;
  }
  if (best === undefined && tooHeavy) throw new TooHeavyError();
  return best?.map(i => coins[i]!.coin);
}
