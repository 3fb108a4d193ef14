/**
 * All scripts of 18 real blocks (2009 to 2024) with the flags of their height: everything the network accepted passes,
 * and an amount changed by one satoshi fails wherever a signature commits to it.
 */
import { expect, test } from 'vitest';
import { hexToBytes } from '../../src/base/bytes.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { transactionSigOpCost } from '../../src/script/sigops.ts';
import { solveScript } from '../../src/script/templates.ts';
import { verifyInputRange, verifyInputs } from '../../src/script/verify.ts';
import { Reader } from '../../src/wire/codec.ts';
import { readTransaction, type Transaction, type TxOutput } from '../../src/wire/transaction.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

const verifier = loadVerifierSync('auto');
const HEADER_BYTES = 80;

/** File, inputs, and the cost of signature checks where another implementation counted it too. */
const BLOCKS: readonly { name: string; inputs: number; sigOpCost?: number }[] = [
  { name: 'main-170', inputs: 1 },
  { name: 'main-2016', inputs: 0 },
  { name: 'main-24835', inputs: 74 },
  { name: 'main-57043', inputs: 131 },
  { name: 'main-91722', inputs: 0 },
  { name: 'main-116928', inputs: 12 },
  { name: 'main-150013', inputs: 94 },
  { name: 'main-210000', inputs: 899 },
  { name: 'main-277647', inputs: 732 },
  { name: 'main-300025', inputs: 1_427, sigOpCost: 5_284 },
  { name: 'main-361582', inputs: 918 },
  { name: 'main-403200', inputs: 1_036 },
  { name: 'main-739990', inputs: 2_169 },
  { name: 'main-757739', inputs: 91 },
  { name: 'main-866342', inputs: 7_972 },
  { name: 'test3-928816', inputs: 8_692, sigOpCost: 9_109 },
  { name: 'test3-928831', inputs: 9_984, sigOpCost: 10_035 },
  { name: 'test3-1087400', inputs: 205, sigOpCost: 1_298 },
];

/** From which height a flag is in force: mainnet, testnet3. The other three always are. */
const HEIGHTS = [
  [SCRIPT_FLAGS.DERSIG, 363_725, 330_776],
  [SCRIPT_FLAGS.CHECKLOCKTIMEVERIFY, 388_381, 581_885],
  [SCRIPT_FLAGS.CHECKSEQUENCEVERIFY, 419_328, 770_112],
  [SCRIPT_FLAGS.NULLDUMMY, 481_824, 834_624],
] as const;

interface Spending {
  readonly tx: Transaction;
  readonly spent: readonly TxOutput[];
}

describeShared('scripts of real blocks', () => {
  test.each(BLOCKS)('$name', ({ name, inputs, sigOpCost }) => {
    const { coinbase, spendings } = readBlock(name);
    const flags = flagsAt(name);
    let checked = 0;
    let cost = transactionSigOpCost(coinbase, [], flags);
    for (const { tx, spent } of spendings) {
      expect(verifyInputs({ tx, spent, flags }, verifier)).toBe(undefined);
      checked += spent.length;
      cost += transactionSigOpCost(tx, spent, flags);
    }
    expect(checked).toBe(inputs);
    if (sigOpCost !== undefined) expect(cost).toBe(sigOpCost);
  });

  test('a witness signature commits to the amount that it spends', () => {
    const flags = flagsAt('main-866342');
    let refused = 0;
    for (const { tx, spent } of readBlock('main-866342').spendings.slice(0, 1_000)) {
      for (const [i, output] of spent.entries()) {
        const { type } = solveScript(output.scriptPubKey);
        const keyPath = type === 'witness_v1_taproot' && tx.inputs[i]!.witness.length === 1;
        if (!keyPath && type !== 'witness_v0_keyhash') continue;
        const changed = spent.with(i, { ...output, value: output.value + 1 });
        const failure = verifyInputRange(new PrecomputedTx(tx, changed), flags, verifier, i, i + 1);
        expect(failure?.error).toBe(keyPath ? 'SCHNORR_SIG' : 'EVAL_FALSE');
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});

function readBlock(name: string): { coinbase: Transaction; spendings: Spending[] } {
  const prevouts = readSharedJson<{ txs: (readonly [value: number, script: string])[][] }>(
    `blocks/with-prevouts/${name}.prevouts.json.gz`,
  );
  const reader = new Reader(readShared(`blocks/with-prevouts/${name}.blk.gz`), HEADER_BYTES);
  const txs = Array.from({ length: reader.compactSize() }, () => readTransaction(reader));
  const spendings = txs.slice(1).map((tx, i) => ({
    tx,
    spent: prevouts.txs[i]!.map(([value, script]) => ({ value, scriptPubKey: hexToBytes(script) })),
  }));
  return { coinbase: txs[0]!, spendings };
}

function flagsAt(name: string): number {
  const [network, height] = name.split('-') as [string, string];
  let flags = SCRIPT_FLAGS.P2SH | SCRIPT_FLAGS.WITNESS | SCRIPT_FLAGS.TAPROOT;
  for (const [flag, main, test3] of HEIGHTS) {
    if (Number(height) >= (network === 'main' ? main : test3)) flags |= flag;
  }
  return flags;
}
