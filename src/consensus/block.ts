/**
 * What a block must be before its coins are looked at, in Core's order, so that the same reason comes out (Core:
 * CheckBlock, ContextualCheckBlock, IsBlockMutated in validation.cpp). What could be damage done on the way comes
 * first: a block must never be held invalid for what somebody else did to its bytes.
 */
import { hashToHex } from '../base/bytes.ts';
import { pushNumber } from '../script/opcodes.ts';
import { legacySigOps } from '../script/sigops.ts';
import { type Block, blockWeight, strippedBlockSize } from '../wire/block.ts';
import { WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { checkBlockHeader } from './header.ts';
import type { HeaderContext, HeaderRef } from './header-context.ts';
import { BLOCK_SIGOPS_COST_MAX, BLOCK_WEIGHT_MAX } from './limits.ts';
import { isFinalTx } from './locktime.ts';
import { blockMerkleRoot } from './merkle.ts';
import type { ChainParams } from './params.ts';
import { Reject } from './reject.ts';
import { isSignetSolutionValid } from './signet.ts';
import { checkTransaction } from './tx.ts';
import { checkWitnessMalleation } from './witness-commitment.ts';

/** A transaction of this size could be an inner node of a merkle tree. */
const MERKLE_NODE_BYTES = 64;

export interface BlockChecks {
  /** Off for templates, which nobody has solved yet. */
  readonly checkPow?: boolean;
  /** Off for templates that others complete. */
  readonly checkMerkleRoot?: boolean;
}

/** The rules that need no other block. Throws Reject. */
export function checkBlock(
  block: Block,
  params: ChainParams,
  { checkPow = true, checkMerkleRoot: checkRoot = true }: BlockChecks = {},
): void {
  const { header, transactions } = block;
  if (checkPow) {
    checkBlockHeader(header, params);
    if (!isSignetSolutionValid(block, params)) {
      throw new Reject('bad-signet-blksig', { detail: 'signet block signature validation failure' });
    }
  }
  if (checkRoot) checkMerkleRoot(block);
  if (
    transactions.length === 0 ||
    transactions.length * WITNESS_SCALE_FACTOR > BLOCK_WEIGHT_MAX ||
    strippedBlockSize(block) * WITNESS_SCALE_FACTOR > BLOCK_WEIGHT_MAX
  ) {
    throw new Reject('bad-blk-length', { detail: 'size limits failed' });
  }
  if (!transactions[0]!.isCoinbase) {
    throw new Reject('bad-cb-missing', { detail: 'first tx is not coinbase' });
  }
  for (let i = 1; i < transactions.length; i += 1) {
    if (transactions[i]!.isCoinbase)
      throw new Reject('bad-cb-multiple', { detail: 'more than one coinbase' });
  }
  for (const tx of transactions) {
    try {
      checkTransaction(tx);
    } catch (error) {
      if (!(error instanceof Reject)) throw error;
      const detail = `Transaction check failed (tx hash ${hashToHex(tx.txid)}) ${error.detail}`;
      throw new Reject(error.reason, { detail, kind: 'consensus' });
    }
  }
  let sigOps = 0;
  for (const tx of transactions) sigOps += legacySigOps(tx);
  if (sigOps * WITNESS_SCALE_FACTOR > BLOCK_SIGOPS_COST_MAX) {
    throw new Reject('bad-blk-sigops', { detail: 'out-of-bounds SigOpCount' });
  }
}

/** The rules that need the headers before it. Throws Reject. */
export function contextualCheckBlock(
  block: Block,
  parent: HeaderRef,
  { headers, params }: { readonly headers: HeaderContext; readonly params: ChainParams },
): void {
  const { buried } = params;
  const height = headers.heightOf(parent) + 1;
  // BIP113: a miner cannot open locks early by a time in the future.
  const time = height >= buried.csv ? headers.medianTimePastOf(parent) : block.header.time;
  for (const tx of block.transactions) {
    if (!isFinalTx(tx, height, time))
      throw new Reject('bad-txns-nonfinal', { detail: 'non-final transaction' });
  }
  if (height >= buried.bip34) checkCoinbaseHeight(block, height);
  checkWitnessMalleation(block, height >= buried.segwit ? 'expected' : 'not expected');
  // Only now: before the commitment was checked, the weight could be another's doing.
  if (blockWeight(block) > BLOCK_WEIGHT_MAX) {
    throw new Reject('bad-blk-weight', { detail: 'ContextualCheckBlock : weight limit failed' });
  }
}

/** BIP34: the coinbase's script starts with the height, which makes all coinbases different. */
function checkCoinbaseHeight({ transactions }: Block, height: number): void {
  const expected = pushNumber(height);
  const { scriptSig } = transactions[0]!.inputs[0]!;
  for (let i = 0; i < expected.length; i += 1) {
    if (scriptSig[i] !== expected[i])
      throw new Reject('bad-cb-height', { detail: 'block height mismatch in coinbase' });
  }
}

/** Whether these cannot be the transactions that the header stands for, or not in this form. */
export function isBlockMutated(block: Block, witnessCommitment: 'expected' | 'not expected'): boolean {
  return blockMutation(block, witnessCommitment) !== undefined;
}

/** How one sees it. */
export function blockMutation(
  block: Block,
  witnessCommitment: 'expected' | 'not expected',
): string | undefined {
  try {
    checkMerkleRoot(block);
    if (!block.transactions[0]?.isCoinbase) {
      // Invalid anyway; so this must not tell a block from one whose inner nodes pose as transactions.
      const hasNode = block.transactions.some(tx => tx.strippedSize === MERKLE_NODE_BYTES);
      return hasNode ? 'a transaction of 64 bytes' : undefined;
    }
    checkWitnessMalleation(block, witnessCommitment);
    return undefined;
  } catch (error) {
    if (error instanceof Reject) return error.message;
    throw error;
  }
}

/** Blocks whose root is right: a block from a peer is looked at twice (Core: m_checked_merkle_root). */
const rootsChecked = new WeakSet<Block>();

function checkMerkleRoot(block: Block): void {
  if (rootsChecked.has(block)) return;
  const { root, isMutated } = blockMerkleRoot(block);
  if (root !== block.header.merkleRoot) {
    throw new Reject('bad-txnmrklroot', { detail: 'hashMerkleRoot mismatch' });
  }
  if (isMutated) throw new Reject('bad-txns-duplicate', { detail: 'duplicate transaction' });
  rootsChecked.add(block);
}
