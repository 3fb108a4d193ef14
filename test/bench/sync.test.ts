/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { describeShared } from '../support/shared.ts';
import { syncScenario } from './sync.ts';

describeShared('sync, short', () => {
  test('has figures', { timeout: 120_000 }, async () => {
    const figures = await syncScenario.run({ short: true });
    expect(new Set(figures.map(({ unit }) => unit))).toContain('s');
    for (const { name, value } of figures) expect(value, name).toBeGreaterThanOrEqual(0);
  });
});
