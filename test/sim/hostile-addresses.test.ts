/** Address floods: how many of an attacker's addresses get into the book, and what they crowd out. */
import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { ADDR_COUNT_MAX, SERVICES } from '../../src/wire/messages.ts';
import type { TimedAddress } from '../../src/wire/net-address.ts';
import { HostileScene } from '../support/hostile-scene.ts';
import { ip } from '../support/p2p-world.ts';
import { NOW } from '../support/test-chain.ts';

const KIB = 1_024;
const random = new SeededRandom(5);

function invented(count: number): TimedAddress[] {
  return Array.from({ length: count }, () => {
    const [a, b, c] = random.bytes(3);
    const host = ip(`${60 + (a! % 60)}.${b}.${c}.7`);
    return { ...host, time: NOW / 1000 - 60, services: SERVICES.network | SERVICES.witness };
  });
}

describe('floods of addresses', () => {
  test('of a thousand a message, a second apart: one in ten seconds is looked at', () => {
    const scene = new HostileScene();
    const before = scene.node.addressBook.size;
    const used = scene.memoryPerAttacker(() => {
      const attackers = scene.attach(4);
      for (let i = 0; i < 60; i += 1) {
        for (const attacker of attackers)
          attacker.send({ command: 'addr', addresses: invented(ADDR_COUNT_MAX) });
        scene.world.runFor(SECOND_MS);
      }
    });
    // Core: MAX_ADDR_RATE_PER_SECOND 0.1, and one to begin with.
    expect(scene.node.addressBook.size - before).toBeLessThanOrEqual(4 * (1 + 7));
    for (const { id } of scene.attackers) {
      const peer = scene.node.peer(id)!;
      expect(peer.addressesProcessed).toBeLessThanOrEqual(8);
      expect(peer.addressesRateLimited).toBeGreaterThan(59_000);
    }
    expect(used / KIB).toBeLessThan(512);
    expect(scene.honestPeersKept).toBe(3);
  });

  test('for a day, of one netgroup: they fill the buckets of that group and no others', () => {
    const scene = new HostileScene();
    const honest = invented(200);
    for (const [i, address] of honest.entries())
      scene.node.addressBook.add([address], ip(`${10 + (i % 100)}.9.0.1`), scene.world.now);
    const kept = () => honest.filter(address => scene.node.addressBook.find(address) !== undefined).length;
    const before = kept();
    const attackers = scene.attach(4, { netgroup: '66.6' });
    for (let hour = 0; hour < 24; hour += 1) {
      for (const attacker of attackers)
        attacker.send({ command: 'addr', addresses: invented(ADDR_COUNT_MAX) });
      scene.world.runFor(60 * MINUTE_MS);
    }
    // A source group reaches 64 of the 1,024 buckets of 64 places (Core: ADDRMAN_NEW_BUCKETS_PER_SOURCE_GROUP).
    expect(scene.node.addressBook.size).toBeLessThanOrEqual(before + 64 * 64);
    expect(kept()).toBeGreaterThanOrEqual(before * 0.93);
    expect(scene.honestPeersKept).toBe(3);
  });
});
