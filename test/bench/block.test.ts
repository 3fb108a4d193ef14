/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { describeShared } from '../support/shared.ts';
import { blockScenario } from './block.ts';

describeShared('block, short', () => {
  test('has figures', async () => {
    const figures = await blockScenario.run({ short: true });
    expect(figures.map(({ unit }) => unit)).toEqual(['MB/s', 'MB/s']);
    for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
  });
});
