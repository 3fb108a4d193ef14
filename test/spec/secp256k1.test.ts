/** Published vectors of secp256k1: Wycheproof's ECDSA as Bitcoin uses it, and tiny-secp256k1's signatures and points. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { nobleCurve } from '../../src/crypto/curve.ts';
import { encodeDer, parseDerLax } from '../../src/crypto/der.ts';
import {
  addPublicKeyTweak,
  compressPublicKey,
  isFullyValidPublicKey,
  isValidSecretKey,
  publicKeyOf,
  signEcdsa,
  uncompressPublicKey,
} from '../../src/crypto/keys.ts';
import { sha256 } from '../../src/crypto/sha256.ts';
import { loadVerifier, type SignatureVerifier } from '../../src/crypto/verifier.ts';
import { enginesHere } from '../support/engines.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

/** Every how many-th case the slow engine checks too. */
const NOBLE_STRIDE = 20;

async function engines(): Promise<{ fast: SignatureVerifier[]; noble: SignatureVerifier }> {
  const fast = await Promise.all(
    enginesHere()
      .filter(name => name !== 'noble')
      .map(loadVerifier),
  );
  return { fast, noble: await loadVerifier('noble') };
}

describeShared('Wycheproof ECDSA for Bitcoin', () => {
  interface Case {
    readonly tcId: number;
    readonly comment: string;
    readonly msg: string;
    readonly sig: string;
    readonly result: 'valid' | 'invalid';
  }
  const { testGroups } = readSharedJson<{
    testGroups: { publicKey: { uncompressed: string }; tests: Case[] }[];
  }>('vectors/secp256k1/wycheproof-ecdsa-bitcoin.json.gz');

  // Wycheproof wants strict DER and a low s. Those are rules of scripts: here, as in Core's CPubKey::Verify, a lax
  // encoding and a high s of a right signature verify.
  test('engines agree; what is valid verifies; what is wrong in its numbers does not', async () => {
    const { fast, noble } = await engines();
    let count = 0;
    let lax = 0;
    for (const { publicKey, tests } of testGroups) {
      const key = hexToBytes(publicKey.uncompressed);
      for (const { tcId, comment, msg, sig, result } of tests) {
        const hash = sha256(hexToBytes(msg));
        const checkers = [...fast, ...(tcId % 4 === 0 ? [noble] : [])];
        const verdicts = checkers.map(engine => engine.verifyEcdsa(hash, hexToBytes(sig), key));
        expect(new Set(verdicts).size, `${tcId} ${comment}`).toBe(1);
        const [verdict] = verdicts;
        if (result === 'valid') expect(verdict, `${tcId} ${comment}`).toBe(true);
        else if (verdict) {
          lax += 1;
          const reread = encodeDer(parseDerLax(hexToBytes(sig))!);
          expect(bytesToHex(reread), `${tcId} ${comment}`).not.toBe(sig);
        }
        count += 1;
      }
    }
    expect(count).toBe(463);
    expect(lax).toBeGreaterThan(0);
  });
});

describeShared('tiny-secp256k1 ECDSA', () => {
  interface Vectors {
    readonly valid: readonly { readonly d: string; readonly m: string; readonly signature: string }[];
    readonly invalid: {
      readonly sign: readonly { readonly description: string; readonly d: string }[];
      readonly verify: readonly {
        readonly description: string;
        readonly Q: string;
        readonly m: string;
        readonly signature: string;
        /** High s: refused only by scripts. */
        readonly strict?: boolean;
      }[];
    };
  }
  const { valid, invalid } = readSharedJson<Vectors>('vectors/secp256k1/tiny-ecdsa.json.gz');

  test('signing without grinding gives these bytes, verifying accepts them', async () => {
    const { fast, noble } = await engines();
    expect(valid.length).toBe(2020);
    for (const [i, { d, m, signature }] of valid.entries()) {
      const secret = hexToBytes(d);
      const hash = hexToBytes(m);
      const der = encodeDer(hexToBytes(signature));
      const key = publicKeyOf(secret);
      const own = signEcdsa(hash, secret);
      // Core grinds for a low r; where r is low already, the first attempt is the vector.
      const isLow = hexToBytes(signature)[0]! < 0x80;
      if (isLow) expect(bytesToHex(own), `case ${i}`).toBe(bytesToHex(der));
      else expect(own.length, `case ${i}`).toBeLessThan(71);
      for (const engine of fast) {
        expect(engine.verifyEcdsa(hash, der, key), `case ${i}`).toBe(true);
        expect(engine.verifyEcdsa(hash, own, key), `case ${i}`).toBe(true);
      }
      if (i % NOBLE_STRIDE !== 0) continue;
      expect(noble.verifyEcdsa(hash, der, key), `case ${i}`).toBe(true);
      expect(bytesToHex(nobleCurve.signEcdsa(hash, secret, undefined)), `case ${i}`).toBe(signature);
    }
  });

  test('invalid keys and signatures', async () => {
    const { fast, noble } = await engines();
    for (const { description, d } of invalid.sign)
      expect(isValidSecretKey(hexToBytes(d)), description).toBe(false);
    for (const { description, Q, m, signature, strict } of invalid.verify) {
      const compact = hexToBytes(signature);
      if (compact.length !== 64) continue;
      for (const engine of [...fast, noble]) {
        expect(engine.verifyEcdsa(hexToBytes(m), encodeDer(compact), hexToBytes(Q)), description).toBe(
          strict === true,
        );
      }
    }
  });
});

describeShared('tiny-secp256k1 points', () => {
  interface Vectors {
    readonly valid: {
      readonly isPoint: readonly {
        readonly P: string;
        readonly expected: boolean;
        readonly description?: string;
      }[];
      readonly pointAddScalar: readonly {
        readonly P: string;
        readonly d: string;
        readonly expected: string | null;
      }[];
      readonly pointCompress: readonly {
        readonly P: string;
        readonly compress?: boolean;
        readonly expected: string;
      }[];
      readonly pointFromScalar: readonly { readonly d: string; readonly expected: string }[];
    };
  }
  const { valid } = readSharedJson<Vectors>('vectors/secp256k1/tiny-points.json.gz');

  test('validity, forms, tweaks, derivation', () => {
    expect(valid.isPoint.length).toBe(2029);
    for (const [i, { P, expected, description }] of valid.isPoint.entries()) {
      const bytes = hexToBytes(P);
      expect(isFullyValidPublicKey(bytes), `${description} ${P}`).toBe(expected);
      if (i % NOBLE_STRIDE === 0 && (bytes.length === 33 || bytes.length === 65)) {
        expect(nobleCurve.convertPublicKey(bytes, true) !== undefined, P).toBe(expected);
      }
    }
    for (const { P, compress, expected } of valid.pointCompress) {
      const isCompressed = compress ?? P.length === 66;
      const own = isCompressed ? compressPublicKey(hexToBytes(P)) : uncompressPublicKey(hexToBytes(P));
      expect(own && bytesToHex(own), P).toBe(expected);
    }
    for (const { P, d, expected } of valid.pointAddScalar) {
      const compressed = compressPublicKey(hexToBytes(P))!;
      const wanted = expected === null ? undefined : bytesToHex(compressPublicKey(hexToBytes(expected))!);
      for (const own of [
        addPublicKeyTweak(compressed, hexToBytes(d)),
        nobleCurve.addTweak(compressed, hexToBytes(d)),
      ]) {
        expect(own && bytesToHex(own), `${P} + ${d}`).toBe(wanted);
      }
    }
    for (const { d, expected } of valid.pointFromScalar) {
      const compressed = bytesToHex(compressPublicKey(hexToBytes(expected))!);
      expect(bytesToHex(publicKeyOf(hexToBytes(d)))).toBe(compressed);
      expect(bytesToHex(nobleCurve.createPublicKey(hexToBytes(d), true)!)).toBe(compressed);
    }
  });
});
