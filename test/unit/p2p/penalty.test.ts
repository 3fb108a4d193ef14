import { describe, expect, test } from 'vitest';
import { SECOND_MS } from '../../../src/base/clock.ts';
import type { ConnectionType, P2pEvent, Permission } from '../../../src/p2p/events.ts';
import { createBlock, createHeader } from '../../../src/wire/block.ts';
import type { Message } from '../../../src/wire/messages.ts';
import { createTransaction } from '../../../src/wire/transaction.ts';
import { ip, World } from '../../support/p2p-world.ts';
import { coinbaseOf, mineBlock, mineBlocks, REGTEST, spend } from '../../support/test-chain.ts';

interface Shape {
  readonly type?: ConnectionType;
  readonly permissions?: readonly Permission[];
  readonly address?: ReturnType<typeof ip>;
}

/** A node with ten blocks, and a peer of the shape given that knows nothing yet. */
function setUp(shape: Shape = {}) {
  const world = new World(5);
  const node = world.addNode();
  const blocks = mineBlocks(REGTEST.genesis, 0, 10);
  node.submit(...blocks);
  const address = ip('60.1.2.3');
  const peer = world.attach(node, { address, ...shape });
  peer.shakeHands();
  world.runFor(SECOND_MS);
  return { world, node, peer, blocks };
}

/** What became of the peer; discouraged addresses are let in only while slots are free, which a full node shows. */
function verdict(
  world: World,
  { disconnects }: { readonly disconnects: readonly { readonly reason: string }[] },
): string {
  world.runFor(5 * SECOND_MS);
  const reason = disconnects[0]?.reason;
  if (reason === undefined) return 'stays';
  return reason.startsWith('misbehaving') ? 'misbehaving' : 'disconnected';
}

const [blockOne] = mineBlocks(REGTEST.genesis, 0, 1);

describe('what blocks and headers earn', () => {
  const good = (height = 10) => mineBlocks(REGTEST.genesis, 0, height + 1).at(-1)!;

  test.each<[string, () => Message, string]>([
    ['a good block', () => ({ command: 'block', block: good() }), 'stays'],
    ['headers without work', () => ({ command: 'headers', headers: [{ ...createHeader({ ...good().header, bits: 0x1d00ffff }) }] }), 'misbehaving'],
    ['headers that do not follow each other', () => ({ command: 'headers', headers: [good(10).header, good(12).header] }), 'misbehaving'],
    ['headers with a wrong difficulty', () => ({ command: 'headers', headers: [mined({ bits: 0x207ffffe })] }), 'misbehaving'],
    ['a header that is too old', () => ({ command: 'headers', headers: [mined({ time: REGTEST.genesis.header.time })] }), 'misbehaving'],
    ['a header of the future', () => ({ command: 'headers', headers: [mined({ time: 4_000_000_000 })] }), 'stays'],
    ['headers with an unknown parent', () => ({ command: 'headers', headers: [good(14).header] }), 'stays'],
    ['a block with an unknown parent', () => ({ command: 'block', block: good(14) }), 'misbehaving'],
    ['a block that pays too much', () => ({ command: 'block', block: mineBlock(good(9), 10, { coinbaseValue: 51_0000_0000 }) }), 'misbehaving'],
    ['a block that spends nothing', () => ({ command: 'block', block: mineBlock(good(9), 10, { transactions: [spend([coinbaseOf(good(30))], [1, 1])] }) }), 'misbehaving'],
    ['a block with other transactions', () => ({ command: 'block', block: createBlock(good().header, good(11).transactions) }), 'misbehaving'],
  ])('%s', (_, message, wanted) => {
    const { world, node, peer } = setUp();
    peer.send(message());
    expect(verdict(world, node)).toBe(wanted);
  }); // biome-ignore format: a table

  /** A solved header on the tenth block. */
  function mined(changes: { bits?: number; time?: number }) {
    for (let nonce = 0; ; nonce += 1) {
      const header = createHeader({ ...good().header, ...changes, nonce });
      if (header.hash.charCodeAt(31) < 0x7f) return header;
    }
  }

  test('a mutated block does not make its hash invalid', () => {
    const { world, node, peer } = setUp();
    const block = good();
    peer.send({ command: 'block', block: createBlock(block.header, good(11).transactions) });
    expect(verdict(world, node)).toBe('misbehaving');
    node.submit(block);
    expect(node.height).toBe(11);
  });

  test('of a mutated block nothing is kept, not even its header', () => {
    const { world, node, peer } = setUp();
    const block = good();
    const [coinbase] = block.transactions;
    const { version, inputs, outputs, lockTime } = coinbase!;
    const input = { ...inputs[0]!, witness: [new Uint8Array(32)] };
    const damaged = createTransaction({ version, inputs: [input], outputs, lockTime });
    expect(damaged.txid).toBe(coinbase!.txid);
    peer.send({ command: 'block', block: createBlock(block.header, [damaged]) });
    expect(verdict(world, node)).toBe('misbehaving');
    expect(node.chain.headers.find(block.header.hash)).toBe(undefined);
  });

  test.each<[ConnectionType, string]>([
    ['inbound', 'stays'],
    ['outbound-full-relay', 'misbehaving'],
  ])('headers of a block that is known to be invalid, from an %s peer', (type, wanted) => {
    const { world, node, peer } = setUp({ type });
    const bad = mineBlock(good(9), 10, { coinbaseValue: 51_0000_0000 });
    node.submit(bad);
    expect(node.height).toBe(10);
    peer.send({ command: 'headers', headers: [bad.header] });
    expect(verdict(world, node)).toBe(wanted);
  });

  test('who sent a block that fails later, when its parent comes, is judged then', () => {
    const { world, node, peer } = setUp();
    const parent = good(10);
    const bad = mineBlock(parent, 11, { coinbaseValue: 51_0000_0000 });
    peer.onMessage = message => {
      if (message.command !== 'getdata') return;
      for (const item of message.items)
        if (item.hash === bad.header.hash) peer.send({ command: 'block', block: bad });
    };
    peer.send({ command: 'headers', headers: [parent.header, bad.header] });
    world.runFor(SECOND_MS);
    expect(node.disconnects).toEqual([]);
    node.submit(parent);
    expect(verdict(world, node)).toBe('misbehaving');
  });
});

describe('who is spared', () => {
  test.each<[string, Shape, string, boolean]>([
    ['nobody else', {}, 'misbehaving', true],
    ['noban', { permissions: ['noban'] }, 'stays', false],
    ['manual', { type: 'manual' }, 'stays', false],
    ['local: closed, but not discouraged', { address: ip('127.0.0.1') }, 'misbehaving', false],
  ])('%s', (_, shape, wanted, isDiscouraged) => {
    const { world, node, peer } = setUp(shape);
    peer.send({ command: 'headers', headers: [{ ...blockOne!.header }, { ...blockOne!.header }] });
    expect(verdict(world, node)).toBe(wanted);
    // With its address discouraged and one slot, it is turned away.
    const again = world.attach(node, { address: shape.address ?? ip('60.1.2.3') });
    expect(again.isOpen).toBe(true);
    expect(isDiscouragedWhenFull(shape)).toBe(isDiscouraged);
  });

  function isDiscouragedWhenFull(shape: Shape): boolean {
    const world = new World(6);
    const node = world.addNode({ options: { maxConnections: 12 } });
    const address = ip('60.1.2.3');
    const peer = world.attach(node, { address, ...shape });
    peer.shakeHands();
    world.runFor(SECOND_MS);
    peer.send({ command: 'headers', headers: [{ ...blockOne!.header }, { ...blockOne!.header }] });
    world.runFor(SECOND_MS);
    peer.close();
    world.runFor(SECOND_MS);
    const before = node.disconnects.length;
    world.attach(node, { address: shape.address ?? address });
    world.runFor(SECOND_MS);
    return node.disconnects.slice(before).some(each => each.reason.startsWith('discouraged'));
  }

  test('others with the same address leave too', () => {
    const { world, node, peer } = setUp();
    const other = world.attach(node, { address: ip('60.1.2.3', 7_777) });
    peer.send({ command: 'headers', headers: [{ ...blockOne!.header }, { ...blockOne!.header }] });
    world.runFor(SECOND_MS);
    expect(other.isOpen).toBe(false);
  });
});

describe('what unreadable messages earn', () => {
  type Defect = Extract<P2pEvent, { readonly kind: 'undecodable' }>['defect'];
  test.each<[Defect, string, string]>([
    ['magic', '', 'disconnected'],
    ['oversize', 'block', 'disconnected'],
    ['checksum', 'inv', 'stays'],
    ['command', '', 'stays'],
    ['payload', 'tx', 'stays'],
    ['tooMany', 'inv', 'misbehaving'],
    ['tooMany', 'getdata', 'misbehaving'],
    ['tooMany', 'headers', 'misbehaving'],
    ['tooMany', 'addr', 'misbehaving'],
    ['tooMany', 'getheaders', 'disconnected'],
    ['tooMany', 'getblocks', 'disconnected'],
  ])('%s of %s', (defect, command, wanted) => {
    const { world, node, peer } = setUp();
    node.handle({ kind: 'undecodable', peer: peer.id, command, defect, detail: '' });
    expect(verdict(world, node)).toBe(wanted);
  });
});
