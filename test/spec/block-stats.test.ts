/** `getblockstats` against the figures that Core's own suite holds. */
import { expect, test } from 'vitest';
import { hexToBytes } from '../../src/base/bytes.ts';
import type { Coin } from '../../src/chain/coin.ts';
import { keyOf, type OutPointKey, outPointKey } from '../../src/consensus/coin.ts';
import { transactionStats } from '../../src/rpc/block-stats.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

interface Vectors {
  readonly blocks: readonly string[];
  readonly stats: readonly ({ readonly height: number } & Record<string, unknown>)[];
}

describeShared('figures of a block', () => {
  const { blocks, stats } = readSharedJson<Vectors>('vectors/core/rpc_getblockstats.json');
  const coins = new Map<OutPointKey, Coin>();
  const computed = blocks.map((hex, height) => {
    const block = decodeBlock(hexToBytes(hex));
    const spent: Coin[][] = [];
    for (const tx of block.transactions) {
      const { isCoinbase, txid } = tx;
      if (!isCoinbase) spent.push(tx.inputs.map(({ prevout }) => coins.get(keyOf(prevout))!));
      tx.outputs.forEach((output, index) => {
        coins.set(outPointKey(txid, index), { ...output, height, isCoinbase });
      });
    }
    return transactionStats({ block, undo: { spent }, makesNoCoinbaseCoins: height === 0 });
  });

  test.each(stats.map(each => [each.height, each] as const))('height %i', (height, expected) => {
    const { blockhash, mediantime, subsidy, time, height: _, ...ofTransactions } = expected;
    expect(computed[height]).toEqual(ofTransactions);
  });

  test('genesis makes no coins', () => {
    expect(computed[0]).toMatchObject({
      utxo_increase: 1,
      utxo_size_inc: 116,
      utxo_increase_actual: 0,
      utxo_size_inc_actual: 0,
      minfee: 0,
      mintxsize: 0,
    });
  });
});
