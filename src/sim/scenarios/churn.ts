/**
 * Blocks in a network whose nodes come and go, compared with the same network while all stay. Nodes that are away when a
 * block is found, or leave within its first minute, do not count: the others must not be late because of them.
 */
import type { Hash256 } from '../../base/bytes.ts';
import { HOUR_MS, MINUTE_MS, type Milliseconds, SECOND_MS } from '../../base/clock.ts';
import { startChurn } from '../churn.ts';
import { type Course, pass } from '../course.ts';
import { mean, quantile } from '../metrics.ts';
import { startMining } from '../miner.ts';
import { addNetwork, settlingTime } from '../overlay.ts';
import { createWorld, type Scenario } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';
import type { World } from '../world.ts';

const LEAVING_PER_HOUR = 0.3;
const ABSENCE_MS = 20 * MINUTE_MS;
/** After the last block of a part. */
const DRAIN_MS = 2 * MINUTE_MS;
/** Core's connections and tries take minutes to settle into churn. */
const GETTING_USED_MS = 10 * MINUTE_MS;
const SLOWER_MAX = 1.5;

interface MinedBlock {
  readonly hash: Hash256;
  readonly at: Milliseconds;
  readonly present: readonly SimNode[];
}

export const churn: Scenario = {
  name: 'churn',
  about: 'blocks while 30 % of the nodes leave in an hour and come back, against the same network at rest',
  defaults: { nodes: 200, duration: HOUR_MS, blockInterval: 2 * MINUTE_MS, txPerSecond: 0.1 },
  *run(deps, options) {
    const { blockInterval, duration } = options;
    const world = createWorld(deps, options);
    const nodes = yield* addNetwork(world, options);
    yield* pass(world, settlingTime(options.overlay));
    const parts = { still: [] as number[], churning: [] as number[] };
    world.checks.start(world.now + 2 * duration + GETTING_USED_MS + 2 * DRAIN_MS);
    const measure = function* (): Course<number[]> {
      const mined: MinedBlock[] = [];
      startMining(world, {
        interval: blockInterval,
        end: world.now + duration,
        miners: nodes.filter(node => node.listens),
        onMined: block =>
          mined.push({
            hash: block.header.hash,
            at: world.now,
            present: nodes.filter(node => node.isStarted),
          }),
      });
      yield* pass(world, duration + DRAIN_MS);
      return mined.map(block => delayAt99(world, block)).filter(delay => !Number.isNaN(delay));
    };
    parts.still = yield* measure();
    const churning = startChurn(world, nodes, {
      leavingPerHour: LEAVING_PER_HOUR,
      meanAbsence: ABSENCE_MS,
      end: world.now + GETTING_USED_MS + duration,
    });
    yield* pass(world, GETTING_USED_MS);
    parts.churning = yield* measure();
    const [still, moving] = [mean(parts.still), mean(parts.churning)];
    return {
      world,
      figures: [
        { name: 'departures', value: churning.departures, unit: '' },
        { name: 'nodes that run at the end', value: nodes.filter(node => node.isStarted).length, unit: '' },
        { name: 'blocks at rest', value: parts.still.length, unit: '' },
        { name: 'blocks under churn', value: parts.churning.length, unit: '' },
        { name: 'block at rest: 99 % of the nodes have it after', value: still / SECOND_MS, unit: 's' },
        { name: 'block under churn: 99 % have it after', value: moving / SECOND_MS, unit: 's' },
        { name: 'under churn against at rest', value: moving / still, unit: 'times' },
      ],
      verdicts: [
        { promise: 'churn makes blocks at most half as slow again', holds: moving <= SLOWER_MAX * still },
        {
          promise: 'all nodes that run end on one tip',
          holds: world.tips(nodes.filter(node => node.isStarted)).length === 1,
        },
      ],
    };
  },
};

/** Over those who were there when it was found and still were when it came. */
function delayAt99(world: World, { hash, present }: MinedBlock): Milliseconds {
  const spread = world.metrics.spreads('block').find(each => each.hash === hash);
  if (spread === undefined) return Number.NaN;
  const delays = present
    .map(node => spread.delays[node.index]!)
    .filter(delay => delay <= MINUTE_MS)
    .sort((a, b) => a - b);
  return quantile(delays, 0.99);
}
