/** What a passphrase protects comes back with the right key and with no other. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, textToBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { decrypt, deriveKey, encrypt, WrongKeyError } from '../../../src/crypto/cipher.ts';

const random = new SeededRandom(7914);
const key = random.bytes(32);
const plaintext = textToBytes('wpkh(tprv…)');

describe('encryption', () => {
  test('round trip, a fresh nonce each time', () => {
    const first = encrypt(plaintext, key, random);
    const second = encrypt(plaintext, key, random);
    expect(first.length).toBe(plaintext.length + 40);
    expect(bytesToHex(first)).not.toBe(bytesToHex(second));
    expect(bytesToHex(decrypt(first, key))).toBe(bytesToHex(plaintext));
    expect(decrypt(encrypt(new Uint8Array(0), key, random), key).length).toBe(0);
  });

  test('a wrong key or any changed byte is noticed', () => {
    const sealed = encrypt(plaintext, key, random);
    expect(() => decrypt(sealed, random.bytes(32))).toThrow(WrongKeyError);
    for (let i = 0; i < sealed.length; i += 1) {
      const changed = sealed.slice();
      changed[i]! ^= 1;
      expect(() => decrypt(changed, key), `byte ${i}`).toThrow(WrongKeyError);
    }
    expect(() => decrypt(sealed.subarray(0, 39), key)).toThrow(WrongKeyError);
  });
});

test('scrypt as RFC 7914 has it', () => {
  // The RFC's vector has 64 bytes; the first 32 of scrypt's output do not depend on how many are asked for.
  const derived = deriveKey(textToBytes('password'), textToBytes('NaCl'), { n: 1024, r: 8, p: 16 });
  expect(bytesToHex(derived)).toBe('fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162');
});
