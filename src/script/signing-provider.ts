/**
 * What a signer knows of keys and scripts (Core: SigningProvider in src/script/signingprovider.h). Keys and scripts are
 * named by their HASH160, as scripts name them.
 */
import { bytesToBinary } from '../base/bytes.ts';
import { hash160 } from '../crypto/hashes.ts';
import type { Expansion } from './descriptor.ts';
import type { KeyOrigin } from './descriptor-key.ts';
import type { TapLeaf } from './taproot-tree.ts';
import { solveScript } from './templates.ts';

/** What the output key of a taproot output is made of. */
export interface TaprootOutput {
  /** x-only. */
  readonly internalKey: Uint8Array;
  /** Empty without scripts. */
  readonly leaves: readonly TapLeaf[];
}

/** What signing with others needs beside keys: randomness, and nonces until they have signed (by public nonce). */
export interface MusigSecrets {
  /** 32 fresh bytes. */
  random(): Uint8Array;
  readonly secretNonces: Map<string, Uint8Array>;
}

export interface SigningProvider {
  /** Without, nonces are not made and nothing is signed with others. */
  readonly musig?: MusigSecrets | undefined;
  scriptOf(id: Uint8Array): Uint8Array | undefined;
  publicKeyOf(id: Uint8Array): Uint8Array | undefined;
  /** `id` is HASH160 of the public key, in the form in which the script has it. */
  secretKeyOf(id: Uint8Array): Uint8Array | undefined;
  originOf(id: Uint8Array): KeyOrigin | undefined;
  /** By the x-only output key. */
  taprootOf(outputKey: Uint8Array): TaprootOutput | undefined;
}

/** Collects what is known. */
export class KeyStore implements SigningProvider {
  readonly musig: MusigSecrets | undefined;
  readonly #scripts = new Map<string, Uint8Array>();
  readonly #publicKeys = new Map<string, Uint8Array>();
  readonly #secretKeys = new Map<string, Uint8Array>();
  readonly #origins = new Map<string, KeyOrigin>();
  readonly #taproot = new Map<string, TaprootOutput>();

  constructor(musig?: MusigSecrets) {
    this.musig = musig;
  }

  addScript(script: Uint8Array): void {
    this.#scripts.set(idText(script), script);
  }

  addKey(
    publicKey: Uint8Array,
    more: { readonly origin?: KeyOrigin; readonly secretKey?: Uint8Array | undefined } = {},
  ): void {
    const id = idText(publicKey);
    this.#publicKeys.set(id, publicKey);
    if (more.origin !== undefined) this.#origins.set(id, more.origin);
    if (more.secretKey !== undefined) this.#secretKeys.set(id, more.secretKey);
  }

  /** Everything that a descriptor tells at one index; `secretKeys` are those of its keys, in their order. */
  addExpansion(expansion: Expansion, secretKeys: readonly (Uint8Array | undefined)[] = []): void {
    const { keys, redeemScript, witnessScript, taproot } = expansion;
    for (const [i, { publicKey, origin }] of keys.entries()) {
      this.addKey(publicKey, { origin, secretKey: secretKeys[i] });
    }
    if (redeemScript !== undefined) this.addScript(redeemScript);
    if (witnessScript !== undefined) this.addScript(witnessScript);
    if (taproot === undefined) return;
    const output = solveScript(expansion.scripts[0]!);
    if (output.type === 'witness_v1_taproot') this.#taproot.set(bytesToBinary(output.outputKey), taproot);
  }

  scriptOf(id: Uint8Array): Uint8Array | undefined {
    return this.#scripts.get(bytesToBinary(id));
  }

  publicKeyOf(id: Uint8Array): Uint8Array | undefined {
    return this.#publicKeys.get(bytesToBinary(id));
  }

  secretKeyOf(id: Uint8Array): Uint8Array | undefined {
    return this.#secretKeys.get(bytesToBinary(id));
  }

  originOf(id: Uint8Array): KeyOrigin | undefined {
    return this.#origins.get(bytesToBinary(id));
  }

  taprootOf(outputKey: Uint8Array): TaprootOutput | undefined {
    return this.#taproot.get(bytesToBinary(outputKey));
  }
}

/** Knows nothing. */
export const NOTHING_KNOWN: SigningProvider = new KeyStore();

/** The same without some of what it knows (Core: HidingSigningProvider). */
export function hiding(
  provider: SigningProvider,
  hidden: { readonly secrets: boolean; readonly origins: boolean },
): SigningProvider {
  return {
    musig: hidden.secrets ? undefined : provider.musig,
    scriptOf: id => provider.scriptOf(id),
    publicKeyOf: id => provider.publicKeyOf(id),
    secretKeyOf: id => (hidden.secrets ? undefined : provider.secretKeyOf(id)),
    originOf: id => (hidden.origins ? undefined : provider.originOf(id)),
    taprootOf: outputKey => provider.taprootOf(outputKey),
  };
}

/** HASH160 of both compressed keys with this x. */
export function xOnlyIds(xOnly: Uint8Array): [Uint8Array, Uint8Array] {
  const publicKey = new Uint8Array(33);
  publicKey.set(xOnly, 1);
  publicKey[0] = 2;
  const even = hash160(publicKey);
  publicKey[0] = 3;
  return [even, hash160(publicKey)];
}

function idText(publicKeyOrScript: Uint8Array): string {
  return bytesToBinary(hash160(publicKeyOrScript));
}
