/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { describeShared } from '../support/shared.ts';
import { importScenario } from './import.ts';

describeShared('import, short', () => {
  test('has figures', async () => {
    const figures = await importScenario.run({ short: true });
    expect(figures.map(({ unit }) => unit)).toEqual(['blocks/s', 'inputs/s']);
    for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
  });
});
