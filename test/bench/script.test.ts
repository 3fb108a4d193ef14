/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { scriptScenario } from './script.ts';

test('script, short', async () => {
  const figures = await scriptScenario.run({ short: true });
  expect(figures.length).toBe(3);
  for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
});
