/** Who makes the signatures of one input: keys, or nobody, when only their place is wanted (Core: BaseSignatureCreator). */
import { concatBytes } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import { checkTapTweak, signEcdsa, signSchnorr, taprootTweakSecretKey } from '../crypto/keys.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { checkerOfPartlyKnown } from './checker.ts';
import { SIGHASH_ALL, SIGHASH_DEFAULT } from './encoding.ts';
import type { SignatureChecker } from './machine.ts';
import { legacySignatureHash, type PrecomputedTx, witnessV0SignatureHash } from './sighash.ts';
import { type SigningProvider, xOnlyIds } from './signing-provider.ts';
import { taprootSignatureHash } from './taproot-sighash.ts';

/** Satoshi that can exist (Core: MAX_MONEY). A greater amount stands for one that is not known. */
const MONEY_MAX = 2_100_000_000_000_000;
const NO_CODE_SEPARATOR = 0xffff_ffff;
const SCHNORR_SIGNATURE_BYTES = 64;

/** How a secret key becomes the one that signs: as it is, or tweaked by a merkle root or by none (BIP341). */
export type KeyTweak = 'none' | { readonly merkleRoot: Uint8Array | undefined };

export interface SignatureCreator {
  readonly checker: SignatureChecker;
  /** With hash type; undefined without the key. */
  ecdsa(
    provider: SigningProvider,
    publicKey: Uint8Array,
    scriptCode: Uint8Array,
    sigVersion: 'base' | 'witness-v0',
  ): Uint8Array | undefined;
  schnorr(
    provider: SigningProvider,
    xOnly: Uint8Array,
    options: { readonly tweak: KeyTweak; readonly leafHash: Uint8Array | undefined },
  ): Uint8Array | undefined;
  /** What a Schnorr signature signs; undefined while not everything that is spent is known. */
  schnorrHash(leafHash: Uint8Array | undefined): Uint8Array | undefined;
  /** A Schnorr signature with the hash type, where one is written. */
  withHashType(signature: Uint8Array): Uint8Array;
}

/**
 * Signs input `index`. `precomputed.spent` holds what is spent where it is known; a taproot signature commits to all
 * of it, so `allSpentKnown` must be true for one.
 */
export function transactionSigner(options: {
  readonly precomputed: PrecomputedTx;
  readonly index: number;
  readonly hashType: number;
  readonly verifier: SignatureVerifier;
  readonly allSpentKnown: boolean;
}): SignatureCreator {
  const { precomputed, index, hashType, verifier, allSpentKnown } = options;
  const schnorrHash = (leafHash: Uint8Array | undefined): Uint8Array | undefined => {
    const spend = { annexHash: undefined, leafHash, codeSeparatorPosition: NO_CODE_SEPARATOR };
    return allSpentKnown ? taprootSignatureHash(precomputed, index, hashType, spend) : undefined;
  };
  const withHashType = (signature: Uint8Array): Uint8Array =>
    hashType === SIGHASH_DEFAULT ? signature : concatBytes(signature, Uint8Array.of(hashType));
  return {
    schnorrHash,
    withHashType,
    checker: checkerOfPartlyKnown(precomputed, index, verifier),
    ecdsa(provider, publicKey, scriptCode, sigVersion) {
      const secretKey = provider.secretKeyOf(hash160(publicKey));
      if (secretKey === undefined) return undefined;
      if (sigVersion === 'witness-v0') {
        const { value } = precomputed.spent[index]!;
        if (publicKey.length !== 33 || value < 0 || value > MONEY_MAX) return undefined;
      }
      const type = hashType === SIGHASH_DEFAULT ? SIGHASH_ALL : hashType;
      const hashOf = sigVersion === 'base' ? legacySignatureHash : witnessV0SignatureHash;
      const hash = hashOf(precomputed, index, scriptCode, type);
      return concatBytes(signEcdsa(hash, secretKey), Uint8Array.of(type));
    },
    schnorr(provider, xOnly, { tweak, leafHash }) {
      const secretKey = secretKeyOfXOnly(provider, xOnly);
      const hash = secretKey && schnorrHash(leafHash);
      if (hash === undefined) return undefined;
      const key = tweak === 'none' ? secretKey! : taprootTweakSecretKey(secretKey!, tweak.merkleRoot);
      return withHashType(signSchnorr(hash, key, new Uint8Array(32)));
    },
  };
}

/** Signatures of the right length and form that nobody made, for every key; everything checks. */
export const DUMMY_SIGNER: SignatureCreator = {
  checker: {
    checkEcdsa: signature => signature.length > 0,
    checkSchnorr: signature => (signature.length > 0 ? undefined : 'SCHNORR_SIG'),
    // That is no signature: it is right or not before anybody has signed.
    checkTapTweak,
    checkLockTime: () => true,
    checkSequence: () => true,
  },
  ecdsa: () => dummyEcdsaSignature(),
  schnorr: () => new Uint8Array(SCHNORR_SIGNATURE_BYTES),
  schnorrHash: () => undefined,
  withHashType: signature => signature,
};

/** Strict DER with a low r and s, and SIGHASH_ALL. */
function dummyEcdsaSignature(): Uint8Array {
  const signature = new Uint8Array(71);
  signature.set([0x30, 68, 2, 32, 1]);
  signature.set([2, 32, 1], 36);
  signature[70] = SIGHASH_ALL;
  return signature;
}

function secretKeyOfXOnly(provider: SigningProvider, xOnly: Uint8Array): Uint8Array | undefined {
  for (const id of xOnlyIds(xOnly)) {
    const secretKey = provider.secretKeyOf(id);
    if (secretKey !== undefined) return secretKey;
  }
  return undefined;
}
