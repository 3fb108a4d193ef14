/**
 * Which peers are told of a transaction that is new to us. `flood` is Core's way and the default; the others are for
 * private networks and the simulator, to be compared with it:
 *
 * - `flood`: everybody who does not know it.
 * - `gossip`: so many peers drawn at random, anew for each transaction, whether they know it or not. Peers who were not
 *   drawn are not told. In theory a share x stays without it where x = exp(−K(1 − x)) (Kermack and McKendrick 1927).
 * - `tree`: at once those on the branches of a tree that grows by itself (relay-tree.ts), everybody else a little later, so
 *   that a broken tree costs time, not transactions.
 * - `reconcile`: as `flood`, and four outbound peers more with whom sets are reconciled instead (reconciler.ts).
 */
import type { Milliseconds } from '../base/clock.ts';
import { type Random, randomBelow } from '../base/random.ts';
import type { Peer } from './peer.ts';
import { RelayTree } from './relay-tree.ts';

export type RelayStrategyOptions =
  | { readonly kind: 'flood' }
  /** `fanout`: peers told (the infection factor K). */
  | { readonly kind: 'gossip'; readonly fanout: number }
  | { readonly kind: 'tree' }
  | { readonly kind: 'reconcile' };

export const FLOOD: RelayStrategyOptions = { kind: 'flood' };
/** More than any node has peers is flooding. */
const GOSSIP_FANOUT_MAX = 125;

/** How long a peer's announcement is held back before it waits for the peer's next batch; or it does not wait; undefined: it is not told. */
export type Delay = Milliseconds | 'at once' | undefined;

export interface RelayStrategy {
  /** A transaction is new to us, and there are `count` peers who may want it: what is to be done with each, in turn. */
  begin(count: number): (peer: Peer) => Delay;
  /** What it announces is asked for without delay, though it dialed us. */
  prefers?(peer: Peer): boolean;
  /** The peer is told of one at once. */
  told?(peer: Peer): void;
  /** It asks for one that it could have been told of. */
  asked?(peer: Peer): void;
  /** It brought us one that was new. */
  delivered?(peer: Peer): void;
}

export function createRelayStrategy(
  options: RelayStrategyOptions,
  deps: {
    readonly random: Random;
    readonly isTreeLink: (peer: Peer) => boolean;
    readonly reconcilesWith: (peer: Peer) => boolean;
  },
): RelayStrategy {
  const { random, isTreeLink, reconcilesWith } = deps;
  const atOnce = () => 0;
  const unlessReconciled = (peer: Peer) => (reconcilesWith(peer) ? undefined : 0);
  switch (options.kind) {
    case 'flood':
      return { begin: () => atOnce };
    case 'tree':
      return new RelayTree(isTreeLink);
    case 'reconcile':
      return { begin: () => unlessReconciled };
    case 'gossip':
      return { begin: count => drawOf(random, options.fanout, count) };
  }
}

/** Yes for `wanted` of `count`, each choice as likely as any other (Knuth, TAOCP 3.4.2, algorithm S). */
function drawOf(random: Random, wanted: number, count: number): () => Delay {
  let left = count;
  let open = wanted;
  return () => {
    const isDrawn = left > 0 && randomBelow(random, left) < open;
    left -= 1;
    if (isDrawn) open -= 1;
    return isDrawn ? 0 : undefined;
  };
}

/** `flood`, `gossip-4`, `tree`, `reconcile`; undefined for anything else. */
export function parseRelayStrategy(text: string): RelayStrategyOptions | undefined {
  if (text === 'flood' || text === 'tree' || text === 'reconcile') return { kind: text };
  const fanout = Number(/^gossip-(\d{1,3})$/.exec(text)?.[1] ?? Number.NaN);
  return fanout >= 1 && fanout <= GOSSIP_FANOUT_MAX ? { kind: 'gossip', fanout } : undefined;
}
