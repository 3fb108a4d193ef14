/**
 * How transactions and blocks spread through a network that stands. All nodes hold a real chain and mempool; after half a
 * minute in which they find their peers, users send and miners mine for as long as is measured.
 */
import { MINUTE_MS, SECOND_MS } from '../../base/clock.ts';
import { pass } from '../course.ts';
import { spreadFigures, txCostFigures } from '../figures.ts';
import { startMining } from '../miner.ts';
import { addNetwork, outboundCounts, settlingTime } from '../overlay.ts';
import { createWorld, type Figure, type Scenario } from '../scenario.ts';
import { startTraffic } from '../tx-source.ts';

/** After the last transaction or block, it may still travel. */
const DRAIN_MS = 60 * SECOND_MS;

export const propagation: Scenario = {
  name: 'propagation',
  about: 'how transactions and blocks spread through a network that stands',
  defaults: { nodes: 1_000, duration: 5 * MINUTE_MS, blockInterval: MINUTE_MS },
  *run(deps, options) {
    const { duration, txPerSecond, blockInterval } = options;
    const world = createWorld(deps, options);
    const nodes = yield* addNetwork(world, options);
    yield* pass(world, settlingTime(options.overlay));
    const overlay = outboundCounts(nodes);
    world.metrics.reset();
    const end = world.now + duration;
    world.checks.start(end + DRAIN_MS);
    if (txPerSecond > 0) startTraffic(world, { interval: SECOND_MS / txPerSecond, end, senders: nodes });
    if (blockInterval < duration)
      startMining(world, { interval: blockInterval, end, miners: nodes.filter(node => node.listens) });
    yield* pass(world, duration + DRAIN_MS);
    const txs = world.metrics.spreads('tx');
    const blocks = world.metrics.spreads('block');
    const figures: Figure[] = [
      { name: 'full-relay outbound peers of a node, mean', value: overlay.fullRelay, unit: '' },
      { name: 'block-relay-only outbound peers of a node, mean', value: overlay.blockRelay, unit: '' },
      ...spreadFigures('transaction', txs),
      ...txCostFigures(world),
      ...spreadFigures('block', blocks),
    ];
    const tips = world.tips();
    return {
      world,
      figures,
      verdicts: [
        {
          promise: 'every transaction reached every node',
          holds: txs.every(tx => tx.reached === nodes.length),
        },
        { promise: 'all nodes end on one tip', holds: tips.length === 1 },
      ],
    };
  },
};
