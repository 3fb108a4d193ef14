/**
 * How scenarios get a network that stands: nodes that know some others, dial by themselves, and have a few seconds to do
 * so; or whose links stand from the start (standing.ts).
 */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { randomBelow, type SeededRandom } from '../base/random.ts';
import type { Course } from './course.ts';
import type { SimNode } from './sim-node.ts';
import { drawLinks, type StandingLink, standUp } from './standing.ts';
import type { NewNode, World } from './world.ts';

/** Addresses that each knows at first: enough for ten outbound peers in different groups. */
const ADDRESSES_KNOWN = 40;
/** Nobody starts at the same time. */
const START_SPREAD_MS = 5 * SECOND_MS;
/** Ten dials half a second apart, and their handshakes, some dials in vain. */
export const SETTLING_MS: Milliseconds = 30 * SECOND_MS;
/** Where links stand, deadlines that passed meanwhile are met. */
const STANDING_MS: Milliseconds = SECOND_MS;
/** Of others than its peers, each knows so many: a feeler has somebody to try. */
const OTHERS_KNOWN = 5;

/** `dialed`: nodes find their peers by themselves. `standing`: their links stand from the start, as handshakes leave them. */
export const OVERLAYS = ['dialed', 'standing'] as const;
export type Overlay = (typeof OVERLAYS)[number];

/** How long after `addNetwork` the network stands. */
export function settlingTime(overlay: Overlay): Milliseconds {
  return overlay === 'standing' ? STANDING_MS : SETTLING_MS;
}

/** `nodes` nodes, of which a share listens (one at least); those that dial start within five seconds. */
export function* addNetwork(
  world: World,
  shape: {
    readonly nodes: number;
    readonly reachable: number;
    /** Absent: `dialed`. */
    readonly overlay?: Overlay;
    /** What sets the node of this index apart. */
    readonly traits?: (index: number) => Partial<NewNode>;
  },
): Course<SimNode[]> {
  const random = world.random('scenario');
  const reachable = Math.max(1, Math.round(shape.nodes * shape.reachable));
  const nodes: SimNode[] = [];
  for (let i = 0; i < shape.nodes; i += 1) {
    nodes.push(world.addNode({ listens: i < reachable, ...shape.traits?.(i) }));
    yield world;
  }
  const known = nodes.filter(node => node.listens);
  if (shape.overlay === 'standing') {
    yield* standUp(world, introduced(world, nodes, known, random), random);
    return nodes;
  }
  for (const node of nodes) {
    world.introduce(node, known, ADDRESSES_KNOWN, random);
    world.agenda.after(randomBelow(random, START_SPREAD_MS), () => node.start());
  }
  return nodes;
}

/** Links by chance; before two nodes meet, whoever dials has heard of the other, and of somebody else now and then. */
function* introduced(
  world: World,
  nodes: readonly SimNode[],
  known: readonly SimNode[],
  random: SeededRandom,
): Generator<StandingLink> {
  for (const node of nodes) world.introduce(node, known, OTHERS_KNOWN, random);
  for (const link of drawLinks(nodes, random)) {
    world.introduce(link.dialer, [link.listener], 1, random);
    yield link;
  }
}

/** Links that shook hands, counted at their dialers: by node, full-relay and block-relay-only. */
export function outboundCounts(nodes: readonly SimNode[]): { fullRelay: number; blockRelay: number } {
  let fullRelay = 0;
  let blockRelay = 0;
  for (const node of nodes) {
    fullRelay += node.peerCount('outbound-full-relay', 'manual');
    blockRelay += node.peerCount('block-relay-only');
  }
  return { fullRelay: fullRelay / nodes.length, blockRelay: blockRelay / nodes.length };
}
