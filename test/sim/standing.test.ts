/** A network whose links stand from the start is the one that handshakes make, and spreads things alike. */
import { expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { slotCounts } from '../../src/p2p/connection-plan.ts';
import { toEnd } from '../../src/sim/course.ts';
import { startMining } from '../../src/sim/miner.ts';
import { MAX_CONNECTIONS } from '../../src/sim/node-options.ts';
import { addNetwork } from '../../src/sim/overlay.ts';
import { createWorld } from '../../src/sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../../src/sim/scenarios.ts';
import { type StandingLink, standUp } from '../../src/sim/standing.ts';
import { startTraffic } from '../../src/sim/tx-source.ts';
import { DEFAULT_NETWORK, type World } from '../../src/sim/world.ts';
import { figureOf, runScenario, SMALL } from './run.ts';

const NODES = 16;
const REACHABLE = 8;
const NETWORK = { ...DEFAULT_NETWORK, latencySigma: 0 };
const OPTIONS = optionsOf(SCENARIOS[0]!, { nodes: NODES, reachable: REACHABLE / NODES, network: NETWORK });

const newWorld = () => createWorld({ verifier: loadVerifierSync('auto') }, OPTIONS);

/** Long enough for what is told of addresses to be told. */
function dialedWorld(): World {
  const world = newWorld();
  toEnd(addNetwork(world, OPTIONS));
  world.runFor(2 * MINUTE_MS);
  return world;
}

function standingWorld(links: readonly StandingLink[]): World {
  const world = newWorld();
  for (let i = 0; i < NODES; i += 1) world.addNode({ listens: i < REACHABLE });
  const here = links.map(({ dialer, listener, type }) => ({
    dialer: world.nodes[dialer.index]!,
    listener: world.nodes[listener.index]!,
    type,
  }));
  for (const { dialer, listener } of here) world.introduce(dialer, [listener], 1, world.random('scenario'));
  toEnd(standUp(world, here, world.random('scenario')));
  return world;
}

function linksOf({ network, nodes }: World): StandingLink[] {
  return [...network.links].map(({ hosts: [from, to], type }) => ({
    dialer: nodes[from.index]!,
    listener: nodes[to.index]!,
    type,
  }));
}

/** What each node knows of each of its peers, but for when, and for how many addresses they told. */
function factsOf({ nodes, now }: World): Map<string, unknown> {
  const facts = new Map<string, unknown>();
  for (const node of nodes) {
    const peers = new Map(node.manager.peers(now).map(info => [info.id, info]));
    for (const { peer, link, side } of node.connections()) {
      const {
        id,
        connectedAt,
        lastSend,
        lastReceive,
        addressesProcessed,
        addressesRateLimited,
        timeOffsetS,
        ...info
      } = peers.get(peer)!;
      // A second may end while a version is on its way.
      expect([0, -1]).toContain(timeOffsetS);
      const key = `${node.index} ${side === 0 ? 'to' : 'from'} ${link.hosts[1 - side]!.index}, ${link.type}`;
      facts.set(key, info);
    }
  }
  return facts;
}

/** Messages by command while some transactions, and then one block, go through the network; and whether all have them. */
function spread(world: World): { readonly counts: Record<string, number>; readonly reached: number[] } {
  world.metrics.reset();
  startTraffic(world, { interval: 2 * SECOND_MS, end: world.now + MINUTE_MS, senders: world.nodes });
  world.runFor(1.5 * MINUTE_MS);
  startMining(world, { interval: 1, end: world.now + 5, miners: world.nodes.slice(0, 1) });
  world.runFor(5 * SECOND_MS);
  const spreads = [...world.metrics.spreads('tx'), ...world.metrics.spreads('block')];
  const counts = Object.fromEntries(
    [...world.metrics.commands].map(([command, { messages }]) => [command, messages]),
  );
  return { counts, reached: spreads.map(each => each.reached) };
}

test('peers are known as after a handshake, and transactions and blocks cost as much', () => {
  const dialed = dialedWorld();
  const links = linksOf(dialed);
  expect(links.length).toBeGreaterThan(5 * NODES);
  const standing = standingWorld(links);
  const facts = factsOf(standing);
  expect(facts.size).toBe(2 * links.length);
  expect(facts).toEqual(factsOf(dialed));
  for (const node of standing.nodes) {
    const met = new Set(links.filter(({ dialer }) => dialer.index === node.index).map(l => l.listener));
    expect(node.addressBook.triedCount).toBe(met.size);
    expect(node.addressBook.findFault()).toBeUndefined();
  }

  const [one, two] = [dialed, standing].map(spread);
  for (const { reached } of [one!, two!]) expect(reached.every(count => count === NODES)).toBe(true);
  for (const command of ['tx', 'getdata', 'inv', 'headers', 'cmpctblock', 'feefilter', 'getaddr']) {
    const [dialedCount, standingCount] = [one!.counts[command] ?? 0, two!.counts[command] ?? 0];
    expect(Math.abs(standingCount - dialedCount), command).toBeLessThanOrEqual(3 + 0.1 * dialedCount);
  }
  // Nobody had to look for other peers.
  expect(linksOf(standing).filter(({ type }) => type !== 'feeler').length).toBeGreaterThanOrEqual(
    links.length,
  );
});

test('links are drawn so that nobody has too many, or two of a kind into one netgroup', () => {
  const options = { ...OPTIONS, nodes: 120, reachable: 0.2, overlay: 'standing' } as const;
  const world = createWorld({ verifier: loadVerifierSync('auto') }, options);
  const nodes = toEnd(addNetwork(world, options));
  world.runFor(SECOND_MS / 4);
  const { fullRelay, blockRelay, inbound } = slotCounts(MAX_CONNECTIONS);
  for (const node of nodes) {
    expect(node.peerCount('outbound-full-relay')).toBe(fullRelay);
    expect(node.peerCount('block-relay-only')).toBe(blockRelay);
    expect(node.peerCount('inbound')).toBeLessThanOrEqual(node.listens ? inbound : 0);
  }
  // Some ping, and somebody may be telling of an address; nobody is met, and nothing is caught up with.
  for (const command of world.metrics.commands.keys()) expect(['ping', 'pong', 'addrv2']).toContain(command);
});

test('a scenario over a standing overlay keeps its promises, and is a function of its seed', () => {
  const run = () => runScenario('propagation', { ...SMALL, nodes: 30, reachable: 0.5, overlay: 'standing' });
  const [first, second] = [run(), run()];
  for (const { promise, holds } of first.verdicts) expect(holds, promise).toBe(true);
  expect(second.world.trace.hash).toBe(first.world.trace.hash);
  expect(figureOf(first, 'full-relay outbound peers of a node')).toBe(8);
});
