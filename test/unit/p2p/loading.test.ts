/** While block files are read at the start, peers are there, and of the chain they are not heard. */
import { expect, test } from 'vitest';
import { SECOND_MS } from '../../../src/base/clock.ts';
import { World } from '../../support/p2p-world.ts';
import { mineBlock, mineBlocks, NOW, REGTEST } from '../../support/test-chain.ts';

test('headers are asked for when all is read, not before, and blocks that come by themselves are dropped', () => {
  const world = new World(3);
  const [full, loading] = [world.addNode(), world.addNode()];
  const old = mineBlocks(REGTEST.genesis, 0, 20);
  const recent = mineBlock(old.at(-1)!, 20, { time: NOW / 1_000 - 60 });
  full.submit(...old, recent);
  loading.chain.isLoadingBlocks = true;
  world.connect(loading, full);
  world.runUntil('they know each other', () => loading.manager.peers(world.now).length === 1);
  world.runFor(30 * SECOND_MS);
  expect([loading.height, loading.chain.headers.size]).toEqual([0, 1]);
  const next = mineBlock(recent, 21, { time: NOW / 1_000 });
  full.submit(next);
  world.runFor(30 * SECOND_MS);
  expect([loading.height, loading.chain.headers.size]).toEqual([0, 1]);
  loading.chain.isLoadingBlocks = false;
  world.runUntil('it has caught up', () => loading.tip === full.tip);
});
