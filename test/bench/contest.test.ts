/** Keeps these benchmarks alive: they run, their checks hold, their figures are numbers. */
import { expect, test } from 'vitest';
import { describeShared } from '../support/shared.ts';
import { headersScenario } from './headers.ts';
import { loadScenario } from './load.ts';
import { realBlocksScenario } from './real-blocks.ts';
import { syncScenario } from './sync.ts';

describeShared('what is measured beside bitcoind, short', () => {
  test.each([syncScenario, loadScenario, headersScenario, realBlocksScenario])(
    '$name',
    { timeout: 120_000 },
    async scenario => {
      const figures = await scenario.run({ short: true });
      expect(figures.length).toBeGreaterThan(1);
      for (const { name, value } of figures) expect(value, name).toBeGreaterThan(0);
    },
  );
});
