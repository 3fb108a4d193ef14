/**
 * Black holes: a share of the nodes takes connections and everything that comes, and passes nothing on. Who has eight
 * outbound peers of its own choice misses nothing as long as one of them is honest.
 */
import { MINUTE_MS, SECOND_MS } from '../../base/clock.ts';
import type { Command } from '../../wire/messages.ts';
import { pass } from '../course.ts';
import { missedShare, spreadFigures } from '../figures.ts';
import type { Spread } from '../metrics.ts';
import { startMining } from '../miner.ts';
import { addNetwork, settlingTime } from '../overlay.ts';
import { createWorld, type Scenario } from '../scenario.ts';
import { startTraffic } from '../tx-source.ts';

const DRAIN_MS = 3 * MINUTE_MS;
const HOLES_SHARE = 0.5;
/** What a hole does not say. It shakes hands, pings and answers, or it would be found out. */
const WITHHELD: ReadonlySet<Command> = new Set([
  'inv', 'tx', 'headers', 'block', 'cmpctblock', 'blocktxn', 'addr', 'addrv2',
]); // biome-ignore format: a list

export const withholding: Scenario = {
  name: 'withholding',
  about: 'half of the nodes take everything and pass nothing on',
  defaults: { nodes: 300, duration: 5 * MINUTE_MS, blockInterval: MINUTE_MS, txPerSecond: 0.2 },
  *run(deps, options) {
    const { duration, txPerSecond, blockInterval } = options;
    const world = createWorld(deps, options);
    const isHole = (index: number) => index % Math.round(1 / HOLES_SHARE) === 1;
    const nodes = yield* addNetwork(world, {
      ...options,
      traits: index => (isHole(index) ? { withholds: WITHHELD } : {}),
    });
    const honest = nodes.filter(({ index }) => !isHole(index));
    yield* pass(world, settlingTime(options.overlay));
    world.metrics.reset();
    const end = world.now + duration;
    world.checks.start(end + DRAIN_MS);
    startTraffic(world, { interval: SECOND_MS / txPerSecond, end, senders: honest });
    startMining(world, { interval: blockInterval, end, miners: honest.filter(node => node.listens) });
    yield* pass(world, duration + DRAIN_MS);
    const among = (spreads: readonly Spread[]) => spreads.map(spread => amongNodes(spread, honest));
    const txs = among(world.metrics.spreads('tx'));
    const blocks = among(world.metrics.spreads('block'));
    return {
      world,
      figures: [
        { name: 'black holes', value: nodes.length - honest.length, unit: 'nodes' },
        { name: 'transactions missed, of all transactions at all honest nodes', value: 100 * missedShare(txs), unit: '%' },
        { name: 'blocks missed', value: 100 * missedShare(blocks), unit: '%' },
        ...spreadFigures('transaction', txs),
        ...spreadFigures('block', blocks),
      ],
      verdicts: [
        { promise: 'no honest node missed a transaction', holds: missedShare(txs) === 0 },
        { promise: 'no honest node missed a block', holds: missedShare(blocks) === 0 },
        { promise: 'the honest nodes end on one tip', holds: world.tips(honest).length === 1 },
      ],
    };
  },
}; // biome-ignore format: tables

/** The same spread as if there were only these nodes. */
function amongNodes(spread: Spread, nodes: readonly { readonly index: number }[]): Spread {
  const delays = Float64Array.from(nodes, ({ index }) => spread.delays[index]!);
  const sources = Int32Array.from(nodes, ({ index }) => spread.sources[index]!);
  return { ...spread, delays, sources, reached: delays.filter(delay => !Number.isNaN(delay)).length };
}
