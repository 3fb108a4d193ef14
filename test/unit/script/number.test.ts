import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../../src/base/bytes.ts';
import { decodeNumber, encodeNumber, isMinimalNumber, isTruthy } from '../../../src/script/number.ts';

describe('numbers', () => {
  test.each([
    ['', 0, true],
    ['00', 0, false],
    ['80', 0, false],
    ['0080', 0, false],
    ['01', 1, true],
    ['81', -1, true],
    ['0100', 1, false],
    ['0180', -1, false],
    ['7f', 127, true],
    ['ff', -127, true],
    ['8000', 128, true],
    ['8080', -128, true],
    ['ff00', 255, true],
    ['ff80', -255, true],
    ['ffffffff', -2_147_483_647, true],
    ['ffffff7f', 2_147_483_647, true],
    ['ffffffff7f', 549_755_813_887, true],
    ['ffffffffff', -549_755_813_887, true],
  ])('%s is %i', (hex, value, minimal) => {
    const bytes = hexToBytes(hex);
    expect(decodeNumber(bytes)).toBe(value);
    expect(isMinimalNumber(bytes)).toBe(minimal);
    if (minimal) expect(bytesToHex(encodeNumber(value))).toBe(hex);
  });

  test('every encoding is minimal and decodes to its number', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 39) + 1, max: 2 ** 39 - 1 }), value => {
        const bytes = encodeNumber(value);
        expect(decodeNumber(bytes)).toBe(value);
        expect(isMinimalNumber(bytes)).toBe(true);
      }),
    );
  });

  test('exactly the bytes that encode again to themselves are minimal', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 5 }), bytes => {
        const again = encodeNumber(decodeNumber(bytes));
        expect(isMinimalNumber(bytes)).toBe(bytesToHex(again) === bytesToHex(bytes));
      }),
    );
  });
});

test.each([
  ['', false],
  ['00', false],
  ['0000', false],
  ['80', false],
  ['0080', false],
  ['8000', true],
  ['01', true],
  ['000001', true],
  ['81', true],
])('%s is truthy: %s', (hex, truthy) => {
  expect(isTruthy(hexToBytes(hex))).toBe(truthy);
});
