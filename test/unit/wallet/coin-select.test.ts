import { describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import {
  amountOf,
  type Candidate,
  type CoinGroup,
  changeOf,
  type SelectionParams,
  TooHeavyError,
  wasteOf,
} from '../../../src/wallet/coin-candidate.ts';
import { drawChangeTarget, knapsack, singleRandomDraw } from '../../../src/wallet/coin-draw.ts';
import { branchAndBound, coinGrinder } from '../../../src/wallet/coin-search.ts';
import { type Selection, selectCoins } from '../../../src/wallet/coin-select.ts';

const PARAMS: SelectionParams = {
  subtractsFee: false,
  changeFee: 310,
  costOfChange: 990,
  minViableChange: 681,
  minChangeTarget: 50_310,
  savesWeight: false,
  maxInputsWeight: 399_000,
  maxChildInputsWeight: 399_000,
  changeWeight: 124,
};

function coin(value: number, fee = 0, longTermFee = 0, weight = 272): Candidate {
  return { value, fee, longTermFee, weight };
}

/** Coins that are spent one by one; `discount` is what they pay less for their parents together. */
function select(
  pool: readonly Candidate[],
  target: number,
  params: SelectionParams,
  random: SeededRandom,
  discount = (_coins: readonly Candidate[]) => 0,
): Selection<Candidate> | undefined {
  const mixed: CoinGroup<Candidate>[] = pool.map(single => ({ ...single, coins: [single] }));
  const positive = mixed.filter(group => amountOf(group, params) > 0);
  return selectCoins({ positive, mixed }, target, params, { random, bumpFeeDiscount: discount });
}

/** All sets of coins. */
function* subsets(pool: readonly Candidate[]): Generator<readonly Candidate[]> {
  for (let set = 1; set < 1 << pool.length; set += 1) yield pool.filter((_, i) => set & (1 << i));
}

const sumOf = (coins: readonly Candidate[], params: Pick<SelectionParams, 'subtractsFee'> = PARAMS) =>
  coins.reduce((total, each) => total + amountOf(each, params), 0);

/** The least waste of any set without change, by trying all sets. */
function leastWasteOfAll(
  pool: readonly Candidate[],
  target: number,
  costOfChange: number,
): number | undefined {
  let best: number | undefined;
  for (const chosen of subsets(pool)) {
    const sum = sumOf(chosen);
    if (sum < target || sum > target + costOfChange) continue;
    const waste = chosen.reduce((total, { fee, longTermFee }) => total + fee - longTermFee, sum - target);
    if (best === undefined || waste < best) best = waste;
  }
  return best;
}

describe('branch and bound', () => {
  test.each(['high', 'low'] as const)('finds the least waste there is while fees are %s', level => {
    for (let seed = 0; seed < 150; seed += 1) {
      const random = new SeededRandom(seed);
      const [fee, longTermFee] = level === 'high' ? [20, 10] : [5, 10];
      const size = 2 + randomBelow(random, 9);
      const pool = Array.from({ length: size }, () => {
        const inputs = 1 + randomBelow(random, 3);
        return coin(100 + randomBelow(random, 900), fee * inputs, longTermFee * inputs);
      });
      const target = 100 + randomBelow(random, 3000);
      const costOfChange = randomBelow(random, 60);
      const expected = leastWasteOfAll(pool, target, costOfChange);
      const chosen = branchAndBound(pool, target, costOfChange, 400_000);
      const waste = chosen?.reduce((sum, c) => sum + c.fee - c.longTermFee + c.value - c.fee, -target);
      expect(waste, `seed ${seed}, ${level}`).toBe(expected);
    }
  });

  test('takes equal coins without trying all of them', () => {
    const pool = Array.from({ length: 200 }, () => coin(1_000));
    expect(branchAndBound(pool, 57_000, 10, 400_000)).toHaveLength(57);
    expect(branchAndBound(pool, 57_500, 10, 400_000)).toBeUndefined();
  });

  test('says when all solutions are too heavy', () => {
    const pool = [coin(600, 0, 0, 1000), coin(400, 0, 0, 1000)];
    expect(() => branchAndBound(pool, 1000, 0, 1500)).toThrow(TooHeavyError);
    expect(branchAndBound(pool, 1000, 0, 2000)).toHaveLength(2);
  });
});

describe('single random draw', () => {
  test('leaves a change that is worth having', () => {
    const pool = Array.from({ length: 30 }, (_, i) => coin(20_000 + i * 1000));
    for (let seed = 0; seed < 50; seed += 1) {
      const chosen = singleRandomDraw(pool, 100_000, PARAMS, 400_000, new SeededRandom(seed))!;
      const sum = chosen.reduce((total, { value }) => total + value, 0);
      expect(sum).toBeGreaterThanOrEqual(150_310);
      expect(new Set(chosen).size).toBe(chosen.length);
    }
  });

  test('lets the least coins go above the weight', () => {
    const pool = [...Array.from({ length: 50 }, () => coin(1_000)), coin(100_000), coin(100_000)];
    const random = new SeededRandom(3);
    const chosen = singleRandomDraw(pool, 140_000, PARAMS, 3 * 272, random)!;
    expect(chosen.filter(({ value }) => value === 100_000)).toHaveLength(2);
    expect(() => singleRandomDraw(pool, 205_000, PARAMS, 3 * 272, random)).toThrow(TooHeavyError);
  });
});

const weightOf = (coins: readonly Candidate[]) => coins.reduce((total, { weight }) => total + weight, 0);

describe('CoinGrinder', () => {
  const params = { subtractsFee: false, minChangeTarget: 50 };

  test.each(['many', 'few'] as const)('finds the least weight there is, with %s equal coins', equal => {
    for (let seed = 0; seed < 250; seed += 1) {
      const random = new SeededRandom(seed);
      const of = (bound: number) => randomBelow(random, equal === 'many' ? Math.min(bound, 4) : bound);
      const pool = Array.from({ length: 1 + randomBelow(random, 10) }, () =>
        coin(100 + of(900), 10, 10, 100 + 100 * of(5)),
      );
      const target = 1 + randomBelow(random, Math.ceil(sumOf(pool) * 0.8));
      const maxWeight = seed % 3 === 0 ? randomBelow(random, 2000) : 400_000;
      const reaching = [...subsets(pool)].filter(set => sumOf(set) >= target + 50);
      const light = reaching.filter(set => weightOf(set) <= maxWeight);
      const find = () => coinGrinder(pool, target, params, maxWeight);
      if (light.length === 0 && reaching.length > 0) {
        expect(find, `seed ${seed}`).toThrow(TooHeavyError);
        continue;
      }
      const least = Math.min(...light.map(weightOf));
      const amount = Math.min(...light.filter(set => weightOf(set) === least).map(set => sumOf(set)));
      const found = find();
      expect(found && weightOf(found), `seed ${seed}`).toBe(light.length === 0 ? undefined : least);
      if (found) expect(sumOf(found), `seed ${seed}`).toBe(amount);
    }
  });

  test('takes equal coins without trying all of them', () => {
    const pool = Array.from({ length: 300 }, (_, i) => coin(i % 2 === 0 ? 1_000 : 999, 0, 0, 272));
    const found = coinGrinder(pool, 100_000, { ...params, minChangeTarget: 1_000 }, 400_000)!;
    expect(found).toHaveLength(101);
    expect(sumOf(found)).toBe(101_000);
  });
});

describe('the knapsack solver', () => {
  const params = { subtractsFee: false, minChangeTarget: 50 };
  const table: readonly [
    what: string,
    pool: readonly number[],
    target: number,
    expected: readonly number[] | undefined,
  ][] = [
    ['the coin that is the target', [1000, 500, 500, 300], 1000, [1000]],
    ['all smaller coins where they are the target', [300, 200, 5000], 500, [300, 200]],
    ['the least larger coin where smaller ones do not suffice', [300, 100, 9000, 7000], 500, [7000]],
    ['nothing where nothing suffices', [300, 100], 500, undefined],
    ['a sum that is the target', [400, 300, 200, 70, 9000], 470, [400, 70]],
    ['a sum that leaves the change aimed at', [400, 300, 230, 40], 580, [400, 230]],
    ['a larger coin that is nearer than the sum', [400, 300, 601], 510, [601]],
    ['a sum that is nearer than the larger coin', [400, 180, 9000], 510, [400, 180]],
    ['a larger coin rather than a sum that leaves too little', [400, 130, 9000], 510, [9000]],
    ['a sum that leaves little where there is no larger coin', [400, 130], 510, [400, 130]],
    ['a coin that costs more than it brings, for a sum', [540, -40], 500, [540, -40]],
  ]; // biome-ignore format: a table
  test.each(table)('finds %s', (_, values, target, expected) => {
    for (let seed = 0; seed < 20; seed += 1) {
      const pool = values.map(value => coin(Math.max(0, value), Math.max(0, -value)));
      const chosen = knapsack(pool, target, params, 400_000, new SeededRandom(seed));
      const amounts = chosen?.map(({ value, fee }) => value - fee).sort((a, b) => b - a);
      expect(amounts, `seed ${seed}`).toEqual(expected);
    }
  });

  test('finds the least sum there is, or the least larger coin', () => {
    for (let seed = 0; seed < 150; seed += 1) {
      const random = new SeededRandom(seed);
      const size = 1 + randomBelow(random, 8);
      const pool = Array.from({ length: size }, () => coin(50 + randomBelow(random, 900), 10));
      const target = 1 + randomBelow(random, Math.max(1, sumOf(pool)));
      const sums = [...subsets(pool)].map(set => sumOf(set));
      const chosen = knapsack(pool, target, params, 400_000, random);
      if (sumOf(pool) < target) {
        expect(chosen, `seed ${seed}`).toBeUndefined();
        continue;
      }
      const sum = sumOf(chosen!);
      // Either it leaves no change, or what is aimed at; less only where nothing else is there.
      const wanted = sums.filter(each => each >= target + params.minChangeTarget);
      const best = sums.includes(target) ? target : Math.min(...(wanted.length > 0 ? wanted : sums.filter(each => each >= target))); // biome-ignore format: one choice
      expect(sum, `seed ${seed}`).toBe(best);
    }
  });

  test('keeps to the weight', () => {
    const random = new SeededRandom(1);
    const heavy = [coin(600, 0, 0, 1000), coin(400, 0, 0, 1000)];
    expect(() => knapsack(heavy, 1000, params, 1500, random)).toThrow(TooHeavyError);
    expect(() => knapsack([coin(2000, 0, 0, 1600)], 1000, params, 1500, random)).toThrow(TooHeavyError);
    expect(knapsack([...heavy, coin(5000, 0, 0, 1000)], 1000, params, 1500, random)).toHaveLength(1);
    for (let seed = 0; seed < 100; seed += 1) {
      const seeded = new SeededRandom(seed);
      const pool = Array.from({ length: 12 }, () =>
        coin(100 + randomBelow(seeded, 900), 0, 0, 100 + randomBelow(seeded, 900)),
      );
      const maxWeight = 1000 + randomBelow(seeded, 3000);
      try {
        const chosen = knapsack(pool, 1500, params, maxWeight, seeded)!;
        expect(chosen.reduce((sum, { weight }) => sum + weight, 0)).toBeLessThanOrEqual(maxWeight);
        expect(sumOf(chosen)).toBeGreaterThanOrEqual(1500);
      } catch (error) {
        if (!(error instanceof TooHeavyError)) throw error;
      }
    }
  });
});

describe('the change to aim at', () => {
  test.each([
    [1, 50_000, 50_000],
    [25_000, 50_000, 50_000],
    [25_001, 50_000, 50_001],
    [100_000, 50_000, 199_999],
    [500_000, 50_000, 999_999],
    [10_000_000_000, 50_000, 999_999],
  ])('of a payment of %i is %i to %i', (payment, least, most) => {
    const random = new SeededRandom(payment % 1000);
    const drawn = Array.from({ length: 2_000 }, () => drawChangeTarget(payment, 310, random) - 310);
    expect(Math.min(...drawn)).toBeGreaterThanOrEqual(least);
    expect(Math.max(...drawn)).toBeLessThanOrEqual(most);
    expect(Math.max(...drawn) - Math.min(...drawn)).toBeGreaterThanOrEqual((most - least) * 0.95 - 1);
  });
});

describe('a selection', () => {
  test('reaches its target whenever the coins do', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const random = new SeededRandom(seed);
      const pool = Array.from({ length: 1 + randomBelow(random, 12) }, () =>
        coin(1_000 + randomBelow(random, 100_000), 680, 340),
      );
      const params = { ...PARAMS, subtractsFee: seed % 2 === 0 };
      const total = pool.reduce((sum, c) => sum + Math.max(0, amountOf(c, params)), 0);
      const target = 1 + randomBelow(random, total + 1000);
      const selection = select(pool, target, params, random);
      expect(selection !== undefined, `seed ${seed}`).toBe(target <= total);
      if (selection === undefined) continue;
      const sum = selection.coins.reduce((all, c) => all + amountOf(c, params), 0);
      expect(sum).toBeGreaterThanOrEqual(target);
      expect(selection.waste).toBe(wasteOf(selection, target, params));
    }
  });

  test('prefers the one without change when change would cost more', () => {
    const pool = [coin(50_000), coin(30_100), coin(400_000)];
    const selection = select(pool, 80_000, PARAMS, new SeededRandom(1))!;
    expect(selection.algorithm).toBe('bnb');
    expect(changeOf(selection, 80_000, PARAMS)).toBe(0);
  });

  test('makes no change smaller than what is aimed at where it need not', () => {
    const pool = [coin(61_000), coin(200_000)];
    for (let seed = 0; seed < 20; seed += 1) {
      // The knapsack takes the larger coin, as the smaller one leaves less than what it aims at; nothing else does better.
      const selection = select(pool, 60_000, PARAMS, new SeededRandom(seed))!;
      expect(selection.coins.map(({ value }) => value)).toContain(200_000);
      expect(changeOf(selection, 60_000, PARAMS)).toBeGreaterThanOrEqual(50_000);
    }
  });

  test('weighs little while fees are high', () => {
    // So many small coins that the knapsack and the draw hardly find the two that suffice.
    const fee = 68 * 50;
    const pool = [
      ...Array.from({ length: 60 }, (_, i) => coin(20_000 + i, fee, 680)),
      ...[300_000, 250_000].map(value => coin(value, fee, 680)),
    ];
    for (let seed = 0; seed < 20; seed += 1) {
      const params = { ...PARAMS, savesWeight: true };
      const selection = select(pool, 450_000, params, new SeededRandom(seed))!;
      expect(selection.coins, `seed ${seed}`).toHaveLength(2);
      expect(selection.algorithm).toBe('cg');
    }
  });

  test('counts once what coins share of the fees of their parents', () => {
    const pool = [coin(50_000, 1_000), coin(60_000, 1_000)];
    const share = (coins: readonly Candidate[]) => (coins.length === 2 ? 700 : 0);
    const selection = select(pool, 100_000, PARAMS, new SeededRandom(1), share)!;
    expect(selection.bumpFeeDiscount).toBe(700);
    expect(changeOf(selection, 100_000, PARAMS)).toBe(110_000 - 2_000 + 700 - 100_000 - 310);
    expect(selection.waste).toBe(2_000 - 700 + 990);
  });

  test('spends no coin that costs more than it brings', () => {
    const pool = [coin(500, 680), coin(100_000, 680)];
    expect(select(pool, 99_320, PARAMS, new SeededRandom(1))!.coins).toEqual([pool[1]]);
    expect(select(pool, 99_321, PARAMS, new SeededRandom(1))).toBeUndefined();
  });
});
