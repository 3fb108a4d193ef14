/**
 * A soft fork that a minority has not heard of: a third of the nodes does not know a rule and mines a third of the blocks,
 * all of which break it. Those who enforce it must never follow such a block, and stay connected among themselves. The
 * others would follow the majority's chain as soon as it has more work, if anybody gave it to them: but whoever enforces
 * the rule hangs up as soon as it sees their headers. How many come back is told, not promised.
 */
import { HOUR_MS, MINUTE_MS } from '../../base/clock.ts';
import { startMining } from '../miner.ts';
import { addNetwork, SETTLING_MS } from '../overlay.ts';
import { createWorld, pass, type Scenario } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';

/** One node in so many does not know the rule. */
const LENIENT_EVERY = 3;
/** Who knows of BIP65 refuses this version. */
const OLD_VERSION = 3;
const NEVER = 1_000_000_000;
/** When the last block is found, how long until all must agree. */
const SETTLED_SHARE = 0.5;

export const ruleFork: Scenario = {
  name: 'rule-fork',
  about: 'a third of the nodes mines blocks that break a rule it does not know',
  defaults: { nodes: 60, duration: HOUR_MS, blockInterval: 5 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const world = createWorld(deps, options);
    const { params } = world.base;
    const lenientParams = { ...params, buried: { ...params.buried, bip65: NEVER } };
    const isLenient = (node: { readonly index: number }) => node.index % LENIENT_EVERY === 0;
    const nodes = addNetwork(world, {
      ...options,
      traits: index => (isLenient({ index }) ? { params: lenientParams } : {}),
    });
    const enforcing = nodes.filter(node => !isLenient(node));
    const lenient = nodes.filter(isLenient);
    const baseHeight = nodes[0]!.height;
    yield* pass(world, SETTLING_MS);
    const end = world.now + options.duration;
    const settledMs = SETTLED_SHARE * options.duration;
    world.checks.start(end + settledMs);
    const seen = { broken: 0, led: 0, apart: 0 };
    startMining(world, {
      interval: options.blockInterval,
      end,
      miners: nodes.filter(node => node.listens),
      versionOf: miner => (isLenient(miner) ? OLD_VERSION : undefined),
      onMined: (_, miner) => {
        if (isLenient(miner)) seen.broken += 1;
      },
    });
    let wasLed = false;
    yield* pass(world, options.duration, () => {
      wasLed ||= enforcing.some(node => hasOldVersion(node, baseHeight));
      const led = lenient.filter(node => hasOldVersion(node, baseHeight)).length;
      seen.led = Math.max(seen.led, led);
      if (led > 0) seen.apart += 1;
      return false;
    });
    const crossing = [...world.network.links].filter(({ hosts: [a, b] }) => isLenient(a) !== isLenient(b)).length;
    // The minority stops; one block more of the majority decides.
    startMining(world, { interval: options.blockInterval, end: end + settledMs / 2, miners: enforcing.filter(node => node.listens) });
    yield* pass(world, settledMs);
    const share = (count: number) => (100 * count) / nodes.length;
    return {
      world,
      figures: [
        { name: 'nodes that do not know the rule', value: lenient.length, unit: '' },
        { name: 'blocks that broke it', value: seen.broken, unit: '' },
        { name: 'valid chain at the end', value: enforcing[0]!.height - baseHeight, unit: 'blocks' },
        { name: 'most nodes on a broken branch at one time', value: share(seen.led), unit: '% of all' },
        { name: 'time with any node on a broken branch', value: (100 * seen.apart * 1_000) / options.duration, unit: '%' },
        { name: 'links between the two kinds when mining ended', value: crossing, unit: '' },
        { name: 'links in all', value: world.network.links.size, unit: '' },
        { name: 'of those who do not know the rule, on the valid chain at the end', value: lenient.filter(node => node.tip === enforcing[0]!.tip).length, unit: '' },
        { name: 'connections tried for nothing, a minute, each of them', value: hungUp(enforcing) / lenient.length / ((options.duration + settledMs) / MINUTE_MS), unit: '' },
      ],
      verdicts: [
        { promise: 'nobody who enforces the rule ever followed a block that breaks it', holds: !wasLed },
        { promise: 'those who enforce it end on one tip', holds: world.tips(enforcing).length === 1 },
      ],
    };
  },
}; // biome-ignore format: tables

/** How often those who enforce the rule hung up on somebody because of a header. */
function hungUp(enforcing: readonly SimNode[]): number {
  let count = 0;
  for (const { disconnects } of enforcing)
    for (const [reason, times] of disconnects) if (reason.includes('bad-version')) count += times;
  return count;
}

/** Its chain holds a block of the old version above `baseHeight`. */
function hasOldVersion({ chain }: SimNode, baseHeight: number): boolean {
  for (let height = chain.height; height > baseHeight; height -= 1) {
    if (chain.headers.versionOf(chain.atHeight(height)!) === OLD_VERSION) return true;
  }
  return false;
}
