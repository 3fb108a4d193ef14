/**
 * A key expression of a descriptor (BIP380): a public key, or an extended key with a path and perhaps a range, either
 * with the origin it came from. Secrets stand apart, in a ring that all keys of a descriptor share, as Core has it.
 */
import { bytesToBinary, bytesToHex } from '../base/bytes.ts';
import {
  derivePublicChild,
  deriveSecretChild,
  type ExtendedPublicKey,
  type ExtendedSecretKey,
  encodeExtendedPublicKey,
  encodeExtendedSecretKey,
  fingerprintOf,
  HARDENED,
} from '../crypto/bip32.ts';
import { encodeSecretKey, type KeyPrefixes } from './address.ts';

export interface KeyOrigin {
  /** Four bytes: the start of HASH160 of the root's public key. */
  readonly fingerprint: Uint8Array;
  readonly path: readonly number[];
}

export type KeySource =
  | {
      readonly kind: 'const';
      /** 33 or 65 bytes. */
      readonly publicKey: Uint8Array;
      /** Written and used without its first byte. */
      readonly xOnly: boolean;
    }
  | {
      readonly kind: 'extended';
      readonly root: ExtendedPublicKey;
      readonly path: readonly number[];
      readonly range: 'none' | 'unhardened' | 'hardened';
    };

export interface KeyParts {
  readonly source: KeySource;
  readonly origin: KeyOrigin | undefined;
  /** How the text writes hardened steps. */
  readonly hardenedMark: "'" | 'h';
}

/** Secret keys by their public key (as latin1 characters). */
export type SecretRing = Map<string, Uint8Array>;

/** Derives from one key expression and remembers the parent of a range, so that a thousand children cost a thousand steps. */
export class DescriptorKey {
  readonly parts: KeyParts;
  readonly #secrets: SecretRing;
  readonly #prefixes: KeyPrefixes;
  #publicParent: ExtendedPublicKey | undefined;
  #secretParent: ExtendedSecretKey | undefined;

  constructor(parts: KeyParts, secrets: SecretRing, prefixes: KeyPrefixes) {
    this.parts = parts;
    this.#secrets = secrets;
    this.#prefixes = prefixes;
  }

  get isRange(): boolean {
    const { source } = this.parts;
    return source.kind === 'extended' && source.range !== 'none';
  }

  /** Whether each of its public keys takes the secret. */
  get isHardenedRange(): boolean {
    const { source } = this.parts;
    return source.kind === 'extended' && source.range === 'hardened';
  }

  /** Bytes of its public keys, as scripts outside taproot have them. */
  get keyBytes(): number {
    const { source } = this.parts;
    return source.kind === 'const' ? source.publicKey.length : 33;
  }

  /** Undefined when a hardened step needs a secret that is not there. `index` is 0 … 2^31 − 1, unused without a range. */
  publicKeyAt(index: number): Uint8Array | undefined {
    const { source } = this.parts;
    if (source.kind === 'const') return source.publicKey;
    const isHardened = source.range === 'hardened' || source.path.some(step => step >= HARDENED);
    const parent = isHardened ? this.#parentWithSecret(source) : this.#parentWithoutSecret(source);
    if (parent === undefined || source.range === 'none') return parent?.publicKey;
    if (source.range === 'unhardened') return derivePublicChild(parent, index)?.publicKey;
    return deriveSecretChild(parent as ExtendedSecretKey, index + HARDENED)?.publicKey;
  }

  /** Undefined when the descriptor does not hold the secret. */
  secretKeyAt(index: number): Uint8Array | undefined {
    const { source } = this.parts;
    if (source.kind === 'const') return this.#secretOf(source);
    const parent = this.#parentWithSecret(source);
    if (parent === undefined || source.range === 'none') return parent?.secretKey;
    return deriveSecretChild(parent, source.range === 'hardened' ? index + HARDENED : index)?.secretKey;
  }

  /** Where the key at `index` comes from, the stated origin included. */
  originAt(index: number): KeyOrigin {
    const { source, origin } = this.parts;
    const own = source.kind === 'const' ? [] : [...source.path];
    if (source.kind === 'extended' && source.range !== 'none') {
      own.push(source.range === 'hardened' ? index + HARDENED : index);
    }
    const root = source.kind === 'const' ? source.publicKey : source.root.publicKey;
    return origin === undefined
      ? { fingerprint: fingerprintOf(root), path: own }
      : { fingerprint: origin.fingerprint, path: [...origin.path, ...own] };
  }

  /** The expression without secrets. */
  toPublicText(): string {
    const { source, hardenedMark } = this.parts;
    return this.#originText(hardenedMark) + this.#sourceText(source, hardenedMark);
  }

  /** The expression with its secret; undefined when the descriptor does not hold it. */
  toPrivateText(): string | undefined {
    const { source, hardenedMark } = this.parts;
    const prefix = this.#originText(hardenedMark);
    if (source.kind === 'const') {
      const secretKey = this.#secretOf(source);
      if (secretKey === undefined) return undefined;
      return prefix + encodeSecretKey(secretKey, { compressed: this.keyBytes === 33 }, this.#prefixes);
    }
    const root = this.#secretRoot(source.root);
    if (root === undefined) return undefined;
    const text = encodeExtendedSecretKey(root, this.#prefixes.extSecretKey);
    return prefix + text + pathText(source.path, hardenedMark) + rangeText(source.range, hardenedMark);
  }

  /** With the extended key moved to behind the last hardened step; undefined when that needs a secret not held. */
  toNormalizedText(): string | undefined {
    const { source, origin } = this.parts;
    if (source.kind === 'const' || source.range === 'hardened') {
      return this.#originText('h') + this.#sourceText(source, 'h');
    }
    const steps = source.path.findLastIndex(step => step >= HARDENED) + 1;
    if (steps === 0) return this.#originText('h') + this.#sourceText(source, 'h');
    const hardened = source.path.slice(0, steps);
    let key = this.#secretRoot(source.root);
    for (const step of hardened) key = key && deriveSecretChild(key, step);
    if (key === undefined) return undefined;
    const fingerprint = origin?.fingerprint ?? fingerprintOf(source.root.publicKey);
    const path = [...(origin?.path ?? []), ...hardened];
    const text = encodeExtendedPublicKey(key, this.#prefixes.extPublicKey);
    const rest = pathText(source.path.slice(steps), 'h') + rangeText(source.range, 'h');
    return `[${bytesToHex(fingerprint)}${pathText(path, 'h')}]${text}${rest}`;
  }

  #originText(mark: string): string {
    const { origin } = this.parts;
    return origin === undefined ? '' : `[${bytesToHex(origin.fingerprint)}${pathText(origin.path, mark)}]`;
  }

  #sourceText(source: KeySource, mark: string): string {
    if (source.kind === 'const')
      return bytesToHex(source.xOnly ? source.publicKey.subarray(1) : source.publicKey);
    const text = encodeExtendedPublicKey(source.root, this.#prefixes.extPublicKey);
    return text + pathText(source.path, mark) + rangeText(source.range, mark);
  }

  #secretOf(source: KeySource & { kind: 'const' }): Uint8Array | undefined {
    const found = this.#secrets.get(bytesToBinary(source.publicKey));
    if (found !== undefined || !source.xOnly) return found;
    // An x-only key may be that of a secret with an odd public key.
    const odd = source.publicKey.slice();
    odd[0] = 5 - odd[0]!;
    return this.#secrets.get(bytesToBinary(odd));
  }

  #secretRoot(root: ExtendedPublicKey): ExtendedSecretKey | undefined {
    const secretKey = this.#secrets.get(bytesToBinary(root.publicKey));
    return secretKey && { ...root, secretKey };
  }

  #parentWithSecret(source: KeySource & { kind: 'extended' }): ExtendedSecretKey | undefined {
    if (this.#secretParent === undefined) {
      let key = this.#secretRoot(source.root);
      for (const step of source.path) key = key && deriveSecretChild(key, step);
      this.#secretParent = key;
    }
    return this.#secretParent;
  }

  #parentWithoutSecret(source: KeySource & { kind: 'extended' }): ExtendedPublicKey | undefined {
    if (this.#publicParent === undefined) {
      let key: ExtendedPublicKey | undefined = source.root;
      for (const step of source.path) key = key && derivePublicChild(key, step);
      this.#publicParent = key;
    }
    return this.#publicParent;
  }
}

/** '/44h/0' (Core: FormatHDKeypath). */
export function pathText(path: readonly number[], mark: string): string {
  return path.map(step => (step >= HARDENED ? `/${step - HARDENED}${mark}` : `/${step}`)).join('');
}

function rangeText(range: 'none' | 'unhardened' | 'hardened', mark: string): string {
  if (range === 'none') return '';
  return range === 'hardened' ? `/*${mark}` : '/*';
}
