import { describe, expect, test } from 'vitest';
import { DAY_MS, MINUTE_MS, SECOND_MS } from '../../../src/base/clock.ts';
import { type Block, createBlock } from '../../../src/wire/block.ts';
import {
  INV,
  INV_COUNT_MAX,
  INV_WITNESS_BLOCK,
  type Message,
  NO_STOP_HASH,
  SERVICES,
} from '../../../src/wire/messages.ts';
import { ip, type ScriptedPeer, World, type WorldNode } from '../../support/p2p-world.ts';
import { coinbaseOf, mineBlock, mineBlocks, NOW, REGTEST, spend } from '../../support/test-chain.ts';

/** A chain whose tip is `ageSeconds` old. */
function chainOf(count: number, ageSeconds = 600, tag = 0): Block[] {
  const start = NOW / 1000 - ageSeconds - (count - 1) * 60;
  const first = mineBlock(REGTEST.genesis, 0, { time: start, tag });
  const blocks = [first];
  while (blocks.length < count) {
    const parent = blocks.at(-1)!;
    blocks.push(mineBlock(parent, blocks.length, { time: parent.header.time + 60, tag }));
  }
  return blocks;
}

/** `count` blocks a second apart. */
function extend(parent: Block, height: number, count: number, tag: number): Block[] {
  const blocks: Block[] = [];
  for (let i = 0; i < count; i += 1) {
    const last = blocks.at(-1) ?? parent;
    blocks.push(mineBlock(last, height + i, { tag, time: last.header.time + 1 }));
  }
  return blocks;
}

/** Serves `blocks` by headers and, while `deliver` holds, by getdata. */
function serveFrom(peer: ScriptedPeer, blocks: readonly Block[], deliver: () => boolean = () => true): void {
  const byHash = new Map(blocks.map(block => [block.header.hash as string, block]));
  const polite = peer.onMessage;
  peer.onMessage = message => {
    polite(message);
    if (message.command === 'getheaders') {
      const known = blocks.findIndex(block => message.locator.includes(block.header.hash));
      const headers = blocks.slice(known + 1, known + 2_001).map(block => block.header);
      peer.send({ command: 'headers', headers });
    }
    if (message.command === 'getdata' && deliver()) {
      for (const item of message.items) {
        const block = byHash.get(item.hash);
        if (block !== undefined) peer.send({ command: 'block', block });
      }
    }
  };
}

const tips = (nodes: readonly WorldNode[]) => nodes.map(node => node.tip);

describe('synchronisation', () => {
  test.each([
    ['from whom we dialed', 'out'],
    ['from who dialed us, when nobody else is there', 'in'],
  ] as const)('from genesis, %s', (_, direction) => {
    const world = new World(11);
    const [full, empty] = [world.addNode(), world.addNode()];
    const blocks = chainOf(200);
    full.submit(...blocks);
    if (direction === 'out') world.connect(empty, full);
    else world.connect(full, empty);
    world.runUntil('both at the tip', () => empty.tip === full.tip);
    expect(empty.height).toBe(200);
    world.runFor(SECOND_MS);
    expect(empty.manager.peers(world.now)[0]).toMatchObject({ syncedHeaders: 200, inflightHeights: [] });
  });

  test('several peers share the work, and at most 16 blocks are owed by each', () => {
    const world = new World(12);
    const blocks = chainOf(300);
    const sources = [0, 1, 2].map(() => world.addNode());
    for (const source of sources) source.submit(...blocks);
    const empty = world.addNode();
    for (const source of sources) world.connect(empty, source);
    let most = 0;
    world.runUntil('at the tip', () => {
      const owed = empty.manager.peers(world.now).map(peer => peer.inflightHeights.length);
      most = Math.max(most, ...owed);
      return empty.height === 300;
    });
    expect(most).toBe(16);
    const gave = empty.manager.peers(world.now).filter(peer => peer.lastBlock > 0);
    expect(gave.length).toBe(3);
  });

  test('a block spreads along a line of nodes', () => {
    const world = new World(13);
    const nodes = Array.from({ length: 5 }, () => world.addNode());
    const blocks = chainOf(20);
    for (const node of nodes) node.submit(...blocks);
    for (let i = 1; i < nodes.length; i += 1) world.connect(nodes[i]!, nodes[i - 1]!);
    world.runFor(5 * SECOND_MS);
    nodes[2]!.submit(mineBlock(blocks.at(-1)!, 20));
    world.runUntil('one tip', () => new Set(tips(nodes)).size === 1, 3 * SECOND_MS);
    expect(nodes[0]!.height).toBe(21);
  });

  test.each([1, 2, 3])('the branch with most work wins everywhere (seed %i)', seed => {
    const world = new World(seed);
    world.latencyMs = 10 + ((seed * 37) % 200);
    const common = chainOf(30);
    const [left, right] = [world.addNode(), world.addNode()];
    for (const node of [left, right]) node.submit(...common);
    left.submit(...extend(common.at(-1)!, 30, 4, 1));
    right.submit(...extend(common.at(-1)!, 30, 5, 2));
    const wanted = right.tip;
    world.connect(left, right);
    world.runUntil('one tip', () => left.tip === wanted && right.tip === wanted);
    expect(left.height).toBe(35);
  });

  test('a cut network agrees when it is healed', () => {
    const world = new World(21);
    const nodes = Array.from({ length: 4 }, () => world.addNode());
    const common = chainOf(10);
    for (const node of nodes) node.submit(...common);
    world.connect(nodes[0]!, nodes[1]!);
    world.connect(nodes[2]!, nodes[3]!);
    world.runFor(2 * SECOND_MS);
    for (const [node, count, tag] of [[nodes[0]!, 12, 1], [nodes[3]!, 20, 2]] as const) {
      for (const block of extend(common.at(-1)!, 10, count, tag)) {
        node.submit(block);
        world.runFor(SECOND_MS);
      }
    } // biome-ignore format: a table
    expect(nodes.map(node => node.height)).toEqual([22, 22, 30, 30]);
    world.connect(nodes[1]!, nodes[2]!);
    world.runUntil('one tip', () => new Set(tips(nodes)).size === 1);
    expect(nodes[0]!.height).toBe(30);
  });

  test('a peer that leaves gives back what it owed', () => {
    const world = new World(31);
    const blocks = chainOf(40);
    const node = world.addNode();
    const lazy = world.attach(node, { type: 'manual' });
    serveFrom(lazy, blocks, () => false);
    lazy.shakeHands();
    world.runUntil('asked', () => lazy.all('getdata').length > 0);
    const source = world.addNode();
    source.submit(...blocks);
    world.connect(node, source);
    world.runFor(SECOND_MS);
    expect(node.height).toBe(0);
    lazy.close();
    world.runUntil('synced', () => node.height === 40);
  });

  test('who holds up the window leaves after two seconds, the next after four', () => {
    const world = new World(32);
    const blocks = chainOf(1_100, 600);
    const node = world.addNode();
    const stallers = [0, 1].map(i => {
      const peer = world.attach(node, { type: 'manual', address: ip(`50.${i}.0.1`) });
      serveFrom(peer, blocks, () => false);
      peer.shakeHands();
      return peer;
    });
    world.runUntil('both asked', () => stallers.every(peer => peer.all('getdata').length > 0));
    const source = world.addNode();
    source.submit(...blocks);
    world.connect(node, source);
    world.runUntil('first gone', () => stallers.some(peer => !peer.isOpen));
    const first = world.now;
    world.runUntil('second gone', () => stallers.every(peer => !peer.isOpen));
    expect(node.disconnects.map(each => each.reason)).toEqual([
      'stalling block download',
      'stalling block download',
    ]);
    expect(world.now - first).toBeGreaterThan(1_500);
    world.runUntil('synced', () => node.height === 1_100);
  });

  test('who holds up the window is not saved by a block from further on', () => {
    const world = new World(36);
    const blocks = chainOf(1_100, 600);
    const node = world.addNode();
    const staller = world.attach(node, { type: 'manual' });
    serveFrom(staller, blocks, () => false);
    staller.shakeHands();
    world.runUntil('asked', () => staller.all('getdata').length > 0);
    const source = world.addNode();
    source.submit(...blocks);
    const served = world.connect(node, source);
    world.runUntil('the others are here', () => {
      const { inflightHeights, syncedHeaders } = node.peer(served)!;
      return syncedHeaders === 1_100 && inflightHeights!.length === 0;
    });
    world.runFor(SECOND_MS);
    staller.send({ command: 'block', block: blocks[15]! });
    world.runFor(SECOND_MS + 500);
    expect(staller.isOpen).toBe(true);
    world.runFor(SECOND_MS);
    expect(node.disconnects.map(each => each.reason)).toEqual(['stalling block download']);
    world.runUntil('synced', () => node.height === 1_100);
  });

  test('of who sent a mutated block another is asked for it at once', () => {
    const world = new World(37);
    const blocks = chainOf(5);
    const node = world.addNode();
    node.submit(...blocks);
    const peers = [0, 1].map(() => world.attach(node));
    const next = mineBlock(blocks.at(-1)!, 5, { time: blocks.at(-1)!.header.time + 1 });
    for (const peer of peers) {
      peer.shakeHands();
      world.runFor(SECOND_MS);
      peer.send({ command: 'headers', headers: [next.header] });
      world.runFor(SECOND_MS);
    }
    expect(peers.map(peer => peer.all('getdata').length)).toEqual([1, 0]);
    const { header, transactions } = next;
    peers[0]!.send({
      command: 'block',
      block: createBlock(header, [...transactions, spend([coinbaseOf(blocks[0]!)], [1])]),
    });
    world.runFor(SECOND_MS);
    expect(peers.map(peer => peer.isOpen)).toEqual([false, true]);
    expect(peers[1]!.all('getdata').flatMap(({ items }) => items)).toMatchObject([{ hash: header.hash }]);
  });

  test('a block that does not come in time ends the connection', () => {
    const world = new World(33);
    const node = world.addNode();
    const peer = world.attach(node, { type: 'manual' });
    serveFrom(peer, chainOf(5), () => false);
    peer.shakeHands();
    world.runFor(9 * MINUTE_MS);
    expect(peer.isOpen).toBe(true);
    world.runFor(2 * MINUTE_MS);
    expect(node.disconnects.map(each => each.reason)).toEqual(['timeout downloading block']);
  });

  test('far behind, headers come from one peer until it proves too slow', () => {
    const world = new World(34);
    const node = world.addNode();
    const silent = [0, 1].map(i =>
      world.attach(node, { type: 'outbound-full-relay', address: ip(`50.${i}.0.1`) }),
    );
    for (const peer of silent) peer.shakeHands({ services: 1n | 8n });
    world.runFor(MINUTE_MS);
    expect(silent.map(peer => peer.all('getheaders').length)).toEqual([1, 0]);
    // One more peer is asked when somebody announces a block.
    silent[1]!.send({ command: 'inv', items: [{ type: INV.block, hash: chainOf(1)[0]!.header.hash }] });
    world.runFor(SECOND_MS);
    expect(silent.map(peer => peer.all('getheaders').length)).toEqual([1, 1]);
    world.runFor(16 * MINUTE_MS);
    expect(silent.map(peer => peer.isOpen)).toEqual([false, true]);
    expect(node.disconnects[0]!.reason).toBe('timeout downloading headers');
    expect(silent[1]!.all('getheaders').length).toBe(2);
  });

  test('headers that do not connect make us ask for the gap', () => {
    const world = new World(35);
    const node = world.addNode();
    const blocks = chainOf(20);
    node.submit(...blocks.slice(0, 10));
    const peer = world.attach(node, { type: 'manual' });
    peer.shakeHands();
    world.runFor(SECOND_MS);
    peer.send({ command: 'headers', headers: [] });
    world.runFor(SECOND_MS);
    const before = peer.all('getheaders').length;
    serveFrom(peer, blocks);
    peer.send({ command: 'headers', headers: [blocks[19]!.header] });
    world.runUntil('synced', () => node.height === 20);
    expect(peer.all('getheaders').length).toBeGreaterThan(before);
  });
});

describe('announcing', () => {
  function synced(seed: number) {
    const world = new World(seed);
    const node = world.addNode();
    const blocks = chainOf(10);
    node.submit(...blocks);
    const peer = world.attach(node);
    peer.shakeHands();
    world.runFor(SECOND_MS);
    peer.received.length = 0;
    return { world, node, peer, blocks };
  }

  test('by hash to who did not ask for headers', () => {
    const { world, node, peer, blocks } = synced(41);
    node.submit(mineBlock(blocks[9]!, 10));
    world.runFor(SECOND_MS);
    expect(peer.all('inv')[0]!.items).toEqual([
      { type: INV.block, hash: node.chain.headers.hashOf(node.chain.tip()) },
    ]);
  });

  test('by headers to who asked, once it has the block before', () => {
    const { world, node, peer, blocks } = synced(42);
    peer.send({ command: 'sendheaders' });
    world.runFor(SECOND_MS);
    // Nothing tells that it has any block of ours.
    node.submit(mineBlock(blocks[9]!, 10));
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['inv']);
    peer.send({
      command: 'getheaders',
      version: 1,
      locator: [blocks[9]!.header.hash],
      stopHash: NO_STOP_HASH,
    });
    world.runFor(SECOND_MS);
    expect(peer.all('headers')[0]!.headers.length).toBe(1);
    const tip = node.chain.headers.headerOf(node.chain.tip());
    node.submit(...mineBlocks({ header: tip } as Block, 11, 2, { time: tip.time + 1 }));
    world.runFor(SECOND_MS);
    expect(peer.commands.slice(2)).toEqual(['headers', 'headers']);
  });

  test('not during initial block download', () => {
    const world = new World(43);
    const node = world.addNode();
    const peer = world.attach(node);
    peer.shakeHands();
    world.runFor(SECOND_MS);
    peer.received.length = 0;
    node.submit(...chainOf(3, (2 * DAY_MS) / 1000));
    world.runFor(SECOND_MS);
    expect(peer.commands).not.toContain('inv');
  });
});

describe('serving', () => {
  function serving(seed: number, options = {}) {
    const world = new World(seed);
    const node = world.addNode({ options });
    const blocks = chainOf(600);
    node.submit(...blocks);
    const peer = world.attach(node);
    peer.shakeHands();
    world.runFor(SECOND_MS);
    peer.received.length = 0;
    return { world, node, peer, blocks };
  }

  test('headers after the last one of a locator, up to the stop hash', () => {
    const { world, peer, blocks } = serving(51);
    const ask = (locator: readonly Block[], stop?: Block) =>
      peer.send({
        command: 'getheaders',
        version: 1,
        locator: locator.map(block => block.header.hash),
        stopHash: stop?.header.hash ?? NO_STOP_HASH,
      });
    ask([blocks[99]!]);
    ask([blocks[99]!], blocks[104]);
    ask([blocks[599]!]);
    ask([], blocks[7]);
    ask(chainOf(1, 600, 9));
    world.runFor(SECOND_MS);
    expect(peer.all('headers').map(({ headers }) => headers.length)).toEqual([500, 5, 0, 1, 600]);
  });

  test('of a node that keeps recent blocks only, getblocks tells nothing that it may delete soon', () => {
    const { world, peer, blocks } = serving(63, { services: SERVICES.networkLimited | SERVICES.witness });
    const ask = (last: number) =>
      peer.send({
        command: 'getblocks',
        version: 1,
        locator: [blocks[last]!.header.hash],
        stopHash: NO_STOP_HASH,
      });
    // Of 600: those above 318.
    ask(316);
    world.runFor(SECOND_MS);
    expect(peer.all('inv')).toEqual([]);
    ask(317);
    world.runFor(SECOND_MS);
    const [inv] = peer.all('inv');
    expect(inv!.items.map(item => item.hash)).toEqual(blocks.slice(318).map(block => block.header.hash));
  });

  test('getblocks by five hundreds, and the tip when the last of them is asked for', () => {
    const { world, node, peer, blocks } = serving(52);
    peer.send({
      command: 'getblocks',
      version: 1,
      locator: [REGTEST.genesis.header.hash],
      stopHash: NO_STOP_HASH,
    });
    world.runFor(SECOND_MS);
    const [inv] = peer.all('inv');
    expect(inv!.items.map(item => item.hash)).toEqual(blocks.slice(0, 500).map(block => block.header.hash));
    peer.send({ command: 'getdata', items: [inv!.items[499]!] });
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['inv', 'block', 'inv']);
    expect(peer.all('inv')[1]!.items[0]!.hash).toBe(node.chain.headers.hashOf(node.chain.tip()));
  });

  test('blocks one after another and in order with what comes after', () => {
    const { world, peer, blocks } = serving(53);
    const items = blocks.slice(0, 20).map(block => ({ type: INV_WITNESS_BLOCK, hash: block.header.hash }));
    const nowhere = { type: INV.wtx, hash: blocks[0]!.header.hash };
    peer.send({ command: 'getdata', items: [...items, nowhere] }, { command: 'ping', nonce: 7n });
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual([...items.map(() => 'block'), 'notfound', 'pong']);
    expect(peer.all('block').map(({ block }) => block.header.hash)).toEqual(items.map(item => item.hash));
  });

  test('who goes on asking while the chain decides on a block is not listened to for ever', () => {
    const { world, node, peer, blocks } = serving(56);
    const block = mineBlock(blocks.at(-1)!, 600, { time: blocks.at(-1)!.header.time + 1 });
    peer.send({ command: 'headers', headers: [block.header] });
    world.runFor(SECOND_MS);
    node.handle({
      kind: 'chain',
      notice: { kind: 'blockStored', id: node.chain.headers.find(block.header.hash)!, block },
    });
    peer.received.length = 0;
    const nothing = Array.from({ length: INV_COUNT_MAX - 1 }, () => ({
      type: INV.wtx,
      hash: block.header.hash,
    }));
    const items = [{ type: INV_WITNESS_BLOCK, hash: block.header.hash }, ...nothing];
    peer.send({ command: 'getdata', items }, { command: 'getdata', items }, { command: 'ping', nonce: 7n });
    world.runFor(SECOND_MS);
    expect([peer.commands, peer.isOpen]).toEqual([['pong'], true]);
    peer.send({ command: 'getdata', items });
    world.runFor(SECOND_MS);
    expect(peer.isOpen).toBe(false);
  });

  test('a block that the disk has damaged costs the peer its connection, and nothing else', () => {
    const { world, node, peer, blocks } = serving(57);
    const { header } = blocks.at(-1)!;
    const items = [{ type: INV.block, hash: header.hash }];
    node.handle({ kind: 'message', peer: peer.id, message: { command: 'getdata', items }, size: 61 });
    const raw = blocks.at(-1)!.raw.slice(0, -20);
    node.handle({ kind: 'blockRead', peer: peer.id, hash: header.hash, raw });
    world.runFor(SECOND_MS);
    expect(peer.isOpen).toBe(false);
  });

  test('unknown blocks and types are not answered', () => {
    const { world, peer } = serving(54);
    const { hash } = chainOf(1, 600, 3)[0]!.header;
    peer.send({
      command: 'getdata',
      items: [
        { type: INV.block, hash },
        { type: 99, hash },
      ],
    });
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual([]);
  });

  test('a node of recent blocks closes on who asks for old ones', () => {
    const { world, node, peer, blocks } = serving(55, { services: (1n << 10n) | 8n });
    peer.send({ command: 'getdata', items: [{ type: INV.block, hash: blocks[600 - 291]!.header.hash }] });
    world.runFor(SECOND_MS);
    expect(peer.all('block').length).toBe(1);
    peer.send({ command: 'getdata', items: [{ type: INV.block, hash: blocks[600 - 292]!.header.hash }] });
    world.runFor(SECOND_MS);
    expect(peer.isOpen).toBe(false);
    expect(node.disconnects[0]!.reason).toContain('NODE_NETWORK_LIMITED');
  });

  test('too little work: empty headers, unless allowed to download', () => {
    const options = { minimumChainWork: 1n << 40n };
    const { world, node, peer, blocks } = serving(56, options);
    const ask: Message = {
      command: 'getheaders',
      version: 1,
      locator: [blocks[0]!.header.hash],
      stopHash: NO_STOP_HASH,
    };
    const trusted = world.attach(node, { permissions: ['download'] });
    trusted.shakeHands();
    peer.send(ask);
    trusted.send(ask);
    world.runFor(SECOND_MS);
    expect(peer.all('headers')[0]!.headers.length).toBe(0);
    expect(trusted.all('headers')[0]!.headers.length).toBe(599);
  });
});

describe('transactions', () => {
  test('flood from node to node and into a block', () => {
    const world = new World(61);
    const nodes = Array.from({ length: 4 }, () => world.addNode());
    const blocks = chainOf(110);
    for (const node of nodes) node.submit(...blocks);
    for (let i = 1; i < nodes.length; i += 1) world.connect(nodes[i]!, nodes[i - 1]!);
    world.runFor(SECOND_MS);
    const tx = spend([coinbaseOf(blocks[0]!)], [2_000_000_000, 2_999_000_000]);
    expect(nodes[0]!.submitTx(tx).status).toBe('accepted');
    world.runUntil('everywhere', () => nodes.every(node => node.mempool.has(tx.txid)), MINUTE_MS);
    nodes[3]!.submit(mineBlock(blocks.at(-1)!, 110, { transactions: [tx] }));
    world.runUntil('one tip', () => new Set(tips(nodes)).size === 1);
    expect(nodes.map(node => node.mempool.size)).toEqual([0, 0, 0, 0]);
  });
});
