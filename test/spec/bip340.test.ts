/** BIP340's own vectors: every engine verifies them alike, and signing gives their bytes. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { publicKeyOf, signSchnorr } from '../../src/crypto/keys.ts';
import { loadVerifier } from '../../src/crypto/verifier.ts';
import { enginesHere } from '../support/engines.ts';
import { describeShared, readShared } from '../support/shared.ts';

describeShared('BIP340', () => {
  const rows = readShared('vectors/bips/bip-0340_test-vectors.csv')
    .toString('utf8')
    .trim()
    .split(/\r?\n/)
    .slice(1);
  // Bitcoin signs 32 bytes only; the vectors of other lengths are for other users of the BIP.
  const cases = rows.map(row => row.split(',')).filter(row => row[4]!.length === 64);

  test('has its cases', () => expect(cases.length).toBe(15));

  for (const name of enginesHere()) {
    test(`verifies by ${name}`, async () => {
      const verifier = await loadVerifier(name);
      for (const [index, , publicKey, , message, signature, result] of cases) {
        const verdict = verifier.verifySchnorr(
          hexToBytes(message!),
          hexToBytes(signature!),
          hexToBytes(publicKey!),
        );
        expect(verdict, `case ${index}`).toBe(result === 'TRUE');
      }
    });
  }

  test('signs', () => {
    let signed = 0;
    for (const [index, secretKey, publicKey, auxiliary, message, signature] of cases) {
      if (secretKey === '') continue;
      const secret = hexToBytes(secretKey!);
      expect(bytesToHex(publicKeyOf(secret).subarray(1)), `case ${index}`).toBe(publicKey!.toLowerCase());
      const own = signSchnorr(hexToBytes(message!), secret, hexToBytes(auxiliary!));
      expect(bytesToHex(own), `case ${index}`).toBe(signature!.toLowerCase());
      signed += 1;
    }
    expect(signed).toBe(4);
  });
});
