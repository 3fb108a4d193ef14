/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { cryptoScenario } from './crypto.ts';

test('crypto, short', async () => {
  const figures = await cryptoScenario.run({ short: true });
  expect(figures.length).toBe(11);
  for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
});
