/** What must hold of the header tree: each planted fault is found, and the chain that has none passes. */
import { expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { receiveBlock } from '../../../src/chain/accept-block.ts';
import { FAILED, HAVE_UNDO, VALID_MASK, VALID_SCRIPTS, VALID_TREE } from '../../../src/chain/block-status.ts';
import { BlockTree } from '../../../src/chain/block-tree.ts';
import { ChainState } from '../../../src/chain/chain-state.ts';
import { BlockTreeCheck, checkBlockTree } from '../../../src/chain/check-block-tree.ts';
import { mineBlock, mineBlocks, REGTEST } from '../../support/test-chain.ts';

const main = mineBlocks(REGTEST.genesis, 0, 6);
const branch = mineBlocks(main[1]!, 2, 3, { tag: 1 });
const apart = mineBlock(branch[2]!, 5, { tag: 1 });

/** Genesis and `main` are connected; two of `branch` are stored, its third is missing, and `apart` above that waits. */
function scene() {
  const tree = new BlockTree({ params: REGTEST, log: SILENT_LOG }, {});
  const state = new ChainState(tree, 'main', {});
  tree.followers.add(state);
  const { headers } = tree;
  const store = (block: (typeof main)[number], file: number) => {
    const id = headers.find(block.header.hash) ?? headers.add(block.header);
    receiveBlock(state, id, block, { file, offset: 8 });
    return id;
  };
  for (const block of [REGTEST.genesis, ...main]) {
    const id = store(block, 0);
    headers.raiseValidity(id, VALID_SCRIPTS);
    if (id > 0) headers.setUndo(id, { file: 0, offset: 8 });
    state.pushTip(id);
  }
  state.coins.bestBlock = main.at(-1)!.header.hash;
  tree.bestHeader = state.tip();
  state.pruneCandidates();
  const [first, second] = [store(branch[0]!, 1), store(branch[1]!, 1)];
  const missing = headers.add(branch[2]!.header);
  const waiting = store(apart, 1);
  return { tree, state, headers, first, second, missing, waiting };
}

test('a chain with a branch, and a block that waits for another, is whole', () => {
  const { tree, state } = scene();
  expect(() => checkBlockTree(tree, [state])).not.toThrow();
});

test.each<[string, (planted: ReturnType<typeof scene>) => void, RegExp]>([
  [
    'the coins stand elsewhere',
    ({ state }) => {
      state.coins.bestBlock = main[0]!.header.hash;
    },
    /coins stand/,
  ],
  ['the tip is no candidate', ({ state }) => state.candidates.clear(), /tip to go back to/],
  [
    'the active chain has a gap',
    ({ state, first }) => {
      state.popTip();
      Object.assign(state, { atHeight: (height: number) => (height === 3 ? first : height) });
    },
    /stands on the one before/,
  ],
  [
    'a child of an invalid block is valid',
    ({ headers, first }) => headers.setStatus(first, FAILED),
    /stands on an invalid block/,
  ],
  [
    'the best header is invalid',
    ({ tree, headers, waiting }) => {
      headers.setStatus(waiting, FAILED);
      tree.bestHeader = waiting;
    },
    /best header is not invalid/,
  ],
  [
    'a better header than the best',
    ({ tree, first }) => {
      tree.bestHeader = first;
    },
    /more work than the best/,
  ],
  [
    'undo data without a block',
    ({ headers, missing }) => headers.setStatus(missing, HAVE_UNDO),
    /undo data lies beside/,
  ],
  [
    'a block was deleted by nobody',
    ({ headers }) => headers.forgetFile(1),
    /counted when the block is stored/,
  ],
  [
    'transactions that nobody checked',
    ({ headers, second }) => {
      headers.clearStatus(second, VALID_MASK);
      headers.setStatus(second, VALID_TREE);
    },
    /counted was checked/,
  ],
  [
    'a header that was never checked',
    ({ headers, missing }) => {
      headers.setStatus(missing, 1);
      headers.clearStatus(missing, VALID_TREE);
    },
    /in the tree was checked/,
  ],
  [
    'a chain that is counted with a block missing',
    ({ headers, missing }) => headers.setConnectable(missing, 9, 0),
    /when all of it was there/,
  ],
  [
    'a chain that is not counted',
    ({ headers, second }) => headers.setConnectable(second, 0, 0),
    /when all of it was there/,
  ],
  ['a sum that is wrong', ({ headers, second }) => headers.setConnectable(second, 77, 1), /add up/],
  [
    'an order of arrival without a chain',
    ({ headers, waiting }) => headers.setSequence(waiting, 5),
    /order of arrival/,
  ],
  [
    'connected on what is not',
    ({ headers, second }) => headers.raiseValidity(second, VALID_SCRIPTS),
    /stands on what was connected/,
  ],
  ['nobody waits', ({ tree }) => tree.unlinked.clear(), /never came waits/],
  ['one waits for nothing', ({ tree, first }) => tree.addUnlinked(first), /misses one/],
  ['one waits that is not there', ({ tree, missing }) => tree.addUnlinked(missing), /stored itself/],
  [
    'one waits twice',
    ({ tree, missing, waiting }) => tree.unlinked.set(missing, [waiting, waiting]),
    /waits once/,
  ],
  [
    'one waits for a stranger',
    ({ tree, first, waiting }) => tree.unlinked.set(first, [waiting]),
    /waits once/,
  ],
  [
    'an invalid candidate',
    ({ state, headers, second, waiting, missing }) => {
      for (const id of [second, missing, waiting]) headers.setStatus(id, FAILED);
      state.candidates.add(second);
    },
    /invalid block is no candidate/,
  ],
  [
    'a candidate whose ancestor is missing',
    ({ state, waiting }) => state.candidates.add(waiting),
    /ancestors never came is no/,
  ],
  [
    'a better block that is no candidate',
    ({ state, tree, headers, missing }) => {
      receiveBlock(state, missing, branch[2]!, { file: 1, offset: 8 });
      const id = headers.find(apart.header.hash)!;
      for (let i = 0; i < 3; i += 1) state.popTip();
      state.coins.bestBlock = headers.hashOf(state.tip());
      tree.bestHeader = 6;
      for (const each of [state.tip(), 4, 5, 6]) state.candidates.add(each);
      state.candidates.delete(id);
    },
    /could be the tip is a candidate/,
  ],
])('found: %s', (_, plant, message) => {
  // biome-ignore format: a table
  const planted = scene();
  plant(planted);
  expect(() => checkBlockTree(planted.tree, [planted.state])).toThrow(message);
});

test.each([
  [0, 0],
  [1, 12],
  [4, 3],
])('one in %i of its chances is taken', (ratio, expected) => {
  const { tree, state } = scene();
  state.candidates.clear();
  const check = new BlockTreeCheck(ratio);
  let found = 0;
  for (let chance = 0; chance < 12; chance += 1) {
    try {
      check.chance(tree, [state]);
    } catch {
      found += 1;
    }
  }
  expect(found).toBe(expected);
});

test('while block files are read there is nothing to look at', () => {
  const { tree, state } = scene();
  state.candidates.clear();
  tree.isImporting = true;
  expect(() => checkBlockTree(tree, [state])).not.toThrow();
});
