/** Keeps the benchmark alive: it runs, its checks hold, its figures are numbers. */
import { expect, test } from 'vitest';
import { headerTreeScenario } from './header-tree.ts';

test('header-tree, short', async () => {
  const figures = await headerTreeScenario.run({ short: true });
  expect(figures.map(({ unit }) => unit)).toEqual(['MiB', 'bytes', 's', 's', 'MiB']);
  for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
});
