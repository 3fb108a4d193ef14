/** Core's vectors of addresses and private keys (src/test/key_io_tests.cpp). */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import {
  AddressError,
  decodeAddress,
  decodeSecretKey,
  encodeAddress,
  encodeSecretKey,
} from '../../src/script/address.ts';
import { PREFIXES } from '../support/prefixes.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

interface Meta {
  readonly chain: string;
  readonly isPrivkey: boolean;
  readonly isCompressed?: boolean;
  readonly tryCaseFlip?: boolean;
}

describeShared('key_io', () => {
  const valid = readSharedJson<[string, string, Meta][]>('vectors/core/key_io_valid.json');
  const invalid = readSharedJson<[string][]>('vectors/core/key_io_invalid.json');

  test('has its cases', () => {
    expect([valid.length, invalid.length]).toEqual([70, 70]);
  });

  test('valid', () => {
    for (const [text, payload, { chain, isPrivkey, isCompressed, tryCaseFlip }] of valid) {
      const prefixes = PREFIXES[chain]!;
      if (isPrivkey) {
        const key = decodeSecretKey(text, prefixes);
        expect(key && [bytesToHex(key.secretKey), key.compressed], text).toEqual([payload, isCompressed]);
        expect(encodeSecretKey(hexToBytes(payload), { compressed: isCompressed! }, prefixes)).toBe(text);
        expect(() => decodeAddress(text, prefixes), text).toThrow(AddressError);
        continue;
      }
      expect(bytesToHex(decodeAddress(text, prefixes).scriptPubKey), text).toBe(payload);
      expect(encodeAddress(hexToBytes(payload), prefixes), text).toBe(text);
      expect(decodeSecretKey(text, prefixes), text).toBe(undefined);
      const flipped = [...text]
        .map(c => (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()))
        .join('');
      if (tryCaseFlip) {
        expect(bytesToHex(decodeAddress(flipped, prefixes).scriptPubKey), flipped).toBe(payload);
      } else {
        expect(() => decodeAddress(flipped, prefixes), flipped).toThrow(AddressError);
      }
    }
  });

  test('invalid on every network', () => {
    for (const [text] of invalid) {
      for (const prefixes of Object.values(PREFIXES)) {
        expect(() => decodeAddress(text, prefixes), text).toThrow(AddressError);
        expect(decodeSecretKey(text, prefixes), text).toBe(undefined);
      }
    }
  });
});
