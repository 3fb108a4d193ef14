/** Limits of base58, error location of bech32, SipHash's own vector, edges of BIP32. */
import { describe, expect, test } from 'vitest';
import { bytesToHex } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import {
  decodeBase58,
  decodeBase58Check,
  encodeBase58,
  encodeBase58Check,
} from '../../../src/crypto/base58.ts';
import {
  bytesToGroups,
  encodeBech32,
  groupsToBytes,
  locateBech32Errors,
} from '../../../src/crypto/bech32.ts';
import {
  decodeExtendedPublicKey,
  derivePublicChild,
  deriveSecretChild,
  encodeExtendedPublicKey,
  masterKeyOf,
} from '../../../src/crypto/bip32.ts';
import { sipHash24 } from '../../../src/crypto/siphash.ts';

const SEED = 58;

describe('base58', () => {
  test('random round trips', () => {
    const random = new SeededRandom(SEED);
    for (let length = 0; length < 120; length += 1) {
      const bytes = random.bytes(length);
      bytes.fill(0, 0, random.u32() % 4);
      expect(bytesToHex(decodeBase58(encodeBase58(bytes), length)!), `seed ${SEED}`).toBe(bytesToHex(bytes));
      expect(decodeBase58Check(encodeBase58Check(bytes), length)).toEqual(bytes);
      if (length > 0) expect(decodeBase58Check(encodeBase58Check(bytes), length - 1)).toBe(undefined);
    }
  });

  // The cases of Core's src/test/base58_tests.cpp.
  test.each([
    ['invalid', 100],
    ['invalid\0', 100],
    ['\0invalid', 100],
    ['bad0IOl', 100],
    ['goodbad0IOl', 100],
    ['good\0bad0IOl', 100],
    [' \t\n\v\f\r skip \r\f\v\n\t a', 3],
    ['é', 100],
    ['1', 0],
  ])('%j is refused', (text, bytesMax) => {
    expect(decodeBase58(text, bytesMax)).toBe(undefined);
  });

  test('space around passes, a wrong checksum does not', () => {
    expect(bytesToHex(decodeBase58(' \t\n\v\f\r skip \r\f\v\n\t ', 3)!)).toBe('971a55');
    expect(bytesToHex(decodeBase58Check('3vQB7B6MrGQZaxCuFg4oh', 100)!)).toBe('68656c6c6f20776f726c64');
    expect(decodeBase58Check('3vQB7B6MrGQZaxCuFg4oi', 100)).toBe(undefined);
    expect(decodeBase58Check('3vQB7B6MrGQZaxCuFg4oh0IOl', 100)).toBe(undefined);
  });
});

describe('bech32', () => {
  test('one or two wrong characters are found where they are', () => {
    const random = new SeededRandom(SEED);
    const charset = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    for (const encoding of ['bech32', 'bech32m'] as const) {
      for (let i = 0; i < 40; i += 1) {
        const text = encodeBech32(encoding, 'bc', bytesToGroups(random.bytes(32)));
        const characters = [...text];
        const wrong = new Set([
          3 + (random.u32() % (text.length - 3)),
          3 + (random.u32() % (text.length - 3)),
        ]);
        for (const at of wrong) {
          const others = [...charset].filter(character => character !== characters[at]);
          characters[at] = others[random.u32() % others.length]!;
        }
        const { message, positions } = locateBech32Errors(characters.join(''));
        expect(positions, `seed ${SEED}, round ${i}`).toEqual([...wrong].sort((a, b) => a - b));
        expect(message).toBe(encoding === 'bech32' ? 'Invalid Bech32 checksum' : 'Invalid Bech32m checksum');
        expect(locateBech32Errors(text)).toEqual({ message: '', positions: [] });
      }
    }
  });

  test('padding', () => {
    expect(groupsToBytes(Uint8Array.of(0, 0, 0))).toBe(undefined);
    expect(groupsToBytes(Uint8Array.of(31, 28))).toEqual(Uint8Array.of(255));
    expect(groupsToBytes(Uint8Array.of(31, 29))).toBe(undefined);
    expect(groupsToBytes(new Uint8Array(0))).toEqual(new Uint8Array(0));
  });
});

test('SipHash-2-4: the vector of the paper and all tails', () => {
  const key = [0x0706_0504_0302_0100n, 0x0f0e_0d0c_0b0a_0908n] as const;
  const message = Uint8Array.from({ length: 15 }, (_, i) => i);
  expect(sipHash24(...key, message)).toBe(0xa129_ca61_49be_45e5n);
  expect(sipHash24(...key, new Uint8Array(0))).toBe(0x726f_db47_dd0e_0e31n);
  expect(sipHash24(...key, message.subarray(0, 8))).toBe(0x93f5_f579_9a93_2462n);
});

describe('BIP32', () => {
  const root = masterKeyOf(new Uint8Array(16))!;
  test('no child below depth 255', () => {
    const deepest = { ...root, depth: 255 };
    expect(deriveSecretChild(deepest, 0)).toBe(undefined);
    expect(derivePublicChild(deepest, 0)).toBe(undefined);
    expect(deriveSecretChild({ ...root, depth: 254 }, 0)!.depth).toBe(255);
  });

  test('a root with a parent is no key', () => {
    const version = 0x0488_b21e;
    expect(decodeExtendedPublicKey(encodeExtendedPublicKey(root, version), version)).toBeDefined();
    const orphan = { ...root, parentFingerprint: Uint8Array.of(1, 0, 0, 0) };
    expect(decodeExtendedPublicKey(encodeExtendedPublicKey(orphan, version), version)).toBe(undefined);
    const numbered = { ...root, childNumber: 1 };
    expect(decodeExtendedPublicKey(encodeExtendedPublicKey(numbered, version), version)).toBe(undefined);
    expect(decodeExtendedPublicKey(encodeExtendedPublicKey(root, version), version + 1)).toBe(undefined);
  });
});
