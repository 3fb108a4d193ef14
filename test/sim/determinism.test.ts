/** A run is a function of its seed; what nodes share instead of decoding it each changes nothing. */
import { expect, test } from 'vitest';
import { SECOND_MS } from '../../src/base/clock.ts';
import { createReport } from '../../src/sim/report.ts';
import { optionsOf, SCENARIOS } from '../../src/sim/scenarios.ts';
import { DEFAULT_NETWORK } from '../../src/sim/world.ts';
import { runScenario, SMALL } from './run.ts';

const TINY = { ...SMALL, nodes: 8, duration: 20 * SECOND_MS } as const;

const PROPAGATION = SCENARIOS.find(({ name }) => name === 'propagation')!;

test('one seed, one trace, one report; with and without shared decoding, and over pipes of bytes', () => {
  const options = optionsOf(PROPAGATION, { ...SMALL, seed: 7 });
  const [first, second] = [runScenario('propagation', options), runScenario('propagation', options)];
  const alone = runScenario('propagation', { ...options, memo: false });
  const piped = runScenario('propagation', { ...options, pipes: true });
  expect(second.world.trace.hash).toBe(first.world.trace.hash);
  expect(alone.world.trace.hash).toBe(first.world.trace.hash);
  expect(piped.world.trace.hash).toBe(first.world.trace.hash);
  const report = createReport('propagation', options, first);
  expect(createReport('propagation', options, second)).toEqual(report);
  expect(createReport('propagation', options, alone)).toEqual(report);
  expect(report.frames.delivered).toBeGreaterThan(1_000);
});

test('another seed is another run', () => {
  const hashes = [1, 2].map(seed => runScenario('propagation', { ...TINY, seed }).world.trace.hash);
  expect(hashes[0]).not.toBe(hashes[1]);
});

test('lossy and narrow links are as reproducible', () => {
  const network = {
    ...DEFAULT_NETWORK,
    lossRate: 0.05,
    upBytesPerSecond: 20_000,
    downBytesPerSecond: 50_000,
  };
  const runs = [0, 1].map(() => runScenario('propagation', { ...TINY, network }));
  expect(runs[0]!.world.trace.hash).toBe(runs[1]!.world.trace.hash);
  for (const { promise, holds } of runs[0]!.verdicts) expect(holds, promise).toBe(true);
});
