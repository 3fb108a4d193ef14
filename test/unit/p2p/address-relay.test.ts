import { describe, expect, test } from 'vitest';
import { sipHash24 } from '../../../src/crypto/siphash.ts';
import { AddressRelay, type AddressRelayOptions } from '../../../src/p2p/address-relay.ts';
import { relayTargets } from '../../../src/p2p/address-targets.ts';
import type { Permission } from '../../../src/p2p/events.ts';
import { hostOfName } from '../../../src/p2p/netgroup.ts';
import { SERVICES } from '../../../src/wire/messages.ts';
import { addressKey, addressText, type TimedAddress } from '../../../src/wire/net-address.ts';
import { Harness } from './harness.ts';
import { address, START, timed } from './support.ts';

const NOW_S = START / 1000;
const OWN = address('5.5.5.5');

function start(seed = 1, options: object = {}, more: Partial<AddressRelayOptions> = {}) {
  const h = new Harness(seed, options);
  let added = 0;
  const relay = new AddressRelay(
    h.context,
    { addressesAdded: () => { added += 1; } }, // biome-ignore format: one value
    { externalAddresses: [], listenAddresses: [OWN], reachableNetworks: new Set(['ipv4', 'ipv6']), ...more },
  );
  h.use(relay);
  return { h, relay, added: () => added };
}

const many = (count: number, time = NOW_S): TimedAddress[] =>
  Array.from({ length: count }, (_, i) => timed(`${30 + (i >> 12)}.${(i >> 8) & 255}.${i & 255}.1`, time));

describe('asking and answering', () => {
  test('outbound peers are asked once; block-relay-only ones and feelers never', () => {
    const { h } = start();
    for (const type of [
      'outbound-full-relay',
      'manual',
      'addr-fetch',
      'block-relay-only',
      'feeler',
      'inbound',
    ] as const)
      h.connect({ type });
    expect(h.sent('getaddr').map(s => s.peer)).toEqual([0, 1, 2]);
  });

  test('inbound peers are answered once, with a share of the book, outbound ones not', () => {
    const { h } = start();
    h.context.addressBook.add(many(400), hostOfName('x'), START);
    for (let i = 0; i < 40; i += 1) h.context.addressBook.add(many(400), hostOfName(`y${i}`), START);
    const size = h.context.addressBook.size;
    const [inbound, outbound] = [h.connect({ type: 'inbound' }), h.connect()];
    h.take();
    for (const peer of [inbound, outbound, inbound]) h.message(peer, { command: 'getaddr' });
    h.pass(600_000);
    const answers = h.sent('addrv2').filter(s => s.message.addresses.length > 1);
    expect(answers.map(a => a.peer)).toEqual([inbound.id]);
    expect(answers[0]!.message.addresses.length).toBe(Math.floor(size * 0.23));
  });

  test('all who come the same way get the same answer for a day', () => {
    const { h } = start();
    for (let i = 0; i < 40; i += 1) h.context.addressBook.add(many(300), hostOfName(`y${i}`), START);
    const ask = () => {
      h.message(h.connect({ type: 'inbound' }), { command: 'getaddr' });
      h.pass(1_000);
      const sent = h.sent('addrv2').find(s => s.message.addresses.length > 1)!;
      return sent.message.addresses.map(a => addressKey(a!)).sort();
    };
    const first = ask();
    h.pass(20 * 3_600_000);
    expect(ask()).toEqual(first);
    h.pass(8 * 3_600_000);
    expect(ask()).not.toEqual(first);
  });

  test('a small private network tells all', () => {
    const { h } = start(1, { privateNetwork: true });
    h.context.addressBook.add(
      [1, 2, 3, 4].map(i => timed(`127.${i}.0.1`, NOW_S)),
      hostOfName('x'),
      START,
    );
    h.message(h.connect({ type: 'inbound' }), { command: 'getaddr' });
    h.pass(1_000);
    expect(h.sent('addrv2').some(s => s.message.addresses.length === 4)).toBe(true);
  });

  test('addr for peers that do not know addrv2, without what it cannot carry', () => {
    const { h } = start(1, { privateNetwork: true }, { listenAddresses: [] });
    const onion = {
      ...address('pg6mmjiyjmcrsslvykfwnntlaru7p5svn6y2ymmju6nubxndf4pscryd.onion'),
      time: NOW_S,
      services: 9n,
    };
    h.context.addressBook.add([timed('1.1.1.1', NOW_S), onion], hostOfName('x'), START);
    h.message(h.connect({ type: 'inbound', sendAddrV2: false }), { command: 'getaddr' });
    h.pass(1_000);
    expect(h.sent('addr').map(s => s.message.addresses.map(a => addressText(a)))).toEqual([['1.1.1.1:8333']]);
  });
});

describe('what comes in', () => {
  test('a token each: one at first, a thousand for our own question, one in ten seconds after', () => {
    const { h, relay } = start();
    const count = (id: number) => relay.describe(h.peers.get(id)!);
    const [inbound, outbound] = [h.connect({ type: 'inbound' }), h.connect()];
    h.message(inbound, { command: 'addrv2', addresses: many(10) });
    expect(count(inbound.id)).toMatchObject({ addressesProcessed: 1, addressesRateLimited: 9 });
    h.pass(50_000);
    h.message(inbound, { command: 'addrv2', addresses: many(10) });
    expect(count(inbound.id)).toMatchObject({ addressesProcessed: 6, addressesRateLimited: 14 });
    h.message(outbound, { command: 'addrv2', addresses: many(1_000) });
    h.message(outbound, { command: 'addrv2', addresses: many(1_000) });
    expect(count(outbound.id).addressesProcessed).toBe(1_001);
    const trusted = h.connect({ type: 'inbound', permissions: ['addr'] });
    h.message(trusted, { command: 'addrv2', addresses: many(500) });
    expect(count(trusted.id)).toMatchObject({ addressesProcessed: 500, addressesRateLimited: 0 });
  });

  test('is stored two hours older, with believable times, full nodes only', () => {
    const { h, added } = start();
    const peer = h.connect();
    h.message(peer, {
      command: 'addrv2',
      addresses: [
        timed('1.1.1.1', NOW_S),
        timed('2.2.2.2', 5),
        timed('3.3.3.3', NOW_S + 700),
        timed('4.4.4.4', NOW_S, 8n),
        undefined,
      ],
    });
    const book = h.context.addressBook;
    expect(book.find(address('1.1.1.1'))!.time).toBe(NOW_S - 7_200);
    expect(book.find(address('2.2.2.2'))!.time).toBe(NOW_S - 5 * 86_400 - 7_200);
    expect(book.find(address('3.3.3.3'))!.time).toBe(NOW_S - 5 * 86_400 - 7_200);
    expect(book.find(address('4.4.4.4'))).toBeUndefined();
    expect(added()).toBe(1);
  });

  test('nothing of discouraged or banned addresses, nothing from block-relay-only peers', () => {
    const { h } = start();
    h.context.penalties.misbehaving(h.connect({ address: address('6.6.6.6') }), 'test');
    h.context.bans.ban({ address: address('7.7.7.7'), prefixBits: 32 } as never, NOW_S + 1_000, START);
    h.message(h.connect(), {
      command: 'addrv2',
      addresses: [timed('6.6.6.6', NOW_S), timed('7.7.7.7', NOW_S)],
    });
    h.message(h.connect({ type: 'block-relay-only' }), { command: 'addrv2', addresses: many(1) });
    expect(h.context.addressBook.size).toBe(0);
  });

  test('an address fetch ends with more than one address', () => {
    const { h } = start();
    const peer = h.connect({ type: 'addr-fetch' });
    h.message(peer, { command: 'addrv2', addresses: many(1) });
    expect(h.take().some(e => e.kind === 'disconnect')).toBe(false);
    h.message(peer, { command: 'addrv2', addresses: many(2) });
    expect(h.take().some(e => e.kind === 'disconnect')).toBe(true);
  });
});

test('an address fetch that brings nothing ends after five minutes', () => {
  const { h } = start();
  h.connect({ type: 'addr-fetch' });
  h.pass(299_000);
  expect(h.take().some(e => e.kind === 'disconnect')).toBe(false);
  h.pass(2_000);
  expect(h.take().some(e => e.kind === 'disconnect')).toBe(true);
});

describe('passing on', () => {
  /** Whom a fresh address from peer 0 goes to. */
  function relayed(address: TimedAddress, how: { count?: number; answer?: boolean } = {}): number[] {
    const { h } = start(3, {}, { listenAddresses: [] });
    const peers = Array.from({ length: 8 }, () => h.connect());
    const source = peers[0]!;
    if (how.answer !== true) h.message(source, { command: 'addrv2', addresses: [] });
    h.pass(60_000);
    h.take();
    const fresh = { ...address, time: Math.floor(h.now / 1000) - (NOW_S - address.time) };
    h.message(source, { command: 'addrv2', addresses: [fresh, ...many((how.count ?? 1) - 1, 1)] });
    h.pass(600_000);
    return h.sent('addrv2').filter(s => s.message.addresses.some(a => addressKey(a!) === addressKey(address))).map(s => s.peer).sort(); // biome-ignore format: one search
  }
  const fresh = timed('8.8.8.8', NOW_S);

  test('to two peers, not to its source, the same ones on the same day', () => {
    const targets = relayed(fresh);
    expect(targets).toHaveLength(2);
    expect(targets).not.toContain(0);
    expect(relayed(fresh)).toEqual(targets);
  });

  test('once, when several tell of it before its batch goes out', () => {
    const { h } = start(3, {}, { listenAddresses: [] });
    const peers = Array.from({ length: 8 }, () => h.connect());
    for (const peer of peers) h.message(peer, { command: 'addrv2', addresses: [] });
    h.pass(60_000);
    h.take();
    const address = { ...fresh, time: Math.floor(h.now / 1000) };
    for (const peer of peers.slice(0, 4)) h.message(peer, { command: 'addrv2', addresses: [address] });
    h.pass(600_000);
    const told = h.sent('addrv2').map(s => `${s.peer} ${s.message.addresses.map(a => addressText(a!))}`);
    expect(told.length).toBeGreaterThan(0);
    expect(told.filter(line => line.includes(','))).toEqual([]);
    expect(new Set(told).size).toBe(told.length);
  });

  test.each<[string, TimedAddress, { count?: number; answer?: boolean }]>([
    ['older than ten minutes', timed('8.8.8.8', NOW_S - 601), {}],
    ['not routable', timed('10.0.0.1', NOW_S), {}],
    ['among more than ten', fresh, { count: 11 }],
    ['in the answer to our question', fresh, { answer: true }],
  ])('not when %s', (_, each, how) => expect(relayed(each, how)).toEqual([]));

  test('of a network that we cannot reach, to one or two', () => {
    const counts = new Set<number>();
    for (let i = 0; i < 40; i += 1) {
      const bytes = new Uint8Array(32).fill(i);
      const onion = { network: 'onion', bytes, port: 1 } as const;
      counts.add(relayTargets([1, 0, 2, 0], onion, [1, 2, 3, 4], 'unreachable', NOW_S).length);
    }
    expect(counts).toEqual(new Set([1, 2]));
  });

  test('to those with the highest hash of address, day and peer', () => {
    const [k0, k1] = [0x0706_0504_0302_0100n, 0x0f0e_0d0c_0b0a_0908n];
    const key = [0x0302_0100, 0x0706_0504, 0x0b0a_0908, 0x0f0e_0d0c] as const;
    for (let i = 0; i < 50; i += 1) {
      const each = address(`8.8.${i}.${5 * i}`, 8_000 + i);
      const bytes = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...each.bytes, each.port >> 8, each.port]); // biome-ignore format: one form
      const digest = sipHash24(0n, 0n, bytes);
      const rank = (id: number) => {
        const words = BigUint64Array.of(digest, (BigInt(NOW_S) + digest) / 86_400n, BigInt(id));
        return sipHash24(k0, k1, new Uint8Array(words.buffer));
      };
      const ids = [1, 2, 3, 4, 5, 6, 7, 8, 9];
      const ranked = [...ids].sort((a, b) => (rank(a) < rank(b) ? 1 : -1));
      expect(relayTargets(key, each, ids, 'reachable', NOW_S)).toEqual(ranked.slice(0, 2));
    }
  });

  test('the targets change after a day, and all peers get their share', () => {
    const key = [7, 0, 9, 0] as const;
    const ids = [1, 2, 3, 4, 5, 6];
    const days = Array.from({ length: 60 }, (_, day) => relayTargets(key, address('8.8.8.8'), ids, 'reachable', NOW_S + day * 86_400)); // biome-ignore format: one list
    expect(new Set(days.map(String)).size).toBeGreaterThan(10);
    expect(new Set(days.flat()).size).toBe(6);
    const hours = Array.from({ length: 24 }, (_, hour) => String(relayTargets(key, address('8.8.8.8'), ids, 'reachable', NOW_S + hour * 3_600))); // biome-ignore format: one list
    expect(new Set(hours).size).toBeLessThanOrEqual(2);
  });
});

describe('our own address', () => {
  const own = (h: Harness) =>
    h.sent('addrv2').map(s => ({ peer: s.peer, texts: s.message.addresses.map(a => addressText(a!)) }));

  test('first in a message of its own, after the initial sync', () => {
    const { h } = start();
    h.isSyncing = true;
    const peer = h.connect();
    expect(own(h)).toEqual([]);
    h.isSyncing = false;
    h.chain({ kind: 'tipChanged' });
    expect(own(h)).toEqual([{ peer: peer.id, texts: ['5.5.5.5:8333'] }]);
    h.pass(10 * 86_400_000);
    const later = own(h).length;
    expect(later).toBeGreaterThan(2);
    expect(later).toBeLessThan(25);
  });

  test('with what we offer to this peer', () => {
    const { h } = start();
    const services = (permissions: Permission[]) => {
      h.connect({ permissions });
      return h.sent('addrv2').flatMap(s => s.message.addresses.map(a => a!.services));
    };
    expect(services([])).toEqual([h.context.options.services]);
    expect(services(['bloomfilter'])).toEqual([h.context.options.services | SERVICES.bloom]);
  });

  test('once for each leap of the clock, at the event that brings it', () => {
    const { h } = start();
    const peer = h.connect();
    own(h);
    for (let i = 0; i < 5; i += 1) {
      h.leap(20 * 86_400_000);
      expect(own(h)).toEqual([{ peer: peer.id, texts: ['5.5.5.5:8333'] }]);
    }
  });

  test('on a private network without waiting for the sync', () => {
    const { h } = start(1, { privateNetwork: true }, { listenAddresses: [address('127.3.0.1')] });
    h.isSyncing = true;
    h.connect({ address: address('127.4.0.1') });
    expect(own(h).flatMap(s => s.texts)).toEqual(['127.3.0.1:8333']);
  });

  test('what the user says; else what we bind to or how we are seen, never what nobody can reach', () => {
    const seen = { seenAs: address('77.7.7.7:5000') };
    const told = (options: Partial<AddressRelayOptions>, shape: object, seed: number) => {
      const { h } = start(seed, {}, options);
      const peer = h.connect(shape);
      if (peer.type === 'inbound') h.message(peer, { command: 'getaddr' });
      return own(h).flatMap(s => s.texts);
    };
    const external = { externalAddresses: [address('99.9.9.9:1')] };
    const local = { listenAddresses: [address('0.0.0.0:18444')] };
    for (let seed = 0; seed < 5; seed += 1) {
      expect(told(external, seen, seed)).toEqual(['99.9.9.9:1']);
      expect(told(local, seen, seed)).toEqual(['77.7.7.7:18444']);
      expect(told(local, { ...seen, type: 'inbound' }, seed)).toEqual(['77.7.7.7:5000']);
      expect(told(local, {}, seed)).toEqual([]);
      expect(told({ listenAddresses: [] }, seen, seed)).toEqual([]);
    }
    const mixed = new Set(Array.from({ length: 20 }, (_, seed) => told({}, seen, seed)[0]));
    expect(mixed).toEqual(new Set(['5.5.5.5:8333', '77.7.7.7:8333']));
  });
});
