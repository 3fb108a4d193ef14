/**
 * What transactions cost: a network that stands, traffic for the duration, and whose bytes they were. Gnutella spent half
 * of its bytes on ping and pong (Ripeanu 2001); here nearly all are to be transactions and their announcements.
 */
import { MINUTE_MS, SECOND_MS } from '../../base/clock.ts';
import { pass } from '../course.ts';
import { byteShare, missedShare, txCost, txCostFigures } from '../figures.ts';
import { startMining } from '../miner.ts';
import { addNetwork, settlingTime } from '../overlay.ts';
import { createWorld, type Scenario } from '../scenario.ts';
import { startTraffic } from '../tx-source.ts';

const DRAIN_MS = 60 * SECOND_MS;
/** The bar: of `tx` messages, of bytes, and both ends' messages for a transaction. */
const DUPLICATES_MAX = 0.01;
const PING_SHARE_MAX = 0.01;
const MESSAGES_MAX = 21;

export const bandwidth: Scenario = {
  name: 'bandwidth',
  about: 'what a transaction costs in messages and bytes, and what everything else does',
  defaults: { nodes: 200, duration: 10 * MINUTE_MS, txPerSecond: 3, blockInterval: 10 * MINUTE_MS },
  *run(deps, options) {
    const { duration, txPerSecond, blockInterval } = options;
    const world = createWorld(deps, options);
    const nodes = yield* addNetwork(world, options);
    // Addresses are told in the first minutes: that is bootstrap's cost, not traffic's.
    yield* pass(world, settlingTime(options.overlay) + 2 * MINUTE_MS);
    world.metrics.reset();
    const end = world.now + duration;
    world.checks.start(end + DRAIN_MS);
    startTraffic(world, { interval: SECOND_MS / txPerSecond, end, senders: nodes });
    startMining(world, { interval: blockInterval, end, miners: nodes.filter(node => node.listens) });
    yield* pass(world, duration + DRAIN_MS);
    const cost = txCost(world);
    const pings = byteShare(world, 'ping', 'pong');
    const share = (name: string, ...commands: readonly string[]) => {
      return { name, value: 100 * byteShare(world, ...commands), unit: '%' };
    };
    return {
      world,
      figures: [
        { name: 'transactions sent', value: world.metrics.made.tx, unit: '' },
        ...txCostFigures(world),
        share('bytes that are transactions', 'tx'),
        share('bytes that announce and ask for them', 'inv', 'getdata', 'notfound', 'reqrecon', 'sketch', 'reconcildiff'),
        share('bytes that are blocks, whole, compact or parts', 'block', 'cmpctblock', 'getblocktxn', 'blocktxn'),
        share('bytes that are ping and pong', 'ping', 'pong'),
        share('bytes that are addresses', 'addr', 'addrv2', 'getaddr'),
      ],
      verdicts: [
        { promise: 'every transaction reached every node', holds: missedShare(world.metrics.spreads('tx')) === 0 },
        { promise: 'less than 1 % of the tx messages came twice', holds: cost !== undefined && cost.duplicates < DUPLICATES_MAX },
        { promise: 'ping and pong are less than 1 % of the bytes', holds: pings < PING_SHARE_MAX },
        { promise: 'a transaction takes 21 messages a node at most, both ends', holds: cost !== undefined && 2 * cost.messages <= MESSAGES_MAX },
      ],
    };
  },
}; // biome-ignore format: tables
