/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { mempoolBlockScenario } from './mempool-block.ts';

test('mempool-block, short', async () => {
  const figures = await mempoolBlockScenario.run({ short: true });
  expect(figures.map(({ unit }) => unit)).toEqual(['tx/s', 'ms', 'tx/s', 'ms', 'tx/s', 'ms']);
  for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
});
