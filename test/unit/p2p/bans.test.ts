import { describe, expect, test } from 'vitest';
import { SECOND_MS } from '../../../src/base/clock.ts';
import { Bans, decodeBans, encodeBans } from '../../../src/p2p/bans.ts';
import { P2pCommandError } from '../../../src/p2p/commands.ts';
import { DecodeError } from '../../../src/wire/codec.ts';
import { parseSubnet, type Subnet, subnetText } from '../../../src/wire/subnet.ts';
import { ip, World } from '../../support/p2p-world.ts';

const subnet = (text: string): Subnet => parseSubnet(text)!;
const NOW = 1_700_000_000_000;
const NOW_S = NOW / 1000;

describe('bans', () => {
  test('cover their subnet until their time', () => {
    const bans = new Bans();
    expect(bans.ban(subnet('10.1.0.0/16'), NOW_S + 100, NOW)).toBe(true);
    expect(bans.isBanned(ip('10.1.255.1'), NOW)).toBe(true);
    expect(bans.isBanned(ip('10.2.0.1'), NOW)).toBe(false);
    expect(bans.isBanned(ip('10.1.255.1'), NOW + 99_999)).toBe(true);
    expect(bans.isBanned(ip('10.1.255.1'), NOW + 100_000)).toBe(false);
    expect(bans.list(NOW + 100_000)).toEqual([]);
  });

  test('a shorter ban does not replace a longer one', () => {
    const bans = new Bans();
    bans.ban(subnet('1.2.3.4'), NOW_S + 100, NOW);
    expect(bans.ban(subnet('1.2.3.4'), NOW_S + 50, NOW)).toBe(false);
    expect(bans.ban(subnet('1.2.3.4/32'), NOW_S + 200, NOW)).toBe(true);
    expect(bans.list(NOW).length).toBe(1);
  });

  test('are listed by network, address and prefix', () => {
    const bans = new Bans();
    for (const text of ['192.168.0.1', '::/19', '127.0.0.0/32', '127.0.0.0/24', '2001:db8::/32'])
      bans.ban(subnet(text), NOW_S + 100, NOW);
    expect(bans.list(NOW).map(ban => subnetText(ban.subnet))).toEqual([
      '127.0.0.0/24',
      '127.0.0.0/32',
      '192.168.0.1/32',
      '::/19',
      '2001:db8::/32',
    ]);
  });

  test('survive their file', () => {
    const bans = new Bans();
    for (const text of ['10.0.0.0/8', '2001:db8::1']) bans.ban(subnet(text), NOW_S + 100, NOW);
    const text = encodeBans(bans.list(NOW));
    expect(JSON.parse(text)).toEqual({
      banned_nets: [
        { version: 1, ban_created: NOW_S, banned_until: NOW_S + 100, address: '10.0.0.0/8' },
        { version: 1, ban_created: NOW_S, banned_until: NOW_S + 100, address: '2001:db8::1/128' },
      ],
    });
    expect(decodeBans(text)).toEqual(bans.list(NOW));
  });

  test('entries of other versions and unreadable addresses are dropped, other files refused', () => {
    const entry = { version: 1, ban_created: 1, banned_until: 2, address: '1.2.3.4/32' };
    const file = (...entries: unknown[]) => JSON.stringify({ banned_nets: entries });
    expect(
      decodeBans(file(entry, { ...entry, version: 2 }, { ...entry, address: '1.2.3.4/42' })).length,
    ).toBe(1);
    for (const bad of [
      '',
      '[]',
      '{}',
      'null',
      file(1),
      file({ ...entry, ban_created: 'x' }),
      file({ ...entry, address: 1 }),
    ])
      expect(() => decodeBans(bad), bad).toThrow(DecodeError);
  });
});

describe('setban', () => {
  function setUp() {
    const world = new World(8);
    const node = world.addNode();
    const peer = world.attach(node, { address: ip('70.1.2.3') });
    peer.shakeHands();
    world.runFor(SECOND_MS);
    return { world, node, peer };
  }
  const code = (run: () => unknown): string | undefined => {
    try {
      run();
    } catch (error) {
      if (error instanceof P2pCommandError) return error.code;
      throw error;
    }
    return undefined;
  };

  test('closes on whom it covers, keeps them out, and is saved', () => {
    const { world, node, peer } = setUp();
    node.command({ kind: 'ban', subnet: subnet('70.1.0.0/16'), until: undefined });
    world.runFor(SECOND_MS);
    expect(peer.isOpen).toBe(false);
    expect(node.asked).toContainEqual({ kind: 'saveBans' });
    expect(node.manager.bans(world.now)[0]!.until).toBe(Math.floor(world.now / 1000) - 1 + 86_400);
    const again = world.attach(node, { address: ip('70.1.9.9') });
    const favoured = world.attach(node, { address: ip('70.1.9.8'), permissions: ['noban'] });
    world.runFor(SECOND_MS);
    expect([again.isOpen, favoured.isOpen]).toEqual([false, true]);
    node.command({ kind: 'unban', subnet: subnet('70.1.0.0/16') });
    const third = world.attach(node, { address: ip('70.1.9.9') });
    world.runFor(SECOND_MS);
    expect(third.isOpen).toBe(true);
  });

  test('is refused as Core refuses it', () => {
    const { node } = setUp();
    const ban = (text: string) =>
      code(() => node.command({ kind: 'ban', subnet: subnet(text), until: undefined }));
    expect(ban('127.0.0.0/24')).toBeUndefined();
    expect(ban('127.0.0.1')).toBe('already-added');
    expect(ban('127.0.0.0/25')).toBeUndefined();
    expect(ban('127.0.0.0/24')).toBe('already-added');
    expect(code(() => node.command({ kind: 'unban', subnet: subnet('127.0.0.1') }))).toBe('invalid-subnet');
    node.command({ kind: 'clearBans' });
    expect(node.command({ kind: 'bans' })).toEqual([]);
  });

  test('disconnectnode by id and by address', () => {
    const { world, node, peer } = setUp();
    const other = world.attach(node, { address: ip('70.1.2.4', 99) });
    expect(code(() => node.command({ kind: 'disconnect', peer: '221B Baker Street' }))).toBe('not-connected');
    expect(code(() => node.command({ kind: 'disconnect', peer: 77 }))).toBe('not-connected');
    node.command({ kind: 'disconnect', peer: peer.id });
    // Whether or not its socket is closed by now.
    expect(node.manager.peers(world.now).map(({ id }) => id)).not.toContain(peer.id);
    node.command({ kind: 'disconnect', peer: '70.1.2.4:99' });
    world.runFor(SECOND_MS);
    expect([peer.isOpen, other.isOpen]).toEqual([false, false]);
  });

  test('addnode, addconnection, setnetworkactive', () => {
    const { world, node, peer } = setUp();
    const second = world.addNode();
    const target = { kind: 'address', address: second.address } as const;
    node.command({ kind: 'addNode', target });
    expect(code(() => node.command({ kind: 'addNode', target }))).toBe('already-added');
    world.runUntil('connected', () => node.manager.peers(world.now).some(each => each.type === 'manual'));
    expect(node.command({ kind: 'addedNodes' })[0]!.peer).toBeDefined();
    node.command({ kind: 'removeNode', target });
    expect(code(() => node.command({ kind: 'removeNode', target }))).toBe('not-added');
    for (let i = 0; i < 2; i += 1) {
      node.command({ kind: 'addConnection', target, type: 'block-relay-only' });
      world.runFor(SECOND_MS);
    }
    expect(code(() => node.command({ kind: 'addConnection', target, type: 'block-relay-only' }))).toBe(
      'capacity-reached',
    );
    node.command({ kind: 'setNetworkActive', active: false });
    world.runFor(SECOND_MS);
    expect(peer.isOpen).toBe(false);
    expect(node.manager.isNetworkActive).toBe(false);
    expect(node.manager.peers(world.now)).toEqual([]);
  });

  test('addpeeraddress', () => {
    const { node } = setUp();
    const add = (table: 'new' | 'tried', text: string) =>
      node.command({ kind: 'addAddress', address: ip(text), table });
    expect(add('new', '80.1.1.1')).toBe('added');
    expect(add('new', '80.1.1.1')).toBe('failed-adding-to-new');
    expect(add('tried', '81.1.1.1')).toBe('added');
    expect(add('new', '127.0.0.1')).toBe('failed-adding-to-new');
    expect([node.addressBook.newCount, node.addressBook.triedCount]).toEqual([1, 1]);
  });
});
