/**
 * Proof that some transactions are in a block (BIP37; Core: CPartialMerkleTree in src/merkleblock.cpp): the tree of their
 * hashes, cut off wherever nothing below is of interest. Walked from the root, depth first, each node has a bit: whether
 * something below matches. Where nothing does, and at the leaves, the node's hash follows.
 */
import { binaryToBytes, concatBytes, type Hash256, type Txid } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import type { PartialMerkleTree } from '../wire/merkle-block.ts';
import { BLOCK_WEIGHT_MAX } from './limits.ts';

/** Weight of a transaction at least (Core: MIN_TRANSACTION_WEIGHT), so a block has no more than so many of them. */
const TRANSACTION_WEIGHT_MIN = 4 * 60;
const TRANSACTIONS_MAX = Math.floor(BLOCK_WEIGHT_MAX / TRANSACTION_WEIGHT_MIN);

/** The proof for those of the block's transactions for which `matches` says so. A block has at least one. */
export function partialMerkleTree(txids: readonly Txid[], matches: readonly boolean[]): PartialMerkleTree {
  const levels: { readonly hashes: readonly Hash256[]; readonly matches: readonly boolean[] }[] = [
    { hashes: txids, matches },
  ];
  for (let below = levels[0]!; below.hashes.length > 1; below = levels.at(-1)!) {
    const count = (below.hashes.length + 1) >> 1;
    const indexes = Array.from({ length: count }, (_, i) => 2 * i);
    levels.push({
      hashes: indexes.map(i => hashPair(below.hashes[i]!, below.hashes[i + 1] ?? below.hashes[i]!)),
      matches: indexes.map(i => below.matches[i]! || (below.matches[i + 1] ?? false)),
    });
  }
  const bits: boolean[] = [];
  const hashes: Hash256[] = [];
  const visit = (height: number, position: number) => {
    const level = levels[height]!;
    const isParent = level.matches[position]!;
    bits.push(isParent);
    if (height === 0 || !isParent) {
      hashes.push(level.hashes[position]!);
      return;
    }
    visit(height - 1, 2 * position);
    if (2 * position + 1 < levels[height - 1]!.hashes.length) visit(height - 1, 2 * position + 1);
  };
  visit(levels.length - 1, 0);
  return { transactionCount: txids.length, hashes, flags: packBits(bits) };
}

export interface ProvenMatches {
  /** To be compared with the header's. */
  readonly root: Hash256;
  readonly matches: readonly { readonly txid: Txid; readonly index: number }[];
}

/** What the proof proves; undefined when it is malformed (Core: ExtractMatches). */
export function extractMatches(tree: PartialMerkleTree): ProvenMatches | undefined {
  const { transactionCount, hashes, flags } = tree;
  if (transactionCount === 0 || transactionCount > TRANSACTIONS_MAX) return undefined;
  if (hashes.length > transactionCount || flags.length * 8 < hashes.length) return undefined;
  const widthAt = (height: number) => Math.ceil(transactionCount / 2 ** height);
  let top = 0;
  while (widthAt(top) > 1) top += 1;
  const matches: { txid: Txid; index: number }[] = [];
  let [bitsUsed, hashesUsed] = [0, 0];
  /** Undefined once anything is wrong. */
  const visit = (height: number, position: number): Hash256 | undefined => {
    if (bitsUsed >= flags.length * 8) return undefined;
    const isParent = (flags[bitsUsed >> 3]! & (1 << (bitsUsed & 7))) !== 0;
    bitsUsed += 1;
    if (height === 0 || !isParent) {
      const hash = hashes[hashesUsed];
      hashesUsed += 1;
      if (hash !== undefined && isParent) matches.push({ txid: hash as Txid, index: position });
      return hash;
    }
    const left = visit(height - 1, 2 * position);
    if (left === undefined) return undefined;
    if (2 * position + 1 >= widthAt(height - 1)) return hashPair(left, left);
    const right = visit(height - 1, 2 * position + 1);
    // Two equal halves would prove a transaction at a place where it is not (CVE-2012-2459).
    return right === undefined || right === left ? undefined : hashPair(left, right);
  };
  const root = visit(top, 0);
  const isAllUsed = Math.ceil(bitsUsed / 8) === flags.length && hashesUsed === hashes.length;
  return root !== undefined && isAllUsed ? { root, matches } : undefined;
}

function hashPair(left: Hash256, right: Hash256): Hash256 {
  return sha256d(concatBytes(binaryToBytes(left), binaryToBytes(right)));
}

/** Eight a byte, the first in the lowest bit. */
function packBits(bits: readonly boolean[]): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(bits.length / 8));
  bits.forEach((bit, i) => {
    if (bit) bytes[i >> 3]! |= 1 << (i & 7);
  });
  return bytes;
}
