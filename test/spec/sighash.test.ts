/** Core's sighash.json: legacy signature hashes of random transactions, scripts and hash types. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { legacySignatureHash, PrecomputedTx } from '../../src/script/sighash.ts';
import { decodeTransaction } from '../../src/wire/transaction.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

type Row = readonly [tx: string, script: string, inputIndex: number, hashType: number, expected: string];

describeShared('sighash.json', () => {
  test('500 hashes', () => {
    const rows = readSharedJson<Row[]>('vectors/core/sighash.json').filter(row => row.length === 5);
    expect(rows.length).toBe(500);
    for (const [tx, script, inputIndex, hashType, expected] of rows) {
      const precomputed = new PrecomputedTx(decodeTransaction(hexToBytes(tx)), []);
      const hash = legacySignatureHash(precomputed, inputIndex, hexToBytes(script), hashType);
      expect(bytesToHex(hash.reverse())).toBe(expected);
    }
  });
});
