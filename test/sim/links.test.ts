/** Real nodes over links that break silently, and beside peers that do not read: nobody tells them, they find out. */
import { expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { toEnd } from '../../src/sim/course.ts';
import type { SimFrame } from '../../src/sim/frames.ts';
import { type Host, type Link, LinkEnd, SEND_PAUSE_BYTES } from '../../src/sim/link.ts';
import { addNetwork, SETTLING_MS } from '../../src/sim/overlay.ts';
import { createWorld } from '../../src/sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../../src/sim/scenarios.ts';
import { SharedFrames } from '../../src/sim/shared-frames.ts';
import type { World } from '../../src/sim/world.ts';
import { DEFAULT_NETWORK } from '../../src/sim/world.ts';
import { INV_WITNESS_BLOCK, type Message, SERVICES } from '../../src/wire/messages.ts';
import { runScenario, SMALL } from './run.ts';

/** Core: TIMEOUT_INTERVAL after the last ping that was answered; PING_INTERVAL is between two. */
const FOUND_OUT_MS = 22 * MINUTE_MS;

/** What a node says when it hangs up on a peer that it has not heard of for long. */
const SILENCE = /^(silent for too long|ping timeout)/;

function smallWorld(nodes: number): World {
  const options = optionsOf(SCENARIOS[0]!, { nodes, txPerSecond: 0 });
  const world = createWorld({ verifier: loadVerifierSync('auto') }, options);
  toEnd(addNetwork(world, options));
  world.runFor(SETTLING_MS);
  return world;
}

const closedFor = (world: World, reason: RegExp) =>
  world.nodes.map(node =>
    [...node.disconnects].reduce((sum, [text, count]) => sum + (reason.test(text) ? count : 0), 0),
  );

test('both sides of a link that died find out by its silence, and have other peers then', () => {
  const world = smallWorld(2);
  const [link, ...others] = world.network.links;
  const peers = () =>
    world.nodes.map(node => node.peerCount('outbound-full-relay', 'block-relay-only', 'inbound'));
  const before = peers();
  for (const other of others) world.network.close(other, 0);
  world.network.break(link!);
  world.runFor(SECOND_MS);
  expect(before.every(count => count > 0)).toBe(true);
  world.runFor(FOUND_OUT_MS);
  expect(closedFor(world, SILENCE)).toEqual([1, 1]);
  expect(world.network.links.has(link!)).toBe(false);
  expect(peers().every(count => count > 0)).toBe(true);
});

test('a block comes to everybody while one link in two dies within the hour', () => {
  const { world, verdicts } = runScenario('propagation', {
    ...SMALL,
    nodes: 20,
    duration: 30 * MINUTE_MS,
    txPerSecond: 0.02,
    blockInterval: 5 * MINUTE_MS,
    network: { ...DEFAULT_NETWORK, breakageRate: 0.7 },
  });
  for (const { promise, holds } of verdicts) expect(holds, promise).toBe(true);
  expect(world.network.counts.broken).toBeGreaterThan(20);
  expect(closedFor(world, SILENCE).reduce((sum, count) => sum + count)).toBeGreaterThan(5);
});

/** A host that shakes hands, asks for blocks again and again, and reads nothing more until it is told to. */
function askForMuch(world: World) {
  const [node] = world.nodes;
  const frames = new SharedFrames();
  const state = { isFull: false, got: 0, link: undefined as Link | undefined };
  const say = (message: Message) => world.network.send(state.link!.ends[0], frames.encode(message));
  class End extends LinkEnd {
    get isFull() {
      return state.isFull;
    }
    received(frame: SimFrame) {
      state.got += frame.length;
    }
    closed() {}
    sendPaused() {}
    sendResumed() {}
  }
  const address = world.freshAddress();
  const host: Host = {
    index: world.nodes.length,
    address,
    listens: false,
    isReachable: false,
    createEnd: (link, side) => new End(link, side),
    accept: () => {},
  };
  world.network.add(host);
  world.network.dial(host, node!.address, 'manual', {
    failed: reason => expect.unreachable(reason),
    opened: link => {
      state.link = link;
      link.ends[0].isUp = true;
      say({
        command: 'version',
        version: 70016,
        services: SERVICES.network | SERVICES.witness,
        time: 0n,
        to: { ...address, services: 0n },
        from: { ...address, services: 0n },
        nonce: 5n,
        userAgent: '/greedy/',
        startHeight: 0,
        relay: false,
      });
      say({ command: 'verack' });
    },
  });
  world.runFor(2 * SECOND_MS);
  return { node: node!, state, say };
}

test('who asks for much and does not read is not heard until it reads', () => {
  const world = smallWorld(4);
  const { node, state, say } = askForMuch(world);
  const { chain } = node;
  const hashes = Array.from({ length: node.height }, (_, i) => chain.headers.hashOf(chain.atHeight(i + 1)!));
  state.isFull = true;
  const items = hashes.flatMap(hash =>
    Array.from({ length: 100 }, () => ({ type: INV_WITNESS_BLOCK, hash })),
  );
  say({ command: 'getdata', items: items.slice(-10_000) });
  say({ command: 'ping', nonce: 7n });
  world.runFor(MINUTE_MS);
  const [reader, sender] = state.link!.ends;
  expect([sender.isBufferFull, world.network.counts.sendPauses]).toEqual([true, 1]);
  // One block more than the buffer at most, though some ten megabytes were asked for.
  expect(reader.unreadBytes).toBeLessThan(SEND_PAUSE_BYTES + 100_000);
  const got = state.got;
  state.isFull = false;
  world.network.resumeReading(reader);
  world.runFor(MINUTE_MS);
  expect(state.got - got).toBeGreaterThan(2 * SEND_PAUSE_BYTES);
  expect([sender.isBufferFull, reader.unreadBytes]).toEqual([false, 0]);
  // The others were served all the while.
  expect(closedFor(world, /./)).toEqual([0, 0, 0, 0]);
});

test('nodes that read a kilobyte a second get everything, late', () => {
  const network = { ...DEFAULT_NETWORK, slowReaders: 0.3 };
  const { world, verdicts } = runScenario('propagation', { ...SMALL, network });
  for (const { promise, holds } of verdicts) expect(holds, promise).toBe(true);
  const plain = runScenario('propagation', SMALL).world;
  expect(world.trace.hash).not.toBe(plain.trace.hash);
});
