/**
 * Merkle roots (Core: consensus/merkle.cpp). A level with an odd number of hashes takes its last one twice, so a list
 * that repeats its end has the root of the shorter one (CVE-2012-2459): a block with such a list is taken for damaged,
 * never for invalid.
 */
import { type Hash256, ZERO_HASH } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import type { Block } from '../wire/block.ts';

export interface MerkleRoot {
  readonly root: Hash256;
  /** Two neighbours of some level are equal, so a shorter list has the same root. */
  readonly isMutated: boolean;
}

/** Of no leaves it is zero. */
export function computeMerkleRoot(leaves: readonly Hash256[]): MerkleRoot {
  if (leaves.length === 0) return { root: ZERO_HASH, isMutated: false };
  const pair = Buffer.alloc(64);
  const level = leaves.slice();
  let isMutated = false;
  for (let size = level.length; size > 1; ) {
    for (let i = 0; i + 1 < size; i += 2) if (level[i] === level[i + 1]) isMutated = true;
    const pairs = (size + 1) >> 1;
    for (let i = 0; i < pairs; i += 1) {
      const left = level[2 * i]!;
      pair.write(left, 0, 'latin1');
      pair.write(2 * i + 1 < size ? level[2 * i + 1]! : left, 32, 'latin1');
      level[i] = sha256d(pair);
    }
    size = pairs;
  }
  return { root: level[0]!, isMutated };
}

export function blockMerkleRoot(block: Pick<Block, 'transactions'>): MerkleRoot {
  return computeMerkleRoot(block.transactions.map(tx => tx.txid));
}

/** Over the wtxids, the coinbase's being zero since it holds the commitment to this very root (BIP141). */
export function witnessMerkleRoot(block: Pick<Block, 'transactions'>): Hash256 {
  return computeMerkleRoot(block.transactions.map((tx, i) => (i === 0 ? ZERO_HASH : tx.wtxid))).root;
}
