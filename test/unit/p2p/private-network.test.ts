/** Five nodes on one machine that know nothing but a DNS seed: how soon do they stand as one network? */
import { describe, expect, test } from 'vitest';
import { AddressRelay } from '../../../src/p2p/address-relay.ts';
import type { Peer } from '../../../src/p2p/peer.ts';
import { Slots } from '../../../src/p2p/slots.ts';
import type { Message } from '../../../src/wire/messages.ts';
import { addressKey, type NetAddress } from '../../../src/wire/net-address.ts';
import { Harness } from './harness.ts';
import { address } from './support.ts';

const PORT = 18_444;
const STEP_MS = 10;

interface Node {
  readonly h: Harness;
  readonly address: NetAddress;
  /** Our peer → the other end. */
  readonly links: Map<Peer, { readonly node: Node; readonly peer: Peer }>;
}

function createNode(index: number, seed: number): Node {
  const own = address(`127.${index + 1}.0.1`, PORT);
  const h = new Harness(seed * 100 + index, { privateNetwork: true });
  // Nobody has a block but genesis.
  h.isSyncing = true;
  const reachableNetworks = new Set(['ipv4', 'ipv6'] as const);
  const slots = new Slots(h.context, {
    maxConnections: 125,
    dialing: { kind: 'book' },
    addNodes: [],
    anchors: [],
    ownAddresses: [own],
    networkActive: true,
    dnsSeeds: ['seed.example'],
    forceDnsSeeds: false,
    seedNodes: [],
    fixedSeeds: [],
    defaultPort: PORT,
    reachableNetworks,
  });
  h.use(
    slots,
    new AddressRelay(h.context, slots, { externalAddresses: [], listenAddresses: [own], reachableNetworks }),
  );
  return { h, address: own, links: new Map() };
}

/** Lets the world run in steps; the seeder knows `seederKnows(ms)`. Returns when all nodes are linked to all others. */
function run(nodes: Node[], seederKnows: (ms: number) => NetAddress[], limitMs: number): number | undefined {
  let wire: { node: Node; peer: Peer; message: Message }[] = [];
  for (let ms = 0; ms < limitMs; ms += STEP_MS) {
    const arriving = wire;
    wire = [];
    for (const { node, peer, message } of arriving)
      if (node.h.peers.has(peer.id)) node.h.message(peer, message as never);
    for (const node of nodes) node.h.pass(STEP_MS);
    for (const node of nodes) {
      for (let i = 0; i < node.h.log.length; i += 1) {
        const { effect } = node.h.log[i]!;
        if (effect.kind === 'resolveSeeds') node.h.resolved('seed.example', seederKnows(ms));
        if (effect.kind === 'send') {
          const far = [...node.links].find(([peer]) => peer.id === effect.peer)?.[1];
          if (far) wire.push({ node: far.node, peer: far.peer, message: effect.message });
        }
        if (effect.kind !== 'connect') continue;
        const { target } = effect;
        const other =
          target.kind === 'address' &&
          nodes.find(each => addressKey(each.address) === addressKey(target.address));
        if (!other) {
          node.h.failed(effect.attempt);
          continue;
        }
        const here = node.h.connect({ type: effect.type, address: other.address, attempt: effect.attempt });
        const there = other.h.connect({
          type: 'inbound',
          address: { ...node.address, port: 40_000 + effect.attempt },
        });
        node.links.set(here, { node: other, peer: there });
        other.links.set(there, { node, peer: here });
      }
      node.h.log.length = 0;
    }
    const isWhole = nodes.every(
      node => new Set([...node.links.values()].map(link => link.node)).size === nodes.length - 1,
    );
    if (isWhole) return ms;
  }
  return undefined;
}

describe('five nodes', () => {
  test.each([1, 2, 3])('stand within seconds of a full answer (seed %i)', seed => {
    const nodes = Array.from({ length: 5 }, (_, i) => createNode(i, seed));
    const time = run(nodes, () => nodes.map(node => node.address), 60_000);
    expect(time).toBeLessThan(3_000);
  });

  test.each([1, 2, 3])('the seeder knows nobody for four seconds, then one of them (seed %i)', seed => {
    const nodes = Array.from({ length: 5 }, (_, i) => createNode(i, seed));
    const time = run(nodes, ms => (ms < 4_000 ? [] : [nodes[0]!.address]), 60_000);
    expect(time).toBeLessThan(20_000);
  });
});
