import { describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import {
  amountOf,
  branchAndBound,
  type Candidate,
  changeOf,
  type SelectionParams,
  selectCoins,
  singleRandomDraw,
  TooHeavyError,
  wasteOf,
} from '../../../src/wallet/coin-select.ts';

const PARAMS: SelectionParams = {
  subtractsFee: false,
  changeFee: 310,
  costOfChange: 990,
  minViableChange: 681,
  maxInputsWeight: 399_000,
  changeWeight: 124,
};

function coin(value: number, fee = 0, longTermFee = 0, weight = 272): Candidate {
  return { value, fee, longTermFee, weight };
}

/** The least waste of any set without change, by trying all sets. */
function leastWasteOfAll(
  pool: readonly Candidate[],
  target: number,
  costOfChange: number,
): number | undefined {
  let best: number | undefined;
  for (let set = 1; set < 1 << pool.length; set += 1) {
    const chosen = pool.filter((_, i) => set & (1 << i));
    const sum = chosen.reduce((total, { value, fee }) => total + value - fee, 0);
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
      const selection = selectCoins(pool, target, params, random);
      expect(selection !== undefined, `seed ${seed}`).toBe(target <= total);
      if (selection === undefined) continue;
      const sum = selection.coins.reduce((all, c) => all + amountOf(c, params), 0);
      expect(sum).toBeGreaterThanOrEqual(target);
      expect(selection.waste).toBe(wasteOf(selection.coins, target, params));
    }
  });

  test('prefers the one without change when change would cost more', () => {
    const pool = [coin(50_000), coin(30_100), coin(400_000)];
    const selection = selectCoins(pool, 80_000, PARAMS, new SeededRandom(1))!;
    expect(selection.algorithm).toBe('bnb');
    expect(changeOf(selection.coins, 80_000, PARAMS)).toBe(0);
  });

  test('spends no coin that costs more than it brings', () => {
    const pool = [coin(500, 680), coin(100_000, 680)];
    expect(selectCoins(pool, 99_320, PARAMS, new SeededRandom(1))!.coins).toEqual([pool[1]]);
    expect(selectCoins(pool, 99_321, PARAMS, new SeededRandom(1))).toBeUndefined();
  });
});
