/**
 * A block's commitment to its witnesses (BIP141): the coinbase has an output whose script is OP_RETURN, a push of 36
 * bytes, four bytes that mark it, and a hash of the witness merkle root and of the reserved value, which is the
 * coinbase's own witness.
 */
import { binaryToBytes, concatBytes, equalBytes } from '../base/bytes.ts';
import { sha256d } from '../crypto/sha256.ts';
import type { Block } from '../wire/block.ts';
import { witnessMerkleRoot } from './merkle.ts';
import { Reject } from './reject.ts';

const HEAD = Uint8Array.of(0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed);
const HASH_BYTES = 32;
const RESERVED_BYTES = 32;

/** The index of the coinbase's output with the commitment, the last one that looks like it; undefined without. */
export function witnessCommitmentIndex({ transactions }: Pick<Block, 'transactions'>): number | undefined {
  const outputs = transactions[0]?.outputs ?? [];
  const index = outputs.findLastIndex(
    ({ scriptPubKey }) =>
      scriptPubKey.length >= HEAD.length + HASH_BYTES &&
      equalBytes(scriptPubKey.subarray(0, HEAD.length), HEAD),
  );
  return index < 0 ? undefined : index;
}

/** The script that commits to the witnesses of `block`. The coinbase itself does not count, so it may lack it yet. */
export function witnessCommitmentScript(
  block: Pick<Block, 'transactions'>,
  reserved: Uint8Array,
): Uint8Array {
  return concatBytes(HEAD, commitmentHash(block, reserved));
}

function commitmentHash(block: Pick<Block, 'transactions'>, reserved: Uint8Array): Uint8Array {
  return binaryToBytes(sha256d(concatBytes(binaryToBytes(witnessMerkleRoot(block)), reserved)));
}

/** Blocks whose commitment is right (Core: m_checked_witness_commitment). */
const commitmentsChecked = new WeakSet<Block>();

/**
 * Throws Reject when the witnesses are not those that the block commits to: somebody may have changed them on the
 * way, so this says nothing about the block. Without a commitment (or before segwit: `expected` false) there must be
 * no witnesses at all, since nothing would bound them. (Core: CheckWitnessMalleation.)
 */
export function checkWitnessMalleation(block: Block, expected: 'expected' | 'not expected'): void {
  if (expected === 'expected' && commitmentsChecked.has(block)) return;
  const index = expected === 'expected' ? witnessCommitmentIndex(block) : undefined;
  if (index === undefined) {
    if (!block.transactions.some(tx => tx.hasWitness)) return;
    throw new Reject('unexpected-witness', {
      detail: 'CheckWitnessMalleation : unexpected witness data found',
    });
  }
  const coinbase = block.transactions[0]!;
  const { witness } = coinbase.inputs[0]!;
  const reserved = witness[0];
  if (witness.length !== 1 || reserved?.length !== RESERVED_BYTES) {
    const detail = 'CheckWitnessMalleation : invalid witness reserved value size';
    throw new Reject('bad-witness-nonce-size', { detail });
  }
  const stated = coinbase.outputs[index]!.scriptPubKey.subarray(HEAD.length, HEAD.length + HASH_BYTES);
  if (!equalBytes(stated, commitmentHash(block, reserved))) {
    const detail = 'CheckWitnessMalleation : witness merkle commitment mismatch';
    throw new Reject('bad-witness-merkle-match', { detail });
  }
  commitmentsChecked.add(block);
}
