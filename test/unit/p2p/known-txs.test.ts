import { describe, expect, test } from 'vitest';
import type { Hash256 } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import type { Holder } from '../../../src/p2p/holder-sets.ts';
import { KnownTxs } from '../../../src/p2p/known-txs.ts';

const hashOf = (n: number) =>
  String.fromCharCode(n & 0xff, (n >> 8) & 0xff, (n >> 16) & 0xff, 7).repeat(8) as Hash256;

describe('which peer knows which transaction', () => {
  test.each([1, 2, 3])('is what a set for each peer says, as peers come and go (seed %i)', seed => {
    const random = new SeededRandom(seed);
    const known = new KnownTxs(random);
    const peers: { holder: Holder; has: Set<number> }[] = [];
    let announced = 0;
    for (let step = 0; step < 20_000; step += 1) {
      const what = randomBelow(random, 100);
      const peer = peers[randomBelow(random, Math.max(peers.length, 1))];
      // About what was announced, or will be.
      const tx = randomBelow(random, announced + 20);
      if (peer === undefined || (what < 2 && peers.length < 130))
        peers.push({ holder: known.join(), has: new Set() });
      else if (what === 99) {
        known.leave(peer.holder);
        peers.splice(peers.indexOf(peer), 1);
      } else if (what < 20) {
        known.announce(hashOf(announced));
        announced += 1;
      } else if (what < 60) {
        known.add(peer.holder, hashOf(tx));
        peer.has.add(tx);
      } else expect(known.has(peer.holder, hashOf(tx))).toBe(peer.has.has(tx));
    }
    expect(peers.length).toBeGreaterThan(70);
    for (const { holder, has } of peers)
      for (let tx = 0; tx < announced + 20; tx += 97) expect(known.has(holder, hashOf(tx))).toBe(has.has(tx));
  });

  test('the last 50,000 that we announced are remembered, and at most half as many more', () => {
    const known = new KnownTxs(new SeededRandom(1));
    const holder = known.join();
    for (let n = 0; n < 130_000; n += 1) {
      known.announce(hashOf(n));
      known.add(holder, hashOf(n));
    }
    const remembered = (from: number, to: number) => {
      for (let n = from; n < to; n += 1) if (!known.has(holder, hashOf(n))) return n;
      return to;
    };
    expect(remembered(80_000, 130_000)).toBe(130_000);
    expect(known.has(holder, hashOf(54_000))).toBe(false);
  });

  test('what a peer floods us with takes nothing from the others', () => {
    const known = new KnownTxs(new SeededRandom(1));
    const [honest, hostile] = [known.join(), known.join()];
    known.announce(hashOf(1));
    known.add(honest, hashOf(1));
    known.add(honest, hashOf(2));
    for (let n = 10; n < 200_000; n += 1) known.add(hostile, hashOf(n));
    expect([1, 2].map(n => known.has(honest, hashOf(n)))).toEqual([true, true]);
  });
});
