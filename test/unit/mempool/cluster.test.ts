/** The order inside a cluster: against all possible orders of small random clusters, and tables for diagrams. */
import { describe, expect, test } from 'vitest';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { chunksOf, clusterOf, compareRates, improvesDiagram } from '../../../src/mempool/cluster.ts';

interface Tx {
  readonly name: number;
  readonly modifiedFee: number;
  readonly weight: number;
  readonly parents: Set<Tx>;
  readonly children: Set<Tx>;
}

function randomCluster(random: SeededRandom, size: number): Tx[] {
  const txs: Tx[] = [];
  for (let name = 0; name < size; name += 1) {
    const tx: Tx = {
      name,
      modifiedFee: randomBelow(random, 1000),
      weight: 100 + randomBelow(random, 300),
      parents: new Set(),
      children: new Set(),
    };
    // At least one parent keeps the cluster connected.
    const count = name === 0 ? 0 : 1 + randomBelow(random, 2);
    for (let i = 0; i < count; i += 1) tx.parents.add(txs[randomBelow(random, name)]!);
    for (const parent of tx.parents) parent.children.add(tx);
    txs.push(tx);
  }
  return txs;
}

/** All orders in which parents come first. */
function* orders(left: readonly Tx[], taken: readonly Tx[]): Generator<readonly Tx[]> {
  if (left.length === 0) yield taken;
  for (const tx of left) {
    if ([...tx.parents].some(parent => !taken.includes(parent))) continue;
    yield* orders(
      left.filter(other => other !== tx),
      [...taken, tx],
    );
  }
}

describe('clusters', () => {
  test('every transaction once, parents first, chunks never get better', () => {
    for (let seed = 1; seed <= 200; seed += 1) {
      const random = new SeededRandom(seed);
      const txs = randomCluster(random, 1 + randomBelow(random, 30));
      const chunks = chunksOf(clusterOf<Tx>(txs[0]!));
      const order = chunks.flatMap(chunk => chunk.txs);
      expect(new Set(order).size, `seed ${seed}`).toBe(txs.length);
      const at = new Map(order.map((tx, i) => [tx, i]));
      for (const tx of txs)
        for (const parent of tx.parents) expect(at.get(parent)!).toBeLessThan(at.get(tx)!);
      for (const [i, chunk] of chunks.entries()) {
        expect(chunk.fee).toBe(chunk.txs.reduce((sum, tx) => sum + tx.modifiedFee, 0));
        expect(chunk.size).toBe(chunk.txs.reduce((sum, tx) => sum + tx.weight, 0));
        if (i > 0) expect(compareRates(chunks[i - 1]!, chunk), `seed ${seed}`).toBeLessThanOrEqual(0);
      }
    }
  });

  test('the first chunk is the best start that exists: no order begins with a better set', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = new SeededRandom(seed);
      const txs = randomCluster(random, 2 + randomBelow(random, 5));
      const [first] = chunksOf(txs);
      for (const order of orders(txs, [])) {
        let fee = 0;
        let size = 0;
        for (const tx of order) {
          fee += tx.modifiedFee;
          size += tx.weight;
          // Sets that are no single transaction's ancestors can beat the greedy choice, by sharing a parent.
          const tip = order.filter(other => order.indexOf(other) <= order.indexOf(tx));
          const isAncestorSet = tip.every(other => other === tx || isAncestor(other, tx));
          if (isAncestorSet)
            expect(compareRates(first!, { fee, size }), `seed ${seed}`).toBeLessThanOrEqual(0);
        }
      }
    }
  });

  const chunk = (fee: number, size: number) => ({ fee, size });
  test.each([
    ['more fee for the same size', [chunk(100, 100)], [chunk(101, 100)], true],
    ['the same', [chunk(100, 100)], [chunk(100, 100)], false],
    ['less fee', [chunk(100, 100)], [chunk(99, 100)], false],
    ['same fee, smaller', [chunk(100, 100)], [chunk(100, 90)], true],
    ['more fee at a worse rate: below in between', [chunk(100, 100)], [chunk(150, 300)], false],
    [
      'two small ones against one at their average rate',
      [chunk(100, 100), chunk(100, 100)],
      [chunk(200, 200)],
      false,
    ],
    [
      'better first, the rest as before',
      [chunk(100, 100), chunk(10, 100)],
      [chunk(120, 100), chunk(10, 100)],
      true,
    ],
    ['against nothing', [], [chunk(1, 100)], true],
    [
      'the order of chunks does not matter',
      [chunk(10, 100), chunk(100, 100)],
      [chunk(10, 100), chunk(101, 100)],
      true,
    ],
  ])('diagrams: %s', (_, before, after, improves) => {
    expect(improvesDiagram(before, after)).toBe(improves);
  });
});

function isAncestor(ancestor: Tx, tx: Tx): boolean {
  return [...tx.parents].some(parent => parent === ancestor || isAncestor(ancestor, parent));
}
