/** Real blocks of 2009 to 2024 onto the coins that they spent: every amount adds up to what the coinbase took. */
import { expect, test } from 'vitest';
import { type BlockHash, hexToBytes, ZERO_HASH } from '../../src/base/bytes.ts';
import { checkBlock } from '../../src/consensus/block.ts';
import { type Coin, keyOf, type OutPointKey } from '../../src/consensus/coin.ts';
import { checkConnect } from '../../src/consensus/connect.ts';
import type { HeaderContext } from '../../src/consensus/header-context.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { outputTotal } from '../../src/consensus/tx.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

/** Value, scriptPubKey, height and coinbase flag of a spent coin; the last two may be unknown. */
type SpentRow = readonly [number, string, number | null, boolean | null];

interface Spent {
  readonly height: number;
  readonly fees: number;
  readonly coinbase_out: number;
  readonly txs: readonly (readonly SpentRow[])[];
}

const BLOCKS = [
  'main-170', 'main-2016', 'main-24835', 'main-57043', 'main-91722', 'main-116928', 'main-150013', 'main-210000',
  'main-277647', 'main-300025', 'main-361582', 'main-403200', 'main-739990', 'main-757739', 'main-866342',
  'test3-928816', 'test3-928831', 'test3-1087400',
] as const; // biome-ignore format: a list

/** Ancestors that come every ten minutes: what relative locks are measured by when the real ones are not at hand. */
function steadyAncestors(parentHash: BlockHash): HeaderContext {
  const SPACING_SECONDS = 600;
  return {
    hashOf: () => parentHash,
    parentOf: height => height - 1,
    heightOf: height => height,
    timeOf: height => height * SPACING_SECONDS,
    bitsOf: () => 0,
    versionOf: () => 4,
    medianTimePastOf: height => height * SPACING_SECONDS,
    ancestorOf: (_ref, height) => height,
  };
}

describeShared('real blocks and the coins they spent', () => {
  test.each(BLOCKS)('%s', name => {
    const params = networkParams(name.startsWith('main') ? 'main' : 'test');
    const block = decodeBlock(new Uint8Array(readShared(`blocks/with-prevouts/${name}.blk.gz`)));
    const spent = readSharedJson<Spent>(`blocks/with-prevouts/${name}.prevouts.json.gz`);
    const coins = new Map<OutPointKey, Coin>();
    const own = new Set(block.transactions.map(tx => tx.txid));
    spent.txs.forEach((rows, i) => {
      rows.forEach(([value, script, height, isCoinbase], j) => {
        const { prevout } = block.transactions[i + 1]!.inputs[j]!;
        // What the block itself made is found there.
        if (own.has(prevout.txid)) return;
        const scriptPubKey = hexToBytes(script);
        coins.set(keyOf(prevout), {
          value,
          scriptPubKey,
          height: height ?? 0,
          isCoinbase: isCoinbase ?? false,
        });
      });
    });
    checkBlock(block, params);
    const headers = steadyAncestors(ZERO_HASH);
    const { fees, scriptChecks, sigOpCost } = checkConnect(block, spent.height - 1, {
      headers,
      params,
      coinAt: key => coins.get(key),
    });
    expect(fees).toBe(spent.fees);
    expect(outputTotal(block.transactions[0]!)).toBe(spent.coinbase_out);
    expect(scriptChecks).toHaveLength(block.transactions.length - 1);
    expect(sigOpCost).toBeGreaterThan(0);
    const [someKey] = coins.keys();
    if (someKey === undefined) return;
    // One coin less, and the block is refused.
    coins.delete(someKey);
    const again = () =>
      checkConnect(block, spent.height - 1, { headers, params, coinAt: key => coins.get(key) });
    expect(again).toThrow('bad-txns-inputs-missingorspent');
  });
});
