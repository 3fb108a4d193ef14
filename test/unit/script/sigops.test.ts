import { describe, expect, test } from 'vitest';
import { concatBytes, EMPTY_BYTES, hexToBytes, type Txid, ZERO_HASH } from '../../../src/base/bytes.ts';
import { hash160 } from '../../../src/crypto/hashes.ts';
import { sha256 } from '../../../src/crypto/sha256.ts';
import { MANDATORY_SCRIPT_FLAGS, SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import { pushData } from '../../../src/script/opcodes.ts';
import { countSigOps, countSpendSigOps, transactionSigOpCost } from '../../../src/script/sigops.ts';
import { createTransaction, NULL_INDEX, SEQUENCE_FINAL } from '../../../src/wire/transaction.ts';
import { scriptFromText } from '../../support/script-text.ts';

const multisig = scriptFromText('1 0x02 0xaaaa 0x02 0xbbbb 2 CHECKMULTISIG');
const p2sh = (script: Uint8Array) =>
  concatBytes(Uint8Array.of(0xa9, 20), hash160(script), Uint8Array.of(0x87));
const p2wsh = (script: Uint8Array) => concatBytes(Uint8Array.of(0, 32), sha256(script));
const p2wpkh = concatBytes(Uint8Array.of(0, 20), new Uint8Array(20).fill(1));
const p2tr = concatBytes(Uint8Array.of(0x51, 32), new Uint8Array(32).fill(1));

describe('in a script', () => {
  test.each([
    ['', 0, 0],
    ['CHECKSIG CHECKSIGVERIFY', 2, 2],
    ['1 0x02 0xaaaa 0x02 0xbbbb 2 CHECKMULTISIG', 20, 2],
    ['16 CHECKMULTISIGVERIFY', 20, 16],
    // OP_0 and pushed numbers tell nothing.
    ['0 CHECKMULTISIG', 20, 20],
    ['0x01 0x02 CHECKMULTISIG', 20, 20],
    ['IF CHECKSIG ENDIF', 1, 1],
    ['CHECKSIG 0x4c', 1, 1],
    ['CHECKSIG 0x05 0xac', 1, 1],
    ['CHECKSIGADD', 0, 0],
  ])('%s', (text, inaccurate, accurate) => {
    expect(countSigOps(scriptFromText(text), 'inaccurate')).toBe(inaccurate);
    expect(countSigOps(scriptFromText(text), 'accurate')).toBe(accurate);
  });
});

test('in what an output hides behind a hash', () => {
  const scriptSig = concatBytes(Uint8Array.of(0), pushData(multisig));
  expect(countSpendSigOps(multisig, scriptSig)).toBe(2);
  expect(countSpendSigOps(p2sh(multisig), scriptSig)).toBe(2);
  expect(countSpendSigOps(p2sh(multisig), concatBytes(Uint8Array.of(0x61), scriptSig))).toBe(0);
  expect(countSpendSigOps(p2sh(multisig), hexToBytes('05ac'))).toBe(0);
  expect(countSpendSigOps(p2sh(multisig), EMPTY_BYTES)).toBe(0);
});

describe('cost of a transaction', () => {
  const spend = (scriptSig: Uint8Array, witness: readonly Uint8Array[], index = 0) =>
    createTransaction({
      version: 1,
      inputs: [{ prevout: { txid: ZERO_HASH as Txid, index }, scriptSig, sequence: SEQUENCE_FINAL, witness }],
      outputs: [{ value: 0, scriptPubKey: multisig }],
      lockTime: 0,
    });

  test.each([
    ['P2SH multisig', pushData(multisig), p2sh(multisig), [], MANDATORY_SCRIPT_FLAGS, 4 * 20 + 4 * 2],
    ['the same before P2SH', pushData(multisig), p2sh(multisig), [], 0, 4 * 20],
    ['P2WSH multisig', EMPTY_BYTES, p2wsh(multisig), [multisig], MANDATORY_SCRIPT_FLAGS, 4 * 20 + 2],
    ['the same before segwit', EMPTY_BYTES, p2wsh(multisig), [multisig], SCRIPT_FLAGS.P2SH, 4 * 20],
    ['P2WSH without its script', EMPTY_BYTES, p2wsh(multisig), [], MANDATORY_SCRIPT_FLAGS, 4 * 20],
    ['P2WPKH', EMPTY_BYTES, p2wpkh, [], MANDATORY_SCRIPT_FLAGS, 4 * 20 + 1],
    ['P2WPKH in P2SH', pushData(p2wpkh), p2sh(p2wpkh), [], MANDATORY_SCRIPT_FLAGS, 4 * 20 + 1],
    [
      'P2WSH in P2SH',
      pushData(p2wsh(multisig)),
      p2sh(p2wsh(multisig)),
      [multisig],
      MANDATORY_SCRIPT_FLAGS,
      4 * 20 + 2,
    ],
    ['taproot', EMPTY_BYTES, p2tr, [multisig, multisig], MANDATORY_SCRIPT_FLAGS, 4 * 20],
    ['legacy', hexToBytes('ac'), multisig, [], MANDATORY_SCRIPT_FLAGS, 4 * 21],
  ] as const)('%s', (_, scriptSig, scriptPubKey, witness, flags, cost) => {
    expect(transactionSigOpCost(spend(scriptSig, witness), [{ value: 0, scriptPubKey }], flags)).toBe(cost);
  });

  test('a coinbase has no inputs to count', () => {
    expect(transactionSigOpCost(spend(hexToBytes('acac'), [], NULL_INDEX), [], MANDATORY_SCRIPT_FLAGS)).toBe(
      4 * 22,
    );
  });
});
