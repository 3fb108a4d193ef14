/** What is told of a run: numbers, curves and a page that stands by itself. */
import { describe, expect, test } from 'vitest';
import type { Hash256 } from '../../src/base/bytes.ts';
import { parseDuration, smallestFailing } from '../../src/cli/simulate.ts';
import { CheckFailure } from '../../src/sim/checks.ts';
import { delayAtShare, Metrics } from '../../src/sim/metrics.ts';
import { createReport, formatNumber, reportText } from '../../src/sim/report.ts';
import { reportHtml } from '../../src/sim/report-html.ts';
import type { Scenario } from '../../src/sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../../src/sim/scenarios.ts';
import { roundUp } from '../../src/sim/svg.ts';
import { runScenario, SMALL } from './run.ts';

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

test('a broken invariant is looked for in smaller worlds', () => {
  const counts: number[] = [];
  const scenario: Scenario = {
    name: 'broken',
    about: 'fails with 13 nodes or more',
    defaults: {},
    // biome-ignore lint/correctness/useYield: it fails before its first second, or never.
    *run(_, { nodes }) {
      counts.push(nodes);
      if (nodes >= 13) throw new CheckFailure('broken');
      return { world: undefined as never, figures: [], verdicts: [] };
    },
  };
  expect(smallestFailing(scenario, optionsOf(scenario, { nodes: 100 }))).toBe(13);
  expect(counts.length).toBeLessThan(12);
});
