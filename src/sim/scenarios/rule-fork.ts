/**
 * A soft fork that a minority has not heard of: a third of the nodes does not know a rule and mines a third of the blocks,
 * all of which break it. Those who enforce it must never follow such a block, and stay connected among themselves; the
 * others should follow the majority's chain as soon as it has more work.
 *
 * It goes differently with the two kinds of rules, and both are played. A block that breaks a rule of blocks has a good
 * header. Whoever enforces the rule keeps it, marked as invalid, and does not hold it against those who dialed it and
 * tell of that header again (Core: BLOCK_CACHED_INVALID): so they hear of the longer chain, and can fetch it. A header
 * that breaks a rule of headers is never kept, and whoever sends it is hung up on each time (BLOCK_INVALID_HEADER). Both
 * ask for headers when they have shaken hands, so that the broken one comes a moment before the minority could ask for
 * the blocks of the other branch: it never gets one.
 */
import { HOUR_MS, MINUTE_MS, SECOND_MS } from '../../base/clock.ts';
import { blockMerkleRoot } from '../../consensus/merkle.ts';
import { type Block, createBlock, createHeader } from '../../wire/block.ts';
import { withInputs } from '../../wire/transaction.ts';
import { type Course, pass } from '../course.ts';
import { startMining } from '../miner.ts';
import { addNetwork, SETTLING_MS } from '../overlay.ts';
import { createWorld, type Figure, type Scenario, type ScenarioOptions, type Verdict } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';
import type { World, WorldDeps } from '../world.ts';

/** One node in so many does not know the rule. */
const LENIENT_EVERY = 3;
const NEVER = 1_000_000_000;
/** After the last block of the minority, for so much of the duration the majority goes on, and half of that is left to agree. */
const SETTLED_SHARE = 0.5;
/** Who knows of BIP65 refuses this version. */
const OLD_VERSION = 3;
/** As the first miners began their coinbases, or not. */
const NO_HEIGHT = Uint8Array.of(1, 0);

interface Rule {
  readonly name: string;
  /** Buried under this height; the lenient do not know it. */
  readonly deployment: 'bip34' | 'bip65';
  /** The block as somebody makes it who does not know the rule. */
  readonly broken: (block: Block) => Block;
  /** Whether all of the minority come back. */
  readonly takesBack: boolean;
}

const RULES: readonly Rule[] = [
  { name: 'rule of blocks (BIP34)', deployment: 'bip34', broken: withoutHeight, takesBack: true },
  { name: 'rule of headers (BIP65)', deployment: 'bip65', broken: withOldVersion, takesBack: false },
];

export const ruleFork: Scenario = {
  name: 'rule-fork',
  about: 'a third of the nodes mines blocks that break a rule it does not know',
  defaults: { nodes: 60, duration: HOUR_MS, blockInterval: 5 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    let shown: World | undefined;
    const figures: Figure[] = [];
    const verdicts: Verdict[] = [];
    for (const rule of RULES) {
      const { world, ...seen } = yield* play(deps, options, rule);
      shown ??= world;
      figures.push(...seen.figures.map(figure => ({ ...figure, name: `${rule.name}: ${figure.name}` })));
      verdicts.push(...seen.verdicts.map(({ promise, holds }) => ({ promise: `${rule.name}: ${promise}`, holds })));
    }
    return { world: shown!, figures, verdicts };
  },
}; // biome-ignore format: tables

function* play(
  deps: WorldDeps,
  options: ScenarioOptions,
  rule: Rule,
): Course<{ world: World; figures: Figure[]; verdicts: Verdict[] }> {
  const world = createWorld(deps, options);
  const { params } = world.base;
  const lenientParams = { ...params, buried: { ...params.buried, [rule.deployment]: NEVER } };
  const isLenient = (node: { readonly index: number }) => node.index % LENIENT_EVERY === 0;
  const nodes = yield* addNetwork(world, {
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
  const broken = new Set<string>();
  const seen = { led: 0, apart: 0 };
  const isLed = (node: SimNode) => holdsAny(node, broken, baseHeight);
  startMining(world, {
    interval: options.blockInterval,
    end,
    miners: nodes.filter(node => node.listens),
    alter: (block, miner) => (isLenient(miner) ? rule.broken(block) : block),
    onMined: (block, miner) => {
      if (isLenient(miner)) broken.add(block.header.hash);
    },
  });
  let wasLed = false;
  yield* pass(world, options.duration, () => {
    wasLed ||= enforcing.some(isLed);
    const led = lenient.filter(isLed).length;
    seen.led = Math.max(seen.led, led);
    if (led > 0) seen.apart += 1;
    return false;
  });
  const crossing = [...world.network.links].filter(
    ({ hosts: [a, b] }) => isLenient(a) !== isLenient(b),
  ).length;
  const hungUpBefore = hungUp(enforcing);
  // The minority stops, the majority goes on.
  startMining(world, {
    interval: options.blockInterval,
    end: end + settledMs / 2,
    miners: enforcing.filter(node => node.listens),
  });
  const isBack = (node: SimNode) => !isLed(node);
  let backAfter = Number.NaN;
  yield* pass(world, settledMs, () => {
    wasLed ||= enforcing.some(isLed);
    if (Number.isNaN(backAfter) && lenient.every(isBack)) backAfter = world.now - end;
    return false;
  });
  const valid = enforcing[0]!;
  const share = (count: number) => (100 * count) / nodes.length;
  const onValid = lenient.filter(node => node.tip === valid.tip).length;
  const minutes = settledMs / MINUTE_MS;
  return {
    world,
    figures: [
      { name: 'nodes that do not know it', value: lenient.length, unit: '' },
      { name: 'blocks that broke it', value: broken.size, unit: '' },
      { name: 'valid chain at the end', value: valid.height - baseHeight, unit: 'blocks' },
      { name: 'most nodes on a broken branch at one time', value: share(seen.led), unit: '% of all' },
      { name: 'time with any node on a broken branch', value: (100 * seen.apart * SECOND_MS) / options.duration, unit: '%' },
      { name: 'links between the two kinds when the minority stops', value: crossing, unit: '' },
      { name: 'links in all', value: world.network.links.size, unit: '' },
      { name: 'of those who do not know it, on the valid chain at the end', value: onValid, unit: '' },
      { name: 'all are back after the minority stopped, by', value: backAfter / SECOND_MS, unit: 's' },
      { name: 'hung up on afterwards, a minute, each of them', value: (hungUp(enforcing) - hungUpBefore) / lenient.length / minutes, unit: '' },
    ],
    verdicts: [
      { promise: 'nobody who enforces it ever followed a block that breaks it', holds: !wasLed },
      { promise: 'those who enforce it end on one tip', holds: world.tips(enforcing).length === 1 },
      ...(rule.takesBack ? [{ promise: 'those who did not know it end there too', holds: onValid === lenient.length }] : []),
    ],
  };
} // biome-ignore format: tables

/** How often they hung up on somebody because of a block or header. */
function hungUp(nodes: readonly SimNode[]): number {
  let count = 0;
  for (const { disconnects } of nodes)
    for (const [reason, times] of disconnects) if (reason.startsWith('misbehaving')) count += times;
  return count;
}

/** Its chain holds one of these blocks above `baseHeight`. */
function holdsAny({ chain }: SimNode, hashes: ReadonlySet<string>, baseHeight: number): boolean {
  for (let height = chain.height; height > baseHeight; height -= 1) {
    if (hashes.has(chain.headers.hashOf(chain.atHeight(height)!))) return true;
  }
  return false;
}

function withOldVersion({ header, transactions }: Block): Block {
  return createBlock(createHeader({ ...header, version: OLD_VERSION }), transactions);
}

/** The coinbase does not begin with the height. */
function withoutHeight({ header, transactions: [coinbase, ...others] }: Block): Block {
  const renamed = withInputs(coinbase!, [{ ...coinbase!.inputs[0]!, scriptSig: NO_HEIGHT }]);
  const all = [renamed, ...others];
  return createBlock(
    createHeader({ ...header, merkleRoot: blockMerkleRoot({ transactions: all }).root }),
    all,
  );
}
