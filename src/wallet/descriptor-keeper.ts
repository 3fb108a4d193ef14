/**
 * One descriptor of a wallet with its range of indices: which scripts it owns, which index the next address gets, and
 * how to sign (Core: DescriptorScriptPubKeyMan). Scripts are derived from the normalized public text, so that a locked
 * wallet derives them too; public keys that take a secret for each index are derived ahead and kept.
 */
import { assert } from '../base/assert.ts';
import { textToBytes } from '../base/bytes.ts';
import type { KeyPrefixes } from '../script/address.ts';
import { type Descriptor, type Expansion, parseDescriptor } from '../script/descriptor.ts';
import type { DescriptorRecord, Secret } from './records.ts';
import type { Vault } from './vault.ts';

/** Core's names of address types (outputtype.cpp). */
export const OUTPUT_TYPES = ['legacy', 'p2sh-segwit', 'bech32', 'bech32m'] as const;
export type OutputType = (typeof OUTPUT_TYPES)[number];

export class DescriptorKeeper {
  /** Number of its record. */
  readonly id: number;
  readonly text: string;
  readonly descriptor: Descriptor;
  readonly outputType: OutputType | undefined;
  use: DescriptorRecord['use'];
  timestamp: number;
  rangeStart: number;
  rangeEnd: number;
  nextIndex: number;
  #secret: Secret | undefined;
  readonly #prefixes: KeyPrefixes;
  /** With private keys; only while the wallet is unlocked. */
  #signer: Descriptor | undefined;
  /** By index; empty where the text suffices. */
  readonly #hardenedKeys = new Map<number, readonly Uint8Array[]>();

  constructor(id: number, record: DescriptorRecord, prefixes: KeyPrefixes) {
    this.id = id;
    this.text = record.text;
    this.descriptor = parseOne(record.text, prefixes);
    this.outputType = outputTypeOf(this.descriptor);
    this.use = record.use;
    this.timestamp = record.timestamp;
    this.rangeStart = record.rangeStart;
    this.rangeEnd = record.rangeEnd;
    this.nextIndex = record.nextIndex;
    this.#secret = record.secret;
    this.#prefixes = prefixes;
  }

  get record(): DescriptorRecord {
    const { text, use, timestamp, rangeStart, rangeEnd, nextIndex } = this;
    return { text, secret: this.#secret, use, timestamp, rangeStart, rangeEnd, nextIndex };
  }

  get isRange(): boolean {
    return this.descriptor.isRange;
  }

  get hasSecret(): boolean {
    return this.#secret !== undefined;
  }

  /** Addresses that are derived and not yet handed out. */
  get poolSize(): number {
    return this.rangeEnd - this.nextIndex;
  }

  /** Keys, redeem script and the rest at `index`. */
  expand(index: number): Expansion {
    const expansion = this.descriptor.expand(index, this.#hardenedKeys.get(index));
    assert(expansion !== undefined, 'what takes secrets was derived ahead');
    return expansion;
  }

  /** As they were stored. */
  loadHardenedKeys(index: number, keys: readonly Uint8Array[]): void {
    this.#hardenedKeys.set(index, keys);
  }

  /**
   * Derives ahead what takes secrets at these indices (the end excluded): those that are new. Undefined when that is not
   * possible because the wallet is locked.
   */
  deriveHardened(
    start: number,
    end: number,
    vault: Vault,
  ): readonly { readonly index: number; readonly keys: readonly Uint8Array[] }[] | undefined {
    const added: { readonly index: number; readonly keys: readonly Uint8Array[] }[] = [];
    if (!this.descriptor.hasHardenedRange) return added;
    for (let index = start; index < end; index += 1) {
      if (this.#hardenedKeys.has(index)) continue;
      const keys = this.#signerOf(vault)?.hardenedKeys(index);
      if (keys === undefined) return undefined;
      added.push({ index, keys });
    }
    for (const { index, keys } of added) this.#hardenedKeys.set(index, keys);
    return added;
  }

  /** Of the keys of `expand(index)`; undefined where it has none, or while the wallet is locked. */
  secretKeys(index: number, vault: Vault): (Uint8Array | undefined)[] {
    return this.#signerOf(vault)?.secretKeys(index) ?? this.expand(index).keys.map(() => undefined);
  }

  /** With private keys; undefined without, or while the wallet is locked. */
  privateText(vault: Vault): string | undefined {
    return this.#signerOf(vault)?.toPrivateString();
  }

  setSecret(privateText: string, vault: Vault): void {
    this.#secret = vault.seal(textToBytes(privateText));
    this.#signer = undefined;
  }

  /** Seals what was in the clear. */
  reseal(vault: Vault): void {
    if (this.#secret?.kind === 'plain') this.#secret = vault.seal(this.#secret.bytes);
  }

  /** Private keys leave the memory. */
  forget(): void {
    this.#signer = undefined;
  }

  #signerOf(vault: Vault): Descriptor | undefined {
    if (this.#signer === undefined && this.#secret !== undefined) {
      const plain = vault.open(this.#secret);
      if (plain !== undefined) this.#signer = parseOne(Buffer.from(plain).toString('utf8'), this.#prefixes);
    }
    return this.#signer;
  }
}

/** The type of address that the descriptor makes; undefined for scripts without one and for combo(). */
export function outputTypeOf(descriptor: Descriptor): OutputType | undefined {
  switch (descriptor.kind) {
    case 'pkh':
      return 'legacy';
    case 'wpkh':
    case 'wsh':
      return 'bech32';
    case 'tr':
    case 'rawtr':
      return 'bech32m';
    case 'sh':
      return descriptor.innerKind === 'wpkh' || descriptor.innerKind === 'wsh' ? 'p2sh-segwit' : 'legacy';
    case 'pk':
    case 'combo':
    case 'multi':
    case 'sortedmulti':
    case 'multi_a':
    case 'sortedmulti_a':
    case 'addr':
    case 'raw':
      return undefined;
  }
}

function parseOne(text: string, prefixes: KeyPrefixes): Descriptor {
  const [descriptor] = parseDescriptor(text, { prefixes, requireChecksum: true });
  assert(descriptor !== undefined, 'text that was written is read again');
  return descriptor;
}
