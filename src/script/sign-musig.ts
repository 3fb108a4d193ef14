/**
 * Signing for a key that is an aggregate of others (BIP327, BIP328, BIP373; Core: SignMuSig2 in src/script/sign.cpp). In
 * three rounds, of which each call does the furthest that it can: nonces of all, partial signatures of all, their sum.
 */
import { bytesToBinary, concatBytes, equalBytes } from '../base/bytes.ts';
import {
  derivePublicChild,
  type ExtendedPublicKey,
  fingerprintOf,
  publicChildTweak,
} from '../crypto/bip32.ts';
import { hash160 } from '../crypto/hashes.ts';
import { taprootTweakPublicKey, tapTweak } from '../crypto/keys.ts';
import {
  aggregateMusigNonces,
  aggregateMusigSignatures,
  createMusigNonce,
  type MusigSession,
  type MusigTweak,
  signMusigPartially,
} from '../crypto/musig.ts';
import { aggregateMusigKeys, MusigError, musigPublicKey } from '../crypto/musig-keys.ts';
import { musigExtendedKey } from './musig-key.ts';
import type { KeyTweak, SignatureCreator } from './signature-creator.ts';
import type { SignatureData } from './signature-data.ts';
import type { SigningProvider } from './signing-provider.ts';

export interface MusigRequest {
  /** The key that is to sign, of the output or of a script. */
  readonly xOnly: Uint8Array;
  readonly tweak: KeyTweak;
  readonly leafHash: Uint8Array | undefined;
}

/** The signature, once all have done their part; `data` gets what this one can add until then. */
export function signMusig(
  provider: SigningProvider,
  creator: SignatureCreator,
  data: SignatureData,
  request: MusigRequest,
): Uint8Array | undefined {
  const message = creator.schnorrHash(request.leafHash);
  let signature: Uint8Array | undefined;
  for (const [name, publicKeys] of data.musigParticipants) {
    if (publicKeys.length === 0) continue;
    for (const key of publicKeys) learnKey(provider, data, key, request.leafHash);
    const path = pathTo(
      Uint8Array.from(name, character => character.charCodeAt(0)),
      data,
      request,
    );
    if (path === undefined || message === undefined) continue;
    try {
      if (bytesToBinary(musigPublicKey(aggregateMusigKeys(publicKeys))) !== name) continue;
      const round = new MusigRound(provider, data, request.leafHash, path, publicKeys, message);
      const sum = round.sum();
      if (sum !== undefined) signature = creator.withHashType(sum);
      else if (!round.signPartially()) round.addNonces();
    } catch (error) {
      // Somebody contributed what is none: nothing can be made of it.
      if (!(error instanceof MusigError)) throw error;
    }
  }
  return signature;
}

/** How the aggregate becomes the key that signs. */
interface AggregatePath {
  readonly tweaks: readonly MusigTweak[];
  /** Compressed. */
  readonly signingKey: Uint8Array;
}

class MusigRound {
  readonly #provider: SigningProvider;
  readonly #data: SignatureData;
  readonly #suffix: string;
  readonly #path: AggregatePath;
  readonly #publicKeys: readonly Uint8Array[];
  readonly #message: Uint8Array;

  constructor(
    provider: SigningProvider,
    data: SignatureData,
    leafHash: Uint8Array | undefined,
    path: AggregatePath,
    publicKeys: readonly Uint8Array[],
    message: Uint8Array,
  ) {
    this.#provider = provider;
    this.#data = data;
    this.#suffix = bytesToBinary(
      leafHash === undefined ? path.signingKey : concatBytes(path.signingKey, leafHash),
    );
    this.#path = path;
    this.#publicKeys = publicKeys;
    this.#message = message;
  }

  /** The signature, when all have signed. */
  sum(): Uint8Array | undefined {
    const signatures = this.#shares(this.#data.musigSignatures);
    const session = this.#session();
    return session && signatures && aggregateMusigSignatures(signatures, session);
  }

  /** Whether somebody has signed, be it now. */
  signPartially(): boolean {
    const { musigNonces, musigSignatures } = this.#data;
    const session = this.#session();
    for (const key of session === undefined ? [] : this.#publicKeys) {
      const name = this.#nameOf(key);
      const nonceName = bytesToBinary(musigNonces.get(name)!);
      const secretKey = this.#provider.secretKeyOf(hash160(key));
      const secretNonces = this.#provider.musig?.secretNonces;
      const secretNonce = secretNonces?.get(nonceName);
      if (musigSignatures.has(name) || secretKey === undefined || secretNonce === undefined) continue;
      // Never twice with the same nonce: two signatures would tell the key.
      secretNonces!.delete(nonceName);
      musigSignatures.set(name, signMusigPartially(secretNonce, secretKey, session!));
    }
    return this.#publicKeys.some(key => musigSignatures.has(this.#nameOf(key)));
  }

  addNonces(): void {
    const { musigNonces } = this.#data;
    const { musig } = this.#provider;
    if (musig === undefined) return;
    for (const publicKey of this.#publicKeys) {
      const name = this.#nameOf(publicKey);
      const secretKey = this.#provider.secretKeyOf(hash160(publicKey));
      if (musigNonces.has(name) || secretKey === undefined) continue;
      const { secretNonce, publicNonce } = createMusigNonce({
        random: musig.random(),
        publicKey,
        secretKey,
        aggregateKey: this.#path.signingKey.subarray(1),
        message: this.#message,
      });
      musig.secretNonces.set(bytesToBinary(publicNonce), secretNonce);
      musigNonces.set(name, publicNonce);
    }
  }

  /** Undefined while a nonce is missing. */
  #session(): MusigSession | undefined {
    const nonces = this.#shares(this.#data.musigNonces);
    return (
      nonces && {
        publicKeys: this.#publicKeys,
        tweaks: this.#path.tweaks,
        aggregateNonce: aggregateMusigNonces(nonces),
        message: this.#message,
      }
    );
  }

  /** Of all participants, in their order; undefined while one is missing. */
  #shares(known: ReadonlyMap<string, Uint8Array>): Uint8Array[] | undefined {
    const shares = this.#publicKeys.map(key => known.get(this.#nameOf(key)));
    return shares.every(share => share !== undefined) ? shares : undefined;
  }

  #nameOf(publicKey: Uint8Array): string {
    return bytesToBinary(publicKey) + this.#suffix;
  }
}

/** From the aggregate, perhaps over children of its extended key, to the key that signs; undefined if it leads elsewhere. */
function pathTo(
  aggregate: Uint8Array,
  data: SignatureData,
  request: MusigRequest,
): AggregatePath | undefined {
  const { xOnly, tweak } = request;
  const tweaks: MusigTweak[] = [];
  let signingKey = aggregate;
  if (!equalBytes(aggregate.subarray(1), xOnly)) {
    const origin = data.tapKeys.get(bytesToBinary(xOnly))?.origin;
    if (origin === undefined || !equalBytes(origin.fingerprint, fingerprintOf(aggregate))) return undefined;
    let key: ExtendedPublicKey | undefined = musigExtendedKey(aggregate);
    for (const step of origin.path) {
      if (key === undefined) return undefined;
      tweaks.push({ tweak: publicChildTweak(key, step), kind: 'plain' });
      key = derivePublicChild(key, step);
    }
    if (key === undefined || !equalBytes(key.publicKey.subarray(1), xOnly)) return undefined;
    signingKey = key.publicKey;
  }
  if (tweak !== 'none') {
    tweaks.push({ tweak: tapTweak(xOnly, tweak.merkleRoot), kind: 'xOnly' });
    const output = taprootTweakPublicKey(xOnly, tweak.merkleRoot);
    if (output === undefined) return undefined;
    signingKey = concatBytes(Uint8Array.of(2 + output.parity), output.key);
  }
  return { tweaks, signingKey };
}

/** Where a participant's key comes from. */
function learnKey(
  provider: SigningProvider,
  data: SignatureData,
  publicKey: Uint8Array,
  leafHash: Uint8Array | undefined,
): void {
  const origin = provider.originOf(hash160(publicKey));
  if (origin === undefined) return;
  const name = bytesToBinary(publicKey.subarray(1));
  const known = data.tapKeys.get(name);
  const leafHashes = new Set(known?.leafHashes);
  if (leafHash !== undefined) leafHashes.add(bytesToBinary(leafHash));
  data.tapKeys.set(name, { leafHashes, origin: known?.origin ?? origin });
}
