/** `merkleblock` (BIP37): a header, and proof that some transactions are in its block (consensus/partial-merkle-tree.ts). */
import { blockHeader } from './block.ts';
import { array, hash256, type Infer, struct, u32, varBytes } from './codec.ts';

export const merkleBlock = struct({
  header: blockHeader,
  tree: struct({
    /** In the whole block. */
    transactionCount: u32,
    hashes: array(hash256),
    /** A bit for each node, the first in the lowest bit of the first byte. */
    flags: varBytes(),
  }),
});
export type PartialMerkleTree = Infer<typeof merkleBlock>['tree'];
