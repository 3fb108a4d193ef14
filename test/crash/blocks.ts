/** The blocks that victims work with: a chain, and two branches that leave it deeper and deeper below its tip. */
import { concatBytes } from '../../src/base/bytes.ts';
import type { Block } from '../../src/wire/block.ts';
import type { OutPoint, Transaction } from '../../src/wire/transaction.ts';
import { coinbaseOf, mineBlock, REGTEST, spend } from '../support/test-chain.ts';

/** Enough for whole block files below the last 288 blocks, which pruning keeps. */
const CHAIN_BLOCKS = 420;
const MATURITY = 100;
/** Outputs that each coinbase is split into: coins for the database, and blocks that fill the small files. */
const SPLIT = 120;

export interface CrashBlocks {
  readonly chain: readonly Block[];
  /** By the work of its last block: each is better than the one before it. */
  readonly branches: readonly (readonly Block[])[];
}

export function crashBlocks(): CrashBlocks {
  const chain = grow([], CHAIN_BLOCKS, 0);
  const branches = [
    { from: 400, length: 30, tag: 1 },
    { from: 390, length: 50, tag: 2 },
  ].map(({ from, length, tag }) => grow(chain.slice(0, from), length, tag).slice(from));
  return { chain, branches };
}

/** Each block splits a coinbase that has matured, and spends some of what the block before it has split. */
function grow(base: readonly Block[], count: number, tag: number): Block[] {
  const blocks = [...base];
  for (let i = 0; i < count; i += 1) {
    const height = blocks.length;
    const transactions: Transaction[] = [];
    const matured = blocks[height - MATURITY];
    if (matured !== undefined)
      transactions.push(spend([coinbaseOf(matured)], new Array<number>(SPLIT).fill(1000 + tag)));
    const split = blocks.at(-1)?.transactions[1];
    if (split !== undefined) {
      const inputs = Array.from({ length: 5 }, (_, index): OutPoint => ({ txid: split.txid, index }));
      transactions.push(spend(inputs, [2000, 2000]));
    }
    blocks.push(mineBlock(blocks.at(-1) ?? REGTEST.genesis, height, { transactions, tag }));
  }
  return blocks;
}

/** As a file for `-loadblock`. */
export function blockFile(blocks: readonly Block[]): Uint8Array {
  return concatBytes(
    ...blocks.flatMap(({ raw }) => {
      const length = new Uint8Array(4);
      new DataView(length.buffer).setUint32(0, raw.length, true);
      return [REGTEST.magic, length, raw];
    }),
  );
}
