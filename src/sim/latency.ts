/**
 * How far hosts are from each other. Either all links are drawn alike, lognormally around one median; or hosts stand in
 * regions, and a link's median is what the matrix of round trips says of the regions at its ends, spread lognormally all
 * the same. A link keeps what was drawn when it was made; jitter comes on top of it, for each frame anew.
 */
import type { Milliseconds } from '../base/clock.ts';
import { type Random, randomExponential } from '../base/random.ts';

/** Regions, their share of the hosts, and round trips between them. */
export interface LatencyMatrix {
  readonly regions: readonly { readonly name: string; readonly share: number }[];
  /** Medians in milliseconds, row and column in the order of `regions`; both ways alike. */
  readonly roundTripMs: readonly (readonly number[])[];
  /** σ of the logarithm among the links of one pair of regions. */
  readonly sigma: number;
  /** Mean of what each frame comes later than its link's latency. */
  readonly jitterMs: Milliseconds;
}

/**
 * Six regions of the world: mean ping times and shares of Bitcoin's nodes as SimBlock has them for 2019
 * (NetworkConfiguration: LATENCY_2019, REGION_DISTRIBUTION_BITCOIN_2019; Aoki et al., "SimBlock", 2019). Pings are round
 * trips; SimBlock takes them for one way, so that its links are twice as long as these. Spread and jitter are ours.
 */
export const WORLD_LATENCIES: LatencyMatrix = {
  regions: [
    { name: 'North America', share: 0.3316 },
    { name: 'Europe', share: 0.4998 },
    { name: 'South America', share: 0.009 },
    { name: 'Asia and Pacific', share: 0.1177 },
    { name: 'Japan', share: 0.0224 },
    { name: 'Australia', share: 0.0195 },
  ],
  roundTripMs: [
    [32, 124, 184, 198, 151, 189],
    [124, 11, 227, 237, 252, 294],
    [184, 227, 88, 325, 301, 322],
    [198, 237, 325, 85, 58, 198],
    [151, 252, 301, 58, 12, 126],
    [189, 294, 322, 198, 126, 16],
  ],
  sigma: 0.2,
  jitterMs: 2,
};

/** Without a matrix: the same for all links. */
export interface AlikeLatencies {
  /** Median one-way latency of a link. */
  readonly latencyMs: Milliseconds;
  /** Of the logarithm: 0 makes all links alike. */
  readonly latencySigma: number;
}

export class Latencies {
  readonly #random: Random;
  readonly #alike: AlikeLatencies;
  readonly #matrix: LatencyMatrix | undefined;
  /** By host. */
  readonly #regions: number[] = [];

  constructor(random: Random, alike: AlikeLatencies, matrix?: LatencyMatrix) {
    this.#random = random;
    this.#alike = alike;
    this.#matrix = matrix;
  }

  /** A host comes into the world: somewhere. */
  place(host: number): void {
    if (this.#matrix !== undefined) this.#regions[host] = drawRegion(this.#matrix, this.#random);
  }

  regionOf(host: number): string | undefined {
    return this.#matrix?.regions[this.#regions[host]!]?.name;
  }

  /** One way, of a new link between these hosts. */
  draw(a: number, b: number): Milliseconds {
    const matrix = this.#matrix;
    if (matrix === undefined)
      return this.#alike.latencyMs * Math.exp(this.#alike.latencySigma * normal(this.#random));
    const median = matrix.roundTripMs[this.#regions[a]!]![this.#regions[b]!]! / 2;
    return median * Math.exp(matrix.sigma * normal(this.#random));
  }

  /** What one more frame is late. */
  jitter(): Milliseconds {
    const mean = this.#matrix?.jitterMs ?? 0;
    return mean === 0 ? 0 : randomExponential(this.#random, mean);
  }
}

/** From parsed JSON; throws an Error that names what is wrong. Shares need not add up to one: they are weights. */
export function parseLatencyMatrix(json: unknown): LatencyMatrix {
  const { regions, roundTripMs, sigma = 0, jitterMs = 0 } = (json ?? {}) as Partial<LatencyMatrix>;
  if (!Array.isArray(regions) || regions.length === 0)
    throw new Error('"regions" must be a list: [{"name": "Europe", "share": 0.5}, …]');
  for (const { name, share } of regions) {
    if (typeof name !== 'string' || !isAmount(share))
      throw new Error('Each of "regions" needs a "name" and a "share" of zero or more');
  }
  if (regions.every(({ share }) => share === 0)) throw new Error('No region has a "share" above zero');
  const isSquare =
    Array.isArray(roundTripMs) &&
    roundTripMs.length === regions.length &&
    roundTripMs.every(row => Array.isArray(row) && row.length === regions.length && row.every(isAmount));
  if (!isSquare)
    throw new Error(
      `"roundTripMs" must be ${regions.length} rows of ${regions.length} numbers, a row and a column for each region`,
    );
  for (const [i, row] of roundTripMs.entries())
    for (const [j, time] of row.entries())
      if (time !== roundTripMs[j]![i])
        throw new Error(
          `"roundTripMs" differs by direction between ${regions[i]!.name} and ${regions[j]!.name}`,
        );
  if (!isAmount(sigma) || !isAmount(jitterMs))
    throw new Error('"sigma" and "jitterMs" must be numbers of zero or more');
  return { regions, roundTripMs, sigma, jitterMs };
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function drawRegion({ regions }: LatencyMatrix, random: Random): number {
  const total = regions.reduce((sum, { share }) => sum + share, 0);
  let left = (random.u32() / 0x1_0000_0000) * total;
  for (const [i, { share }] of regions.entries()) {
    if (left < share) return i;
    left -= share;
  }
  return regions.findLastIndex(({ share }) => share > 0);
}

/** Box and Muller. */
function normal(random: Random): number {
  const u = (random.u32() + 1) / 0x1_0000_0001;
  const v = random.u32() / 0x1_0000_0000;
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}
