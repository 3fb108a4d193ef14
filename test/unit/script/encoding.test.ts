import { describe, expect, test } from 'vitest';
import { concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { encodeDer } from '../../../src/crypto/der.ts';
import { publicKeyEncodingError, signatureEncodingError } from '../../../src/script/encoding.ts';
import { SCRIPT_FLAGS } from '../../../src/script/flags.ts';

const { DERSIG, LOW_S, STRICTENC, WITNESS_PUBKEYTYPE } = SCRIPT_FLAGS;
const HALF = '7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0';
const ABOVE_HALF = '7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a1';
const ORDER_MINUS_1 = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140';
const ORDER = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141';
const ONE = '1'.padStart(64, '0');

function signature(r: string, s: string, hashType = 1): Uint8Array {
  return concatBytes(encodeDer(concatBytes(hexToBytes(r), hexToBytes(s))), Uint8Array.of(hashType));
}

describe('low S', () => {
  test.each([
    ['one', ONE, ONE, undefined],
    ['half the order', ONE, HALF, undefined],
    ['one more', ONE, ABOVE_HALF, 'SIG_HIGH_S'],
    ['the largest', ONE, ORDER_MINUS_1, 'SIG_HIGH_S'],
    // Core reads what overflows as a signature of zeros, which is low and fails later.
    ['an overflow of S', ONE, ORDER, undefined],
    ['an overflow of R', ORDER, ABOVE_HALF, undefined],
  ])('%s', (_, r, s, expected) => {
    expect(signatureEncodingError(signature(r, s), LOW_S)).toBe(expected);
    expect(signatureEncodingError(signature(r, s), DERSIG | STRICTENC)).toBe(undefined);
  });
});

test('hash types', () => {
  for (const hashType of [1, 2, 3, 0x81, 0x82, 0x83]) {
    expect(signatureEncodingError(signature(ONE, ONE, hashType), STRICTENC)).toBe(undefined);
  }
  for (const hashType of [0, 4, 0x80, 0x84, 0x41, 0xff]) {
    expect(signatureEncodingError(signature(ONE, ONE, hashType), STRICTENC)).toBe('SIG_HASHTYPE');
    expect(signatureEncodingError(signature(ONE, ONE, hashType), DERSIG | LOW_S)).toBe(undefined);
  }
});

test('the empty signature is well-formed, everything goes without flags', () => {
  expect(signatureEncodingError(new Uint8Array(), DERSIG | LOW_S | STRICTENC)).toBe(undefined);
  expect(signatureEncodingError(hexToBytes('00'), 0)).toBe(undefined);
  for (const flag of [DERSIG, LOW_S, STRICTENC]) {
    expect(signatureEncodingError(hexToBytes('00'), flag)).toBe('SIG_DER');
  }
});

test.each([
  ['02', 33, undefined, undefined],
  ['03', 33, undefined, undefined],
  ['04', 65, undefined, 'WITNESS_PUBKEYTYPE'],
  ['06', 65, 'PUBKEYTYPE', 'WITNESS_PUBKEYTYPE'],
  ['02', 32, 'PUBKEYTYPE', 'WITNESS_PUBKEYTYPE'],
  ['04', 33, 'PUBKEYTYPE', 'WITNESS_PUBKEYTYPE'],
  ['05', 33, 'PUBKEYTYPE', 'WITNESS_PUBKEYTYPE'],
])('a key %s… of %i bytes', (head, length, strict, witness) => {
  const key = new Uint8Array(length);
  key.set(hexToBytes(head));
  expect(publicKeyEncodingError(key, STRICTENC, 'base')).toBe(strict);
  expect(publicKeyEncodingError(key, WITNESS_PUBKEYTYPE, 'witness-v0')).toBe(witness);
  expect(publicKeyEncodingError(key, WITNESS_PUBKEYTYPE, 'base')).toBe(undefined);
});
