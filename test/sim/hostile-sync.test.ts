/**
 * Hostile peers against a node that has everything still to fetch, or that hears of new blocks from nobody else: how long
 * it takes until the honest chain is there all the same.
 */
import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { createBlock } from '../../src/wire/block.ts';
import { type Message, SERVICES } from '../../src/wire/messages.ts';
import { HONEST_CHAIN, HostileScene, serving } from '../support/hostile-scene.ts';
import type { ScriptedPeer } from '../support/p2p-world.ts';

type React = (peer: ScriptedPeer, message: Message) => void;

/** What is wanted of an outbound peer. */
const FULL_NODE = { services: SERVICES.network | SERVICES.witness };

const noHeaders: React = () => {};
const noBlocks = serving(HONEST_CHAIN, () => {});
const wrongBlocks = serving(HONEST_CHAIN, peer => peer.send({ command: 'block', block: HONEST_CHAIN[0]! }));
const mutatedBlocks = serving(HONEST_CHAIN, (peer, { header }) =>
  peer.send({ command: 'block', block: createBlock(header, HONEST_CHAIN[3]!.transactions) }),
);

/** A node with nothing, and attackers before anybody else is there. */
function newcomer(attackers: number, react: React): HostileScene {
  const scene = new HostileScene({ honest: 0, known: 0 });
  scene.attach(attackers, { type: 'outbound-full-relay', react, version: FULL_NODE });
  scene.addHonest(1);
  return scene;
}

function timeToSync({ world, node }: HostileScene, withinMs: number): number {
  const since = world.now;
  world.runUntil('the whole chain', () => node.height >= HONEST_CHAIN.length, withinMs);
  return world.now - since;
}

describe('while it catches up', () => {
  // The bounds are those of Core's rules: 15 minutes for headers; for a block ten minutes, and five more for each other
  // peer that owes one; two seconds for who holds up the window.
  test.each<[string, number, React, number]>([
    ['never answering getheaders: each costs a quarter of an hour', 3, noHeaders, 3 * 16 * MINUTE_MS],
    ['headers, and never a block', 3, noBlocks, 26 * MINUTE_MS],
    ['always the same block instead of the one asked for', 3, wrongBlocks, 26 * MINUTE_MS],
    ['mutated blocks: they go at once', 7, mutatedBlocks, 20 * SECOND_MS],
  ])('%s', (_, attackers, react, withinMs) => {
    const scene = newcomer(attackers, react);
    expect(timeToSync(scene, withinMs)).toBeGreaterThan(0);
    expect(scene.honestPeersKept).toBe(1);
    // Nothing is owed by who is gone, and new blocks come as ever.
    expect(scene.timeToNextBlock(5 * SECOND_MS)).toBeLessThan(5 * SECOND_MS);
  });

  test('never answering getheaders, and an honest peer announces a block: that one is asked at once', () => {
    const scene = newcomer(7, noHeaders);
    scene.world.runFor(MINUTE_MS);
    expect(scene.node.height).toBe(0);
    scene.honest[0]!.submit(scene.nextBlock());
    expect(timeToSync(scene, 20 * SECOND_MS)).toBeLessThan(20 * SECOND_MS);
  });

  test('blocks a second late, one at a time: the others carry the load', () => {
    const queue: { peer: ScriptedPeer; block: (typeof HONEST_CHAIN)[number] }[] = [];
    const scene = newcomer(
      3,
      serving(HONEST_CHAIN, (peer, block) => queue.push({ peer, block })),
    );
    const slowly = () => {
      const next = queue.shift();
      if (next !== undefined) next.peer.send({ command: 'block', block: next.block });
      scene.world.after(SECOND_MS, slowly);
    };
    slowly();
    // Three times sixteen blocks are owed by them at a time, a second each.
    expect(timeToSync(scene, 3 * MINUTE_MS)).toBeLessThan(3 * MINUTE_MS);
  });
});

describe('when others keep new blocks to themselves', () => {
  test('eight outbound peers tell nothing: an inbound one is enough, and those behind leave', () => {
    const scene = new HostileScene({ honest: 1, direction: 'in' });
    const known = HONEST_CHAIN.slice(0, -20);
    scene.attach(8, {
      type: 'outbound-full-relay',
      version: FULL_NODE,
      react: serving(known, () => {}),
    });
    expect(scene.timeToNextBlock(3 * SECOND_MS)).toBeLessThan(3 * SECOND_MS);
    scene.world.runFor(23 * MINUTE_MS);
    expect(scene.attackersKept).toBe(0);
    expect(scene.honestPeersKept).toBe(1);
  });

  test('announcing by headers what they never deliver: ten minutes, not for ever', () => {
    const scene = new HostileScene();
    const block = scene.nextBlock();
    const attackers = scene.attach(1, { type: 'outbound-full-relay', version: FULL_NODE });
    for (const attacker of attackers) attacker.send({ command: 'headers', headers: [block.header] });
    scene.world.runFor(SECOND_MS);
    scene.honest[0]!.submit(block);
    const since = scene.world.now;
    scene.world.runUntil('the block', () => scene.node.tip === scene.honest[0]!.tip, 11 * MINUTE_MS);
    expect(scene.world.now - since).toBeLessThan(11 * MINUTE_MS);
    expect(scene.honestPeersKept).toBe(3);
  });
});
