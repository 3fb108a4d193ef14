/**
 * The network falls into two halves, each mines its own chain, and then they can reach each other again. Nobody tells
 * the nodes: they must find out through their feelers, extra block-relay-only connections and stale tips, as in Core.
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../base/clock.ts';
import { pass } from '../course.ts';
import { startMining } from '../miner.ts';
import { addNetwork, outboundCounts, settlingTime } from '../overlay.ts';
import { createWorld, type Scenario } from '../scenario.ts';

/** How long it is looked at, how long healing may take, and which share of the nodes must agree then. */
const WATCHED_MS = HOUR_MS;
const HEALING_MAX_MS = 15 * MINUTE_MS;
const AGREED_SHARE = 0.99;

export const partition: Scenario = {
  name: 'partition',
  about: 'two halves that cannot reach each other mine for the duration, then heal to one tip',
  defaults: { nodes: 200, duration: 2 * HOUR_MS, blockInterval: 10 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const world = createWorld(deps, options);
    const nodes = yield* addNetwork(world, options);
    const baseHeight = nodes[0]!.height;
    yield* pass(world, settlingTime(options.overlay));
    const halves = [0, 1].map(half => nodes.filter(node => node.index % 2 === half));
    world.checks.start(world.now + options.duration + WATCHED_MS);
    startMining(world, {
      interval: options.blockInterval,
      end: world.now + options.duration + WATCHED_MS,
      miners: nodes.filter(node => node.listens),
    });
    world.network.partition(host => host.index % 2);
    yield* pass(world, options.duration);
    const tipsApart = halves.map(half => world.tips(half));
    const heights = halves.map(half => Math.max(...half.map(node => node.height)));
    const isApart = tipsApart[0]![0]!.tip !== tipsApart[1]![0]!.tip;
    const overlay = outboundCounts(nodes);
    const dialsBefore = world.network.dials;
    world.network.heal();
    const healedAt = world.now;
    const times = { first: Number.NaN, agreed: Number.NaN };
    yield* pass(world, WATCHED_MS, () => {
      const share = world.tips(nodes)[0]!.nodes / nodes.length;
      if (Number.isNaN(times.first) && share > 0.5 + 1 / nodes.length) times.first = world.now - healedAt;
      if (share < AGREED_SHARE) return false;
      times.agreed = world.now - healedAt;
      return true;
    });
    const toSeconds = (time: number) => time / SECOND_MS;
    return {
      world,
      figures: [
        { name: 'blocks of the first half when healed', value: heights[0]! - baseHeight, unit: '' },
        { name: 'blocks of the second half when healed', value: heights[1]! - baseHeight, unit: '' },
        { name: 'full-relay outbound peers of a node when healed, mean', value: overlay.fullRelay, unit: '' },
        { name: 'dials between healing and agreement', value: world.network.dials - dialsBefore, unit: '' },
        { name: 'the first node changes sides after', value: toSeconds(times.first), unit: 's' },
        { name: '99 % of the nodes are on one tip after', value: toSeconds(times.agreed), unit: 's' },
        { name: 'longest reorganisation possible', value: Math.min(...heights) - baseHeight, unit: 'blocks' },
      ],
      verdicts: [
        { promise: 'each half kept to itself while they were apart', holds: isApart },
        { promise: '99 % of the nodes agreed within 15 minutes', holds: times.agreed <= HEALING_MAX_MS },
      ],
    };
  },
};
