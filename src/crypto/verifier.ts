/**
 * Signature verification behind one face, by the fastest engine that loads: the system's libsecp256k1, the one that npm
 * has native, libsecp256k1 as wasm, noble. Whichever it is, the verdict is consensus, so the engines must agree on every
 * input:
 *
 * - DER is parsed by our own lax parser; r and s out of range verify nowhere; a high s verifies as its negative.
 * - Hybrid public keys (06, 07) verify when their parity byte is right; noble does not know them.
 * - What throws in an engine (a point off the curve, a sum at infinity) is a false signature.
 *
 * libsecp256k1 as packaged for npm has no BIP340, so native and wasm check it by ECDSA key recovery: recovering from
 * r = x(P), s' = −e·x(P), m' = −s·x(P) with even parity gives Q = r⁻¹(s'·P − m'·G) = s·G − e·P, the point BIP340 asks for.
 */

import { unmovedBytes } from '../base/bytes.ts';
import { withoutHybrid } from './curve.ts';
import { parseDerLax } from './der.ts';
import { taggedHash } from './hashes.ts';
import { checkTapTweak, isPublicKeyShaped, tapTweak } from './keys.ts';
import { type NativeSecp256k1, nativeSecp256k1 } from './native.ts';
import { noble } from './noble.ts';
import { PointCache } from './point-cache.ts';
import { CURVE_ORDER, FIELD_SIZE, modOrder, readScalar, writeScalar } from './scalar.ts';
import { type SystemSecp256k1, systemSecp256k1 } from './system.ts';

/** Fastest first. */
export const VERIFIERS = ['system', 'native', 'wasm', 'noble'] as const;

export interface SignatureVerifier {
  readonly name: (typeof VERIFIERS)[number];
  /**
   * `derSignature` without the sighash byte, read as laxly as Core does; `publicKey` of 33 or 65 bytes. Never throws
   * for bad input (Core: CPubKey::Verify).
   */
  verifyEcdsa(hash32: Uint8Array, derSignature: Uint8Array, publicKey: Uint8Array): boolean;
  /** BIP340 with a message of 32 bytes. Never throws for bad input (Core: XOnlyPubKey::VerifySchnorr). */
  verifySchnorr(message32: Uint8Array, signature64: Uint8Array, xOnlyPublicKey32: Uint8Array): boolean;
  /**
   * Whether the output key commits to the internal key and merkle root, all of 32 bytes (Core: XOnlyPubKey::CheckTapTweak).
   * Beside a signature the only thing in a script that costs a multiplication on the curve.
   */
  checkTapTweak(
    outputKey32: Uint8Array,
    parity: number,
    internalKey32: Uint8Array,
    merkleRoot32: Uint8Array,
  ): boolean;
}

export type VerifierChoice = 'auto' | SignatureVerifier['name'];

const COMPRESSED_BYTES = 33;

/** What we need of an engine made from libsecp256k1. Undefined or false where C returns 0. */
interface CEngine {
  verifyCompact(compact: Uint8Array, hash: Uint8Array, publicKey: Uint8Array): boolean;
  /** The compressed key. */
  recover(compact: Uint8Array, recoveryId: 0 | 2, hash: Uint8Array): Uint8Array | undefined;
}

/** The engine chosen, or for 'auto' the fastest that loads. Throws Error when the one asked for does not load. */
export async function loadVerifier(choice: VerifierChoice): Promise<SignatureVerifier> {
  if (choice === 'auto') return fastestNative() ?? (await wasmVerifier().catch(() => NOBLE_VERIFIER));
  return choice === 'wasm' ? wasmVerifier() : loadVerifierSync(choice);
}

/** As `loadVerifier` without wasm, which cannot be loaded synchronously. */
export function loadVerifierSync(choice: Exclude<VerifierChoice, 'wasm'>): SignatureVerifier {
  if (choice === 'noble') return NOBLE_VERIFIER;
  if (choice === 'auto') return fastestNative() ?? NOBLE_VERIFIER;
  if (choice === 'system') {
    const system = systemSecp256k1();
    if (system !== undefined) return systemVerifier(system);
    throw new Error(
      "No libsecp256k1 with BIP340 was found on this system, or it does not verify as it must. Install your system's package (Debian: libsecp256k1-1, Linux only) or choose another engine",
    );
  }
  const native = nativeSecp256k1();
  if (native !== undefined) return nativeVerifier(native);
  throw new Error('secp256k1 has no native binary for this platform');
}

function fastestNative(): SignatureVerifier | undefined {
  const system = systemSecp256k1();
  if (system !== undefined) return systemVerifier(system);
  const native = nativeSecp256k1();
  return native && nativeVerifier(native);
}

function systemVerifier(system: SystemSecp256k1): SignatureVerifier {
  return {
    name: 'system',
    verifyEcdsa: (hash32, derSignature, publicKey) =>
      verifyEcdsaCompact(system, hash32, derSignature, publicKey),
    verifySchnorr: (message32, signature64, xOnlyPublicKey32) =>
      system.verifySchnorr(message32, signature64, xOnlyPublicKey32),
    checkTapTweak: (outputKey32, parity, internalKey32, merkleRoot32) =>
      system.checkTweak(outputKey32, parity, internalKey32, tapTweak(internalKey32, merkleRoot32)),
  };
}

function nativeVerifier(native: NativeSecp256k1): SignatureVerifier {
  const compactBytes = unmovedBytes(64);
  const hashBytes = unmovedBytes(32);
  const points = new PointCache(key => native.publicKeyConvert(key, false));
  return cVerifier('native', {
    verifyCompact(compact, hash, publicKey) {
      try {
        const point = publicKey.length === COMPRESSED_BYTES ? points.get(publicKey) : publicKey;
        if (point === undefined || hash.length !== hashBytes.length) return false;
        compactBytes.set(compact);
        hashBytes.set(hash);
        return native.ecdsaVerify(compactBytes, hashBytes, point);
      } catch {
        return false;
      }
    },
    recover(compact, recoveryId, hash) {
      try {
        return native.ecdsaRecover(compact, recoveryId, hash);
      } catch {
        return undefined;
      }
    },
  });
}

async function wasmVerifier(): Promise<SignatureVerifier> {
  // The deep path loads in 16 ms, the package's main entry in 100.
  const { instantiateSecp256k1 } = await import('@bitauth/libauth/build/lib/crypto/secp256k1.js');
  const wasm = await instantiateSecp256k1();
  return cVerifier('wasm', {
    verifyCompact: (compact, hash, publicKey) => wasm.verifySignatureCompact(compact, publicKey, hash),
    recover(compact, recoveryId, hash) {
      const key = wasm.recoverPublicKeyCompressed(compact, recoveryId, hash);
      return typeof key === 'string' ? undefined : key;
    },
  });
}

function cVerifier(name: 'native' | 'wasm', engine: CEngine): SignatureVerifier {
  return {
    name,
    verifyEcdsa: (hash32, derSignature, publicKey) =>
      verifyEcdsaCompact(engine, hash32, derSignature, publicKey),
    verifySchnorr: (message32, signature64, xOnlyPublicKey32) =>
      verifySchnorrByRecovery(engine, message32, signature64, xOnlyPublicKey32),
    checkTapTweak,
  };
}

function verifyEcdsaCompact(
  engine: Pick<CEngine, 'verifyCompact'>,
  hash32: Uint8Array,
  derSignature: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (!isPublicKeyShaped(publicKey)) return false;
  const compact = parseDerLax(derSignature);
  return compact !== undefined && engine.verifyCompact(compact, hash32, publicKey);
}

const NOBLE_VERIFIER: SignatureVerifier = {
  name: 'noble',
  verifyEcdsa(hash32, derSignature, publicKey) {
    const key = isPublicKeyShaped(publicKey) ? withoutHybrid(publicKey) : undefined;
    const compact = key && parseDerLax(derSignature);
    if (compact === undefined) return false;
    return noble.verify(compact, hash32, key!, { prehash: false, lowS: false });
  },
  verifySchnorr(message32, signature64, xOnlyPublicKey32) {
    if (signature64.length !== 64 || xOnlyPublicKey32.length !== 32) return false;
    return noble.schnorr.verify(signature64, message32, xOnlyPublicKey32);
  },
  checkTapTweak,
};

function verifySchnorrByRecovery(
  engine: CEngine,
  message: Uint8Array,
  signature: Uint8Array,
  xOnly: Uint8Array,
): boolean {
  if (signature.length !== 64 || xOnly.length !== 32 || message.length !== 32) return false;
  const s = readScalar(signature, 32);
  if (s >= CURVE_ORDER) return false;
  const x = readScalar(xOnly);
  if (x >= FIELD_SIZE) return false;
  // Recovery takes r below n; an x from n up to p is told by recovery id 2.
  const aboveOrder = x >= CURVE_ORDER;
  const r = aboveOrder ? x - CURVE_ORDER : x;
  const e = modOrder(readScalar(taggedHash('BIP0340/challenge', signature.subarray(0, 32), xOnly, message)));
  const sPrime = modOrder(-e * r);
  // C refuses r = 0 (x = n or x = 0) and s' = 0 (e = 0): nobody can make them, but the answer must not depend on that.
  if (sPrime === 0n) return NOBLE_VERIFIER.verifySchnorr(message, signature, xOnly);
  const recoverable = new Uint8Array(64);
  const hash = new Uint8Array(32);
  writeScalar(r, recoverable, 0);
  writeScalar(sPrime, recoverable, 32);
  writeScalar(modOrder(-s * r), hash);
  const point = engine.recover(recoverable, aboveOrder ? 2 : 0, hash);
  if (point === undefined || point[0] !== 2) return false;
  for (let i = 0; i < 32; i += 1) if (point[i + 1] !== signature[i]) return false;
  return true;
}
