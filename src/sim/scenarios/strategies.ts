/**
 * All ways of relaying transactions side by side: the same world, the same traffic, one after the other. Gossip with a
 * fixed number of peers is compared with two theories. If each peer is drawn from all nodes, a share x stays without a
 * transaction where x = exp(−K(1 − x)). Among d neighbours, each of whom draws K of its own d, it is where
 * x = (1 − K/d)^(d(1 − x)), which is less: nobody has more than d chances. Here neighbours are few but not equally many,
 * so what is seen should lie between the two.
 */
import { MINUTE_MS, SECOND_MS } from '../../base/clock.ts';
import { FLOOD, type RelayStrategyOptions } from '../../p2p/relay-strategy.ts';
import { type Course, pass } from '../course.ts';
import { missedShare, txCost } from '../figures.ts';
import { delayAtShare, mean, type Spread } from '../metrics.ts';
import { addNetwork, outboundCounts, settlingTime } from '../overlay.ts';
import { formatNumber } from '../report.ts';
import { createWorld, type Figure, type Scenario, type ScenarioOptions } from '../scenario.ts';
import { startTraffic } from '../tx-source.ts';
import type { World, WorldDeps } from '../world.ts';

/** Gossip with two peers takes more than a minute. */
const DRAIN_MS = 4 * MINUTE_MS;
/** Of the theory, and rounds until it stands still. */
const TOLERANCE = 0.2;
const ROUNDS = 200;
const FANOUTS: readonly number[] = [2, 3, 4, 6, 8];

const CONTESTANTS: readonly { readonly name: string; readonly strategy: RelayStrategyOptions }[] = [
  { name: 'flood', strategy: FLOOD },
  ...FANOUTS.map(fanout => ({ name: `gossip-${fanout}`, strategy: { kind: 'gossip', fanout } as const })),
  { name: 'tree', strategy: { kind: 'tree' } },
  { name: 'reconcile', strategy: { kind: 'reconcile' } },
];

interface Result {
  readonly name: string;
  readonly missed: number;
  readonly p50: number;
  readonly p99: number;
  readonly messages: number;
  readonly bytes: number;
  /** Transaction-relay links of a node. */
  readonly degree: number;
}

export const strategies: Scenario = {
  name: 'strategies',
  about: 'flood, gossip with K peers, tree and reconcile, one after the other in the same world',
  defaults: { nodes: 300, duration: 3 * MINUTE_MS, txPerSecond: 0.2 },
  *run(deps, options) {
    const results: Result[] = [];
    let shown: World | undefined;
    for (const { name, strategy } of CONTESTANTS) {
      const world = yield* measure(deps, { ...options, strategy });
      results.push(resultOf(name, world));
      // The pictures are of Core's way.
      shown ??= world;
    }
    const [flood] = results;
    const gossip = results.filter(({ name }) => name.startsWith('gossip-'));
    const isUniform = options.reachable === 1;
    return {
      world: shown!,
      figures: results.flatMap(figuresOf),
      verdicts: [
        { promise: 'flood misses nobody', holds: flood!.missed === 0 },
        { promise: 'tree and reconcile miss nobody', holds: results.slice(-2).every(({ missed }) => missed === 0) },
        ...(isUniform
          ? [
              { promise: 'gossip with more peers misses fewer', holds: gossip.every(({ missed }, i) => i === 0 || missed <= gossip[i - 1]!.missed) },
              { promise: 'gossip with two and three peers misses what exp(−K(1 − x)) says, within 20 %', holds: gossip.slice(0, 2).every(isNearTheory) },
            ]
          : [{ promise: 'gossip with six peers fails behind few reachable nodes', holds: gossip.find(({ name }) => name === 'gossip-6')!.missed > 0.01 }]),
      ],
    };
  },
}; // biome-ignore format: tables

function* measure(deps: WorldDeps, options: ScenarioOptions): Course<World> {
  const world = createWorld(deps, options);
  const nodes = yield* addNetwork(world, options);
  yield* pass(world, settlingTime(options.overlay));
  world.metrics.reset();
  const end = world.now + options.duration;
  world.checks.start(end + DRAIN_MS);
  startTraffic(world, { interval: SECOND_MS / options.txPerSecond, end, senders: nodes });
  yield* pass(world, options.duration + DRAIN_MS);
  return world;
}

function resultOf(name: string, world: World): Result {
  const spreads = world.metrics.spreads('tx');
  const cost = txCost(world)!;
  return {
    name,
    missed: missedShare(spreads),
    p50: mean(spreads.map(spread => delayOfReached(spread, 0.5))) / SECOND_MS,
    p99: mean(spreads.map(spread => delayOfReached(spread, 0.99))) / SECOND_MS,
    messages: 2 * cost.messages,
    bytes: cost.bytes,
    degree: 2 * outboundCounts(world.nodes).fullRelay,
  };
}

/** Over the nodes that it reached, so that a strategy that misses some has a time too. */
function delayOfReached(spread: Spread, share: number): number {
  return delayAtShare(spread, (share * spread.reached) / spread.delays.length);
}

function figuresOf({ name, missed, p50, p99, messages, bytes, degree }: Result): Figure[] {
  const fanout = fanoutOf(name);
  return [
    { name: `${name}: nodes missed`, value: 100 * missed, unit: '%' },
    ...(Number.isNaN(fanout)
      ? []
      : [
          { name: `${name}: in theory, drawn from all nodes`, value: 100 * missedOfAll(fanout), unit: '%' },
          { name: `${name}: in theory, drawn from ${formatNumber(degree)} neighbours`, value: 100 * missedOfNeighbours(fanout, degree), unit: '%' },
        ]),
    { name: `${name}: half of those reached have it after`, value: p50, unit: 's' },
    { name: `${name}: 99 % of those reached`, value: p99, unit: 's' },
    { name: `${name}: messages for a transaction, a node, both ends`, value: messages, unit: '' },
    { name: `${name}: bytes sent for a transaction, a node`, value: bytes, unit: 'B' },
  ];
} // biome-ignore format: tables

function isNearTheory({ name, missed }: Result): boolean {
  const expected = missedOfAll(fanoutOf(name));
  return Math.abs(missed - expected) <= TOLERANCE * expected;
}

/** NaN for anything but gossip. */
function fanoutOf(name: string): number {
  return Number(/^gossip-(\d+)$/.exec(name)?.[1] ?? Number.NaN);
}

/** The solution below one of x = exp(−K(1 − x)), by iteration. */
function missedOfAll(fanout: number): number {
  let x = 0;
  for (let i = 0; i < ROUNDS; i += 1) x = Math.exp(-fanout * (1 - x));
  return x;
}

function missedOfNeighbours(fanout: number, degree: number): number {
  let x = 0;
  for (let i = 0; i < ROUNDS; i += 1) x = (1 - fanout / degree) ** (degree * (1 - x));
  return x;
}
