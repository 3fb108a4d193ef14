/**
 * An overlay that stands already. To settle a large world by dialing costs some 27 messages for each link, more than a
 * transaction and a block afterwards. Here two nodes meet by word of mouth: their peer managers are told of the connection
 * and handed each other's messages as they are, each a latency later than the one before, with no dial, no frame and no
 * agenda between them. What a manager remembers of a peer is therefore what the handshake itself has made of it.
 *
 * What is left out is gossip of addresses, which in a network that stands is long over: a dialer hears the address of
 * whom it asked, and no more. What the nodes know of others is in their books, and was put there.
 */
import { MINUTE_MS, type Milliseconds } from '../base/clock.ts';
import { type Random, randomBelow, shuffle } from '../base/random.ts';
import { slotCounts } from '../p2p/connection-plan.ts';
import type { P2pEvent } from '../p2p/events.ts';
import { netgroupOf } from '../p2p/netgroup.ts';
import type { Command } from '../wire/messages.ts';
import type { Course } from './course.ts';
import type { Link, Side } from './link.ts';
import { MAX_CONNECTIONS } from './node-options.ts';
import type { Connection } from './sim-connection.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** The links are as old as one ping: then they need not all ping at the same moment. */
const AGE_MAX_MS = 2 * MINUTE_MS;
/** More than a handshake and what follows it: two nodes that do not come to an end have a fault. */
const WORDS_MAX = 100;
/** Draws in vain before a node is content with the links that it has. */
const DRAWS_MAX = 200;
const OF_ADDRESSES: ReadonlySet<Command> = new Set(['addr', 'addrv2']);
const PUBLIC = { privateNetwork: false } as const;

/** Who dialed whom, and for what. */
export interface StandingLink {
  readonly dialer: SimNode;
  readonly listener: SimNode;
  readonly type: Link['type'];
}

/** Something that one side has said, and when the other hears it. */
interface Word {
  readonly to: Side;
  readonly event: P2pEvent;
  readonly at: Milliseconds;
}

/** All nodes have met as `links` say within the last two minutes, and start: what they do now and then begins now. */
export function* standUp(world: World, links: Iterable<StandingLink>, random: Random): Course<void> {
  for (const node of world.nodes) node.converse({ kind: 'tick' }, world.now);
  for (const link of links) {
    meet(world, link, world.now - randomBelow(random, AGE_MAX_MS));
    yield world;
  }
  for (const node of world.nodes) node.start({ omits: OF_ADDRESSES });
}

/**
 * As many outbound links of each kind as nodes have, to listening ones drawn by chance: never two into one netgroup, and
 * nobody has more than it takes in. Whoever finds nobody goes without, and may dial later.
 */
export function* drawLinks(nodes: readonly SimNode[], random: Random): Generator<StandingLink> {
  const listening = nodes.filter(node => node.listens);
  const counts = slotCounts(MAX_CONNECTIONS);
  const inbound = new Uint32Array(nodes.length);
  for (const dialer of shuffle(random, [...nodes])) {
    const groups = new Set<string>();
    for (let i = 0; i < counts.fullRelay + counts.blockRelay; i += 1) {
      const listener = draw(listening, random, other => {
        if (other === dialer || inbound[other.index]! >= counts.inbound) return false;
        return !groups.has(netgroupOf(other.address, PUBLIC));
      });
      if (listener === undefined) break;
      groups.add(netgroupOf(listener.address, PUBLIC));
      inbound[listener.index]! += 1;
      yield { dialer, listener, type: i < counts.fullRelay ? 'outbound-full-relay' : 'block-relay-only' };
    }
  }
}

function meet({ network }: World, { dialer, listener, type }: StandingLink, began: Milliseconds): void {
  const link = network.connect(dialer, listener, type);
  const nodes = [dialer, listener] as const;
  const ends = [dialer.join(link, 0), listener.join(link, 1)] as const;
  const words: Word[] = ([0, 1] as const).map(to => ({ to, event: connected(nodes, ends, to), at: began }));
  for (let i = 0; i < words.length; i += 1) {
    if (i > WORDS_MAX) throw new Error(`Nodes ${dialer.index} and ${listener.index} do not come to an end`);
    const { to, event, at } = words[i]!;
    if (event.kind === 'message' && event.message.command === 'verack') ends[to].isReady = true;
    const other = to === 0 ? 1 : 0;
    for (const effect of nodes[to].converse(event, at)) {
      if (effect.kind === 'disconnect') throw new Error(`A link that stands is refused: ${effect.reason}`);
      if (effect.kind !== 'send' || (to === 0 && OF_ADDRESSES.has(effect.message.command))) continue;
      const { message } = effect;
      words.push({
        to: other,
        event: { kind: 'message', peer: ends[other].peer, message, size: 0 },
        at: at + link.latencyMs,
      });
    }
  }
}

function draw(
  listening: readonly SimNode[],
  random: Random,
  suits: (node: SimNode) => boolean,
): SimNode | undefined {
  for (let i = 0; i < DRAWS_MAX; i += 1) {
    const node = listening[randomBelow(random, listening.length)]!;
    if (suits(node)) return node;
  }
  return undefined;
}

function connected(
  nodes: readonly [SimNode, SimNode],
  ends: readonly [Connection, Connection],
  side: Side,
): P2pEvent {
  const { peer, type } = ends[side];
  const localAddress = nodes[side].address;
  return {
    kind: 'connected',
    peer,
    type,
    address: nodes[1 - side]!.address,
    localAddress,
    permissions: [],
  };
}
