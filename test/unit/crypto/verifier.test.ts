/** The engines give the same verdict on every input, and the verdict is Core's. */
import { beforeAll, describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { encodeDer, parseDerLax } from '../../../src/crypto/der.ts';
import {
  publicKeyOf,
  signEcdsa,
  signSchnorr,
  taprootTweakPublicKey,
  uncompressPublicKey,
} from '../../../src/crypto/keys.ts';
import { CURVE_ORDER, FIELD_SIZE, readScalar, scalarToBytes } from '../../../src/crypto/scalar.ts';
import { systemSecp256k1 } from '../../../src/crypto/system.ts';
import { loadVerifier, loadVerifierSync, type SignatureVerifier } from '../../../src/crypto/verifier.ts';
import { enginesHere } from '../../support/engines.ts';

const SEED = 20_090_103;
const random = new SeededRandom(SEED);
const secret = random.bytes(32);
const hash = random.bytes(32);
const key = publicKeyOf(secret);
const fullKey = uncompressPublicKey(key)!;
const der = signEcdsa(hash, secret);
const compact = parseDerLax(der)!;
const engines: SignatureVerifier[] = [];

beforeAll(async () => {
  for (const name of enginesHere()) engines.push(await loadVerifier(name));
});

function ecdsa(hash32: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return agreed(engine => engine.verifyEcdsa(hash32, signature, publicKey), [hash32, signature, publicKey]);
}

function schnorr(message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array): boolean {
  return agreed(
    engine => engine.verifySchnorr(message, signature, publicKey),
    [message, signature, publicKey],
  );
}

function agreed(verify: (engine: SignatureVerifier) => boolean, inputs: readonly Uint8Array[]): boolean {
  const [first, ...others] = engines.map(verify);
  for (const [i, verdict] of others.entries()) {
    expect(verdict, `${engines[i + 1]!.name} on ${inputs.map(bytesToHex).join(' ')}`).toBe(first);
  }
  return first!;
}

/** DER whose integers have exactly these bytes, minimal or not. */
function rawDer(r: Uint8Array, s: Uint8Array): Uint8Array {
  const body = concatBytes(Uint8Array.of(2, r.length), r, Uint8Array.of(2, s.length), s);
  return concatBytes(Uint8Array.of(0x30, body.length), body);
}

function withKind(kind: number, publicKey: Uint8Array): Uint8Array {
  return concatBytes(Uint8Array.of(kind), publicKey.subarray(1));
}

describe('choosing', () => {
  test('auto takes the first that loads', async () => {
    const [fastest] = enginesHere();
    expect((await loadVerifier('auto')).name).toBe(fastest);
    expect(loadVerifierSync('auto').name).toBe(fastest);
    expect(engines.map(engine => engine.name)).toEqual(enginesHere());
  });

  test.skipIf(systemSecp256k1() !== undefined)('a library that is not there is told', () => {
    expect(() => loadVerifierSync('system')).toThrow('Debian: libsecp256k1-1');
  });
});

describe('ECDSA', () => {
  const r = compact.slice(0, 32);
  const s = compact.slice(32);
  const highS = scalarToBytes(CURVE_ORDER - readScalar(s));
  const parity = fullKey[64]! & 1;

  test.each<[string, Uint8Array, Uint8Array, boolean]>([
    ['compressed key', der, key, true],
    ['uncompressed key', der, fullKey, true],
    ['hybrid key with the right parity', der, withKind(6 + parity, fullKey), true],
    ['hybrid key with the wrong parity', der, withKind(7 - parity, fullKey), false],
    ['hybrid kind on a compressed key', der, withKind(6, key), false],
    ['unknown kind of key', der, withKind(5, fullKey), false],
    ['key cut short', der, fullKey.subarray(0, 64), false],
    ['compressed kind on 65 bytes', der, withKind(2, fullKey), false],
    ['empty key', der, new Uint8Array(0), false],
    ['infinity as a key', der, Uint8Array.of(0), false],
    ['key off the curve', der, concatBytes(Uint8Array.of(4), new Uint8Array(64)), false],
    ['x = p', der, concatBytes(Uint8Array.of(2), scalarToBytes(FIELD_SIZE)), false],
    ['x = p + 1, which is 1 mod p', der, concatBytes(Uint8Array.of(2), scalarToBytes(FIELD_SIZE + 1n)), false],
    ['high s', rawDer(r, concatBytes(Uint8Array.of(0), highS)), key, true],
    ['negative high s', rawDer(r, highS), key, true],
    ['padded', rawDer(concatBytes(new Uint8Array(5), r), concatBytes(new Uint8Array(9), s)), key, true],
    ['trailing bytes', concatBytes(der, Uint8Array.of(1, 2, 3)), key, true],
    ['sequence length wrong', concatBytes(Uint8Array.of(0x30, 0), der.subarray(2)), key, true],
    ['sequence length long', concatBytes(Uint8Array.of(0x30, 0x83, 9, 9, 9), der.subarray(2)), key, true],
    ['sequence length past the end', Uint8Array.of(0x30, 0xff, 2, 1, 1, 2, 1, 1), key, false],
    ['not a sequence', concatBytes(Uint8Array.of(0x31), der.subarray(1)), key, false],
    ['long lengths', concatBytes(Uint8Array.of(0x30, 0, 2, 0x86, 0, 0, 0, 0, 0, 32), r, Uint8Array.of(2, 0x81, 32), s), key, true],
    ['length of four significant bytes', concatBytes(Uint8Array.of(0x30, 0, 2, 0x84, 1, 0, 0, 32), r, Uint8Array.of(2, 32), s), key, false],
    ['integer past the end', der.subarray(0, der.length - 1), key, false],
    ['empty', new Uint8Array(0), key, false],
    ['one byte', Uint8Array.of(0x30), key, false],
    ['r = 0', rawDer(Uint8Array.of(0), s), key, false],
    ['s = 0', rawDer(r, Uint8Array.of(0)), key, false],
    ['r empty', rawDer(new Uint8Array(0), s), key, false],
    ['r = n', rawDer(scalarToBytes(CURVE_ORDER), s), key, false],
    ['s = n', rawDer(r, scalarToBytes(CURVE_ORDER)), key, false],
    ['r + n', rawDer(scalarToBytes((readScalar(r) + CURVE_ORDER) & ((1n << 256n) - 1n)), s), key, false],
    ['r of 33 bytes', rawDer(concatBytes(Uint8Array.of(1), r), s), key, false],
    ['r = p', rawDer(scalarToBytes(FIELD_SIZE), s), key, false],
    ['r = n − 1, s = n − 1', rawDer(scalarToBytes(CURVE_ORDER - 1n), scalarToBytes(CURVE_ORDER - 1n)), key, false],
  ])('%s', (_name, signature, publicKey, expected) => {
    expect(ecdsa(hash, signature, publicKey)).toBe(expected);
  }); // biome-ignore format: a table

  test('hashes at the edges: 0, n, 2^256 − 1', () => {
    for (const value of [0n, 1n, CURVE_ORDER - 1n, CURVE_ORDER, CURVE_ORDER + 1n, (1n << 256n) - 1n]) {
      const edge = scalarToBytes(value);
      expect(ecdsa(edge, signEcdsa(edge, secret), key), `hash ${value}`).toBe(true);
      expect(ecdsa(edge, der, key), `hash ${value}`).toBe(false);
    }
    // A hash is read mod n.
    expect(ecdsa(scalarToBytes(CURVE_ORDER + 5n), signEcdsa(scalarToBytes(5n), secret), key)).toBe(true);
  });

  test('a sum at infinity is false', () => {
    // u1·G + u2·P = 0 when hash + r·secret = 0 mod n.
    const sum = scalarToBytes(CURVE_ORDER - ((readScalar(r) * readScalar(secret)) % CURVE_ORDER));
    expect(ecdsa(sum, der, key)).toBe(false);
  });

  test('random signatures, sound and damaged', () => {
    for (let i = 0; i < 60; i += 1) {
      const someSecret = random.bytes(32);
      const someHash = random.bytes(32);
      const signature = signEcdsa(someHash, someSecret);
      const publicKey = publicKeyOf(someSecret, { compressed: i % 2 === 0 });
      expect(ecdsa(someHash, signature, publicKey), `seed ${SEED}, round ${i}`).toBe(true);
      const damaged = signature.slice();
      damaged[random.u32() % damaged.length]! ^= 1 << (random.u32() % 8);
      ecdsa(someHash, damaged, publicKey);
      const damagedKey = publicKey.slice();
      damagedKey[random.u32() % damagedKey.length]! ^= 1 << (random.u32() % 8);
      expect(ecdsa(someHash, signature, damagedKey), `seed ${SEED}, round ${i}`).toBe(false);
    }
  });
});

describe('the tweak of an output key', () => {
  const xOnly = key.slice(1);
  const root = random.bytes(32);
  const output = taprootTweakPublicKey(xOnly, root)!;

  function commits(
    outputKey: Uint8Array,
    parity: number,
    internal: Uint8Array,
    merkleRoot: Uint8Array,
  ): boolean {
    const question = [outputKey, Uint8Array.of(parity), internal, merkleRoot];
    return agreed(engine => engine.checkTapTweak(outputKey, parity, internal, merkleRoot), question);
  }

  test.each<[string, Uint8Array, number, Uint8Array, Uint8Array, boolean]>([
    ['sound', output.key, output.parity, xOnly, root, true],
    ['the other parity', output.key, 1 - output.parity, xOnly, root, false],
    ['another root', output.key, output.parity, xOnly, hash, false],
    ['another internal key', output.key, output.parity, output.key, root, false],
    ['the internal key itself', xOnly, output.parity, xOnly, root, false],
    ['an internal key off the curve', output.key, output.parity, scalarToBytes(5n), root, false],
    ['internal key = 0', output.key, output.parity, new Uint8Array(32), root, false],
    ['internal key = p + 1, which is 1 mod p', output.key, output.parity, scalarToBytes(FIELD_SIZE + 1n), root, false],
    ['an output key off the curve', scalarToBytes(5n), output.parity, xOnly, root, false],
    ['output key = 2^256 − 1', new Uint8Array(32).fill(255), output.parity, xOnly, root, false],
  ])('%s', (_name, outputKey, parity, internal, merkleRoot, expected) => {
    expect(commits(outputKey, parity, internal, merkleRoot)).toBe(expected);
  }); // biome-ignore format: a table

  test('random keys of all parities, sound and damaged', () => {
    const seen = new Set<string>();
    for (let i = 0; i < 40; i += 1) {
      const full = publicKeyOf(random.bytes(32));
      const internal = full.slice(1);
      const merkleRoot = random.bytes(32);
      const tweaked = taprootTweakPublicKey(internal, merkleRoot)!;
      expect(commits(tweaked.key, tweaked.parity, internal, merkleRoot), `round ${i}`).toBe(true);
      const damaged = tweaked.key.slice();
      damaged[random.u32() % 32]! ^= 1 << (random.u32() % 8);
      expect(commits(damaged, tweaked.parity, internal, merkleRoot), `round ${i}`).toBe(false);
      seen.add(`${full[0]} ${tweaked.parity}`);
    }
    expect(seen.size).toBe(4);
  });
});

describe('Schnorr', () => {
  const xOnly = key.subarray(1);
  const signature = signSchnorr(hash, secret, new Uint8Array(32));
  const r = signature.slice(0, 32);
  const s = signature.slice(32);

  test.each<[string, Uint8Array, Uint8Array, boolean]>([
    ['sound', signature, xOnly, true],
    ['short signature', signature.subarray(0, 63), xOnly, false],
    ['long signature', concatBytes(signature, Uint8Array.of(1)), xOnly, false],
    ['short key', signature, xOnly.subarray(1), false],
    ['key = 0', signature, new Uint8Array(32), false],
    ['key = n', signature, scalarToBytes(CURVE_ORDER), false],
    ['key = p − 1', signature, scalarToBytes(FIELD_SIZE - 1n), false],
    ['key = p', signature, scalarToBytes(FIELD_SIZE), false],
    ['key = 2^256 − 1', signature, new Uint8Array(32).fill(255), false],
    ['s = 0', concatBytes(r, new Uint8Array(32)), xOnly, false],
    ['s = n', concatBytes(r, scalarToBytes(CURVE_ORDER)), xOnly, false],
    ['s negated', concatBytes(r, scalarToBytes(CURVE_ORDER - readScalar(s))), xOnly, false],
    ['r = 0', concatBytes(new Uint8Array(32), s), xOnly, false],
    ['r = p', concatBytes(scalarToBytes(FIELD_SIZE), s), xOnly, false],
  ])('%s', (_name, someSignature, publicKey, expected) => {
    expect(schnorr(hash, someSignature, publicKey)).toBe(expected);
  });

  test('keys with x from n to p are keys: refused signatures, no crash', () => {
    // Nobody knows a secret for them, so only false can be seen; all engines must say it.
    for (let x = CURVE_ORDER; x < CURVE_ORDER + 12n; x += 1n) {
      expect(schnorr(hash, signature, scalarToBytes(x))).toBe(false);
    }
  });

  test('s = 0 is a valid scalar: R = −e·P', () => {
    // No R can be found for its own hash; the engines must only agree that this one is wrong.
    for (let i = 0; i < 4; i += 1) {
      const point = publicKeyOf(random.bytes(32)).subarray(1);
      expect(schnorr(hash, concatBytes(point, new Uint8Array(32)), xOnly)).toBe(false);
    }
  });

  test('random signatures, sound and damaged', () => {
    for (let i = 0; i < 60; i += 1) {
      const someSecret = random.bytes(32);
      const message = random.bytes(32);
      const some = signSchnorr(message, someSecret, random.bytes(32));
      const publicKey = publicKeyOf(someSecret).slice(1);
      expect(schnorr(message, some, publicKey), `seed ${SEED}, round ${i}`).toBe(true);
      const damaged = some.slice();
      damaged[random.u32() % 64]! ^= 1 << (random.u32() % 8);
      expect(schnorr(message, damaged, publicKey), `seed ${SEED}, round ${i}`).toBe(false);
      publicKey[random.u32() % 32]! ^= 1 << (random.u32() % 8);
      expect(schnorr(message, some, publicKey), `seed ${SEED}, round ${i}`).toBe(false);
    }
  });
});

test('DER is written as it is read', () => {
  expect(parseDerLax(encodeDer(compact))).toEqual(compact);
  expect(bytesToHex(encodeDer(hexToBytes('00'.repeat(31) + '01' + '00'.repeat(31) + '80')))).toBe(
    '3007020101' + '02020080',
  );
});
