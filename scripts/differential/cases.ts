/** Questions about spends and bytes, and what the fuzzer must know of spends to build blocks with them. */
import { bytesToHex, EMPTY_BYTES } from '../../src/base/bytes.ts';
import { keyOf } from '../../src/consensus/coin.ts';
import { MANDATORY_SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { transactionSigOpCost } from '../../src/script/sigops.ts';
import { createTransaction, SEQUENCE_FINAL, type Transaction } from '../../src/wire/transaction.ts';
import type { Dice } from './dice.ts';
import type { Spend } from './generate.ts';
import { ANYONE } from './locks.ts';
import type { Case } from './session.ts';

/** 0 when a mutation made the inputs spend something else. */
export function sigopCostOf({ tx, coins }: Spend): number {
  const isSame =
    tx.inputs.length === coins.length &&
    tx.inputs.every(({ prevout }, i) => keyOf(prevout) === keyOf(coins[i]!.outPoint));
  return isSame ? transactionSigOpCost(tx, coins.map(coin => coin.output), MANDATORY_SCRIPT_FLAGS) : 0; // biome-ignore format: short
}

export function feeOf({ tx, coins }: Spend): number {
  const paid = coins.reduce((sum, coin) => sum + coin.output.value, 0);
  return tx.outputs.reduce((sum, output) => sum - output.value, paid);
}

/** Spend what `tx` just made, one the other. */
export function children(dice: Dice, tx: Transaction): Transaction[] {
  const index = tx.outputs.findIndex(output => output.scriptPubKey.length === 1);
  const output = tx.outputs[index];
  if (output === undefined || output.value < 0 || output.exactValue !== undefined) return [];
  const inputs = [
    {
      prevout: { txid: tx.txid, index },
      scriptSig: EMPTY_BYTES,
      sequence: dice.pick([SEQUENCE_FINAL, 0, 1]),
      witness: [],
    },
  ];
  return [
    createTransaction({
      version: 2,
      inputs,
      outputs: [{ value: output.value, scriptPubKey: ANYONE.scriptPubKey }],
      lockTime: 0,
    }),
  ];
}

export function mempoolCase(spend: Spend): Case {
  const ask = (tx: Transaction) => ({ method: 'testmempoolaccept', params: [[bytesToHex(tx.raw)], 0] });
  return { ...ask(spend.tx), story: spend.story.join(', '), subject: { tx: spend.tx, ask } };
}

export function packageCase({
  txs,
  story,
}: {
  readonly txs: readonly Transaction[];
  readonly story: readonly string[];
}): Case {
  const hexes = txs.map(tx => bytesToHex(tx.raw));
  return { method: 'testmempoolaccept', params: [hexes, 0], story: story.join(', ') };
}

export function bytesCase(method: string, given: Uint8Array, rest: readonly unknown[] = []): Case {
  const ask = (bytes: Uint8Array) => ({ method, params: [bytesToHex(bytes), ...rest] });
  return { ...ask(given), story: 'encoding', subject: { bytes: given, ask } };
}
