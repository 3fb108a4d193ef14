import { describe, expect, test } from 'vitest';
import type { Hash256 } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { TxRequests } from '../../../src/p2p/tx-request.ts';
import { hashOf, START } from './support.ts';

const A = hashOf('a');
const B = hashOf('b');
const by = 'wtxid';

function tracker(seed = 1): TxRequests {
  return new TxRequests({ random: new SeededRandom(seed) });
}

function asked(requests: TxRequests): [number, Hash256][] {
  return [...requests.askable()].flatMap(peer =>
    requests.requestable(peer).map(({ hash }): [number, Hash256] => [peer, hash]),
  );
}

describe('whom to ask', () => {
  test('nobody before its time, then the one', () => {
    const requests = tracker();
    requests.announce(1, { hash: A, by }, { preferred: false, time: START + 2_000 });
    requests.advance(START);
    expect(asked(requests)).toEqual([]);
    expect(requests.nextDeadline()).toBe(START + 2_000);
    requests.advance(START + 2_000);
    expect(asked(requests)).toEqual([[1, A]]);
  });

  test('preferred peers first, whoever was first', () => {
    for (let seed = 0; seed < 20; seed += 1) {
      const requests = tracker(seed);
      requests.announce(1, { hash: A, by }, { preferred: false, time: START });
      requests.announce(2, { hash: A, by }, { preferred: true, time: START });
      requests.advance(START);
      expect(asked(requests)).toEqual([[2, A]]);
    }
  });

  test('among equals each is chosen about as often', () => {
    const counts = [0, 0, 0, 0];
    for (let seed = 0; seed < 400; seed += 1) {
      const requests = tracker(seed);
      for (let peer = 0; peer < 4; peer += 1)
        requests.announce(peer, { hash: A, by }, { preferred: true, time: START });
      requests.advance(START);
      counts[asked(requests)[0]![0]]! += 1;
    }
    for (const count of counts) expect(count).toBeGreaterThan(60);
  });

  test('one in flight; the next after expiry, notfound or disconnection', () => {
    const requests = tracker();
    for (const peer of [1, 2, 3, 4])
      requests.announce(peer, { hash: A, by }, { preferred: true, time: START });
    const left = new Set([1, 2, 3, 4]);
    let now = START;
    const next = () => {
      requests.advance(now);
      const [[peer]] = asked(requests) as [[number, Hash256]];
      requests.requested(peer, A, now + 60_000);
      expect(asked(requests)).toEqual([]);
      expect(requests.countInFlight(peer)).toBe(1);
      expect(left.delete(peer)).toBe(true);
      return peer;
    };
    const first = next();
    expect(requests.advance(now + 59_999)).toEqual([]);
    now += 60_000;
    expect(requests.advance(now).map(e => e.peer)).toEqual([first]);
    expect(requests.countInFlight(first)).toBe(0);
    requests.received(next(), A);
    requests.disconnect(next());
    requests.received(next(), A);
    expect(requests.size).toBe(0);
  });

  test('announcing again gives no second chance while others are left', () => {
    const requests = tracker();
    requests.announce(1, { hash: A, by }, { preferred: true, time: START });
    requests.announce(2, { hash: A, by }, { preferred: false, time: START + 90_000 });
    requests.advance(START);
    requests.requested(1, A, START + 60_000);
    requests.received(1, A);
    requests.announce(1, { hash: A, by }, { preferred: true, time: START });
    requests.advance(START + 80_000);
    expect(asked(requests)).toEqual([]);
    expect(requests.candidates(A)).toEqual([2]);
  });

  test('in order of announcement', () => {
    const requests = tracker();
    const hashes = ['p', 'q', 'r', 's'].map(hashOf);
    hashes.forEach((hash, i) => {
      requests.announce(
        1,
        { hash, by: i % 2 === 0 ? 'txid' : 'wtxid' },
        { preferred: true, time: START + 10 - i },
      );
    });
    requests.advance(START + 10);
    expect(requests.requestable(1).map(r => r.hash)).toEqual(hashes);
    expect(requests.requestable(1).map(r => r.by)).toEqual(['txid', 'wtxid', 'txid', 'wtxid']);
  });

  test('who announces, has nothing and announces again leaves nothing behind', () => {
    const requests = tracker();
    requests.announce(2, { hash: B, by }, { preferred: true, time: START + 5_000 });
    for (let round = 0; round < 20_000; round += 1) {
      requests.announce(1, { hash: A, by }, { preferred: true, time: START });
      requests.advance(START);
      requests.requested(1, A, START + 60_000);
      requests.received(1, A);
    }
    expect([requests.size, requests.deadlineCount <= 1_002]).toEqual([1, true]);
    expect(requests.nextDeadline()).toBe(START + 5_000);
    requests.advance(START + 5_000);
    expect(asked(requests)).toEqual([[2, B]]);
  });

  test('forgetting a hash leaves others alone', () => {
    const requests = tracker();
    for (const hash of [A, B]) requests.announce(1, { hash, by }, { preferred: true, time: START });
    requests.advance(START);
    requests.requested(1, A, START + 1);
    requests.forget(A);
    expect(requests.count(1)).toBe(1);
    expect(requests.countInFlight(1)).toBe(0);
    expect(asked(requests)).toEqual([[1, B]]);
  });
});

/** The rules of the file's head, done as plainly as can be: a list that is searched. */
class NaiveRequests {
  list: { peer: number; hash: Hash256; preferred: boolean; time: number; state: string }[] = [];
  now = 0;

  announce(peer: number, hash: Hash256, preferred: boolean, time: number): void {
    if (!this.list.some(a => a.peer === peer && a.hash === hash))
      this.list.push({ peer, hash, preferred, time, state: 'candidate' });
  }
  advance(now: number): void {
    this.now = now;
    for (const a of this.list) if (a.state === 'requested' && a.time <= now) a.state = 'completed';
    this.sweep();
  }
  sweep(): void {
    this.list = this.list.filter(a => this.list.some(b => b.hash === a.hash && b.state !== 'completed'));
  }
  /** Who may be asked for `hash` now: any of these. */
  eligible(hash: Hash256): number[] {
    const all = this.list.filter(a => a.hash === hash);
    if (all.some(a => a.state === 'requested')) return [];
    const ready = all.filter(a => a.state === 'candidate' && a.time <= this.now);
    const best = ready.some(a => a.preferred) ? ready.filter(a => a.preferred) : ready;
    return best.map(a => a.peer);
  }
  requested(peer: number, hash: Hash256, expiry: number): void {
    const found = this.list.find(a => a.peer === peer && a.hash === hash && a.state === 'candidate')!;
    found.state = 'requested';
    found.time = expiry;
  }
  received(peer: number, hash: Hash256): void {
    for (const a of this.list) if (a.peer === peer && a.hash === hash) a.state = 'completed';
    this.sweep();
  }
  forget(hash: Hash256): void {
    this.list = this.list.filter(a => a.hash !== hash);
  }
  disconnect(peer: number): void {
    this.list = this.list.filter(a => a.peer !== peer);
    this.sweep();
  }
}

describe('against the naive form', () => {
  test.each([1, 2, 3, 4, 5])('seed %i', seed => {
    const random = new SeededRandom(seed);
    const requests = tracker(seed);
    const naive = new NaiveRequests();
    const hashes = Array.from({ length: 12 }, (_, i) => hashOf(`t${i}`));
    let now = START;
    for (let step = 0; step < 3_000; step += 1) {
      const peer = randomBelow(random, 6);
      const hash = hashes[randomBelow(random, hashes.length)]!;
      const kind = randomBelow(random, 20);
      if (kind < 9) {
        const preferred = randomBelow(random, 2) === 0;
        const time = now + randomBelow(random, 3) * 2_000;
        requests.announce(peer, { hash, by }, { preferred, time });
        naive.announce(peer, hash, preferred, time);
      } else if (kind < 12) {
        requests.received(peer, hash);
        naive.received(peer, hash);
      } else if (kind === 12) {
        requests.forget(hash);
        naive.forget(hash);
      } else if (kind === 13 && randomBelow(random, 4) === 0) {
        requests.disconnect(peer);
        naive.disconnect(peer);
      } else {
        now += randomBelow(random, 5_000);
        requests.advance(now);
        naive.advance(now);
        for (const [who, what] of asked(requests)) {
          expect(naive.eligible(what)).toContain(who);
          if (randomBelow(random, 2) === 0) continue;
          const expiry = now + randomBelow(random, 10_000) + 1;
          requests.requested(who, what, expiry);
          naive.requested(who, what, expiry);
        }
        const askable = new Set(asked(requests).map(([, what]) => what));
        for (const each of hashes) expect(askable.has(each)).toBe(naive.eligible(each).length > 0);
      }
      expect(requests.size).toBe(naive.list.length);
      expect(requests.count(peer)).toBe(naive.list.filter(a => a.peer === peer).length);
      expect(requests.countInFlight(peer)).toBe(
        naive.list.filter(a => a.peer === peer && a.state === 'requested').length,
      );
      expect(requests.candidates(hash).sort()).toEqual(
        naive.list
          .filter(a => a.hash === hash && a.state !== 'completed')
          .map(a => a.peer)
          .sort(),
      );
    }
  });
});
