/** Addresses against Core: `address-core.json` holds what `validateaddress` of Core 31.99 on regtest answered. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../../src/base/bytes.ts';
import { encodeBase58Check } from '../../../src/crypto/base58.ts';
import { AddressError, decodeAddress, decodeSecretKey, encodeAddress } from '../../../src/script/address.ts';
import { MAIN_PREFIXES, REGTEST_PREFIXES } from '../../support/prefixes.ts';

interface Answer {
  readonly text: string;
  readonly scriptPubKey?: string;
  readonly error?: string;
  readonly errorLocations?: readonly number[];
}

const answers = JSON.parse(readFileSync(new URL('./address-core.json', import.meta.url), 'utf8')) as Answer[];

test.each(answers)('as Core: "$text"', ({ text, scriptPubKey, error, errorLocations }) => {
  try {
    expect(bytesToHex(decodeAddress(text, REGTEST_PREFIXES).scriptPubKey)).toBe(scriptPubKey);
  } catch (thrown) {
    if (!(thrown instanceof AddressError)) throw thrown;
    expect([thrown.message, thrown.errorLocations]).toEqual([error, errorLocations]);
  }
});

test('scripts without an address', () => {
  const key = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
  for (const script of [`21${key}ac`, `5121${key}51ae`, '6a', '', '51', '0002abcd']) {
    expect(encodeAddress(hexToBytes(script), MAIN_PREFIXES)).toBe(undefined);
  }
});

describe('private keys', () => {
  const secret = new Uint8Array(32).fill(7);
  const text = (...parts: number[][]): string => encodeBase58Check(Uint8Array.from(parts.flat()));
  test.each<[string, string]>([
    ['wrong flag', text([128], [...secret], [2])],
    ['short', text([128], [...secret.subarray(1)])],
    ['zero', text([128], [...new Uint8Array(32)], [1])],
    ['above the order', text([128], [...new Uint8Array(32).fill(255)], [1])],
    ['other network', text([239], [...secret], [1])],
    ['empty', ''],
  ])('%s', (_name, wif) => {
    expect(decodeSecretKey(wif, MAIN_PREFIXES)).toBe(undefined);
  });
});
