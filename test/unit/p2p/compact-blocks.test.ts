import { expect, test } from 'vitest';
import { Reject } from '../../../src/consensus/reject.ts';
import { compactOf } from '../../../src/p2p/compact-block.ts';
import type { Block } from '../../../src/wire/block.ts';
import { INV, INV_WITNESS_BLOCK } from '../../../src/wire/messages.ts';
import { type ScriptedPeer, World, type WorldNode } from '../../support/p2p-world.ts';
import { coinbaseOf, mineBlock, NOW, REGTEST, spend } from '../../support/test-chain.ts';

const NONCE = 99n;

/** 110 blocks, the last of them a minute old. */
function baseChain(): Block[] {
  const start = NOW / 1000 - 110 * 60;
  const blocks = [mineBlock(REGTEST.genesis, 0, { time: start })];
  for (let i = 1; i < 110; i += 1) blocks.push(mineBlock(blocks[i - 1]!, i, { time: start + i * 60 }));
  return blocks;
}

const BASE = baseChain();
const TIP = BASE.at(-1)!;

/** The next block, with transactions that spend the first coinbases. */
function nextBlock(count = 3, parent = TIP, height = 110): Block {
  const transactions = BASE.slice(0, count).map(block =>
    spend([coinbaseOf(block)], [24_0000_0000, 25_9990_0000]),
  );
  return mineBlock(parent, height, { transactions, time: parent.header.time + 1 });
}

function scene(seed: number, options = {}): { readonly world: World; readonly node: WorldNode } {
  const world = new World(seed);
  const node = world.addNode({ options });
  node.submit(...BASE);
  return { world, node };
}

/** A peer that speaks compact blocks and knows our tip. */
function join(world: World, node: WorldNode, shape: Parameters<World['attach']>[1] = {}): ScriptedPeer {
  const peer = world.attach(node, shape);
  peer.shakeHands();
  peer.send({ command: 'sendcmpct', announce: 0, version: 2n });
  world.runFor(300);
  peer.send({ command: 'headers', headers: [TIP.header] });
  world.runFor(300);
  return peer;
}

/** Makes it one of those that send at once, by bringing a block. */
function bring(world: World, peer: ScriptedPeer, parent: Block, height: number): Block {
  const block = mineBlock(parent, height, { time: parent.header.time + 1 });
  peer.send({ command: 'block', block });
  world.runFor(500);
  return block;
}

function sendCompact(world: World, peer: ScriptedPeer, block: Block): void {
  peer.send({ command: 'cmpctblock', ...compactOf(block, NONCE) });
  world.runFor(500);
}

test('everybody is told after the handshake that we take version 2 when we ask for it', () => {
  const { world, node } = scene(1);
  const peer = join(world, node);
  expect(peer.all('sendcmpct')).toEqual([{ command: 'sendcmpct', announce: 0, version: 2n }]);
});

test('a header near the tip is answered by asking for the compact block, and that by its transactions', () => {
  const { world, node } = scene(2);
  const peer = join(world, node);
  const block = nextBlock();
  node.submitTx(block.transactions[1]!);
  peer.send({ command: 'headers', headers: [block.header] });
  world.runFor(500);
  expect(peer.all('getdata').at(-1)!.items).toEqual([{ type: INV.compactBlock, hash: block.header.hash }]);
  sendCompact(world, peer, block);
  const asked = peer.all('getblocktxn').at(-1)!;
  expect(asked.indexes).toEqual([2, 3]);
  peer.send({ command: 'blocktxn', blockHash: asked.blockHash, transactions: block.transactions.slice(2) });
  world.runFor(500);
  expect(node.height).toBe(111);
  expect(node.peer(peer.id)).toMatchObject({ highBandwidthTo: true, inflightHeights: [] });
});

test('other transactions than the block has: the whole block is asked for, and a second try is punished', () => {
  const { world, node } = scene(3);
  const peer = join(world, node);
  const tip = bring(world, peer, TIP, 110);
  const block = nextBlock(2, tip, 111);
  sendCompact(world, peer, block);
  const wrong = BASE.slice(5, 7).map(other => spend([coinbaseOf(other)], [1]));
  peer.send({ command: 'blocktxn', blockHash: block.header.hash, transactions: wrong });
  world.runFor(500);
  expect(peer.all('getdata').at(-1)!.items).toMatchObject([{ hash: block.header.hash }]);
  expect(peer.isOpen).toBe(true);
  peer.send({ command: 'blocktxn', blockHash: block.header.hash, transactions: wrong });
  world.runFor(500);
  expect(peer.isOpen).toBe(false);
});

test('an invalid block that came as a compact one is not held against the peer', () => {
  const { world, node } = scene(4);
  const peer = join(world, node);
  const tip = bring(world, peer, TIP, 110);
  const greedy = mineBlock(tip, 111, { coinbaseValue: 51_0000_0000, time: tip.header.time + 1 });
  sendCompact(world, peer, greedy);
  expect(node.height).toBe(111);
  expect(peer.isOpen).toBe(true);
});

test('three peers work on one block; the last place is for an outbound one', () => {
  const { world, node } = scene(5);
  const peers = [join(world, node), join(world, node), join(world, node, { type: 'outbound-full-relay' })];
  let tip = TIP;
  for (const [i, peer] of peers.entries()) tip = bring(world, peer, tip, 110 + i);
  const first = join(world, node);
  const block = nextBlock(3, tip, 113);
  first.send({ command: 'headers', headers: [block.header] });
  world.runFor(300);
  for (const peer of [first, ...peers]) sendCompact(world, peer, block);
  expect([first, ...peers].map(peer => peer.all('getblocktxn').length)).toEqual([1, 1, 0, 1]);
  peers[2]!.send({
    command: 'blocktxn',
    blockHash: block.header.hash,
    transactions: block.transactions.slice(1),
  });
  world.runFor(500);
  expect(node.height).toBe(114);
});

test('of three that send at once, the only outbound one stays', () => {
  const { world, node } = scene(6);
  const peers = [
    join(world, node, { type: 'outbound-full-relay' }),
    ...[1, 2, 3, 4].map(() => join(world, node)),
  ];
  let tip = TIP;
  for (const [i, peer] of peers.entries()) tip = bring(world, peer, tip, 110 + i);
  const chosen = peers.map(peer => node.peer(peer.id)!.highBandwidthTo);
  expect(chosen).toEqual([true, false, false, true, true]);
});

test('who wants blocks at once gets them while we validate, and may ask for transactions and for the whole block', () => {
  const { world, node } = scene(7);
  const [source, eager] = [join(world, node), join(world, node)];
  eager.send({ command: 'sendcmpct', announce: 1, version: 2n });
  world.runFor(300);
  expect(node.peer(eager.id)).toMatchObject({ highBandwidthFrom: true });
  const block = nextBlock();
  source.send({ command: 'block', block });
  world.runFor(500);
  const [compact] = eager.all('cmpctblock');
  expect(compact).toMatchObject({ header: { hash: block.header.hash } });
  expect(eager.all('headers').flatMap(({ headers }) => headers)).not.toContainEqual(block.header);
  eager.send({ command: 'getblocktxn', blockHash: block.header.hash, indexes: [1, 3] });
  eager.send({ command: 'getdata', items: [{ type: INV.compactBlock, hash: block.header.hash }] });
  world.runFor(500);
  const given = eager.all('blocktxn')[0]!.transactions.map(tx => tx.txid);
  expect(given).toEqual([block.transactions[1]!.txid, block.transactions[3]!.txid]);
  expect(eager.all('cmpctblock').length).toBe(2);
  eager.send({ command: 'getblocktxn', blockHash: block.header.hash, indexes: [4] });
  world.runFor(500);
  expect(eager.isOpen).toBe(false);
});

test('who asks for a block that is being validated gets it, though another is refused meanwhile', () => {
  const { world, node } = scene(10);
  const eager = join(world, node);
  eager.send({ command: 'sendcmpct', announce: 1, version: 2n });
  world.runFor(300);
  const block = nextBlock();
  const id = node.chain.acceptHeader(block.header, world.now);
  node.handle({ kind: 'chain', notice: { kind: 'blockStored', id, block } });
  world.runFor(300);
  expect(eager.all('cmpctblock').length).toBe(1);
  eager.send({ command: 'getdata', items: [{ type: INV_WITNESS_BLOCK, hash: block.header.hash }] });
  world.runFor(300);
  const { hash } = mineBlock(block, 111, { coinbaseValue: 51_0000_0000 }).header;
  node.handle({ kind: 'chain', notice: { kind: 'blockInvalid', hash, reason: new Reject('bad-cb-amount') } });
  world.runFor(300);
  node.submit(block);
  world.runFor(300);
  expect(eager.all('block').map(each => each.block.header.hash)).toEqual([block.header.hash]);
});

test('compact blocks are given five deep, transactions ten deep; behind that the whole block', () => {
  const { world, node } = scene(8);
  const peer = join(world, node);
  const answers = (depth: number, command: 'getdata' | 'getblocktxn') => {
    const { hash } = BASE[109 - depth]!.header;
    peer.received.length = 0;
    if (command === 'getdata') peer.send({ command, items: [{ type: INV.compactBlock, hash }] });
    else peer.send({ command, blockHash: hash, indexes: [0] });
    world.runFor(500);
    return peer.commands;
  };
  expect(answers(5, 'getdata')).toEqual(['cmpctblock']);
  expect(answers(6, 'getdata')).toEqual(['block']);
  expect(answers(10, 'getblocktxn')).toEqual(['blocktxn']);
  expect(answers(11, 'getblocktxn')).toEqual(['block']);
});

test('with -blocksonly nobody is asked for compact blocks', () => {
  const { world, node } = scene(9, { blocksOnly: true });
  const peer = join(world, node);
  const tip = bring(world, peer, TIP, 110);
  expect(node.peer(peer.id)).toMatchObject({ highBandwidthTo: false });
  const block = mineBlock(tip, 111, { time: tip.header.time + 1 });
  peer.send({ command: 'headers', headers: [block.header] });
  sendCompact(world, peer, block);
  expect(peer.all('getdata').at(-1)!.items[0]!.type).not.toBe(INV.compactBlock);
  expect(node.height).toBe(111);
});
