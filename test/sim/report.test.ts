/** What is told of a run: numbers, curves and a page that stands by itself. */
import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import type { Hash256 } from '../../src/base/bytes.ts';
import { optionsFrom, parseDuration } from '../../src/cli/simulate.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { CheckFailure } from '../../src/sim/checks.ts';
import { delayAtShare, Metrics } from '../../src/sim/metrics.ts';
import { createReport, formatNumber, reportText } from '../../src/sim/report.ts';
import { reportHtml } from '../../src/sim/report-html.ts';
import type { Outcome, Scenario } from '../../src/sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../../src/sim/scenarios.ts';
import { brokenPromises, runToEnd, smallestFailing } from '../../src/sim/smallest-failing.ts';
import { roundUp } from '../../src/sim/svg.ts';
import { runScenario, SMALL } from './run.ts';

const PROGRAM = new URL('../../bin/node', import.meta.url).pathname;

test.each([
  ['propagation', undefined, 'dialed'],
  ['waves', undefined, 'standing'],
  ['propagation', 'standing', 'standing'],
  ['waves', 'dialed', 'dialed'],
])('%s with --overlay %s: %s', (name, overlay, expected) => {
  const scenario = SCENARIOS.find(each => each.name === name)!;
  const options = optionsFrom({ scenario: name, seed: 1, memo: true, overlay });
  expect(optionsOf(scenario, options).overlay).toBe(expected);
  expect(() => optionsFrom({ scenario: name, seed: 1, memo: true, overlay: 'none' })).toThrow(
    '--overlay none',
  );
});

test('a page that loads nothing, with all its pictures', () => {
  const options = optionsOf(SCENARIOS[0]!, { ...SMALL, nodes: 12 });
  const outcome = runScenario('propagation', options);
  const report = createReport('propagation', options, outcome);
  const html = reportHtml(report, outcome.world);
  expect(html.match(/<svg /g)).toHaveLength(7);
  expect(html).not.toMatch(/NaN|undefined|Infinity/);
  expect(html).not.toMatch(/\b(src|href)=|@import|url\(/);
  const text = reportText(report);
  expect(text).toContain(`Trace ${outcome.world.trace.hash}`);
  expect(text).toContain('yes  all nodes end on one tip');
  expect(JSON.parse(JSON.stringify(report)).commands.length).toBeGreaterThan(5);
});

test('shares are of all nodes, also of those that never got it', () => {
  const metrics = new Metrics();
  const hash = 'x'.repeat(32) as Hash256;
  metrics.follow('tx', hash, { origin: 0, start: 1_000, nodes: 4 });
  metrics.reached(hash, 0, -1, 1_000);
  metrics.reached(hash, 2, 0, 3_000);
  metrics.reached(hash, 1, 0, 2_000);
  metrics.reached(hash, 1, 2, 9_000);
  const [spread] = metrics.spreads('tx');
  expect([0.25, 0.5, 0.75, 1].map(share => delayAtShare(spread!, share))).toEqual([
    0,
    1_000,
    2_000,
    Number.NaN,
  ]);
  expect(spread!.reached).toBe(3);
});

describe('numbers', () => {
  test.each([
    [0, '0'],
    [1_234_567, '1,234,567'],
    [0.123_456, '0.123'],
    [99.95, '100'],
    [1_234.5, '1,235'],
    [Number.NaN, 'never'],
  ])('%s is %s', (value, expected) => expect(formatNumber(value)).toBe(expected));

  test.each([[0.42, 0.5], [7, 8], [8.5, 10], [11, 12], [100, 100]])('an axis for %s ends at %s', (value, end) =>
    expect(roundUp(value)).toBeCloseTo(end)); // biome-ignore format: a table

  test.each([['90', 90_000], ['250ms', 250], ['1.5m', 90_000], ['2h', 7_200_000]])('%s is %i ms', (text, ms) =>
    expect(parseDuration(text, 'duration')).toBe(ms)); // biome-ignore format: a table

  test.each(['', 'm', '-1s', '1d', '1 m'])('“%s” is no duration', text =>
    expect(() => parseDuration(text, 'duration')).toThrow('is no duration'),
  );
});

describe('the fewest nodes that fail', () => {
  const deps = { verifier: loadVerifierSync('auto') };
  /** A scenario that ends as `end` says, and the counts of nodes with which it was run. */
  const scene = (end: (nodes: number) => Outcome['verdicts']) => {
    const counts: number[] = [];
    const scenario: Scenario = {
      name: 'broken',
      about: 'fails with many nodes',
      defaults: {},
      // biome-ignore lint/correctness/useYield: it ends before its first second.
      *run(_, { nodes }) {
        counts.push(nodes);
        return { world: undefined as never, figures: [], verdicts: end(nodes) };
      },
    };
    const options = optionsOf(scenario, { nodes: 100 });
    const ending = runToEnd(deps, scenario, options);
    return { counts, ending, smallest: () => smallestFailing(deps, scenario, options, ending) };
  };

  test('a broken invariant', () => {
    const { counts, ending, smallest } = scene(nodes => {
      if (nodes >= 13) throw new CheckFailure('broken');
      return [{ promise: 'this is not what is looked for', holds: false }];
    });
    expect([ending, brokenPromises(ending)]).toEqual([new CheckFailure('broken'), []]);
    expect(smallest()).toBe(13);
    expect(counts.length).toBeLessThan(12);
  });

  test('a broken promise: the same one', () => {
    const { ending, smallest } = scene(nodes => [
      { promise: 'kept by many', holds: nodes >= 40 },
      { promise: 'kept by few', holds: nodes < 27 },
    ]);
    expect(brokenPromises(ending)).toEqual(['kept by few']);
    expect(smallest()).toBe(27);
  });

  test('no smaller world fails', () => {
    expect(scene(nodes => [{ promise: 'all is well', holds: nodes < 100 }]).smallest()).toBe(100);
  });
});

test('a simulation that breaks a promise says so, how to see it again, and with how few nodes', () => {
  // Nobody has a peer when it ends, so nothing can arrive.
  const args = 'bandwidth --nodes 6 --seed 3 --duration 5s --tx 3 --latency 90000 --slow-readers 0.1'.split(
    ' ',
  );
  const { status, stdout } = spawnSync(process.execPath, [PROGRAM, 'simulate', ...args], {
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stdout).toContain('Broken: every transaction reached');
  const told = stdout.split('\n').slice(-3, -1);
  const options = '--seed 3 --duration 5s --tx 3 --latency 90000 --slow-readers 0.1';
  expect(told[0]).toBe(`To see it again, seed 3: bin/node simulate bandwidth --nodes 6 ${options}`);
  const [, nodes] = /alike are (\d):/.exec(told[1]!)!;
  expect(told[1]).toBe(
    `The fewest nodes that fail alike are ${nodes}: bin/node simulate bandwidth --nodes ${nodes} ${options}`,
  );
});
