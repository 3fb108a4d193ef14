/**
 * Formats of compact blocks (BIP152, Core: src/blockencodings.h). Positions of transactions are written as differences:
 * each as how many were left out since the one before. All must fit 16 bits.
 */
import { type BlockHeader, blockHeader } from './block.ts';
import { type Codec, DecodeError } from './codec.ts';
import { readTransaction, type Transaction } from './transaction.ts';

/** Positions in a block have 16 bits. */
const INDEX_MAX = 0xffff;

/** A transaction that the sender expects us not to have. */
export interface PrefilledTx {
  /** In the block. */
  readonly index: number;
  readonly tx: Transaction;
}

export interface CompactBlock {
  readonly header: BlockHeader;
  /** Makes the short ids of each sender different. */
  readonly nonce: bigint;
  /** 48 bits each, of all transactions but the prefilled ones, in order. */
  readonly shortIds: readonly number[];
  /** Ascending by index. What was decoded may point behind the block's end. */
  readonly prefilled: readonly PrefilledTx[];
}

export const compactBlock: Codec<CompactBlock> = {
  read(r) {
    const header = blockHeader.read(r);
    const nonce = r.u64();
    const shortIds: number[] = [];
    for (let left = r.compactSize(); left > 0; left -= 1) {
      const low = r.u32();
      shortIds.push(low + r.u16() * 0x1_0000_0000);
    }
    const prefilled: PrefilledTx[] = [];
    let index = -1;
    for (let left = r.compactSize(); left > 0; left -= 1) {
      index += r.compactSize(INDEX_MAX) + 1;
      prefilled.push({ index, tx: readTransaction(r) });
    }
    if (shortIds.length + prefilled.length > INDEX_MAX) throw new DecodeError('Indexes overflow 16 bits');
    return { header, nonce, shortIds, prefilled };
  },
  write(w, v) {
    blockHeader.write(w, v.header);
    w.u64(v.nonce);
    w.compactSize(v.shortIds.length);
    for (const id of v.shortIds) {
      w.u32(id % 0x1_0000_0000);
      w.u16(Math.floor(id / 0x1_0000_0000));
    }
    w.compactSize(v.prefilled.length);
    let before = -1;
    for (const { index, tx } of v.prefilled) {
      w.compactSize(index - before - 1);
      w.put(tx.raw);
      before = index;
    }
  },
};

/** Positions in a block, strictly ascending. */
export const txIndexes: Codec<readonly number[]> = {
  read(r) {
    const indexes: number[] = [];
    let index = -1;
    for (let left = r.compactSize(); left > 0; left -= 1) {
      index += r.compactSize() + 1;
      if (index > INDEX_MAX) throw new DecodeError('Differential value overflow');
      indexes.push(index);
    }
    return indexes;
  },
  write(w, v) {
    w.compactSize(v.length);
    let before = -1;
    for (const index of v) {
      w.compactSize(index - before - 1);
      before = index;
    }
  },
};
