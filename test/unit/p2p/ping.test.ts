import { describe, expect, test } from 'vitest';
import { MINUTE_MS, SECOND_MS } from '../../../src/base/clock.ts';
import { type ScriptedPeer, World } from '../../support/p2p-world.ts';

function setUp(peerTimeoutMs = SECOND_MS) {
  const world = new World(7);
  world.latencyMs = 0;
  const node = world.addNode({ options: { peerTimeoutMs } });
  const peer = world.attach(node);
  peer.onMessage = () => {};
  peer.shakeHands();
  world.runFor(0);
  const info = () => {
    const { pingMs, minPingMs, pingWaitMs } = node.peer(peer.id)!;
    return { pingMs, minPingMs, pingWaitMs };
  };
  return { world, node, peer, info };
}

const NONE = { pingMs: undefined, minPingMs: undefined, pingWaitMs: undefined };
const nonceOf = (peer: ScriptedPeer) => peer.all('ping').at(-1)!.nonce!;

describe('ping', () => {
  test('one at once, then one every two minutes after the last was answered', () => {
    const { world, peer, info } = setUp();
    expect(peer.all('ping').length).toBe(1);
    expect(nonceOf(peer)).not.toBe(0n);
    world.runFor(3 * SECOND_MS);
    expect(info()).toEqual({ ...NONE, pingWaitMs: 3_000 });
    peer.send({ command: 'pong', nonce: nonceOf(peer) });
    world.runFor(0);
    expect(info()).toEqual({ pingMs: 3_000, minPingMs: 3_000, pingWaitMs: undefined });
    world.runFor(2 * MINUTE_MS);
    expect(peer.all('ping').length).toBe(2);
    world.runFor(10 * MINUTE_MS);
    expect(peer.all('ping').length).toBe(2);
  });

  test.each<[string, bigint | undefined, boolean]>([
    ['a pong without nonce ends the wait', undefined, true],
    ['a pong with nonce zero ends the wait', 0n, true],
    ['a pong with another nonce does not', 1n, false],
  ])('%s', (_, nonce, ends) => {
    const { world, peer, info } = setUp();
    world.runFor(SECOND_MS);
    peer.send({ command: 'pong', nonce });
    world.runFor(0);
    expect(info()).toEqual({ ...NONE, pingWaitMs: ends ? undefined : 1_000 });
  });

  test('a pong that nobody asked for changes nothing', () => {
    const { world, peer, info } = setUp();
    const nonce = nonceOf(peer);
    peer.send({ command: 'pong', nonce }, { command: 'pong', nonce });
    world.runFor(0);
    expect(info()).toEqual({ pingMs: 0, minPingMs: 0, pingWaitMs: undefined });
  });

  test('a ping is answered with its nonce', () => {
    const { world, peer } = setUp();
    peer.send({ command: 'ping', nonce: 77n }, { command: 'ping', nonce: undefined });
    world.runFor(0);
    expect(peer.all('pong')).toEqual([{ command: 'pong', nonce: 77n }]);
  });

  test('the command pings everybody again', () => {
    const { world, node, peer } = setUp();
    const first = nonceOf(peer);
    node.command({ kind: 'ping' });
    world.runFor(0);
    expect(nonceOf(peer)).not.toBe(first);
  });

  test('who does not answer for twenty minutes leaves, whatever else it says', () => {
    const { world, node, peer } = setUp();
    world.runFor(10 * MINUTE_MS);
    peer.send({ command: 'ping', nonce: 5n });
    world.runFor(10 * MINUTE_MS);
    expect(peer.isOpen).toBe(true);
    world.runFor(2);
    expect(peer.isOpen).toBe(false);
    expect(node.disconnects[0]!.reason).toBe('ping timeout: 1200.001000s');
  });

  test('not with a large -peertimeout, and no deadline is left behind', () => {
    const { world, node, peer } = setUp(1e12);
    world.runFor(60 * MINUTE_MS);
    expect(peer.isOpen).toBe(true);
    expect(node.manager.nextDeadline()).toBeGreaterThan(world.now);
  });

  test('a clock that is set back gives no negative times', () => {
    const { world, node, peer, info } = setUp();
    const nonce = nonceOf(peer);
    world.now -= 10 * SECOND_MS;
    expect(info().pingWaitMs).toBe(0);
    node.handle({ kind: 'message', peer: peer.id, message: { command: 'pong', nonce }, size: 32 });
    expect(info()).toEqual(NONE);
  });
});
