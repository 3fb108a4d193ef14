/** A changed block and what is expected of it; and the parts of a block that follow from its transactions, made right. */
import type { SpentCoin } from '../../src/consensus/lone-block.ts';
import { blockMerkleRoot } from '../../src/consensus/merkle.ts';
import type { RejectReason } from '../../src/consensus/reject.ts';
import { witnessCommitmentIndex, witnessCommitmentScript } from '../../src/consensus/witness-commitment.ts';
import type { SignatureVerifier } from '../../src/crypto/verifier.ts';
import { type Block, createBlock, createHeader } from '../../src/wire/block.ts';
import { createTransaction, type Transaction, type TxOutput } from '../../src/wire/transaction.ts';
import type { RealBlock } from './real-blocks.ts';

export type Expected = RejectReason | 'accepted';

export interface Mutation {
  /** What was changed, for whoever has to find out why the verdict is another. */
  readonly name: string;
  readonly block: Block;
  readonly spent: readonly (readonly SpentCoin[])[];
  /** Of the transaction whose scripts may judge otherwise than before; undefined: none's. */
  readonly changed: number | undefined;
  readonly expected: Expected;
}

/** What the block is before: valid. */
export interface Subject {
  readonly real: RealBlock;
  readonly flags: number;
  readonly verifier: SignatureVerifier;
}

/** The block of these transactions, its witness commitment (if there was one) and merkle root made right. */
export function rebuilt({ header }: Block, transactions: readonly Transaction[]): Block {
  const all = recommitted(transactions);
  return createBlock(
    createHeader({ ...header, merkleRoot: blockMerkleRoot({ transactions: all }).root }),
    all,
  );
}

function recommitted(transactions: readonly Transaction[]): readonly Transaction[] {
  const index = witnessCommitmentIndex({ transactions });
  const reserved = transactions[0]?.inputs[0]?.witness[0];
  if (index === undefined || reserved === undefined || !transactions[0]!.isCoinbase) return transactions;
  const { version, inputs, outputs, lockTime } = transactions[0]!;
  const scriptPubKey = witnessCommitmentScript({ transactions }, reserved);
  const changed = outputs.with(index, { ...outputs[index]!, scriptPubKey });
  return transactions.with(0, createTransaction({ version, inputs, outputs: changed, lockTime }));
}

export function total(outputs: readonly TxOutput[]): number {
  return outputs.reduce((sum, { value }) => sum + value, 0);
}
