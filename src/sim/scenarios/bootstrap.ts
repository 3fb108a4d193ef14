/**
 * Nodes that know nobody join a network through DNS seeds, some of whose addresses are dead. A tenth of the nodes are
 * there before; the others come one after the other over the duration, ask the seeds, and dial what they are told.
 */
import { MINUTE_MS, type Milliseconds, SECOND_MS } from '../../base/clock.ts';
import { randomExponential } from '../../base/random.ts';
import type { Agenda } from '../agenda.ts';
import { quantile } from '../metrics.ts';
import { addNetwork, SETTLING_MS } from '../overlay.ts';
import { createWorld, pass, type Scenario } from '../scenario.ts';
import type { SimNode } from '../sim-node.ts';

const SEED_HOSTS = ['seed-a.example', 'seed-b.example', 'seed-c.example'];
/** Of what a seed answers, how much leads nowhere. */
const DEAD_SHARE = 0.3;
const FOUNDERS_SHARE = 0.1;
const FOUNDERS_MIN = 12;
/** Eight full-relay and two block-relay-only. */
const OUTBOUND_WANTED = 10;
/** Newcomers that come last still have this long. */
const DRAIN_MS = 3 * MINUTE_MS;

const WATCH_MS = 100;

interface Newcomer {
  readonly node: SimNode;
  readonly at: Milliseconds;
  first: Milliseconds;
  complete: Milliseconds;
}

export const bootstrap: Scenario = {
  name: 'bootstrap',
  about: 'nodes with empty address books join through DNS seeds, of whose addresses 30 % are dead',
  defaults: { nodes: 300, duration: 10 * MINUTE_MS, txPerSecond: 0 },
  *run(deps, options) {
    const world = createWorld(deps, options);
    const founders = Math.min(
      options.nodes,
      Math.max(FOUNDERS_MIN, Math.round(options.nodes * FOUNDERS_SHARE)),
    );
    const old = addNetwork(world, { nodes: founders, reachable: 1 });
    yield* pass(world, SETTLING_MS);
    const alive = old.map(node => node.address);
    const deadCount = Math.round((alive.length * DEAD_SHARE) / (1 - DEAD_SHARE));
    const dead = Array.from({ length: deadCount }, () => world.freshAddress());
    for (const host of SEED_HOSTS) world.network.setZone(host, [...alive, ...dead]);
    world.checks.start(world.now + options.duration + DRAIN_MS);
    const random = world.random('traffic');
    const newcomers: Newcomer[] = [];
    const count = options.nodes - founders;
    let at = world.now;
    for (let i = 0; i < count; i += 1) {
      at += Math.min(randomExponential(random, options.duration / count), options.duration);
      const listens = i < count * options.reachable;
      const node = world.addNode({ listens, options: { dnsSeeds: SEED_HOSTS } });
      const newcomer = { node, at, first: Number.NaN, complete: Number.NaN };
      newcomers.push(newcomer);
      world.agenda.at(at, () => {
        node.start();
        watch(world.agenda, newcomer);
      });
    }
    yield* pass(world, at - world.now + DRAIN_MS);
    const sorted = (values: readonly number[]) =>
      values.filter(value => !Number.isNaN(value)).sort((a, b) => a - b);
    const first = sorted(newcomers.map(newcomer => newcomer.first));
    const complete = sorted(newcomers.map(newcomer => newcomer.complete));
    const books = sorted(newcomers.map(({ node }) => node.addressBook.size));
    const figure = (name: string, values: readonly number[], share: number) => {
      return { name, value: quantile(values, share) / SECOND_MS, unit: 's' };
    };
    return {
      world,
      figures: [
        { name: 'newcomers', value: count, unit: 'nodes' },
        figure('first outbound peer, half of them within', first, 0.5),
        figure('first outbound peer, 99 % within', first, 0.99),
        figure('ten outbound peers, half of them within', complete, 0.5),
        figure('ten outbound peers, 99 % within', complete, 0.99),
        { name: 'newcomers with ten outbound peers', value: complete.length, unit: 'nodes' },
        { name: 'addresses in a newcomer’s book at the end, median', value: quantile(books, 0.5), unit: '' },
      ],
      verdicts: [
        { promise: 'every newcomer found ten outbound peers', holds: complete.length === count },
        { promise: 'all nodes end on one tip', holds: world.tips().length === 1 },
      ],
    };
  },
};

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
