import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import type { AvailableCoin } from '../../../src/wallet/available.ts';
import { type Eligibility, OutputGroups } from '../../../src/wallet/output-groups.ts';

interface Made {
  /** Byte of its script. */
  readonly script: number;
  readonly value?: number;
  readonly depth?: number;
  readonly isFromMe?: boolean;
  readonly ancestors?: number;
  readonly clusterCount?: number;
  readonly outputType?: AvailableCoin['outputType'];
}

function coin({ script, value = 1_000, ...rest }: Made): AvailableCoin {
  const output = { value, scriptPubKey: Uint8Array.of(script) };
  return {
    coin: { output } as AvailableCoin['coin'],
    value,
    bumpFee: 0,
    fee: 100,
    longTermFee: 50,
    weight: 272,
    depth: 6,
    isSafe: true,
    isFromMe: false,
    ancestors: 0,
    clusterCount: 0,
    outputType: 'bech32',
    ...rest,
  };
}

const ANY: Eligibility = { mine: 0, others: 0, ancestors: 100, clusterCount: 100 };

function grouped(coins: readonly AvailableCoin[], avoids: boolean, filter: Eligibility = ANY) {
  const groups = new OutputGroups(coins, { subtractsFee: false }, avoids, new SeededRandom(1));
  const pools = [...groups.eligible(filter).values()];
  return {
    positive: pools.flatMap(({ positive }) => positive.map(group => group.coins.length)),
    mixed: pools.flatMap(({ mixed }) => mixed.map(group => group.coins.length)),
    types: pools.length,
    discarded: groups.discarded([filter]).length,
  };
}

const times = (n: number, made: Made) => Array.from({ length: n }, () => coin(made));

describe('groups of coins', () => {
  const partial = { ...ANY, includesPartialGroups: true } as const;
  const table: readonly [
    what: string,
    coins: readonly AvailableCoin[],
    avoids: boolean,
    filter: Eligibility,
    expected: { positive: number[]; mixed: number[]; types: number; discarded: number },
  ][] = [
    ['each alone', times(3, { script: 1 }), false, ANY, { positive: [1, 1, 1], mixed: [1, 1, 1], types: 1, discarded: 0 }],
    ['of a script together', [...times(3, { script: 1 }), ...times(2, { script: 2 })], true, ANY, { positive: [3, 2], mixed: [3, 2], types: 1, discarded: 0 }],
    ['alone, without value', [...times(1, { script: 1 }), ...times(2, { script: 1, value: 100 })], false, ANY, { positive: [1], mixed: [1, 1, 1], types: 1, discarded: 0 }],
    ['together, some without value', [...times(1, { script: 1 }), ...times(2, { script: 1, value: 100 })], true, ANY, { positive: [1], mixed: [3], types: 1, discarded: 0 }],
    ['of types', [coin({ script: 1 }), coin({ script: 2, outputType: 'legacy' })], true, ANY, { positive: [1, 1], mixed: [1, 1], types: 2, discarded: 0 }],
    ['of exactly a hundred', times(100, { script: 1 }), true, ANY, { positive: [100], mixed: [100], types: 1, discarded: 0 }],
    ['of more than a hundred', times(230, { script: 1 }), true, ANY, { positive: [100, 100], mixed: [100, 100], types: 1, discarded: 1 }],
    ['of more than a hundred, with what is left', times(230, { script: 1 }), true, partial, { positive: [100, 100, 30], mixed: [100, 100, 30], types: 1, discarded: 0 }],
    ['as young as the youngest', [coin({ script: 1 }), coin({ script: 1, depth: 1 })], true, { ...ANY, others: 6 }, { positive: [], mixed: [], types: 0, discarded: 1 }],
    ['from others if one is', [coin({ script: 1, isFromMe: true, depth: 1 }), coin({ script: 1 })], true, { ...ANY, others: 6 }, { positive: [], mixed: [], types: 0, discarded: 1 }],
    ['all from us', times(2, { script: 1, isFromMe: true, depth: 1 }), true, { ...ANY, others: 6 }, { positive: [2], mixed: [2], types: 1, discarded: 0 }],
    ['with the sum of ancestors', times(3, { script: 1, ancestors: 2 }), true, { ...ANY, ancestors: 5 }, { positive: [], mixed: [], types: 0, discarded: 1 }],
    ['with the largest cluster', times(3, { script: 1, clusterCount: 2 }), true, { ...ANY, clusterCount: 2 }, { positive: [3], mixed: [3], types: 1, discarded: 0 }],
  ]; // biome-ignore format: a table
  test.each(table)('%s', (_, coins, avoids, filter, expected) => {
    expect(grouped(coins, avoids, filter)).toEqual(expected);
  });

  test('count with what their coins are together', () => {
    const groups = new OutputGroups(
      times(3, { script: 1 }),
      { subtractsFee: false },
      true,
      new SeededRandom(1),
    );
    const [pool] = groups.eligible(ANY).values();
    expect(pool!.mixed[0]).toMatchObject({ value: 3_000, fee: 300, longTermFee: 150, weight: 816 });
  });

  test('where recipients pay the fee, of all that have a value', () => {
    const coins = [coin({ script: 1, value: 50 })];
    const groups = new OutputGroups(coins, { subtractsFee: true }, false, new SeededRandom(1));
    expect([...groups.eligible(ANY).values()][0]!.positive).toHaveLength(1);
  });
});
