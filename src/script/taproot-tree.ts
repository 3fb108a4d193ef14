/**
 * The script tree of a taproot output (BIP341; Core: TaprootBuilder in src/script/signingprovider.cpp): its leaves in
 * the order of a walk through the tree, each with its depth, which is all that tells the tree's shape.
 */
import { assert } from '../base/assert.ts';
import { concatBytes } from '../base/bytes.ts';
import { taprootTweakPublicKey } from '../crypto/keys.ts';
import { tapBranchHash, tapLeafHash } from './taproot.ts';

/** Depth of a leaf at most (Core: TAPROOT_CONTROL_MAX_NODE_COUNT). */
export const TAP_TREE_DEPTH_MAX = 128;

export interface TapLeaf {
  readonly depth: number;
  readonly leafVersion: number;
  readonly script: Uint8Array;
}

/** What a taproot output with scripts is made of. */
export interface TapTree {
  readonly merkleRoot: Uint8Array;
  /** For each leaf, the hashes from its neighbour up to below the root. */
  readonly branches: readonly (readonly Uint8Array[])[];
}

interface Subtree {
  readonly depth: number;
  readonly hash: Uint8Array;
  readonly leaves: readonly number[];
}

/** Whether leaves at these depths, in this order, make exactly one tree; none at all do. */
export function isCompleteTree(depths: readonly number[]): boolean {
  // Depths of finished subtrees that wait for their right neighbour.
  const pending: number[] = [];
  for (const depth of depths) {
    if (depth < 0 || depth > TAP_TREE_DEPTH_MAX) return false;
    let at = depth;
    // A waiting subtree that is deeper will never get its neighbour.
    if (pending.length > 0 && (pending.at(-1)! > at || pending.at(-1) === 0)) return false;
    while (pending.at(-1) === at && at > 0) {
      pending.pop();
      at -= 1;
    }
    pending.push(at);
  }
  return pending.length === 0 || (pending.length === 1 && pending[0] === 0);
}

/** The leaves must make a complete tree of at least one leaf. */
export function buildTapTree(leaves: readonly TapLeaf[]): TapTree {
  const branches: Uint8Array[][] = leaves.map(() => []);
  const pending: Subtree[] = [];
  for (const [i, leaf] of leaves.entries()) {
    let subtree: Subtree = {
      depth: leaf.depth,
      hash: tapLeafHash(leaf.leafVersion, leaf.script),
      leaves: [i],
    };
    for (;;) {
      const left = pending.at(-1);
      if (left === undefined || left.depth !== subtree.depth) break;
      pending.pop();
      for (const below of left.leaves) branches[below]!.push(subtree.hash);
      for (const below of subtree.leaves) branches[below]!.push(left.hash);
      subtree = {
        depth: subtree.depth - 1,
        hash: tapBranchHash(left.hash, subtree.hash),
        leaves: [...left.leaves, ...subtree.leaves],
      };
    }
    pending.push(subtree);
  }
  assert(pending.length === 1 && pending[0]!.depth === 0, 'the tree is complete');
  return { merkleRoot: pending[0]!.hash, branches };
}

/** The control block of each leaf, in their order. */
export function controlBlocks(
  internalKey: Uint8Array,
  leaves: readonly TapLeaf[],
  tree: TapTree,
): Uint8Array[] {
  const output = taprootTweakPublicKey(internalKey, tree.merkleRoot);
  assert(output !== undefined, 'the internal key is on the curve');
  return leaves.map(({ leafVersion }, i) =>
    concatBytes(Uint8Array.of(leafVersion | output.parity), internalKey, ...tree.branches[i]!),
  );
}
