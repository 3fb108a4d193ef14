/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { simulatorScenario } from './simulator.ts';

test('simulator, short', async () => {
  const figures = await simulatorScenario.run({ short: true });
  expect(figures.length).toBe(3);
  for (const { name, value } of figures.slice(0, 2)) expect(value, name).toBeGreaterThan(0);
});
