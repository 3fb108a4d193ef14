/** The crawler of a DNS seed in virtual time, against peers that answer, keep silent, lie and flood. */
import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { Crawler } from '../../../src/p2p/crawler.ts';
import type { P2pEffect, P2pEvent, PeerId } from '../../../src/p2p/events.ts';
import { isRoutable } from '../../../src/p2p/netgroup.ts';
import type { Message } from '../../../src/wire/messages.ts';
import { addressText, type NetAddress } from '../../../src/wire/net-address.ts';
import { RANDOM_MESSAGES } from '../../support/random-messages.ts';
import { address, PUBLIC, START, timed } from './support.ts';

const MINUTE_MS = 60_000;
const REVISIT_MS = 30 * MINUTE_MS;

class World {
  readonly crawler = new Crawler(
    { random: new SeededRandom(1) },
    {
      protocolVersion: 70017,
      userAgent: '/crawl/',
      defaultPort: 8333,
      revisitMs: REVISIT_MS,
      isRoutable: host => isRoutable(host, PUBLIC),
    },
  );
  now = START;
  readonly dials = new Map<number, NetAddress>();
  readonly sent: string[] = [];
  readonly left: string[] = [];
  #nextPeer: PeerId = 0;

  handle(event: P2pEvent): P2pEffect[] {
    const effects = this.crawler.handle(event, this.now);
    for (const effect of effects) {
      if (effect.kind === 'connect' && effect.target.kind === 'address')
        this.dials.set(effect.attempt, effect.target.address);
      if (effect.kind === 'send') this.sent.push(`${effect.peer} ${effect.message.command}`);
      if (effect.kind === 'disconnect') this.left.push(`${effect.peer} ${effect.reason}`);
    }
    return effects;
  }

  tick(): void {
    this.handle({ kind: 'tick' });
  }

  start(...texts: readonly string[]): void {
    this.crawler.add(
      texts.map(text => address(text)),
      this.now,
    );
    this.tick();
  }

  /** Answers the oldest dial. */
  connect(): PeerId {
    const [attempt, to] = this.#oldestDial();
    const peer = this.#nextPeer;
    this.#nextPeer += 1;
    this.handle({
      kind: 'connected',
      peer,
      type: 'addr-fetch',
      address: to,
      localAddress: address('10.0.0.1'),
      permissions: [],
      attempt,
    });
    return peer;
  }

  refuse(): void {
    const [attempt] = this.#oldestDial();
    this.handle({ kind: 'connectFailed', attempt, reason: 'refused' });
  }

  hear(peer: PeerId, message: Message): void {
    this.handle({ kind: 'message', peer, message, size: 100 });
  }

  greet(peer: PeerId, services = 9n): void {
    this.hear(peer, { ...RANDOM_MESSAGES.version(new SeededRandom(1)), services });
    this.hear(peer, { command: 'verack' });
  }

  hangUp(peer: PeerId): void {
    this.handle({ kind: 'disconnected', peer });
  }

  /** Goes to the next deadline and ticks; minutes since the start. */
  wait(): number {
    const deadline = this.crawler.nextDeadline();
    if (deadline === undefined) throw new Error('nothing is due');
    this.now = Math.max(this.now, deadline);
    this.tick();
    return (this.now - START) / MINUTE_MS;
  }

  good(services = 0n): string[] {
    return this.crawler.good(services, 'ipv4', 100, this.now).map(addressText).sort();
  }

  #oldestDial(): [number, NetAddress] {
    const first = [...this.dials][0];
    if (first === undefined) throw new Error('nobody is dialed');
    this.dials.delete(first[0]);
    return first;
  }
}

const addr = (...texts: readonly string[]): Message => ({
  command: 'addr',
  addresses: texts.map(text => timed(text, 1)),
});

test('shakes hands, asks, learns, leaves and comes back', () => {
  const world = new World();
  world.start('8.8.8.8');
  const peer = world.connect();
  world.hear(peer, { ...RANDOM_MESSAGES.version(new SeededRandom(1)), services: 0x409n });
  world.hear(peer, { command: 'verack' });
  world.hear(peer, { command: 'ping', nonce: 7n });
  expect(world.sent).toEqual(['0 version', '0 sendaddrv2', '0 verack', '0 getaddr', '0 pong']);
  world.hear(peer, addr('9.9.9.9'));
  expect(world.left).toEqual([]);
  world.hear(peer, addr('9.9.9.10', '9.9.9.11:8334', '127.0.0.1', '10.1.2.3', '9.9.9.9'));
  expect(world.left).toEqual(['0 crawled']);
  expect(world.crawler.size).toBe(4);
  expect([...world.dials.values()].map(addressText)).toEqual([
    '9.9.9.9:8333',
    '9.9.9.10:8333',
    '9.9.9.11:8334',
  ]);
  world.hangUp(peer);
  expect(world.good()).toEqual(['8.8.8.8:8333']);
  for (let i = 0; i < 3; i += 1) world.refuse();
  world.now += REVISIT_MS;
  world.tick();
  expect([...world.dials.values()].map(addressText)).toContain('8.8.8.8:8333');
});

test('lists who answered lately, with the services asked for, on the default port', () => {
  const world = new World();
  world.start('8.0.0.1', '8.0.0.2', '8.0.0.3:8334', '8.0.0.4', '[2600::1]');
  for (const services of [9n, 0x409n, 9n]) world.greet(world.connect(), services);
  world.refuse();
  world.greet(world.connect(), 9n);
  expect(world.good()).toEqual(['8.0.0.1:8333', '8.0.0.2:8333']);
  expect(world.good(0x400n)).toEqual(['8.0.0.2:8333']);
  expect(world.crawler.good(9n, 'ipv6', 100, world.now)).toHaveLength(1);
  expect(world.crawler.good(0n, 'ipv4', 1, world.now)).toHaveLength(1);
  world.now += 4 * 60 * MINUTE_MS;
  expect(world.good()).toEqual([]);
});

test('a node that stops answering is listed no more, and again when it is back', () => {
  const world = new World();
  world.start('8.8.8.8');
  const peer = world.connect();
  world.greet(peer);
  world.hangUp(peer);
  expect(world.wait()).toBe(30);
  world.refuse();
  expect(world.good()).toEqual([]);
  expect(world.wait()).toBeCloseTo(30 + 10 / 60);
  world.greet(world.connect());
  expect(world.good()).toEqual(['8.8.8.8:8333']);
});

test('waits longer after each failure, and forgets at last', () => {
  const reached = new World();
  reached.start('8.8.8.8');
  const peer = reached.connect();
  reached.greet(peer);
  reached.hangUp(peer);
  reached.wait();
  const waits: number[] = [];
  let last = 30;
  while (reached.crawler.size > 0) {
    reached.refuse();
    if (reached.crawler.size === 0) break;
    const at = reached.wait();
    waits.push(Math.round((at - last) * 6) / 6);
    last = at;
  }
  expect(waits).toEqual([10 / 60, ...[2, 3, 4, 5, 6, 7, 8, 9, 10].map(failures => 30 * 2 ** failures)]);

  const never = new World();
  never.start('8.8.8.8');
  for (let i = 0; i < 3; i += 1) {
    never.refuse();
    never.wait();
  }
  never.refuse();
  expect(never.crawler.size).toBe(0);
  expect(never.crawler.nextDeadline()).toBeUndefined();
});

describe('hostile peers', () => {
  test('who never answers is left after two minutes, once', () => {
    const world = new World();
    world.start('8.8.8.8');
    const peer = world.connect();
    expect(world.wait()).toBe(2);
    expect(world.left).toEqual(['0 visit over']);
    expect(world.crawler.nextDeadline(), 'nothing is due until it is gone').toBeUndefined();
    world.tick();
    expect(world.left).toHaveLength(1);
    world.hangUp(peer);
    expect(world.good()).toEqual([]);
    expect(world.crawler.nextDeadline()).toBe(world.now + 10_000);
  });

  test('a verack without a version is no greeting', () => {
    const world = new World();
    world.start('8.8.8.8');
    const peer = world.connect();
    world.hear(peer, { command: 'verack' });
    world.hear(peer, addr('9.9.9.9', '9.9.9.10'));
    expect([world.crawler.size, world.left, world.sent]).toEqual([1, [], ['0 version']]);
    world.hangUp(peer);
    expect(world.good()).toEqual([]);
  });

  test('who says it all twice gets one answer', () => {
    const world = new World();
    world.start('8.8.8.8');
    const peer = world.connect();
    for (let i = 0; i < 5; i += 1) world.greet(peer);
    expect(world.sent).toHaveLength(4);
  });

  test('garbage ends the visit', () => {
    const world = new World();
    world.start('8.8.8.8');
    const peer = world.connect();
    world.handle({ kind: 'undecodable', peer, command: 'addr', defect: 'tooMany', detail: '1001 items' });
    world.handle({ kind: 'undecodable', peer, command: '', defect: 'magic', detail: '' });
    expect(world.left).toEqual(['0 undecodable: tooMany']);
  });

  test('a flood of addresses is one message long', () => {
    const world = new World();
    world.start('8.8.8.8');
    const peer = world.connect();
    world.greet(peer);
    for (let i = 0; i < 20; i += 1)
      world.hear(peer, addr(...Array.from({ length: 1000 }, (_, j) => `9.${i}.${j >> 8}.${j & 255}`)));
    expect(world.crawler.size).toBe(1_001);
    expect(world.dials.size, 'visits at a time').toBe(31);
    expect(world.crawler.nextDeadline(), 'no spinning while all lines are taken').toBeUndefined();
  });

  test('connections that nobody asked for', () => {
    const world = new World();
    world.handle({
      kind: 'connected',
      peer: 5,
      type: 'inbound',
      address: address('1.1.1.1'),
      localAddress: address('2.2.2.2'),
      permissions: [],
    });
    expect(world.left).toEqual(['5 not dialed']);
  });

  test('memory ends at 200,000 nodes', () => {
    const world = new World();
    const all = Array.from({ length: 200_050 }, (_, i) => ({
      network: 'ipv4' as const,
      bytes: Uint8Array.of(8, i >> 16, i >> 8, i),
      port: 8333,
    }));
    world.crawler.add(all, world.now);
    expect(world.crawler.size).toBe(200_000);
  });
});
