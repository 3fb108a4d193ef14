import { describe, expect, test } from 'vitest';
import { randomBelow, randomU64, SeededRandom, shuffle } from '../../../src/base/random.ts';
import { type EvictionCandidate, protectByRatio, selectPeerToEvict } from '../../../src/p2p/eviction.ts';

function candidates(count: number, seed: number): EvictionCandidate[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: count }, (_, id) => ({
    id,
    type: 'inbound' as const,
    connected: 1_000_000 - randomBelow(random, 100_000),
    minPing: randomBelow(random, 100_000),
    lastBlock: randomBelow(random, 1_000),
    lastTx: randomBelow(random, 1_000),
    hasRelevantServices: randomBelow(random, 2) === 0,
    relaysTxs: randomBelow(random, 2) === 0,
    hasBloomFilter: randomBelow(random, 2) === 0,
    keyedNetgroup: BigInt(randomBelow(random, 100)),
    isDiscouraged: false,
    isLocal: false,
    network: 'ipv4' as const,
    isNoban: false,
  }));
}

type Change = (each: EvictionCandidate) => Partial<EvictionCandidate>;
function changed(count: number, seed: number, change: Change): EvictionCandidate[] {
  return shuffle(
    new SeededRandom(seed),
    candidates(count, seed).map(each => ({ ...each, ...change(each) })),
  );
}

/** Over many draws, none of `protectedIds` is chosen (as Core's node_eviction_tests.cpp asks). */
function neverEvicts(count: number, protectedIds: readonly number[], change: Change): void {
  for (let seed = 0; seed < 60; seed += 1)
    expect(protectedIds).not.toContain(selectPeerToEvict(changed(count, seed, change)));
}

describe('who is protected', () => {
  const COUNT = 100;
  const first = (n: number) => Array.from({ length: n }, (_, i) => i);

  test('four netgroups', () => neverEvicts(COUNT, first(4), c => ({ keyedNetgroup: BigInt(COUNT - c.id) })));
  test('eight lowest pings', () => neverEvicts(COUNT, first(8), c => ({ minPing: c.id })));
  test('four latest transactions', () => neverEvicts(COUNT, first(4), c => ({ lastTx: COUNT - c.id })));
  test('eight latest blocks of peers without transactions', () =>
    neverEvicts(COUNT, first(8), c => ({
      lastBlock: COUNT - c.id,
      relaysTxs: c.id > 7,
      hasRelevantServices: c.id <= 7,
    })));
  test('four latest blocks', () => neverEvicts(COUNT, first(4), c => ({ lastBlock: COUNT - c.id })));
  test('the older half of what is left', () =>
    neverEvicts(COUNT, first(20), c => ({ connected: 1_000 + c.id })));
  test('noban and outbound', () => {
    neverEvicts(COUNT, first(50), c => (c.id < 25 ? { isNoban: true } : c.id < 50 ? { type: 'manual' } : {}));
    expect(selectPeerToEvict(changed(COUNT, 1, () => ({ type: 'outbound-full-relay' })))).toBeUndefined();
  });
  test('all of up to twenty, somebody of twenty-nine or more', () => {
    for (let seed = 0; seed < 30; seed += 1) {
      for (const count of [0, 1, 8, 20]) expect(selectPeerToEvict(candidates(count, seed))).toBeUndefined();
      for (const count of [29, 60, 114]) expect(selectPeerToEvict(candidates(count, seed))).toBeDefined();
    }
  });
});

describe('who goes', () => {
  test('the discouraged, when one is left', () => {
    for (let seed = 0; seed < 40; seed += 1) {
      const all = changed(100, seed, c => ({ isDiscouraged: c.id % 3 === 0 }));
      expect(selectPeerToEvict(all)! % 3).toBe(0);
    }
  });

  test('the youngest of the largest group', () => {
    const all = changed(100, 3, c => ({
      keyedNetgroup: c.id < 60 ? 1n : BigInt(c.id),
      connected: 1_000 + (c.id === 30 ? 10_000 : c.id),
      minPing: c.id < 60 ? 1_000_000 : c.id,
      lastTx: c.id < 60 ? 0 : c.id,
      lastBlock: c.id < 60 ? 0 : c.id,
    }));
    expect(selectPeerToEvict(all)).toBe(30);
  });

  test('the same for the same candidates', () => {
    const all = candidates(90, 5);
    expect(selectPeerToEvict(all)).toBe(selectPeerToEvict(all));
  });
});

// The cases are those of Core's node_eviction_tests.cpp (peer_protection_test).
describe('protection by ratio', () => {
  const left = (count: number, change: Change) =>
    protectByRatio(changed(count, 9, c => ({ connected: 1_000 + c.id, ...change(c) })))
      .map(c => c.id)
      .sort((a, b) => a - b);

  test.each<[string, number, Change, number[], number[]]>([
    ['half by uptime', 12, () => ({}), [0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]],
    [
      'a quarter is for onions',
      12,
      c => ({ network: [3, 8, 9].includes(c.id) ? 'onion' : 'ipv4' }),
      [0, 1, 2, 3, 8, 9],
      [4, 5, 6, 7, 10, 11],
    ],
    [
      'at most a quarter for onions',
      12,
      c => ({ network: [7, 8, 9, 10].includes(c.id) ? 'onion' : 'ipv4' }),
      [0, 1, 2, 7, 8, 9],
      [3, 4, 5, 6, 10, 11],
    ],
    [
      'localhost too',
      12,
      c => ({ isLocal: [1, 9, 11].includes(c.id) }),
      [0, 1, 2, 3, 9, 11],
      [4, 5, 6, 7, 8, 10],
    ],
    [
      'two networks share',
      12,
      c => ({ isLocal: [6, 9, 11].includes(c.id), network: [7, 8, 10].includes(c.id) ? 'onion' : 'ipv6' }),
      [0, 1, 2, 6, 7, 9],
      [3, 4, 5, 8, 10, 11],
    ],
  ])('%s', (_, count, change, kept, gone) => {
    expect(left(count, change)).toEqual(gone);
    expect(kept.length + gone.length).toBe(count);
  });
});

test('keyed netgroups of 64 bits compare as numbers', () => {
  const random = new SeededRandom(1);
  const all = candidates(100, 1).map(c => ({ ...c, keyedNetgroup: randomU64(random) }));
  expect(selectPeerToEvict(all)).toBeDefined();
});
