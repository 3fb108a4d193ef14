/**
 * Malformed and oversized messages of every type: what they cost their sender, that the honest peers do not notice, and
 * that nothing of them stays in memory.
 */
import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { type Random, randomBelow, SeededRandom } from '../../src/base/random.ts';
import { Writer } from '../../src/wire/codec.ts';
import { type Command, encodePayload, messages } from '../../src/wire/messages.ts';
import { HostileScene } from '../support/hostile-scene.ts';
import { RANDOM_MESSAGES } from '../support/random-messages.ts';

const COMMANDS = Object.keys(messages) as Command[];
const KIB = 1_024;

/** A message of that type with something wrong in its bytes. */
function malformed(command: Command, random: Random): Uint8Array {
  const payload = encodePayload(RANDOM_MESSAGES[command](random));
  switch (randomBelow(random, 4)) {
    case 0:
      return payload.slice(0, randomBelow(random, payload.length + 1));
    case 1:
      return random.bytes(randomBelow(random, 400));
    case 2: {
      const changed = payload.slice();
      for (let i = 0; i < 3 && changed.length > 0; i += 1)
        changed[randomBelow(random, changed.length)]! ^= 1 << randomBelow(random, 8);
      return changed;
    }
    default: {
      // The first byte is a count or a length in most of them.
      const changed = payload.slice();
      changed.set([0xff, 0xff, 0xff, 0xff, 0x0f].slice(0, changed.length));
      return changed;
    }
  }
}

test('a hundred malformed messages of every type from three peers each', () => {
  const random = new SeededRandom(1);
  const scene = new HostileScene();
  const { height } = scene.node;
  const used = scene.memoryPerAttacker(() => {
    for (const command of COMMANDS) {
      for (const attacker of scene.attach(3))
        for (let i = 0; i < 100; i += 1) attacker.sendPayload(command, malformed(command, random));
      scene.world.runFor(10 * SECOND_MS);
      expect([command, scene.node.height, scene.honestPeersKept]).toEqual([command, height, 3]);
    }
  });
  expect(used / KIB).toBeLessThan(200);
  expect(scene.timeToNextBlock(2 * SECOND_MS)).toBeLessThan(2 * SECOND_MS);
  expect(scene.timeToNextTransaction(MINUTE_MS)).toBeLessThan(MINUTE_MS);
});

/** `count` entries announced, and as many there. */
function counted(count: number, entry: Uint8Array, before: Uint8Array = new Uint8Array(0)): Uint8Array {
  const writer = new Writer();
  writer.put(before);
  writer.compactSize(count);
  for (let i = 0; i < count; i += 1) writer.put(entry);
  return writer.finish();
}

describe('more than a message may hold', () => {
  const version = Uint8Array.of(0x7f, 0x11, 1, 0);
  // Core: MAX_INV_SZ, MAX_HEADERS_RESULTS, MAX_ADDR_TO_SEND, MAX_LOCATOR_SZ.
  test.each<[Command, number, Uint8Array, Uint8Array?]>([
    ['inv', 50_000, new Uint8Array(36)],
    ['getdata', 50_000, new Uint8Array(36)],
    ['headers', 2_000, new Uint8Array(81)],
    ['addr', 1_000, new Uint8Array(30)],
    ['addrv2', 1_000, Uint8Array.of(0, 0, 0, 0, 0, 1, 4, 1, 2, 3, 4, 0, 80)],
    ['getheaders', 101, new Uint8Array(32), version],
    ['getblocks', 101, new Uint8Array(32), version],
  ])('%s with more than %i entries ends the connection', (command, max, entry, before) => {
    const scene = new HostileScene();
    const [attacker] = scene.attach(1);
    attacker!.sendPayload(command, counted(max + 1, entry, before));
    scene.world.runFor(2 * SECOND_MS);
    expect(attacker!.isOpen).toBe(false);
    expect(scene.honestPeersKept).toBe(3);
  });
});
