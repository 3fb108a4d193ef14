/**
 * Mining in virtual time: blocks come as a Poisson process, each found by a node drawn by chance, on that node's tip, from
 * that node's mempool. Nonces are really searched; regtest needs two tries.
 */
import { assert } from '../base/assert.ts';
import type { Milliseconds } from '../base/clock.ts';
import { randomBelow, randomExponential } from '../base/random.ts';
import { hash160 } from '../crypto/hashes.ts';
import { solveBlock } from '../mining/solve.ts';
import { createTemplate } from '../mining/template.ts';
import { payToWitness } from '../script/templates.ts';
import type { Block } from '../wire/block.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

const TRIES_MAX = 1_000_000;

/** `node` finds a block now; what it had in mind is changed by `alter` before it is solved. */
export function mineBlock(
  world: World,
  node: SimNode,
  alter: (block: Block) => Block = block => block,
): Block {
  const { chain, mempool, params } = node;
  const template = createTemplate(
    {
      params,
      headers: chain.headers,
      deployments: chain.deployments,
      parent: chain.tip(),
      now: world.now,
      // Of its own, so that two nodes' blocks differ.
      scriptPubKey: payToWitness(0, hash160(Uint8Array.of(node.index, node.index >> 8, node.index >> 16))),
    },
    mempool,
  );
  const block = solveBlock(alter(template.block), TRIES_MAX, params);
  assert(block !== undefined, 'regtest blocks are solved at once');
  const { nodes } = world;
  world.metrics.follow('block', block.header.hash, {
    origin: node.index,
    start: world.now,
    nodes: nodes.length,
  });
  const result = node.submitBlock(block);
  assert(result.status === 'accepted', 'our own blocks are valid');
  return block;
}

/** Blocks every `interval` on average until `end`, each by one of `miners`. */
export function startMining(
  world: World,
  options: {
    readonly interval: Milliseconds;
    readonly end: Milliseconds;
    readonly miners: readonly SimNode[];
    /** Some do not make the blocks that the rules ask for. */
    readonly alter?: (block: Block, miner: SimNode) => Block;
    readonly onMined?: (block: Block, miner: SimNode) => void;
  },
): void {
  const random = world.random('miner');
  const { interval, end, miners } = options;
  const next = () => {
    const at = world.now + randomExponential(random, interval);
    if (at > end) return;
    world.agenda.at(at, () => {
      const running = miners.filter(node => node.isStarted);
      if (running.length > 0) {
        const miner = running[randomBelow(random, running.length)]!;
        const block = mineBlock(world, miner, made => options.alter?.(made, miner) ?? made);
        options.onMined?.(block, miner);
      }
      next();
    });
  };
  next();
}
