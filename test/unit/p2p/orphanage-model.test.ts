/** The orphanage beside the plain form of its rules: a list of announcements, looked through for each question. */
import { expect, test } from 'vitest';
import type { Wtxid } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { LATENCY_SCORE_MAX, Orphanage, WEIGHT_PER_PEER } from '../../../src/p2p/orphanage.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { mustBe } from '../../support/must-be.ts';
import { hashOf, makeTx } from './support.ts';

interface Announcement {
  readonly tx: Transaction;
  readonly peer: number;
  isInTurn: boolean;
}

const scoreOf = (tx: Transaction) => 1 + Math.floor(tx.inputCount / 10);
const sum = (numbers: readonly number[]) => numbers.reduce((all, each) => all + each, 0);

class Model {
  readonly #random: SeededRandom;
  readonly #came = new Map<Wtxid, number>();
  #arrivals = 0;
  /** Oldest first. */
  list: Announcement[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
  }

  of(peer: number): Announcement[] {
    return this.list.filter(each => each.peer === peer);
  }

  get peers(): number[] {
    return [...new Set(this.list.map(each => each.peer))];
  }

  get txs(): Transaction[] {
    return [...new Map(this.list.map(({ tx }) => [tx.wtxid, tx])).values()];
  }

  get score(): number {
    return this.list.length + sum(this.txs.map(tx => scoreOf(tx) - 1));
  }

  get weight(): number {
    return sum(this.txs.map(tx => tx.weight));
  }

  /** By when they came. */
  inOrder(): Transaction[] {
    const placeOf = (tx: Transaction) => this.#came.get(tx.wtxid)!;
    return this.txs.sort((a, b) => placeOf(a) - placeOf(b));
  }

  reconsiderChildrenOf(parent: Transaction): Set<number> {
    const turns = new Set<number>();
    for (let index = 0; index < parent.outputs.length; index += 1)
      for (const tx of this.inOrder()) {
        const own = this.list.filter(each => each.tx.wtxid === tx.wtxid);
        const isChild = tx.inputs.some(
          ({ prevout }) => prevout.txid === parent.txid && prevout.index === index,
        );
        if (!isChild || own.some(each => each.isInTurn)) continue;
        const chosen = own[randomBelow(this.#random, own.length)]!;
        chosen.isInTurn = true;
        turns.add(chosen.peer);
      }
    return turns;
  }

  add(tx: Transaction, peer: number): void {
    this.#arrivals += 1;
    if (!this.txs.some(each => each.wtxid === tx.wtxid)) this.#came.set(tx.wtxid, this.#arrivals);
    if (this.list.some(each => each.peer === peer && each.tx.wtxid === tx.wtxid)) return;
    this.list.push({ tx, peer, isInTurn: false });
    this.trim();
  }

  erase(wanted: (each: Announcement) => boolean): void {
    this.list = this.list.filter(each => !wanted(each));
    this.trim();
  }

  trim(): void {
    const scoreShare = Math.floor(LATENCY_SCORE_MAX / Math.max(this.peers.length, 1));
    const loadOf = (peer: number) => {
      const own = this.of(peer).map(({ tx }) => tx);
      const byScore = sum(own.map(scoreOf)) / scoreShare;
      const byWeight = sum(own.map(tx => tx.weight)) / WEIGHT_PER_PEER;
      return { load: Math.max(byScore, byWeight), isByScore: byScore >= byWeight };
    };
    while (this.score > LATENCY_SCORE_MAX || this.weight > WEIGHT_PER_PEER * Math.max(this.peers.length, 1)) {
      const [worst] = this.peers
        .map(peer => ({ peer, ...loadOf(peer) }))
        .sort((a, b) => b.load - a.load || Number(b.isByScore) - Number(a.isByScore) || b.peer - a.peer);
      const own = this.of(worst!.peer);
      const oldest = own.find(each => !each.isInTurn) ?? own[0];
      this.list = this.list.filter(each => each !== oldest);
    }
  }
}

test.each([1, 2, 3])('does what a list of announcements would (seed %i)', seed => {
  const random = new SeededRandom(seed + 100);
  const below = (bound: number) => randomBelow(random, bound);
  const orphans = new Orphanage({ random: new SeededRandom(seed) });
  const model = new Model(seed);
  const parents = Array.from({ length: 6 }, (_, i) => makeTx(`parent${i}`, { outputs: 4 }));
  // Some are large, some have many inputs, and some are of one txid with and without a witness.
  const txs = Array.from({ length: 60 }, (_, i) => {
    const own = Array.from({ length: i % 4 === 0 ? 1 + ((i * 131) % 300) : 1 }, (__, n) => n);
    const spends = [
      [parents[i % 6]!.txid, i % 4] as const,
      ...own.map(n => [hashOf(`${i >> 1}/${n}`), n] as const),
    ];
    const size = i % 5 === 0 ? 20_000 + 1_000 * (i % 40) : 22;
    return makeTx(`orphan${i >> 1}`, { spends, size, witness: i % 2 === 1 });
  });
  let trimmed = 0;
  for (let step = 0; step < 600; step += 1) {
    const peer = below(8);
    const tx = txs[below(txs.length)]!;
    const what = below(40);
    const before = model.list.length;
    if (what < 22) {
      const isNew = !model.txs.some(each => each.wtxid === tx.wtxid);
      const isAdded = orphans.add(tx, peer);
      model.add(tx, peer);
      expect(isAdded).toBe(isNew && model.txs.some(each => each.wtxid === tx.wtxid));
      if (model.list.length <= before) trimmed += 1;
    } else if (what < 28) {
      orphans.addAnnouncer(tx.wtxid, peer);
      if (model.txs.some(each => each.wtxid === tx.wtxid)) model.add(tx, peer);
    } else if (what < 32) {
      const parent = parents[below(6)]!;
      expect(orphans.reconsiderChildrenOf(parent)).toEqual(model.reconsiderChildrenOf(parent));
    } else if (what < 35) {
      const taken = orphans.takeToReconsider(peer);
      const next = model.of(peer).find(each => each.isInTurn);
      expect(taken?.wtxid).toBe(next?.tx.wtxid);
      if (next !== undefined) next.isInTurn = false;
    } else if (what < 37) {
      orphans.erase(tx.wtxid);
      model.erase(each => each.tx.wtxid === tx.wtxid);
    } else if (what < 38) {
      orphans.eraseForPeer(peer);
      model.erase(each => each.peer === peer);
    } else if (what < 39) {
      orphans.eraseForBlock([tx]);
      const spent = new Set(tx.inputs.map(({ prevout }) => `${prevout.txid} ${prevout.index}`));
      model.erase(each =>
        each.tx.inputs.some(({ prevout }) => spent.has(`${prevout.txid} ${prevout.index}`)),
      );
    } else {
      const parent = parents[below(6)]!;
      const children = model
        .of(peer)
        .filter(each => each.tx.inputs.some(({ prevout }) => prevout.txid === parent.txid))
        .reverse();
      const inOrder = [...children.filter(each => each.isInTurn), ...children.filter(each => !each.isInTurn)];
      expect(orphans.childrenOf(parent, peer).map(each => each.wtxid)).toEqual(
        inOrder.map(each => each.tx.wtxid),
      );
    }
    const stored = new Map<Wtxid, readonly number[]>(
      [...orphans.entries()].map(({ tx: { wtxid }, announcers }) => [wtxid, announcers]),
    );
    expect([orphans.size, orphans.announcementCount, orphans.weight, orphans.latencyScore]).toEqual([
      model.txs.length,
      model.list.length,
      model.weight,
      model.score,
    ]);
    for (const { tx: each, peer: id } of model.list) mustBe(stored.get(each.wtxid)?.includes(id), true);
  }
  expect(trimmed).toBeGreaterThan(20);
});
