/** How scenarios get a network that stands: nodes that know some others, dial by themselves, and have a few seconds to do so. */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { randomBelow } from '../base/random.ts';
import type { SimNode } from './sim-node.ts';
import type { NewNode, World } from './world.ts';

/** Addresses that each knows at first: enough for ten outbound peers in different groups. */
const ADDRESSES_KNOWN = 40;
/** Nobody starts at the same time. */
const START_SPREAD_MS = 5 * SECOND_MS;
/** Ten dials half a second apart, and their handshakes, some dials in vain. */
export const SETTLING_MS: Milliseconds = 30 * SECOND_MS;

/** `count` nodes, of which a share listens (one at least); all start within five seconds. */
export function addNetwork(
  world: World,
  shape: {
    readonly nodes: number;
    readonly reachable: number;
    /** What sets the node of this index apart. */
    readonly traits?: (index: number) => Partial<NewNode>;
  },
): SimNode[] {
  const random = world.random('scenario');
  const reachable = Math.max(1, Math.round(shape.nodes * shape.reachable));
  const nodes = Array.from({ length: shape.nodes }, (_, i) =>
    world.addNode({ listens: i < reachable, ...shape.traits?.(i) }),
  );
  const known = nodes.filter(node => node.listens);
  for (const node of nodes) {
    world.introduce(node, known, ADDRESSES_KNOWN, random);
    world.agenda.after(randomBelow(random, START_SPREAD_MS), () => node.start());
  }
  return nodes;
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
