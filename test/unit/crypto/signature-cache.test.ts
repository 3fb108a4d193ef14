/** The cache answers as its engine does, to every question, and asks it only once. */
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { publicKeyOf, signEcdsa, signSchnorr, uncompressPublicKey } from '../../../src/crypto/keys.ts';
import { cachingVerifier, createSignatureCache } from '../../../src/crypto/signature-cache.ts';
import { loadVerifierSync, type SignatureVerifier } from '../../../src/crypto/verifier.ts';

const random = new SeededRandom(20_140_520);
const engine = loadVerifierSync('auto');

/** Says yes to everything, and counts. */
function yes(): SignatureVerifier & { readonly asked: { count: number } } {
  const asked = { count: 0 };
  const answer = () => {
    asked.count += 1;
    return true;
  };
  return { name: engine.name, asked, verifyEcdsa: answer, verifySchnorr: answer, checkTapTweak: answer };
}

const hash = random.bytes(32);
const secret = random.bytes(32);
const key = publicKeyOf(secret);
const der = signEcdsa(hash, secret);

test('a good signature is asked about once, a bad one each time', () => {
  const asked = { count: 0 };
  const counting: SignatureVerifier = {
    ...engine,
    verifyEcdsa(...question) {
      asked.count += 1;
      return engine.verifyEcdsa(...question);
    },
  };
  const verifier = cachingVerifier(counting, createSignatureCache(random.bytes(32), 4_096), 'keeps');
  for (let i = 0; i < 3; i += 1) expect(verifier.verifyEcdsa(hash, der, key)).toBe(true);
  expect(asked.count).toBe(1);
  for (let i = 0; i < 3; i += 1) expect(verifier.verifyEcdsa(secret, der, key)).toBe(false);
  expect(asked.count).toBe(4);
});

test('blocks read it and leave it as it is', () => {
  const cache = createSignatureCache(random.bytes(32), 4_096);
  const reader = yes();
  const reads = cachingVerifier(reader, cache, 'reads');
  reads.verifyEcdsa(hash, der, key);
  reads.verifyEcdsa(hash, der, key);
  expect(reader.asked.count).toBe(2);
  cachingVerifier(engine, cache, 'keeps').verifyEcdsa(hash, der, key);
  reads.verifyEcdsa(hash, der, key);
  expect(reader.asked.count).toBe(2);
});

describe('another question is never answered with it', () => {
  const cache = createSignatureCache(random.bytes(32), 1 << 16);
  const full = uncompressPublicKey(key)!;
  const message = hash;
  const xOnly = key.subarray(1);
  const signature = signSchnorr(message, secret, new Uint8Array(32));
  // Filled by one who says yes: so that every hit shows.
  const filler = cachingVerifier(yes(), cache, 'keeps');
  filler.verifyEcdsa(hash, der, full);
  filler.verifySchnorr(message, signature, xOnly);
  const asks = yes();
  const reads = cachingVerifier(asks, cache, 'reads');
  const flipped = (bytes: Uint8Array, at: number) => bytes.map((byte, i) => (i === at ? byte ^ 1 : byte));

  test.each<[string, Parameters<SignatureVerifier['verifyEcdsa']>]>([
    ['other hash', [flipped(hash, 31), der, full]],
    ['other signature', [hash, flipped(der, 9), full]],
    ['longer signature', [hash, concatBytes(der, Uint8Array.of(0)), full]],
    ['shorter signature', [hash, der.subarray(0, -1), full]],
    ['other key', [hash, der, flipped(full, 64)]],
    ['the same key, written otherwise', [hash, der, key]],
    ['the border between key and signature moved', [hash, concatBytes(full.subarray(33), der), full.subarray(0, 33)]],
    ['the border moved the other way', [hash, der.subarray(1), concatBytes(full, der.subarray(0, 1))]],
    ['Schnorr’s question put to ECDSA', [message, signature, xOnly]],
  ])('%s', (_, question) => {
    const before = asks.asked.count;
    reads.verifyEcdsa(...question);
    expect(asks.asked.count).toBe(before + 1);
  }); // biome-ignore format: one table

  test('ECDSA’s question put to Schnorr, and the two themselves', () => {
    const before = asks.asked.count;
    reads.verifySchnorr(hash, der, full);
    expect(asks.asked.count).toBe(before + 1);
    reads.verifyEcdsa(hash, der, full);
    reads.verifySchnorr(message, signature, xOnly);
    expect(asks.asked.count).toBe(before + 1);
  });
});

test.each([0, 4_096, 1 << 20])(
  'random questions, over and over, get the engine’s answers (%i bytes)',
  bytes => {
    const cache = createSignatureCache(random.bytes(32), bytes);
    const verifiers = [cachingVerifier(engine, cache, 'keeps'), cachingVerifier(engine, cache, 'reads')];
    const hashes = [hash, random.bytes(32), new Uint8Array(32)];
    const secrets = [secret, random.bytes(32)];
    const keys = secrets.flatMap(each => [publicKeyOf(each), uncompressPublicKey(publicKeyOf(each))!]);
    const xOnlyKeys = secrets.map(each => publicKeyOf(each).subarray(1));
    const ecdsa = secrets.flatMap(each => hashes.map(message => signEcdsa(message, each)));
    const schnorr = secrets.flatMap(each => hashes.map(m => signSchnorr(m, each, new Uint8Array(32))));
    let good = 0;
    const pick = <T>(items: readonly T[]) => items[random.u32() % items.length]!;
    for (let i = 0; i < 600; i += 1) {
      const verifier = pick(verifiers);
      const message = pick(hashes);
      const [a, b] = [pick(ecdsa), pick(keys)];
      const [c, d] = [pick(schnorr), pick(xOnlyKeys)];
      const verdicts = [verifier.verifyEcdsa(message, a, b), verifier.verifySchnorr(message, c, d)];
      expect(verdicts).toEqual([engine.verifyEcdsa(message, a, b), engine.verifySchnorr(message, c, d)]);
      good += verdicts.filter(Boolean).length;
    }
    expect(good).toBeGreaterThan(100);
  },
);
