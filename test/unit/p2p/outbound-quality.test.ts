import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../../src/base/clock.ts';
import { ip, type ScriptedPeer, World } from '../../support/p2p-world.ts';
import { mineBlock, mineBlocks, NOW, REGTEST } from '../../support/test-chain.ts';

/** Ten blocks, the last ten minutes old. */
const BLOCKS = (() => {
  const blocks = [mineBlock(REGTEST.genesis, 0, { time: NOW / 1000 - 1_200 })];
  while (blocks.length < 10) {
    const parent = blocks.at(-1)!;
    blocks.push(mineBlock(parent, blocks.length, { time: parent.header.time + 60 }));
  }
  return blocks;
})();

function setUp(options = {}) {
  const world = new World(14);
  const node = world.addNode({ options });
  node.submit(...BLOCKS);
  return { world, node };
}

/** Has the first `count` of the blocks. */
function behave(peer: ScriptedPeer, count: number): void {
  const polite = peer.onMessage;
  peer.onMessage = message => {
    polite(message);
    if (message.command !== 'getheaders') return;
    const known = BLOCKS.slice(0, count).findIndex(block => message.locator.includes(block.header.hash));
    const headers = BLOCKS.slice(Math.max(0, known), count).map(block => block.header);
    peer.send({ command: 'headers', headers });
  };
  peer.shakeHands({ services: 1n | 8n });
}

describe('outbound peers that are behind', () => {
  test('leave after twenty minutes and one question', () => {
    const { world, node } = setUp();
    const peer = world.attach(node, { type: 'outbound-full-relay' });
    behave(peer, 5);
    world.runFor(20 * MINUTE_MS - 5 * SECOND_MS);
    const before = peer.all('getheaders').length;
    world.runFor(10 * SECOND_MS);
    expect(peer.all('getheaders').length).toBe(before + 1);
    expect(peer.isOpen).toBe(true);
    world.runFor(2 * MINUTE_MS + SECOND_MS);
    expect(peer.isOpen).toBe(false);
    expect(node.disconnects[0]!.reason).toBe('outbound peer has old chain');
  });

  test.each([
    ['inbound', 5],
    ['manual', 5],
    ['outbound-full-relay', 10],
  ] as const)('%s with %i blocks stays', (type, count) => {
    const { world, node } = setUp();
    const peer = world.attach(node, { type });
    behave(peer, count);
    world.runFor(30 * MINUTE_MS);
    expect(peer.isOpen).toBe(true);
  });

  test('four that were in step once are safe, others are not, block-relay-only ones never', () => {
    const { world, node } = setUp();
    const shapes = [
      ...Array.from({ length: 6 }, () => 'outbound-full-relay' as const),
      'block-relay-only' as const,
    ];
    const peers = shapes.map((type, i) => {
      const peer = world.attach(node, { type, address: ip(`91.${i}.1.1`) });
      behave(peer, 10);
      world.runFor(SECOND_MS);
      return peer;
    });
    // We go on, they do not.
    node.submit(...mineBlocks(BLOCKS.at(-1)!, 10, 1, { time: NOW / 1000 }));
    world.runFor(23 * MINUTE_MS);
    expect(peers.map(peer => peer.isOpen)).toEqual([true, true, true, true, false, false, false]);
  });

  test('who catches up with what we had then gets new time', () => {
    const { world, node } = setUp();
    const peer = world.attach(node, { type: 'block-relay-only' });
    behave(peer, 5);
    world.runFor(10 * MINUTE_MS);
    const [next] = mineBlocks(BLOCKS.at(-1)!, 10, 1, { time: NOW / 1000 });
    node.submit(next!);
    peer.send({ command: 'headers', headers: BLOCKS.slice(5).map(block => block.header) });
    world.runFor(20 * MINUTE_MS);
    expect(peer.isOpen).toBe(true);
    world.runFor(3 * MINUTE_MS);
    expect(peer.isOpen).toBe(false);
  });
});

describe('a stale tip', () => {
  test('brings one more outbound peer; of too many, the one leaves that told of a block longest ago', () => {
    const { world, node } = setUp({ dialing: { kind: 'book' } });
    const others = Array.from({ length: 14 }, (_, i) => i).map(i =>
      world.addNode({ address: ip(`92.${i}.1.1`) }),
    );
    for (const other of others) other.submit(...BLOCKS);
    const address = others.map(other => ({
      ...other.address,
      services: 9n,
      time: Math.floor(world.now / 1000),
    }));
    node.addressBook.add(address, ip('93.1.1.1'), world.now);
    const full = () =>
      node.manager.peers(world.now).filter(peer => peer.type === 'outbound-full-relay').length;
    world.runUntil('all slots', () => full() === 8, 5 * MINUTE_MS);
    world.runFor(20 * MINUTE_MS);
    expect(full()).toBe(8);
    // Three intervals of ten minutes without a block, noticed within another ten.
    world.runUntil('one more', () => full() === 9, 25 * MINUTE_MS);
    world.runUntil('one less', () => full() === 8, 5 * MINUTE_MS);
    expect(node.disconnects.map(each => each.reason)).toContain('extra outbound peer');
  });
});

describe('a network that finds itself', () => {
  test('from one address each node meets all by gossip, and blocks reach all', () => {
    const world = new World(15);
    const options = { dialing: { kind: 'book' }, privateNetwork: true } as const;
    const nodes = Array.from({ length: 8 }, (_, i) => {
      const address = ip(`127.${i + 1}.0.1`);
      return world.addNode({ address, options: { ...options, listenAddresses: [address] } });
    });
    for (const node of nodes) node.submit(...BLOCKS);
    const first = { ...nodes[0]!.address, services: 9n, time: Math.floor(world.now / 1000) };
    for (const node of nodes.slice(1)) node.addressBook.add([first], first, world.now);
    const isMeshed = () => nodes.every(node => node.manager.peers(world.now).length >= 7);
    world.runUntil('everybody knows everybody', isMeshed, MINUTE_MS);
    nodes[7]!.submit(...mineBlocks(BLOCKS.at(-1)!, 10, 1, { time: NOW / 1000 }));
    world.runUntil('one tip', () => new Set(nodes.map(node => node.tip)).size === 1, 5 * SECOND_MS);
  });
});
