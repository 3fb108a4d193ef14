import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../../src/base/clock.ts';
import type { ConnectionType } from '../../../src/p2p/events.ts';
import { type Message, type MessageOf, SERVICES } from '../../../src/wire/messages.ts';
import { ip, SCRIPTED_VERSION, World } from '../../support/p2p-world.ts';
import { mineBlock, mineBlocks, REGTEST } from '../../support/test-chain.ts';

const VERACK: Message = { command: 'verack' };
const FEATURE: Message = { command: 'feature', id: 'some', data: new Uint8Array(3) };
const OFFER: Message = { command: 'sendtxrcncl', version: 1, salt: 2n };
const WTXID: Message = { command: 'wtxidrelay' };
const version = (changes: Partial<MessageOf<'version'>> = {}): Message => ({
  ...SCRIPTED_VERSION,
  ...changes,
});

function setUp(type: ConnectionType = 'inbound') {
  const world = new World(1);
  const node = world.addNode();
  const peer = world.attach(node, { type });
  return { world, node, peer };
}

describe('handshake', () => {
  test('an inbound peer speaks first and gets version, features and verack', () => {
    const { world, node, peer } = setUp();
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual([]);
    peer.send(version());
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['version', 'wtxidrelay', 'sendaddrv2', 'verack']);
    const ours = peer.all('version')[0]!;
    expect(ours).toMatchObject({ version: 70_017, userAgent: '/World:1/', startHeight: 0, relay: true });
    expect(ours.from).toMatchObject({ port: 0, services: ours.services });
    peer.send({ command: 'wtxidrelay' }, { command: 'sendaddrv2' }, VERACK);
    world.runFor(SECOND_MS);
    expect(peer.commands.slice(4)).toEqual(expect.arrayContaining(['ping', 'getheaders', 'feefilter']));
    expect(node.peer(peer.id)).toMatchObject({ version: 70_016, userAgent: '/Scripted:1/', type: 'inbound' });
  });

  test('who dials speaks first, and asks for addresses after its verack', () => {
    const { world, peer } = setUp('outbound-full-relay');
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['version']);
    peer.send(version());
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['version', 'wtxidrelay', 'sendaddrv2', 'verack', 'getaddr']);
  });

  test('a version before wtxidrelay gets no features', () => {
    const { world, peer } = setUp();
    peer.send(version({ version: 70_015 }));
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['version', 'verack']);
  });

  test('block-relay-only connections ask for no transactions and no addresses', () => {
    const { world, node, peer } = setUp('block-relay-only');
    peer.send(version(), VERACK);
    world.runFor(SECOND_MS);
    expect(peer.all('version')[0]!.relay).toBe(false);
    expect(peer.commands).not.toContain('getaddr');
    expect(peer.commands).not.toContain('feefilter');
    expect(node.peer(peer.id)!.relaysTxs).toBe(false);
  });

  test('before the verack nothing but the handshake is answered', () => {
    const { world, node, peer } = setUp();
    peer.send({ command: 'ping', nonce: 1n }, VERACK, version());
    peer.send({ command: 'ping', nonce: 2n }, { command: 'getaddr' });
    world.runFor(SECOND_MS);
    node.submit(...mineBlocks(REGTEST.genesis, 0, 1));
    world.runFor(SECOND_MS);
    expect(peer.commands).toEqual(['version', 'wtxidrelay', 'sendaddrv2', 'verack']);
    expect(peer.isOpen).toBe(true);
  });

  test.each<[Message, Message['command']]>([
    [{ command: 'sendheaders' }, 'headers'],
    [{ command: 'sendcmpct', announce: 1, version: 2n }, 'cmpctblock'],
  ])('how blocks are to be announced may be said before the verack: %o', (wish, announcement) => {
    const { world, node, peer } = setUp();
    const start = Math.floor(world.now / SECOND_MS) - 60;
    const first = mineBlock(REGTEST.genesis, 0, { time: start });
    node.submit(first);
    peer.send(version(), wish, VERACK);
    peer.send({ command: 'headers', headers: [first.header] });
    world.runFor(SECOND_MS);
    node.submit(mineBlock(first, 1, { time: start + 1 }));
    world.runFor(SECOND_MS);
    expect(peer.commands.at(-1)).toBe(announcement);
  });

  test.each<[string, ConnectionType, Message[], boolean, string]>([
    ['a second version is ignored', 'inbound', [version(), version({ userAgent: '/Two/' })], true, ''],
    ['an obsolete version', 'inbound', [version({ version: 31_799 })], false, 'obsolete version 31799'],
    ['the oldest version', 'inbound', [version({ version: 31_800 })], true, ''],
    ['wtxidrelay after verack', 'inbound', [version(), VERACK, { command: 'wtxidrelay' }], false, 'wtxidrelay'],
    ['sendaddrv2 after verack', 'inbound', [version(), VERACK, { command: 'sendaddrv2' }], false, 'sendaddrv2'],
    ['a second verack is ignored', 'inbound', [version(), VERACK, VERACK], true, ''],
    ['an inbound peer without services', 'inbound', [version({ services: 0n })], true, ''],
    ['a manual peer without services', 'manual', [version({ services: 0n })], true, ''],
    ['an outbound peer without services', 'outbound-full-relay', [version({ services: 0n })], false, 'expected services'],
    ['an outbound peer without witnesses', 'block-relay-only', [version({ services: SERVICES.network })], false, 'expected services'],
    ['a limited peer while our tip is old', 'outbound-full-relay', [version({ services: SERVICES.networkLimited | SERVICES.witness })], false, 'expected services'],
    ['a feeler leaves when it knows', 'feeler', [version()], false, 'feeler'],
  ])('%s', (_, type, messages, staysOpen, reason) => {
    const { world, node, peer } = setUp(type);
    peer.send(...messages);
    world.runFor(5 * SECOND_MS);
    expect(peer.isOpen).toBe(staysOpen);
    if (!staysOpen) expect(node.disconnects[0]!.reason).toContain(reason);
  }); // biome-ignore format: a table

  test('feature is ignored before verack, and ends the connection after', () => {
    const { world, node, peer } = setUp();
    peer.send(version({ version: 70_017 }));
    world.runFor(SECOND_MS);
    peer.send(FEATURE);
    world.runFor(SECOND_MS);
    expect(node.disconnects).toEqual([]);
    peer.send(VERACK);
    world.runFor(SECOND_MS);
    peer.send(FEATURE);
    world.runFor(SECOND_MS);
    expect(node.disconnects[0]!.reason).toContain('feature received after verack');
  });

  test('a feature of an old peer, or one that does not follow its format, ends the connection', () => {
    for (const older of [true, false]) {
      const { world, node, peer } = setUp();
      peer.send(version({ version: older ? 70_016 : 70_017 }));
      world.runFor(SECOND_MS);
      if (older) peer.send(FEATURE);
      else
        node.handle({
          kind: 'undecodable',
          peer: peer.id,
          command: 'feature',
          defect: 'payload',
          detail: '',
        });
      world.runFor(SECOND_MS);
      const reason = older ? 'feature received with incompatible version 70016' : 'invalid feature payload';
      expect(node.disconnects[0]!.reason).toContain(reason);
    }
  });

  describe('sendtxrcncl', () => {
    function meet(options: object, type: ConnectionType, ...messages: Message[]) {
      const world = new World(1);
      const node = world.addNode({ options });
      const peer = world.attach(node, { type });
      peer.send(...messages);
      world.runFor(SECOND_MS);
      return { peer, reason: node.disconnects[0]?.reason };
    }
    const ON = { txReconciliation: true };

    test.each<[string, object, ConnectionType, Message, boolean]>([
      ['with the option', ON, 'inbound', version(), true],
      ['outbound', ON, 'outbound-full-relay', version({ services: 9n }), true],
      ['without the option', {}, 'inbound', version(), false],
      ['with -blocksonly', { ...ON, blocksOnly: true }, 'inbound', version(), false],
      ['where no transactions are wanted', ON, 'inbound', version({ relay: false }), false],
      ['where none flow', ON, 'block-relay-only', version({ services: 9n }), false],
      ['to whom is asked for addresses', ON, 'addr-fetch', version({ services: 9n }), false],
      ['before wtxids', ON, 'inbound', version({ version: 70_015 }), false],
    ])('is sent before verack: %s', (_, options, type, message, isSent) => {
      const { commands } = meet(options, type, message).peer;
      expect(commands.includes('sendtxrcncl')).toBe(isSent);
      if (isSent) expect(commands.indexOf('sendtxrcncl')).toBeLessThan(commands.indexOf('verack'));
    });

    test.each<[string, object, Message[], string | undefined]>([
      ['once', ON, [version(), WTXID, OFFER, VERACK], undefined],
      ['of a later version', ON, [version(), { ...OFFER, version: 2 } as Message], undefined],
      ['ignored without the option', {}, [version(), OFFER, OFFER], undefined],
      ['ignored where we offered none', ON, [version({ version: 70_015 }), OFFER], undefined],
      ['twice', ON, [version(), OFFER, OFFER], 'already registered'],
      ['of version 0', ON, [version(), { ...OFFER, version: 0 } as Message], 'protocol violation'],
      ['after verack', ON, [version(), VERACK, OFFER], 'sendtxrcncl received after verack'],
      ['of who wants no transactions', ON, [version({ relay: false }), OFFER], 'which indicated no tx relay to us'],
      ['to who wants none', { ...ON, blocksOnly: true }, [version(), OFFER], 'we indicated no tx relay'],
    ])('is taken: %s', (_, options, messages, reason) => {
      const seen = meet(options, 'inbound', ...messages).reason;
      if (reason === undefined) expect(seen).toBeUndefined();
      else expect(seen).toContain(reason);
    }); // biome-ignore format: a table
  });

  test('a node that dials itself notices', () => {
    const world = new World(2);
    const node = world.addNode();
    world.connect(node, node);
    world.runFor(5 * SECOND_MS);
    expect(node.disconnects.map(each => each.reason)).toContain('connected to self');
    expect(node.manager.peers(world.now)).toEqual([]);
  });

  test.each([
    ['says nothing', [] as Message[], 'never received from peer, never sent to peer'],
    ['gives no verack', [version()], 'version handshake timeout'],
  ])('who %s has a minute', (_, messages, reason) => {
    const { world, node, peer } = setUp();
    peer.send(...messages);
    world.runFor(MINUTE_MS - SECOND_MS);
    expect(peer.isOpen).toBe(true);
    world.runFor(2 * SECOND_MS);
    expect(peer.isOpen).toBe(false);
    expect(node.disconnects[0]!.reason).toContain(reason);
  });

  test('characters that could harm a terminal are taken out of a user agent', () => {
    const { world, node, peer } = setUp();
    peer.send(version({ userAgent: '/Evil\u001b[31m:1(<x>)/' }));
    world.runFor(SECOND_MS);
    expect(node.peer(peer.id)!.userAgent).toBe('/Evil31m:1(x)/');
  });

  test('clocks of outbound peers: the median of five or more', () => {
    const world = new World(3);
    const node = world.addNode();
    for (const offset of [10n, 20n, 30n, 40n, 1_000n]) {
      expect(node.manager.timeOffsetS()).toBe(0);
      const peer = world.attach(node, { type: 'manual', address: ip(`40.${offset % 251n}.1.1`) });
      peer.send(version({ time: BigInt(Math.floor(world.now / 1000)) + offset }));
      world.runFor(100);
    }
    expect(node.manager.timeOffsetS()).toBe(30);
  });
});
