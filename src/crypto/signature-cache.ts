/**
 * Signatures that were found good, so that none is verified twice: once when its transaction comes alone, and again in a
 * block (Core: SignatureCache in src/script/sigcache.cpp).
 *
 * An entry is a salted hash of everything that the verdict depends on: the kind of signature, the 32 bytes that it
 * signs, the key, and the signature. Only good ones are kept. So a hit tells nothing but what the engine has said
 * before of the very same question, whatever transaction, witness or script flags it stands in. Nobody knows the salt, so
 * nobody can make two questions share an entry, or fill one place of the memory on purpose.
 */
import { DigestSet } from '../base/digest-set.ts';
import { sha256 } from './sha256.ts';
import type { SignatureVerifier } from './verifier.ts';

export const SALT_BYTES = 32;

/** All that another thread needs to use the same cache. */
export interface SharedSignatureCache {
  readonly salt: Uint8Array;
  readonly memory: SharedArrayBuffer;
}

/**
 * What the verifier does beside asking: a transaction that comes alone `keeps` what is good. A block only `reads`: its
 * signatures will not be asked for again, and those of a whole chain would push out the mempool's (Core: cacheSigStore).
 */
export type SignatureCacheUse = 'keeps' | 'reads';

const ECDSA = 0x45;
const SCHNORR = 0x53;
/** Salt, kind, length of the key. */
const HEAD_BYTES = SALT_BYTES + 2;

export function createSignatureCache(salt: Uint8Array, bytes: number): SharedSignatureCache {
  return { salt, memory: DigestSet.allocate(bytes) };
}

/** `verifier` for both uses; itself where there is no cache. */
export function verifiersOf(
  verifier: SignatureVerifier,
  cache: SharedSignatureCache | undefined,
): Readonly<Record<SignatureCacheUse, SignatureVerifier>> {
  if (cache === undefined) return { keeps: verifier, reads: verifier };
  return {
    keeps: cachingVerifier(verifier, cache, 'keeps'),
    reads: cachingVerifier(verifier, cache, 'reads'),
  };
}

/** `verifier`, asked only for what is not in the cache. */
export function cachingVerifier(
  verifier: SignatureVerifier,
  { salt, memory }: SharedSignatureCache,
  use: SignatureCacheUse,
): SignatureVerifier {
  const known = new DigestSet(memory);
  const verify = (
    kind: number,
    [hash, signature, key]: readonly [Uint8Array, Uint8Array, Uint8Array],
    ask: () => boolean,
  ): boolean => {
    if (use === 'reads' && known.isUntouched) return ask();
    const entry = entryOf(salt, kind, hash, signature, key);
    if (known.has(entry)) return true;
    const good = ask();
    if (good && use === 'keeps') known.add(entry);
    return good;
  };
  return {
    name: verifier.name,
    verifyEcdsa: (hash, signature, key) =>
      verify(ECDSA, [hash, signature, key], () => verifier.verifyEcdsa(hash, signature, key)),
    verifySchnorr: (hash, signature, key) =>
      verify(SCHNORR, [hash, signature, key], () => verifier.verifySchnorr(hash, signature, key)),
    checkTapTweak: (output, parity, internal, root) => verifier.checkTapTweak(output, parity, internal, root),
  };
}

/** The hash is of 32 bytes and the key's length is told, so no two questions are written the same way. */
function entryOf(
  salt: Uint8Array,
  kind: number,
  hash: Uint8Array,
  signature: Uint8Array,
  key: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + hash.length + key.length + signature.length);
  bytes.set(salt);
  bytes[SALT_BYTES] = kind;
  bytes[SALT_BYTES + 1] = key.length;
  bytes.set(hash, HEAD_BYTES);
  bytes.set(key, HEAD_BYTES + hash.length);
  bytes.set(signature, HEAD_BYTES + hash.length + key.length);
  return sha256(bytes);
}
