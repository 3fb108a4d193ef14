/**
 * Transactions one at a time, and then a block: none is in another's way, so what one costs is what it costs alone, and
 * the world need not be alive for longer than they travel. For worlds that are too large for more.
 */
import { SECOND_MS } from '../../base/clock.ts';
import { randomBelow } from '../../base/random.ts';
import { pass } from '../course.ts';
import { spreadFigures, txCostFigures } from '../figures.ts';
import { mineBlock } from '../miner.ts';
import { addNetwork, settlingTime } from '../overlay.ts';
import { createWorld, type Scenario } from '../scenario.ts';
import { payer } from '../tx-source.ts';

/** A block travels so long at most. */
const BLOCK_TRAVELS_MS = 10 * SECOND_MS;

export const waves: Scenario = {
  name: 'waves',
  about: 'a transaction after the other, then a block, each through a network at rest',
  defaults: { nodes: 1_000, duration: 20 * SECOND_MS, txPerSecond: 0.05, overlay: 'standing' },
  *run(deps, options) {
    const { duration, txPerSecond } = options;
    const world = createWorld(deps, options);
    const nodes = yield* addNetwork(world, options);
    yield* pass(world, settlingTime(options.overlay));
    world.metrics.reset();
    const count = Math.max(1, Math.round((duration * txPerSecond) / SECOND_MS));
    world.checks.start(world.now + duration + BLOCK_TRAVELS_MS);
    const random = world.random('traffic');
    const pay = payer(world, random, nodes);
    for (let i = 0; i < count; i += 1) {
      pay();
      yield* pass(world, duration / count);
    }
    const costs = txCostFigures(world);
    const txs = world.metrics.spreads('tx');
    const transactionsReached = txs.every(tx => tx.reached === nodes.length);
    const miners = nodes.filter(node => node.listens);
    mineBlock(world, miners[randomBelow(random, miners.length)]!);
    const [block] = world.metrics.spreads('block');
    yield* pass(world, BLOCK_TRAVELS_MS, () => block!.reached === nodes.length);
    return {
      world,
      figures: [...spreadFigures('transaction', txs), ...costs, ...spreadFigures('block', [block!])],
      verdicts: [
        { promise: 'every transaction reached every node', holds: transactionsReached },
        { promise: 'all nodes end on one tip', holds: world.tips().length === 1 },
      ],
    };
  },
};
