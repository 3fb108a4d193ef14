/** Signing as Core signs, tweaks at their edges, native and noble alike. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, textToBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { curve, nobleCurve } from '../../../src/crypto/curve.ts';
import { ripemd160, taggedHash } from '../../../src/crypto/hashes.ts';
import {
  addPublicKeyTweak,
  addSecretKeyTweak,
  checkTapTweak,
  isFullyValidPublicKey,
  isValidSecretKey,
  isValidXOnlyKey,
  publicKeyOf,
  signEcdsa,
  signSchnorr,
  taprootTweakPublicKey,
  taprootTweakSecretKey,
  uncompressPublicKey,
} from '../../../src/crypto/keys.ts';
import { CURVE_ORDER, FIELD_SIZE, readScalar, scalarToBytes } from '../../../src/crypto/scalar.ts';
import { sha256 } from '../../../src/crypto/sha256.ts';
import { loadVerifierSync } from '../../../src/crypto/verifier.ts';
import { decodeSecretKey } from '../../../src/script/address.ts';
import { MAIN_PREFIXES } from '../../support/prefixes.ts';

const SEED = 340_341;

describe('ECDSA signatures', () => {
  // Keys, message and signatures of Core's src/test/key_tests.cpp.
  test.each([
    [
      '5HxWvvfubhXpYYpS3tJkw6fq9jE9j18THftkZjHHfmFiWtmAbrj',
      '304402205dbbddda71772d95ce91cd2d14b592cfbc1dd0aabd6a394b6c2d377bbe59d31d022014ddda21494a4e221f0824f0b8b924c43fa43c0ad57dccdaa11f81a6bd4582f6',
    ],
    [
      'L3Hq7a8FEQwJkW1M2GNKDW28546Vp5miewcCzSqUD9kCAXrJdS3g',
      '3044022052d8a32079c11e79db95af63bb9600c5b04f21a9ca33dc129c2bfa8ac9dc1cd5022061d8ae5e0f6c1a16bde3719c64c2fd70e404b6428ab9a69566962e8771b5944d',
    ],
  ])('%s', (wif, signature) => {
    const hash = sha256(sha256(textToBytes('Very deterministic message')));
    expect(bytesToHex(signEcdsa(hash, decodeSecretKey(wif, MAIN_PREFIXES)!.secretKey))).toBe(signature);
  });

  test('at most 70 bytes: low r and low s', () => {
    const random = new SeededRandom(SEED);
    const secret = random.bytes(32);
    const key = publicKeyOf(secret);
    const verifier = loadVerifierSync('auto');
    for (let i = 0; i < 256; i += 1) {
      const hash = random.bytes(32);
      const signature = signEcdsa(hash, secret);
      expect(signature.length, `seed ${SEED}, round ${i}`).toBeLessThanOrEqual(70);
      expect(verifier.verifyEcdsa(hash, signature, key), `seed ${SEED}, round ${i}`).toBe(true);
    }
  });
});

test('native and noble do the same', () => {
  const random = new SeededRandom(SEED);
  expect(curve()).not.toBe(nobleCurve);
  for (let i = 0; i < 20; i += 1) {
    const where = `seed ${SEED}, round ${i}`;
    const secret = random.bytes(32);
    const hash = random.bytes(32);
    const key = curve().createPublicKey(secret, true)!;
    for (const compressed of [true, false]) {
      expect(nobleCurve.createPublicKey(secret, compressed), where).toEqual(
        curve().createPublicKey(secret, compressed),
      );
      expect(nobleCurve.convertPublicKey(key, compressed), where).toEqual(
        curve().convertPublicKey(key, compressed),
      );
    }
    expect(nobleCurve.isX(hash), where).toBe(curve().isX(hash));
    expect(nobleCurve.addTweak(key, hash), where).toEqual(curve().addTweak(key, hash));
    expect(nobleCurve.signEcdsa(hash, secret, undefined), where).toEqual(
      curve().signEcdsa(hash, secret, undefined),
    );
    expect(nobleCurve.signEcdsa(hash, secret, hash), where).toEqual(curve().signEcdsa(hash, secret, hash));
  }
  const full = uncompressPublicKey(publicKeyOf(scalarToBytes(5n)))!;
  for (const kind of [0, 2, 4, 5, 6, 7]) {
    const odd = full.slice();
    odd[0] = kind;
    expect(nobleCurve.convertPublicKey(odd, true), `kind ${kind}`).toEqual(
      curve().convertPublicKey(odd, true),
    );
  }
});

describe('edges', () => {
  const one = scalarToBytes(1n);
  const last = scalarToBytes(CURVE_ORDER - 1n);

  test('secret keys', () => {
    for (const [value, valid] of [
      [0n, false],
      [1n, true],
      [CURVE_ORDER - 1n, true],
      [CURVE_ORDER, false],
      [(1n << 256n) - 1n, false],
    ] as const) {
      expect(isValidSecretKey(scalarToBytes(value)), String(value)).toBe(valid);
    }
    expect(isValidSecretKey(new Uint8Array(31).fill(1))).toBe(false);
  });

  test('tweaks', () => {
    const key = publicKeyOf(one);
    for (const [name, each] of [
      ['native', curve()],
      ['noble', nobleCurve],
    ] as const) {
      expect(each.addTweak(key, new Uint8Array(32)), name).toEqual(key);
      expect(each.addTweak(key, last), name).toBe(undefined);
      expect(each.addTweak(key, scalarToBytes(CURVE_ORDER)), name).toBe(undefined);
      expect(each.addTweak(new Uint8Array(33).fill(2), one), name).toEqual(
        curve().addTweak(new Uint8Array(33).fill(2), one),
      );
    }
    expect(addPublicKeyTweak(key, one)).toEqual(publicKeyOf(scalarToBytes(2n)));
    expect(addSecretKeyTweak(one, one)).toEqual(scalarToBytes(2n));
    expect(addSecretKeyTweak(one, last)).toBe(undefined);
    expect(addSecretKeyTweak(one, scalarToBytes(CURVE_ORDER))).toBe(undefined);
  });

  test('public keys', () => {
    expect(isFullyValidPublicKey(publicKeyOf(one))).toBe(true);
    expect(isFullyValidPublicKey(new Uint8Array(0))).toBe(false);
    expect(isFullyValidPublicKey(publicKeyOf(one).subarray(0, 32))).toBe(false);
    expect(isValidXOnlyKey(publicKeyOf(one).subarray(1))).toBe(true);
    for (const x of [0n, 5n, FIELD_SIZE, (1n << 256n) - 1n]) {
      expect(isValidXOnlyKey(scalarToBytes(x)), String(x)).toBe(false);
    }
    expect(taprootTweakPublicKey(scalarToBytes(5n), undefined)).toBe(undefined);
    expect(checkTapTweak(scalarToBytes(5n), 0, scalarToBytes(5n), one)).toBe(false);
  });

  test('a tweaked secret signs for the tweaked key, whatever the parities', () => {
    const verifier = loadVerifierSync('auto');
    const parities = new Set<string>();
    for (let i = 1n; i <= 12n; i += 1n) {
      const secret = scalarToBytes(i);
      const key = publicKeyOf(secret);
      const output = taprootTweakPublicKey(key.subarray(1), one)!;
      const signature = signSchnorr(last, taprootTweakSecretKey(secret, one), one);
      expect(verifier.verifySchnorr(last, signature, output.key)).toBe(true);
      parities.add(`${key[0]} ${output.parity}`);
    }
    expect(parities.size).toBe(4);
  });
});

test('hashes without vectors elsewhere', () => {
  expect(bytesToHex(ripemd160(textToBytes('abc')))).toBe('8eb208f7e05d987a9b044a8e98c6b087f15a0bfc');
  const tag = sha256(textToBytes('some tag'));
  const parts = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  const whole = Uint8Array.from([...tag, ...tag, 1, 2, 3]);
  expect(taggedHash('some tag', ...parts)).toEqual(sha256(whole));
  expect(taggedHash('some tag', ...parts)).toEqual(sha256(whole));
  expect(readScalar(scalarToBytes(CURVE_ORDER))).toBe(CURVE_ORDER);
});
