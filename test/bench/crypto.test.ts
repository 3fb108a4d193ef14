/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { enginesHere } from '../support/engines.ts';
import { cryptoScenario } from './crypto.ts';

test('crypto, short', async () => {
  const figures = await cryptoScenario.run({ short: true });
  // Two for each engine, three of hashes, two of scripts.
  expect(figures.length).toBe(2 * enginesHere().length + 5);
  for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
});
