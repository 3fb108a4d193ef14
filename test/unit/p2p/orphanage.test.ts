import { describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { ExtraTxs } from '../../../src/p2p/compact-block.ts';
import { LATENCY_SCORE_MAX, Orphanage, WEIGHT_PER_PEER } from '../../../src/p2p/orphanage.ts';
import { type Transaction, withInputs } from '../../../src/wire/transaction.ts';
import { reachableBytes } from '../../support/heap.ts';
import { hashOf, makeTx } from './support.ts';

/** Of one byte each. */
function manyItems(parent: Transaction, n: number, count: number): Transaction {
  const tx = makeTx(`many ${n}`, { spends: [[parent.txid, 0]] });
  const witness = new Array<Uint8Array>(count).fill(Uint8Array.of(n));
  return withInputs(tx, [{ ...tx.inputs[0]!, witness }]);
}

function newOrphanage(seed = 1): Orphanage {
  return new Orphanage({ random: new SeededRandom(seed) });
}

describe('the orphanage', () => {
  test('keeps an orphan as long as one announcer is left', () => {
    const orphans = newOrphanage();
    const tx = makeTx('o');
    expect(orphans.add(tx, 1)).toBe(true);
    expect(orphans.add(tx, 2)).toBe(false);
    expect(orphans.announcementCount).toBe(2);
    expect(orphans.weight).toBe(tx.weight);
    orphans.eraseForPeer(1);
    expect(orphans.has(tx.wtxid)).toBe(true);
    orphans.eraseForPeer(2);
    expect(orphans.has(tx.wtxid)).toBe(false);
    expect(orphans.weight + orphans.latencyScore + orphans.announcementCount).toBe(0);
  });

  test('keeps bytes, not what was decoded of them', () => {
    const orphans = newOrphanage();
    const extra = new ExtraTxs();
    const parent = makeTx('parent');
    const bytes = 300_000;
    const before = reachableBytes();
    for (let i = 0; i < 12; i += 1) {
      const items = i % 2 === 0 ? bytes / 2 : 49_000;
      const tx = manyItems(parent, i, items);
      // By now somebody has looked at it.
      expect(tx.inputs[0]!.witness).toHaveLength(items);
      if (i % 2 === 0) expect(orphans.add(tx, i)).toBe(true);
      else extra.add(tx);
    }
    expect(orphans.childrenOf(parent, 0)).toHaveLength(1);
    orphans.reconsiderChildrenOf(parent);
    orphans.eraseForBlock([makeTx('other')]);
    // Their bytes are 2.4 MB; decoded they would take 120.
    expect(reachableBytes() - before).toBeLessThan(20_000_000);
    expect([orphans.size, [...extra].length]).toEqual([6, 6]);
  });

  test('refuses what is heavier than standard', () => {
    expect(newOrphanage().add(makeTx('heavy', { size: 100_001 }), 1)).toBe(false);
  });

  test('two witnesses of one txid are two orphans', () => {
    const orphans = newOrphanage();
    const [plain, signed] = [makeTx('same'), makeTx('same', { witness: true })];
    expect(plain.txid).toBe(signed.txid);
    expect(orphans.add(plain, 1)).toBe(true);
    expect(orphans.add(signed, 1)).toBe(true);
    expect(orphans.size).toBe(2);
  });

  test('a parent wakes its children, each in one peer’s turn, once', () => {
    const orphans = newOrphanage();
    const parent = makeTx('parent', { outputs: 3 });
    const children = [0, 1, 2].map(i => makeTx(`child${i}`, { spends: [[parent.txid, i]] }));
    for (const child of children) for (const peer of [1, 2]) orphans.add(child, peer);
    orphans.reconsiderChildrenOf(parent);
    orphans.reconsiderChildrenOf(parent);
    const turns = [1, 2].flatMap(peer => {
      const taken: Transaction[] = [];
      while (orphans.hasToReconsider(peer)) taken.push(orphans.takeToReconsider(peer)!);
      return taken;
    });
    expect(turns.map(tx => tx.txid).sort()).toEqual(children.map(tx => tx.txid).sort());
    expect(orphans.size).toBe(3);
  });

  test('a block erases what it holds and what it conflicts with', () => {
    const orphans = newOrphanage();
    const shared = [hashOf('coin'), 7] as const;
    const [mine, rival, other] = [
      makeTx('m', { spends: [shared] }),
      makeTx('r', { spends: [shared] }),
      makeTx('x'),
    ];
    for (const tx of [mine, other]) orphans.add(tx, 1);
    orphans.eraseForBlock([rival]);
    expect(orphans.has(mine.wtxid)).toBe(false);
    expect(orphans.has(other.wtxid)).toBe(true);
  });

  test('over the limit of score, the greedy peer loses its oldest, others nothing', () => {
    const orphans = newOrphanage();
    const honest = makeTx('honest');
    orphans.add(honest, 1);
    const greedy = Array.from({ length: LATENCY_SCORE_MAX + 20 }, (_, i) => makeTx(`g${i}`, { size: 0 }));
    for (const tx of greedy) orphans.add(tx, 2);
    expect(orphans.latencyScore).toBe(LATENCY_SCORE_MAX);
    expect(orphans.has(honest.wtxid)).toBe(true);
    expect(orphans.has(greedy[0]!.wtxid)).toBe(false);
    expect(orphans.has(greedy.at(-1)!.wtxid)).toBe(true);
  });

  test('each peer with orphans brings its share of weight', () => {
    const orphans = newOrphanage();
    const big = (name: string) => makeTx(name, { size: 30_000 });
    for (let i = 0; i < 3; i += 1) orphans.add(big(`a${i}`), 1);
    expect(orphans.size).toBe(3);
    orphans.add(big('a3'), 1);
    expect(orphans.size).toBe(3);
    for (let i = 0; i < 3; i += 1) orphans.add(big(`b${i}`), 2);
    expect(orphans.size).toBe(6);
    orphans.eraseForPeer(2);
    expect(orphans.weight).toBeLessThanOrEqual(WEIGHT_PER_PEER);
  });

  test('orphans about to be tried again go last', () => {
    const orphans = newOrphanage();
    const parent = makeTx('parent');
    const child = makeTx('child', { spends: [[parent.txid, 0]] });
    orphans.add(child, 1);
    orphans.reconsiderChildrenOf(parent);
    for (let i = 0; i < LATENCY_SCORE_MAX + 5; i += 1) orphans.add(makeTx(`f${i}`), 1);
    expect(orphans.takeToReconsider(1)?.txid).toBe(child.txid);
  });

  test('of two peers over their shares alike, the one that is so by score loses first (Core: ByRatioNegSize)', () => {
    const orphans = newOrphanage();
    // With two peers, 1,800 of 1,500 and 484,800 of 404,000 are both 1.2.
    const small = Array.from({ length: 1_800 }, (_, i) => makeTx(`a${i + 1_000}`, { size: 0 }));
    const heavy = (name: string) => {
      const size = 60_000;
      return makeTx(name, { size: size + (242_400 - makeTx(name, { size }).weight) / 4 });
    };
    const large = [heavy('b0'), heavy('b1')];
    // A third brings its share of weight.
    orphans.add(makeTx('c'), 3);
    for (const [i, tx] of small.entries()) {
      if (i < 2) orphans.add(large[i]!, 2);
      orphans.add(tx, 1);
    }
    expect(orphans.weightOf(2)).toBe(484_800);
    expect(orphans.weightOf(1)).toBeLessThan(1.2 * WEIGHT_PER_PEER);
    expect(orphans.size).toBe(1_803);
    // It takes its share with it: what is left is over the limit.
    orphans.eraseForPeer(3);
    expect([small[0]!, small[1]!, ...large].map(tx => orphans.has(tx.wtxid))).toEqual([
      false,
      true,
      false,
      true,
    ]);
  });

  test.each([1, 2, 3])('counts stay right through anything (seed %i)', seed => {
    const random = new SeededRandom(seed);
    const orphans = newOrphanage(seed);
    const txs = Array.from({ length: 150 }, (_, i) =>
      makeTx(`t${i}`, { inputs: 1 + (i % 400), size: i % 5 === 0 ? 20_000 : 50, witness: i % 2 === 0 }),
    );
    for (let step = 0; step < 3_000; step += 1) {
      const tx = txs[randomBelow(random, txs.length)]!;
      const peer = randomBelow(random, 5);
      const kind = randomBelow(random, 30);
      if (kind < 20) orphans.add(tx, peer);
      else if (kind < 24) orphans.addAnnouncer(tx.wtxid, peer);
      else if (kind < 26) orphans.erase(tx.wtxid);
      else if (kind === 26) orphans.eraseForPeer(peer);
      else if (kind === 27) orphans.eraseForBlock([tx]);
      else if (kind === 28) orphans.reconsiderChildrenOf(tx);
      else orphans.takeToReconsider(peer);
      if (step % 50 === 0) check(orphans);
    }
  });
});

/** Recounts from what the orphanage shows. */
function check(orphans: Orphanage): void {
  const all = [...orphans.entries()];
  const peers = new Set(all.flatMap(o => o.announcers));
  const sum = (of: (o: (typeof all)[number]) => number) => all.reduce((total, o) => total + of(o), 0);
  expect(all.every(o => o.announcers.length > 0)).toBe(true);
  expect(orphans.size).toBe(all.length);
  expect(orphans.announcementCount).toBe(sum(o => o.announcers.length));
  expect(orphans.weight).toBe(sum(o => o.tx.weight));
  expect(orphans.latencyScore).toBe(sum(o => o.announcers.length + Math.floor(o.tx.inputs.length / 10)));
  expect(orphans.latencyScore).toBeLessThanOrEqual(LATENCY_SCORE_MAX);
  expect(orphans.weight).toBeLessThanOrEqual(WEIGHT_PER_PEER * Math.max(1, peers.size));
  for (const peer of peers)
    expect(orphans.weightOf(peer)).toBe(sum(o => (o.announcers.includes(peer) ? o.tx.weight : 0)));
}
