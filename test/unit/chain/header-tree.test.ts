import { describe, expect, test } from 'vitest';
import { type BlockHash, ZERO_HASH } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { blockIndexOp, decodeBlockIndex } from '../../../src/chain/block-index.ts';
import { FAILED, VALID_SCRIPTS } from '../../../src/chain/block-status.ts';
import { HeaderTree, ROW_WORDS } from '../../../src/chain/header-tree.ts';
import { type BlockHeader, createHeader } from '../../../src/wire/block.ts';

const BITS = 0x207fffff;

function headerOn(prevHash: BlockHash, nonce: number, time = nonce): BlockHeader {
  return createHeader({ version: -1 + nonce, prevHash, merkleRoot: ZERO_HASH, time, bits: BITS, nonce });
}

/** `size` headers, each on a random one of the last `width`, with parents and heights as plain arrays. */
function randomTree(seed: number, size: number, width: number) {
  const random = new SeededRandom(seed);
  const tree = new HeaderTree();
  const parents: number[] = [-1];
  const heights: number[] = [0];
  const times: number[] = [0];
  tree.add(headerOn(ZERO_HASH, 0));
  while (tree.size < size) {
    const id = tree.size;
    const parent = Math.max(0, id - 1 - randomBelow(random, width));
    const time = randomBelow(random, 1000);
    tree.add(headerOn(tree.hashOf(parent), id, time));
    parents.push(parent);
    heights.push(heights[parent]! + 1);
    times.push(time);
  }
  return { tree, parents, heights, times, random };
}

describe('header tree', () => {
  test('finds ancestors and forks as walking does, in few steps', () => {
    for (const [seed, width] of [
      [1, 1],
      [2, 2],
      [3, 20],
    ] as const) {
      // biome-ignore format: a table
      const { tree, parents, heights, random } = randomTree(seed, 4000, width);
      const walk = (id: number, height: number) => {
        while (heights[id]! > height) id = parents[id]!;
        return id;
      };
      for (let i = 0; i < 1000; i += 1) {
        const a = randomBelow(random, tree.size);
        const height = randomBelow(random, heights[a]! + 1);
        expect(tree.ancestorOf(a, height)).toBe(walk(a, height));
        const b = randomBelow(random, tree.size);
        let [x, y] = [a, b];
        while (x !== y) {
          if (x > y) x = parents[x]!;
          else y = parents[y]!;
        }
        expect(tree.forkOf(a, b)).toBe(x);
      }
    }
  });

  test('gives back headers, work, median times and tips', () => {
    const { tree, parents, heights, times } = randomTree(4, 500, 10);
    const leaves = new Set(parents.keys());
    for (let id = 0; id < tree.size; id += 1) {
      leaves.delete(parents[id]!);
      const header = tree.headerOf(id);
      expect(createHeader(header)).toEqual(header);
      expect(tree.find(header.hash)).toBe(id);
      expect(tree.heightOf(id)).toBe(heights[id]);
      expect(tree.chainWorkOf(id)).toBe(2n * BigInt(heights[id]! + 1));
      const last: number[] = [];
      for (let at = id; at >= 0 && last.length < 11; at = parents[at]!) last.push(times[at]!);
      expect(tree.medianTimePastOf(id)).toBe(last.sort((a, b) => a - b)[Math.floor(last.length / 2)]);
      const descendants = new Set(tree.descendantsOf(id));
      for (const other of [id, id + 1, id + 5, tree.size - 1].filter(at => at < tree.size))
        expect(descendants.has(other)).toBe(
          heights[other]! >= heights[id]! && tree.ancestorOf(other, heights[id]!) === id,
        );
    }
    expect(new Set(tree.tips())).toEqual(leaves);
    const works = tree.tips().map(id => tree.chainWorkOf(id));
    expect(works).toEqual([...works].sort((a, b) => Number(b - a)));
  });

  test('more work is better, then the first seen', () => {
    const tree = new HeaderTree();
    const root = tree.add(headerOn(ZERO_HASH, 0));
    const [a, b] = [1, 2].map(nonce => tree.add(headerOn(tree.hashOf(root), nonce))) as [number, number];
    const c = tree.add(headerOn(tree.hashOf(a), 3));
    tree.setConnectable(a, 2, 7);
    tree.setConnectable(b, 2, 5);
    expect(tree.isBetter(c, b)).toBe(true);
    expect(tree.isBetter(b, a)).toBe(true);
    expect(tree.isBetter(a, b)).toBe(false);
    tree.setSequence(a, 0);
    expect(tree.isBetter(a, b)).toBe(true);
  });

  test('index records survive a round trip', () => {
    const { tree } = randomTree(5, 90, 3);
    tree.setData(7, { file: 3, offset: 130_000_000 }, 2500);
    tree.setUndo(7, { file: 3, offset: 900 });
    tree.raiseValidity(7, VALID_SCRIPTS);
    expect(tree.takeDirty()).toEqual([0, 1, 2]);
    expect(tree.takeDirty()).toEqual([]);
    const again = new HeaderTree();
    for (const group of [0, 1, 2]) {
      const { key, value } = blockIndexOp(tree, group) as { key: Uint8Array; value: Uint8Array };
      // As a store hands it out: a part of something larger, where words need not begin.
      const decoded = decodeBlockIndex([key, Buffer.concat([Uint8Array.of(0), value]).subarray(1)]);
      expect(decoded.group).toBe(group);
      for (let at = 0; at < decoded.rows.length; at += ROW_WORDS) again.readRow(decoded.rows, at);
    }
    expect(again.takeDirty()).toEqual([]);
    expect(again.tips()).toEqual(tree.tips());
    expect([...again.filesWithBlocks()]).toEqual([3]);
    for (const of of ['headerOf', 'heightOf', 'parentOf', 'chainWorkOf', 'medianTimePastOf', 'statusOf', 'txCountOf', 'dataPositionOf', 'undoPositionOf'] as const) // biome-ignore format: one list
      for (const id of tree.ids()) expect(again[of](id)).toEqual(tree[of](id));
    for (const id of tree.ids()) expect(again.ancestorOf(id, 0)).toBe(0);
    tree.setStatus(40, FAILED);
    expect(tree.takeDirty()).toEqual([1]);
  });

  test.each([
    ['twice the same', (rows: Int32Array) => rows.copyWithin(ROW_WORDS, 0, ROW_WORDS)],
    ['a parent that comes later', (rows: Int32Array) => (rows[ROW_WORDS + 12] = 2)],
    ['no parent', (rows: Int32Array) => (rows[ROW_WORDS + 12] = -1)],
    ['nothing', (rows: Int32Array) => rows.fill(0, ROW_WORDS, 2 * ROW_WORDS)],
  ])('a row that holds %s is refused', (_, damage) => {
    const rows = randomTree(6, 3, 1).tree.writeGroup(0);
    damage(rows);
    const tree = new HeaderTree();
    expect(tree.readRow(rows, 0)).toBe(0);
    expect(tree.readRow(rows, ROW_WORDS)).toBeUndefined();
  });
});
