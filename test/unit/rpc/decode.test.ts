import { expect, test } from 'vitest';
import { hashToHex } from '../../../src/base/bytes.ts';
import { BOTH_TX_FORMATS, decodeHexTx } from '../../../src/rpc/decode.ts';

// Found by scripts/differential.ts: a transaction without inputs and with one output, of 4,500 satoshi to OP_1. Read as
// one with witnesses it is cut off; Core's testmempoolaccept cannot decode it, and decoderawtransaction can.
const WITHOUT_INPUTS = '0200000000019411000000000000015100000000';

test('a transaction without inputs is none where a finished one is wanted', () => {
  expect(decodeHexTx(WITHOUT_INPUTS)).toBeUndefined();
});

test('of both formats the one that fits counts', () => {
  const tx = decodeHexTx(WITHOUT_INPUTS, BOTH_TX_FORMATS)!;
  expect(hashToHex(tx.txid)).toBe('2ef7d1ad360976ff6abf0d264a2a5f299f961607c302a0fc52db12ca74ee33d8');
  expect(tx.inputs).toEqual([]);
});

test.each(['', '0', 'zz', '00'])('%j is no transaction', hex => {
  expect(decodeHexTx(hex, BOTH_TX_FORMATS)).toBeUndefined();
});
