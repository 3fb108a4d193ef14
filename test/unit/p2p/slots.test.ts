import { describe, expect, test } from 'vitest';
import { slotCounts } from '../../../src/p2p/connection-plan.ts';
import type { P2pEffect, PeerId } from '../../../src/p2p/events.ts';
import { InboundSlots } from '../../../src/p2p/inbound-slots.ts';
import { hostOfName } from '../../../src/p2p/netgroup.ts';
import type { Peer } from '../../../src/p2p/peer.ts';
import { Slots, type SlotsOptions } from '../../../src/p2p/slots.ts';
import { type AddressNetwork, addressText, type NetAddress } from '../../../src/wire/net-address.ts';
import { Harness } from './harness.ts';
import { address, START, timed } from './support.ts';

const NOW_S = START / 1000;
const OPTIONS: SlotsOptions = {
  maxConnections: 125,
  dialing: { kind: 'book' },
  addNodes: [],
  anchors: [],
  ownAddresses: [],
  networkActive: true,
  dnsSeeds: [],
  forceDnsSeeds: false,
  seedNodes: [],
  fixedSeeds: [],
  defaultPort: 18444,
  reachableNetworks: new Set(['ipv4', 'ipv6']),
};

type Dial = Extract<P2pEffect, { kind: 'connect' }>;

/** Every dial is answered at once: by a connection, unless `refuses` says no. */
function start(
  options: Partial<SlotsOptions> = {},
  more: { seed?: number; p2p?: object; fill?: number; refuses?: (dial: Dial) => boolean } = {},
) {
  const h = new Harness(more.seed ?? 1, more.p2p);
  for (let i = 0; i < (more.fill ?? 0); i += 1)
    h.context.addressBook.add([timed(`${40 + i}.1.1.1`, NOW_S)], hostOfName(`s${i}`), START);
  const slots = new Slots(h.context, { ...OPTIONS, ...options });
  h.use(slots);
  const dials: { at: number; text: string; type: string }[] = [];
  const answer = () => {
    for (let i = 0; i < h.log.length; i += 1) {
      const { at, effect } = h.log[i]!;
      if (effect.kind === 'disconnect') {
        const peer = h.peers.get(effect.peer);
        if (peer) h.disconnect(peer);
      }
      if (effect.kind !== 'connect') continue;
      const where: NetAddress =
        effect.target.kind === 'address' ? effect.target.address : address('88.8.8.8');
      dials.push({
        at,
        text: effect.target.kind === 'address' ? addressText(where) : effect.target.host,
        type: effect.type,
      });
      if (more.refuses?.(effect)) h.failed(effect.attempt);
      else {
        const peer = h.connect({ type: effect.type, address: where, attempt: effect.attempt });
        // As the handshake does.
        if (peer.type === 'feeler') h.disconnect(peer);
      }
    }
    h.log.length = 0;
  };
  const run = (ms: number) => {
    answer();
    h.pass(ms, answer);
  };
  const runFrozen = (ms: number) => {
    h.passFrozen(0);
    answer();
    h.passFrozen(ms, answer);
  };
  const count = (type: Peer['type']) => [...h.peers.values()].filter(p => p.type === type).length;
  return { h, slots, dials, run, runFrozen, count };
}

describe('the transport of a dial', () => {
  const V2 = 1n << 11n;
  const target = { kind: 'address', address: address('77.1.1.1') } as const;
  const dialsOf = (h: Harness) =>
    h.take().flatMap(effect => (effect.kind === 'connect' ? [[effect.type, effect.transport]] : []));

  test('is encrypted where both ends offer that, or the user wants it', () => {
    const { h, slots, run } = start({}, { p2p: { services: V2 } });
    const seen: string[] = [];
    const note = () => seen.push(...dialsOf(h).map(([, transport]) => transport!));
    h.context.addressBook.add([{ ...timed('41.1.1.1', NOW_S), services: 9n }], hostOfName('a'), START);
    h.act(() => slots.addressesAdded());
    h.pass(2_000);
    note();
    expect(seen).toEqual(['v1']);
    h.failed(0);
    h.act(() => slots.dialOnce(target, 'manual'));
    h.act(() => slots.dialOnce(target, 'manual', 'v1'));
    note();
    expect(seen.slice(-2)).toEqual(['v2', 'v1']);
    run(0);
  });

  test('is v1 once more when a peer hung up on our key, and only then', () => {
    const { h, slots } = start({}, { p2p: { services: V2 } });
    h.act(() => slots.dialOnce(target, 'manual'));
    expect(dialsOf(h)).toEqual([['manual', 'v2']]);
    const first = h.connect({ type: 'manual', address: target.address, attempt: 0 });
    (first as { shouldRetryV1: boolean }).shouldRetryV1 = true;
    h.disconnect(first);
    expect(dialsOf(h)).toEqual([['manual', 'v1']]);
    const second = h.connect({ type: 'manual', address: target.address, attempt: 1 });
    (second as { shouldRetryV1: boolean }).shouldRetryV1 = true;
    h.disconnect(second);
    expect(dialsOf(h)).toEqual([]);
    h.act(() => slots.dialOnce(target, 'manual'));
    h.take();
    h.disconnect(h.connect({ type: 'manual', address: target.address, attempt: 2 }));
    expect(dialsOf(h)).toEqual([]);
  });
});

describe('while the clock of the node stands still', () => {
  test('peers are dialed half a second apart by the steady clock', () => {
    const { runFrozen, dials, count } = start({}, { fill: 40 });
    runFrozen(2_000);
    expect(dials.length).toBeGreaterThan(2);
    expect(dials.length).toBeLessThan(6);
    runFrozen(8_000);
    expect([count('outbound-full-relay'), count('block-relay-only')]).toEqual([8, 2]);
  });

  test('added nodes are dialed again and again, and when they hang up', () => {
    const target = { kind: 'address', address: address('77.1.1.1') } as const;
    let isDown = true;
    const { h, runFrozen, dials } = start({ addNodes: [target] }, { refuses: () => isDown });
    runFrozen(150_000);
    expect(dials.length).toBe(3);
    isDown = false;
    runFrozen(60_000);
    expect([dials.length, h.peers.size]).toEqual([4, 1]);
    h.disconnect([...h.peers.values()][0]!);
    runFrozen(60_000);
    expect([dials.length, h.peers.size]).toEqual([5, 1]);
  });
});

describe('outbound connections', () => {
  test('eight full-relay, then two block-relay-only, half a second apart, one a netgroup', () => {
    const { h, run, dials, count } = start({}, { fill: 40 });
    run(10_000);
    expect(count('outbound-full-relay')).toBe(8);
    expect(count('block-relay-only')).toBe(2);
    expect(dials.slice(0, 10).map(d => d.type)).toEqual([...Array(8).fill('outbound-full-relay'), ...Array(2).fill('block-relay-only')]); // biome-ignore format: one value
    for (let i = 1; i < 10; i += 1) expect(dials[i]!.at - dials[i - 1]!.at).toBeGreaterThanOrEqual(500);
    expect(new Set([...h.peers.values()].map(p => p.address.bytes[0])).size).toBe(h.peers.size);
  });

  test('addresses of one netgroup get one connection', () => {
    const { h, run, count } = start();
    h.context.addressBook.add(
      Array.from({ length: 30 }, (_, i) => timed(`50.1.${i}.1`, NOW_S)),
      hostOfName('x'),
      START,
    );
    h.act(() => {});
    run(120_000);
    expect(count('outbound-full-relay') + count('block-relay-only')).toBe(1);
  });

  test('feelers every two minutes on average, and they move addresses to tried', () => {
    const { h, run, dials } = start({}, { fill: 100 });
    run(2 * 3_600_000);
    const feelers = dials.filter(d => d.type === 'feeler');
    expect(feelers.length).toBeGreaterThan(40);
    expect(feelers.length).toBeLessThan(80);
    expect(h.context.addressBook.triedCount).toBeGreaterThan(40);
  });

  test('one more connection goes to a network that nobody is of, with full slots only', () => {
    for (const maxConnections of [125, 7]) {
      const reachableNetworks = new Set(['ipv4', 'ipv6', 'onion'] as const);
      const { h, run, dials, count } = start({ maxConnections, reachableNetworks }, { fill: 40 });
      run(10_000);
      // Somebody tells of one, when all usual slots are taken.
      const onion: NetAddress = { network: 'onion', bytes: new Uint8Array(32).fill(7), port: 8333 };
      const told = { ...timed('1.2.3.4', NOW_S), ...onion };
      h.act(() => h.context.addressBook.add([told], hostOfName('tor'), START));
      run(3_600_000);
      const there = dials.filter(each => each.text.includes('.onion') && each.type === 'outbound-full-relay');
      expect(there.length > 0, `${maxConnections} connections`).toBe(maxConnections === 125);
      if (maxConnections === 125) expect(count('outbound-full-relay')).toBe(9);
    }
  });

  test('one more full-relay connection on request, within the eleven in all', () => {
    const { slots, run, count } = start({}, { fill: 100 });
    run(10_000);
    slots.setExtraFullRelay(true);
    run(3_600_000);
    expect(count('outbound-full-relay')).toBe(9);
    expect(slots.extraFullRelayCount()).toBe(1);
  });

  test('one more block-relay-only connection now and then', () => {
    const { h, slots, run, count, dials } = start({}, { fill: 200 });
    run(10_000);
    slots.startExtraBlockRelay();
    for (let i = 0; i < 10; i += 1) {
      run(900_000);
      expect(count('block-relay-only')).toBe(3);
      expect(slots.extraBlockRelayCount()).toBe(1);
      h.disconnect([...h.peers.values()].reverse().find(p => p.type === 'block-relay-only')!);
    }
    expect(dials.filter(d => d.type === 'block-relay-only')).toHaveLength(12);
  });

  test('failures are counted only when we are online', () => {
    const { h, run } = start({}, { fill: 5, refuses: () => true });
    h.context.addressBook.good(address('40.1.1.1'), START);
    run(3_600_000);
    for (let i = 1; i < 5; i += 1)
      expect(h.context.addressBook.find(address(`${40 + i}.1.1.1`))!.attempts).toBe(0);
  });

  test('a lost connection is replaced; what lacks services or has a bad port is not dialed', () => {
    const { h, run, count, dials } = start({}, { fill: 12 });
    h.context.addressBook.add([timed('60.1.1.1', NOW_S, 1n)], hostOfName('y'), START);
    h.context.addressBook.add([timed('61.1.1.1:22', NOW_S)], hostOfName('z'), START);
    run(10_000);
    const lost = [...h.peers.values()].find(p => p.type === 'outbound-full-relay')!;
    h.disconnect(lost);
    run(60_000);
    expect(count('outbound-full-relay')).toBe(8);
    expect(dials.some(d => d.type !== 'feeler' && d.text.startsWith('60.'))).toBe(false);
  });

  test('when nobody suits, it looks ever less often', () => {
    const { h, run } = start({}, { fill: 1 });
    run(2_000);
    let steps = 0;
    h.pass(600_000, () => { steps += 1; }); // biome-ignore format: one value
    expect(steps).toBeLessThan(60);
  });

  test.each([
    [false, 600_000, 40],
    [true, 60_000, 60],
  ])(
    'an address that fails again and again is dialed ever less often (private: %s)',
    (privateNetwork, ms, most) => {
      const { run, dials } = start({}, { fill: 1, refuses: () => true, p2p: { privateNetwork } });
      run(ms);
      expect(dials.length).toBeGreaterThan(10);
      expect(dials.length).toBeLessThan(most);
    },
  );

  test('addresses that fail for the first time are gone through at full pace', () => {
    const { run, dials } = start({}, { fill: 60, refuses: () => true });
    run(30_000);
    expect(new Set(dials.map(d => d.text)).size).toBeGreaterThan(45);
  });

  test('anchors first; they are told at the end', () => {
    const anchors = [timed('90.1.1.1', 0), timed('91.1.1.1', 0)];
    const { slots, run, dials, h } = start({ anchors }, { fill: 20 });
    run(10_000);
    expect(dials.slice(0, 2)).toMatchObject([
      { text: '91.1.1.1:8333', type: 'block-relay-only' },
      { text: '90.1.1.1:8333', type: 'block-relay-only' },
    ]);
    expect(slots.anchors().map(addressText).sort()).toEqual(['90.1.1.1:8333', '91.1.1.1:8333']);
    expect(h.peers.size).toBe(10);
  });

  test('our own address is not dialed', () => {
    const { h, run, dials } = start({ ownAddresses: [address('40.1.1.1')] }, { fill: 1 });
    run(600_000);
    expect(dials).toEqual([]);
    expect(h.peers.size).toBe(0);
  });

  test('an address that became ours is not dialed, and is when it is ours no more', () => {
    const { slots, run, dials } = start({}, { fill: 1 });
    for (let i = 0; i < 2; i += 1) slots.addOwnAddress(address('40.1.1.1'));
    run(600_000);
    expect(dials).toEqual([]);
    slots.removeOwnAddress(address('40.1.1.1'));
    run(600_000);
    expect(dials[0]?.text).toBe('40.1.1.1:8333');
  });

  test('a network that can be reached later is dialed from then on', () => {
    const reachableNetworks = new Set<AddressNetwork>(['ipv4']);
    const { h, run, dials } = start({ reachableNetworks });
    const onion: NetAddress = { network: 'onion', bytes: new Uint8Array(32).fill(7), port: 8333 };
    const told = { ...timed('1.2.3.4', NOW_S), ...onion };
    h.act(() => h.context.addressBook.add([told], hostOfName('tor'), START));
    run(600_000);
    expect(dials).toEqual([]);
    reachableNetworks.add('onion');
    run(600_000);
    expect(dials[0]?.text).toContain('.onion');
  });

  test('network off: all leave, nobody is dialed; on again: they come back', () => {
    const { h, slots, run } = start({}, { fill: 20 });
    run(10_000);
    h.act(() => slots.setNetworkActive(false, h.now));
    run(60_000);
    expect(h.peers.size).toBe(0);
    h.act(() => slots.setNetworkActive(true, h.now));
    run(60_000);
    expect(h.peers.size).toBeGreaterThanOrEqual(10);
  });

  test('the address book is saved every fifteen minutes', () => {
    const { h } = start();
    h.pass(46 * 60_000);
    expect(h.take().filter(e => e.kind === 'saveAddresses')).toHaveLength(3);
  });
});

describe('named peers', () => {
  const target = { kind: 'address', address: address('70.1.1.1') } as const;

  test('are dialed at once, and again a minute after', () => {
    let refused = 2;
    const { run, dials, count } = start(
      { addNodes: [target] },
      { refuses: d => d.type === 'manual' && refused-- > 0 },
    );
    run(130_000);
    expect(dials.map(d => d.at - START)).toEqual([0, 60_000, 120_000]);
    expect(count('manual')).toBe(1);
  });

  test('are dialed again when lost, never by an automatic slot', () => {
    const { h, run, dials, slots } = start({ addNodes: [target] });
    h.context.addressBook.add([timed('70.1.1.1', NOW_S)], hostOfName('x'), START);
    run(200_000);
    h.disconnect([...h.peers.values()][0]!);
    run(3_000);
    expect(dials.map(d => d.type)).toEqual(['manual', 'manual']);
    expect(slots.addedNodes()[0]!.peer?.type).toBe('manual');
    expect(slots.addNode(target, h.now)).toBe(false);
    expect(slots.removeNode(target)).toBe(true);
    expect(slots.removeNode(target)).toBe(false);
  });

  test('eight at most', () => {
    const addNodes = Array.from(
      { length: 12 },
      (_, i) => ({ kind: 'address', address: address(`71.${i}.1.1`) }) as const,
    );
    const { run, count } = start({ addNodes });
    run(200_000);
    expect(count('manual')).toBe(8);
  });

  test('a name is known again by its target', () => {
    const { run, dials, slots } = start({ addNodes: [{ kind: 'name', host: 'node.example', port: 8333 }] });
    run(200_000);
    expect(dials).toHaveLength(1);
    expect(slots.addedNodes()[0]!.peer).toBeDefined();
  });

  test('with connect, these only', () => {
    const { run, dials, h, slots } = start(
      { dialing: { kind: 'connect', targets: [target] }, dnsSeeds: ['seed.example'] },
      { fill: 20 },
    );
    run(60_000);
    expect(dials.map(d => d.text)).toEqual(['70.1.1.1:8333']);
    expect(slots.dialsFromAddressBook).toBe(false);
    h.disconnect([...h.peers.values()][0]!);
    run(6_000);
    expect(dials).toHaveLength(2);
  });
});

describe('seeds', () => {
  const hosts = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example'];
  const asked = (h: Harness) => h.take().flatMap(e => (e.kind === 'resolveSeeds' ? [...e.hosts] : []));

  test('an empty book asks all at once, and dials what they answer', () => {
    const { h, run, count, dials } = start({ dnsSeeds: hosts });
    h.pass(0);
    expect(asked(h).sort()).toEqual(hosts);
    h.resolved(
      'a.example',
      Array.from({ length: 40 }, (_, i) => address(`${100 + i}.1.1.1`)),
    );
    // Two of one source may want the same slot.
    expect(h.context.addressBook.size).toBeGreaterThan(28);
    expect(h.context.addressBook.size).toBeLessThanOrEqual(32);
    const times = [...h.context.addressBook.entries('new')].map(p => NOW_S - p.entry.time);
    expect(Math.min(...times)).toBeGreaterThanOrEqual(3 * 86_400);
    expect(Math.max(...times)).toBeLessThanOrEqual(7 * 86_400);
    run(6_000);
    expect(count('outbound-full-relay')).toBe(8);
    expect(dials[0]!.type).toBe('outbound-full-relay');
  });

  test('with addresses, three at a time after eleven seconds, until there are two peers', () => {
    const idle = start({ dnsSeeds: hosts }, { fill: 3, refuses: () => true });
    idle.h.pass(10_900);
    expect(asked(idle.h)).toEqual([]);
    idle.h.pass(200);
    expect(asked(idle.h)).toHaveLength(3);
    idle.h.pass(11_000);
    expect(asked(idle.h)).toHaveLength(2);
    const good = start({ dnsSeeds: hosts }, { fill: 3 });
    good.run(60_000);
    expect(asked(good.h)).toEqual([]);
  });

  test('a seed that answers nothing is connected to itself, and asked again', () => {
    const { h } = start({ dnsSeeds: ['a.example'] });
    h.pass(0);
    h.take();
    h.resolved('a.example', []);
    expect(h.take()).toContainEqual({
      kind: 'connect',
      attempt: 0,
      target: { kind: 'name', host: 'a.example', port: 18444 },
      type: 'addr-fetch',
      transport: 'v1',
    });
    h.pass(12_000);
    expect(asked(h)).toEqual(['a.example']);
  });

  test('with a proxy for names nothing is looked up here: seeds are connected to through it, and again', () => {
    const { h, dials } = start({ dnsSeeds: hosts, isDnsProxied: true }, { refuses: () => true });
    const seen: P2pEffect[] = [];
    const fail = () => {
      for (const effect of h.take()) {
        seen.push(effect);
        if (effect.kind === 'connect') h.failed(effect.attempt);
      }
    };
    h.pass(12_000, fail);
    fail();
    expect(dials).toEqual([]);
    expect(seen.filter(effect => effect.kind === 'resolveSeeds')).toEqual([]);
    const names = seen.flatMap(e =>
      e.kind === 'connect' && e.target.kind === 'name' ? [e.target.host] : [],
    );
    expect(names.slice(0, 5).sort()).toEqual(hosts);
    expect(names).toHaveLength(10);
  });

  test('seed nodes are fetched from, one in ten seconds', () => {
    const seedNodes = [1, 2].map(i => ({ kind: 'address', address: address(`80.${i}.1.1`) }) as const);
    const { run, dials } = start({ seedNodes });
    run(25_000);
    expect(dials.filter(d => d.type === 'addr-fetch').map(d => d.at - START)).toEqual([0, 10_000, 20_000]);
  });

  test('fixed seeds after a minute, or at once when there is nothing else', () => {
    const fixedSeeds = [address('81.1.1.1'), address('82.1.1.1')];
    const waiting = start({ fixedSeeds, dnsSeeds: ['a.example'] });
    waiting.h.pass(59_000);
    expect(waiting.h.context.addressBook.size).toBe(0);
    waiting.h.pass(2_000);
    expect(waiting.h.context.addressBook.size).toBe(2);
    const alone = start({ fixedSeeds });
    alone.h.pass(0);
    expect(alone.h.context.addressBook.size).toBe(2);
  });
});

describe('inbound connections', () => {
  test('114 of 125; with fewer in all, fewer', () => {
    expect(slotCounts(125)).toEqual({ fullRelay: 8, blockRelay: 2, inbound: 114 });
    expect(slotCounts(12)).toEqual({ fullRelay: 8, blockRelay: 2, inbound: 1 });
    expect(slotCounts(3)).toEqual({ fullRelay: 3, blockRelay: 0, inbound: 0 });
  });

  function inbound(max: number, count: number, shape: (i: number) => object = () => ({})) {
    const h = new Harness(1);
    h.use(new InboundSlots(h.context, max));
    const gone: PeerId[] = [];
    for (let i = 0; i < count; i += 1) {
      h.now += 1_000;
      h.connect({ type: 'inbound', address: address(`${20 + (i % 5)}.${i}.1.1`), ...shape(i) });
      for (const effect of h.take()) if (effect.kind === 'disconnect') gone.push(effect.peer);
      for (const id of gone) h.peers.delete(id);
    }
    return { h, gone };
  }

  test('when full, somebody goes for each newcomer', () => {
    const { h, gone } = inbound(60, 70);
    expect(h.peers.size).toBe(60);
    expect(gone).toHaveLength(10);
  });

  test('when all are protected, the newcomer is turned away', () => {
    expect(inbound(5, 7).gone).toEqual([5, 6]);
    expect(inbound(40, 42, () => ({ permissions: ['noban'] })).gone).toEqual([40, 41]);
  });

  test('the discouraged do not come in when places are scarce', () => {
    const h = new Harness(1);
    h.use(new InboundSlots(h.context, 3));
    const bad = address('66.6.6.6');
    const first = h.connect({ type: 'inbound', address: bad });
    h.act(() => h.context.penalties.misbehaving(first, 'test'));
    h.disconnect(first);
    h.take();
    h.connect({ type: 'inbound', address: bad });
    expect(h.take()).toEqual([]);
    h.connect({ type: 'inbound' });
    h.connect({ type: 'inbound', address: bad });
    expect(h.take()).toMatchObject([{ kind: 'disconnect', peer: 3 }]);
  });
});
