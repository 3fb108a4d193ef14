/**
 * Nodes that know nobody join a network through seven DNS seeds, of whose addresses 30 % are dead. A tenth of the nodes
 * are there before; the others come one after the other over the duration, ask the seeds, and dial what they are told.
 * Then the same with six of the seven seeds in hostile hands: they name only hosts that shake hands and pass nothing on.
 * Whoever has met only such hosts leaves them when they prove to be behind, and must find an honest one then.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../../base/clock.ts';
import { randomExponential } from '../../base/random.ts';
import type { Command } from '../../wire/messages.ts';
import type { Agenda } from '../agenda.ts';
import { type Course, pass } from '../course.ts';
import { quantile } from '../metrics.ts';
import { startMining } from '../miner.ts';
import { addNetwork, SETTLING_MS } from '../overlay.ts';
import { createWorld, type Figure, type Scenario, type ScenarioOptions } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';
import type { World, WorldDeps } from '../world.ts';

/** About as many as mainnet has. */
const SEEDS = 7;
const HOSTILE_SEEDS = 6;
const HOSTILE_HOSTS = 20;
/** Of what an honest seed answers, how much leads nowhere. */
const DEAD_SHARE = 0.3;
const FOUNDERS_SHARE = 0.1;
const FOUNDERS_MIN = 12;
/** Eight full-relay and two block-relay-only. */
const OUTBOUND_WANTED = 10;
/** Newcomers that come last still have this long. */
const DRAIN_MS = 3 * MINUTE_MS;
const COMPLETE_P99_MAX_S = 60;
const WATCH_MS = 100;
/** Outbound peers that keep blocks to themselves are left after so long (Core: CHAIN_SYNC_TIMEOUT, HEADERS_RESPONSE_TIME), and then others found. */
const RESCUE_MS = 25 * MINUTE_MS;
const WITHHELD: ReadonlySet<Command> = new Set(['inv', 'tx', 'headers', 'block', 'cmpctblock', 'blocktxn']);

interface Newcomer {
  readonly node: SimNode;
  readonly at: Milliseconds;
  first: Milliseconds;
  complete: Milliseconds;
}

interface Joined {
  readonly world: World;
  readonly newcomers: readonly Newcomer[];
  readonly isHostile: (node: { readonly index: number }) => boolean;
}

export const bootstrap: Scenario = {
  name: 'bootstrap',
  about: 'nodes with empty address books join through DNS seeds with dead addresses; then six of seven seeds are hostile',
  defaults: { nodes: 300, duration: 10 * MINUTE_MS, blockInterval: MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const hostile = yield* join(deps, options, HOSTILE_SEEDS);
    const honest = yield* join(deps, options, 0);
    const count = honest.newcomers.length;
    const complete = times(honest, ({ complete }) => complete);
    const saved = hostile.newcomers.filter(({ node }) => honestOutbound(hostile, node) > 0).length;
    const tipsOf = ({ world, isHostile }: Joined) => world.tips(world.nodes.filter(node => !isHostile(node)));
    return {
      world: honest.world,
      figures: [
        { name: 'newcomers', value: count, unit: 'nodes' },
        ...timeFigures('', honest),
        { name: 'newcomers with ten outbound peers', value: complete.length, unit: 'nodes' },
        ...timeFigures('six hostile seeds: ', hostile),
        { name: 'six hostile seeds: newcomers with an honest outbound peer', value: saved, unit: 'nodes' },
        { name: 'six hostile seeds: honest outbound peers, median', value: quantile(times(hostile, ({ node }) => honestOutbound(hostile, node)), 0.5), unit: '' },
      ],
      verdicts: [
        { promise: 'every newcomer found ten outbound peers', holds: complete.length === count },
        { promise: 'ten outbound peers within a minute for 99 %', holds: quantile(complete, 0.99) / SECOND_MS <= COMPLETE_P99_MAX_S },
        { promise: 'all nodes end on one tip', holds: tipsOf(honest).length === 1 },
        { promise: 'six hostile seeds of seven cut nobody off', holds: saved === count && tipsOf(hostile).length === 1 },
      ],
    };
  },
}; // biome-ignore format: tables

function* join(deps: WorldDeps, options: ScenarioOptions, hostileSeeds: number): Course<Joined> {
  const world = createWorld(deps, options);
  const founders = Math.min(
    options.nodes,
    Math.max(FOUNDERS_MIN, Math.round(options.nodes * FOUNDERS_SHARE)),
  );
  const old = yield* addNetwork(world, { nodes: founders, reachable: 1 });
  const hostile = Array.from({ length: hostileSeeds === 0 ? 0 : HOSTILE_HOSTS }, () =>
    world.addNode({
      listens: true,
      withholds: WITHHELD,
      options: { dialing: { kind: 'connect', targets: [] } },
    }),
  );
  for (const node of hostile) node.start();
  yield* pass(world, SETTLING_MS);
  const hosts = setZones(world, old, hostile, hostileSeeds);
  const random = world.random('traffic');
  const count = options.nodes - founders;
  let at = world.now;
  world.checks.start(at + options.duration + DRAIN_MS);
  const newcomers = Array.from({ length: count }, (_, i): Newcomer => {
    at += Math.min(randomExponential(random, options.duration / count), options.duration);
    const node = world.addNode({ listens: i < count * options.reachable, options: { dnsSeeds: hosts } });
    const newcomer = { node, at, first: Number.NaN, complete: Number.NaN };
    world.agenda.at(at, () => {
      node.start();
      watch(world.agenda, newcomer);
    });
    return newcomer;
  });
  startMining(world, { interval: options.blockInterval, end: at + DRAIN_MS / 2, miners: old });
  yield* pass(world, at - world.now + DRAIN_MS);
  const indexes = new Set(hostile.map(({ index }) => index));
  const joined: Joined = { world, newcomers, isHostile: ({ index }) => indexes.has(index) };
  const isCutOff = ({ node }: Newcomer) => honestOutbound(joined, node) === 0;
  yield* pass(world, RESCUE_MS, () => !newcomers.some(isCutOff));
  return joined;
}

/** Names of the seeds, the hostile ones last. */
function setZones(
  world: World,
  old: readonly SimNode[],
  hostile: readonly SimNode[],
  hostileSeeds: number,
): string[] {
  const alive = old.map(node => node.address);
  const deadCount = Math.round((alive.length * DEAD_SHARE) / (1 - DEAD_SHARE));
  const dead = Array.from({ length: deadCount }, () => world.freshAddress());
  const names = Array.from({ length: SEEDS }, (_, i) => `seed-${i + 1}.example`);
  for (const [i, name] of names.entries())
    world.network.setZone(
      name,
      i < SEEDS - hostileSeeds ? [...alive, ...dead] : hostile.map(node => node.address),
    );
  return names;
}

/** Looks every tenth of a second how far a newcomer is. */
function watch(agenda: Agenda, newcomer: Newcomer): void {
  const { node, at } = newcomer;
  const count = node.peerCount('outbound-full-relay', 'block-relay-only');
  if (count > 0 && Number.isNaN(newcomer.first)) newcomer.first = agenda.now - at;
  if (count >= OUTBOUND_WANTED) {
    newcomer.complete = agenda.now - at;
    return;
  }
  agenda.after(WATCH_MS, () => watch(agenda, newcomer));
}

function honestOutbound({ isHostile }: Joined, node: SimNode): number {
  let count = 0;
  for (const { type, isReady, link } of node.connections())
    if (isReady && type !== 'inbound' && !isHostile(link.hosts[1])) count += 1;
  return count;
}

/** What came to be, in order. */
function times({ newcomers }: Joined, of: (newcomer: Newcomer) => number): number[] {
  return newcomers
    .map(of)
    .filter(value => !Number.isNaN(value))
    .sort((a, b) => a - b);
}

function timeFigures(prefix: string, joined: Joined): Figure[] {
  const figure = (name: string, of: (newcomer: Newcomer) => Milliseconds, share: number) => {
    return { name: prefix + name, value: quantile(times(joined, of), share) / SECOND_MS, unit: 's' };
  };
  return [
    figure('first outbound peer, half of them within', ({ first }) => first, 0.5),
    figure('first outbound peer, 99 % within', ({ first }) => first, 0.99),
    figure('ten outbound peers, half of them within', ({ complete }) => complete, 0.5),
    figure('ten outbound peers, 99 % within', ({ complete }) => complete, 0.99),
  ];
}
