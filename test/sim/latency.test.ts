/** How far hosts are from each other. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { Latencies, type LatencyMatrix, parseLatencyMatrix, WORLD_LATENCIES } from '../../src/sim/latency.ts';
import { DEFAULT_NETWORK } from '../../src/sim/world.ts';
import { runScenario, SMALL } from './run.ts';

const TWO: LatencyMatrix = {
  regions: [{ name: 'here', share: 3 }, { name: 'there', share: 1 }],
  roundTripMs: [[10, 200], [200, 40]],
  sigma: 0.3,
  jitterMs: 0,
}; // biome-ignore format: a table

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}

describe('a matrix', () => {
  const latencies = new Latencies(new SeededRandom(1), DEFAULT_NETWORK, TWO);
  const hosts = Array.from({ length: 2_000 }, (_, host) => host);
  for (const host of hosts) latencies.place(host);
  const of = (name: string) => hosts.filter(host => latencies.regionOf(host) === name);

  test('hosts stand in its regions by their shares', () => {
    // Three standard deviations of a binomial count.
    expect(Math.abs(of('here').length - 1_500)).toBeLessThan(58);
    expect(of('here').length + of('there').length).toBe(2_000);
  });

  test.each([['here', 'here', 5], ['here', 'there', 100], ['there', 'here', 100], ['there', 'there', 20]] as const)(
    'half the round trip between %s and %s is one way, at the median',
    (from, to, expected) => {
      const [a] = of(from);
      const b = of(to).at(-1)!;
      const drawn = Array.from({ length: 4_000 }, () => latencies.draw(a!, b));
      expect(median(drawn) / expected).toBeCloseTo(1, 1);
      expect(Math.max(...drawn)).toBeGreaterThan(expected * 1.5);
    },
  ); // biome-ignore format: a table

  test('jitter has its mean, and none where none is asked for', () => {
    expect(latencies.jitter()).toBe(0);
    const late = new Latencies(new SeededRandom(2), DEFAULT_NETWORK, { ...TWO, jitterMs: 8 });
    const drawn = Array.from({ length: 4_000 }, () => late.jitter());
    expect(drawn.reduce((sum, each) => sum + each, 0) / drawn.length / 8).toBeCloseTo(1, 1);
  });

  test('the world’s is a matrix, and its shares make a whole', () => {
    expect(parseLatencyMatrix(JSON.parse(JSON.stringify(WORLD_LATENCIES)))).toEqual(WORLD_LATENCIES);
    expect(WORLD_LATENCIES.regions.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 6);
  });
});

test.each<[unknown, string]>([
  [null, '"regions" must be a list'],
  [{ regions: [] }, '"regions" must be a list'],
  [{ regions: [{ name: 'a' }] }, 'needs a "name" and a "share"'],
  [{ regions: [{ name: 'a', share: 0 }], roundTripMs: [[1]] }, 'No region has a "share" above zero'],
  [{ regions: [{ name: 'a', share: 1 }], roundTripMs: [[1, 2]] }, '1 rows of 1 numbers'],
  [{ regions: [{ name: 'a', share: 1 }], roundTripMs: [[-1]] }, '1 rows of 1 numbers'],
  [{ ...TWO, roundTripMs: [[1, 2], [3, 1]] }, 'differs by direction between here and there'],
  [{ ...TWO, sigma: 'x' }, '"sigma" and "jitterMs"'],
])('%j is no matrix: %s', (json, problem) => {
  expect(() => parseLatencyMatrix(json)).toThrow(problem);
}); // biome-ignore format: a table

test('a world of regions is reproducible, and everything reaches everybody', () => {
  const network = { ...DEFAULT_NETWORK, latencies: WORLD_LATENCIES };
  const runs = [0, 1].map(() => runScenario('propagation', { ...SMALL, network }));
  expect(runs[0]!.world.trace.hash).toBe(runs[1]!.world.trace.hash);
  for (const { promise, holds } of runs[0]!.verdicts) expect(holds, promise).toBe(true);
  for (const { hosts, latencyMs } of runs[0]!.world.network.links) {
    const between = hosts.map(({ index }) => runs[0]!.world.network.latencies.regionOf(index));
    if (between[0] === between[1] && between[0] === 'Europe') expect(latencyMs).toBeLessThan(20);
  }
});
