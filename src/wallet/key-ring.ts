/**
 * All that a wallet can receive to and sign for: seeds, the descriptors made from them or imported, and the scripts that
 * these own (Core: the ScriptPubKeyMans of CWallet).
 *
 * A seed is a BIP39 mnemonic without passphrase; its BIP32 tree gives a receiving and a change descriptor for each type
 * of address, at the paths of BIP44, 49, 84 and 86. Encrypting makes a new seed, because the old one was once on disk in
 * the clear; the old descriptors stay, but make no more addresses.
 */
import { assert } from '../base/assert.ts';
import { bytesToBinary, textToBytes } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { encodeExtendedSecretKey, masterKeyOf } from '../crypto/bip32.ts';
import { mnemonicOf, seedOf } from '../crypto/bip39.ts';
import type { KeyPrefixes } from '../script/address.ts';
import { type Descriptor, type Expansion, parseDescriptor } from '../script/descriptor.ts';
import { KeyStore } from '../script/signing-provider.ts';
import { DecodeError } from '../wire/codec.ts';
import { DescriptorKeeper, OUTPUT_TYPES, type OutputType } from './descriptor-keeper.ts';
import {
  type DescriptorRecord,
  derivedKey,
  derivedKeysRecord,
  descriptorRecord,
  numberedKey,
  type RecordLog,
  type SeedRecord,
  seedRecord,
} from './records.ts';
import type { Vault } from './vault.ts';

/** Twelve words. */
const ENTROPY_BYTES = 16;
/** BIP44, 49, 84, 86. */
const DERIVATION: Readonly<
  Record<OutputType, { readonly purpose: number; readonly wrap: (key: string) => string }>
> = {
  legacy: { purpose: 44, wrap: key => `pkh(${key})` },
  'p2sh-segwit': { purpose: 49, wrap: key => `sh(wpkh(${key}))` },
  bech32: { purpose: 84, wrap: key => `wpkh(${key})` },
  bech32m: { purpose: 86, wrap: key => `tr(${key})` },
};

export interface KeyRingDeps {
  readonly log: RecordLog;
  readonly vault: Vault;
  readonly random: Random;
}

export interface KeyRingOptions {
  readonly prefixes: KeyPrefixes;
  /** BIP44's: 0 on the main network, 1 elsewhere. */
  readonly coinType: number;
  /** Addresses derived ahead of the next one (`-keypool`). */
  readonly keyPoolSize: number;
}

/** Which descriptor owns a script, and at which index. */
export interface ScriptOwner {
  readonly keeper: DescriptorKeeper;
  readonly index: number;
}

/** What signs for a script: keys of the descriptor in its order, secrets where the wallet has them and is unlocked. */
export interface SpendData extends Expansion {
  readonly secretKeys: readonly (Uint8Array | undefined)[];
}

export interface ImportedDescriptor {
  readonly descriptor: Descriptor;
  readonly timestamp: UnixSeconds;
  readonly rangeStart: number;
  /** Exclusive. */
  readonly rangeEnd: number;
  readonly nextIndex: number;
}

/** The wallet cannot do that with its keys; the message is Core's. */
export class KeyRingError extends Error {
  override readonly name = 'KeyRingError';
}

export class KeyRing {
  readonly #deps: KeyRingDeps;
  readonly #options: KeyRingOptions;
  readonly #keepers: DescriptorKeeper[] = [];
  readonly #seeds: { readonly id: number; record: SeedRecord }[] = [];
  /** Owners by script as latin1 characters; the first counts. */
  readonly #owners = new Map<string, ScriptOwner[]>();
  /** The range of each keeper whose scripts are in `#owners`. */
  readonly #derived = new Map<DescriptorKeeper, { readonly start: number; readonly end: number }>();

  /** Of MuSig2, until they have signed; gone with the process, as they must never sign twice. */
  readonly #secretNonces = new Map<string, Uint8Array>();

  constructor(deps: KeyRingDeps, options: KeyRingOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  loadSeed(id: number, record: SeedRecord): void {
    this.#seeds.push({ id, record });
  }

  loadDescriptor(id: number, record: DescriptorRecord): void {
    const keeper = new DescriptorKeeper(id, record, this.#options.prefixes);
    this.#keepers.push(keeper);
  }

  loadDerivedKeys(descriptor: number, index: number, keys: readonly Uint8Array[]): void {
    const keeper = this.#keepers.find(({ id }) => id === descriptor);
    if (keeper === undefined) throw new DecodeError('Derived keys of an unknown descriptor');
    keeper.loadHardenedKeys(index, keys);
  }

  /** All that was stored is there. */
  finishLoading(): void {
    for (const keeper of this.#keepers) this.#derive(keeper);
    // The key pool may be larger than when it was stored, or the last of it was handed out (Core: LoadWallet).
    for (const keeper of this.activeKeepers()) this.topUp(keeper);
  }

  get keepers(): readonly DescriptorKeeper[] {
    return this.#keepers;
  }

  get isEmpty(): boolean {
    return this.#keepers.length === 0;
  }

  /** A new mnemonic and its eight active descriptors. Not while locked. */
  createSeed(now: UnixSeconds): void {
    const { random, vault, log } = this.#deps;
    const mnemonic = mnemonicOf(random.bytes(ENTROPY_BYTES));
    this.addMnemonic(mnemonic, now);
    const record: SeedRecord = { createdAt: now, mnemonic: vault.seal(textToBytes(mnemonic)) };
    const id = this.#seeds.length;
    this.#seeds.push({ id, record });
    log.put(numberedKey('seed', id), seedRecord, record);
  }

  /** The descriptors of a mnemonic become the active ones. */
  addMnemonic(mnemonic: string, now: UnixSeconds): void {
    const { prefixes, coinType, keyPoolSize } = this.#options;
    const master = masterKeyOf(seedOf(mnemonic));
    assert(master !== undefined, 'the seed has a master key, as all but one in 2^127 have');
    const root = encodeExtendedSecretKey(master, prefixes.extSecretKey);
    for (const type of OUTPUT_TYPES) {
      const { purpose, wrap } = DERIVATION[type];
      for (const [branch, use] of (['receive', 'change'] as const).entries()) {
        const text = wrap(`${root}/${purpose}h/${coinType}h/0h/${branch}/*`);
        const [descriptor] = parseDescriptor(text, { prefixes, requireChecksum: false });
        const range = { rangeStart: 0, rangeEnd: Math.max(1, keyPoolSize), nextIndex: 0 };
        this.activate(this.addDescriptor({ descriptor: descriptor!, timestamp: now, ...range }), use);
      }
    }
  }

  /** Mnemonics from the newest; undefined while locked. */
  mnemonics(): readonly { readonly mnemonic: string; readonly createdAt: UnixSeconds }[] | undefined {
    const { vault } = this.#deps;
    if (vault.isLocked) return undefined;
    const read = ({ record }: { record: SeedRecord }) => ({
      mnemonic: Buffer.from(vault.open(record.mnemonic)!).toString('utf8'),
      createdAt: record.createdAt,
    });
    return this.#seeds.map(read).reverse();
  }

  /** Adds it, or widens the range of one that is already there. Throws KeyRingError. */
  addDescriptor(imported: ImportedDescriptor): DescriptorKeeper {
    const { descriptor, timestamp, rangeStart, rangeEnd, nextIndex } = imported;
    const text = descriptor.toNormalizedString();
    if (text === undefined || descriptor.expand(rangeStart) === undefined) {
      throw new KeyRingError(
        'Cannot expand descriptor. Probably because of hardened derivations without private keys provided',
      );
    }
    const privateText = descriptor.toPrivateString();
    let keeper = this.#keepers.find(known => known.text === text);
    if (keeper === undefined) {
      const record = {
        text,
        use: 'none',
        timestamp,
        rangeStart,
        rangeEnd,
        nextIndex,
        secret: undefined,
      } as const;
      keeper = new DescriptorKeeper(this.#keepers.length, record, this.#options.prefixes);
      this.#keepers.push(keeper);
    } else {
      if (rangeStart > keeper.rangeStart || rangeEnd < keeper.rangeEnd) {
        const current = `[${keeper.rangeStart},${keeper.rangeEnd - 1}]`;
        throw new KeyRingError(`new range must include current range = ${current}`);
      }
      keeper.rangeStart = rangeStart;
      keeper.rangeEnd = rangeEnd;
      keeper.nextIndex = Math.max(nextIndex, keeper.nextIndex);
      keeper.timestamp = Math.min(timestamp, keeper.timestamp);
    }
    if (privateText !== undefined) keeper.setSecret(privateText, this.#deps.vault);
    this.topUp(keeper);
    return keeper;
  }

  /** New addresses of its type come from this descriptor. */
  activate(keeper: DescriptorKeeper, use: 'receive' | 'change'): void {
    const previous = keeper.outputType && this.active(keeper.outputType, use);
    if (previous !== undefined && previous !== keeper) this.deactivate(previous);
    keeper.use = use;
    this.#save(keeper);
  }

  deactivate(keeper: DescriptorKeeper): void {
    keeper.use = 'none';
    this.#save(keeper);
  }

  active(type: OutputType, use: 'receive' | 'change'): DescriptorKeeper | undefined {
    return this.#keepers.find(keeper => keeper.use === use && keeper.outputType === type);
  }

  /** Descriptors that new addresses come from (Core: GetActiveScriptPubKeyMans). */
  activeKeepers(use?: 'receive' | 'change'): readonly DescriptorKeeper[] {
    return this.#keepers.filter(keeper => (use === undefined ? keeper.use !== 'none' : keeper.use === use));
  }

  /**
   * The next unused script of that type. It stays unused until `keep` is called. Throws KeyRingError with Core's text
   * when the wallet has no such addresses.
   */
  reserve(type: OutputType, use: 'receive' | 'change'): { readonly script: Uint8Array; keep(): void } {
    const keeper = this.active(type, use);
    if (keeper === undefined) throw new KeyRingError(`Error: No ${type} addresses available.`);
    this.topUp(keeper);
    if (keeper.nextIndex >= keeper.rangeEnd) {
      throw new KeyRingError('Error: Keypool ran out, please call keypoolrefill first');
    }
    const script = keeper.expand(keeper.nextIndex).scripts[0]!;
    const keep = () => {
      keeper.nextIndex += 1;
      this.#save(keeper);
    };
    return { script, keep };
  }

  /**
   * Derives ahead so that `size` addresses (default: the key pool's size) follow the next one. Where that takes secrets, not
   * while the wallet is locked.
   */
  topUp(keeper: DescriptorKeeper, size: number = this.#options.keyPoolSize): void {
    const { vault, log } = this.#deps;
    if (!keeper.isRange) keeper.rangeStart = 0;
    const end = keeper.isRange ? Math.max(keeper.nextIndex + Math.max(1, size), keeper.rangeEnd) : 1;
    const derived = keeper.deriveHardened(keeper.rangeStart, end, vault);
    if (derived === undefined) return;
    for (const { index, keys } of derived) {
      log.put(derivedKey(keeper.id, index), derivedKeysRecord, [...keys]);
    }
    keeper.rangeEnd = end;
    this.#derive(keeper);
    this.#save(keeper);
  }

  owners(script: Uint8Array): readonly ScriptOwner[] {
    return this.#owners.get(bytesToBinary(script)) ?? [];
  }

  isMine(script: Uint8Array): boolean {
    return this.#owners.has(bytesToBinary(script));
  }

  /**
   * The script was seen in a transaction: addresses up to its index are used, and as many are derived anew. Returns the
   * scripts of receiving addresses that were skipped so.
   */
  markUsed(script: Uint8Array): Uint8Array[] {
    const received: Uint8Array[] = [];
    for (const { keeper, index } of this.owners(script)) {
      if (!keeper.isRange || index < keeper.nextIndex) continue;
      for (; keeper.nextIndex <= index; keeper.nextIndex += 1) {
        if (keeper.use === 'receive') received.push(keeper.expand(keeper.nextIndex).scripts[0]!);
      }
      this.topUp(keeper);
    }
    return received;
  }

  /** Undefined for a script that is not the wallet's. */
  spendData(script: Uint8Array): SpendData | undefined {
    const [owner] = this.owners(script);
    if (owner === undefined) return undefined;
    const { keeper, index } = owner;
    return { ...keeper.expand(index), secretKeys: keeper.secretKeys(index, this.#deps.vault) };
  }

  /** As `providerFor`, for all descriptors that have one of these public keys (as characters) in their range. */
  providerForKeys(publicKeys: ReadonlySet<string>): KeyStore {
    const store = this.#emptyStore();
    if (publicKeys.size === 0) return store;
    for (const [keeper, { start, end }] of this.#derived) {
      for (let index = start; index < end; index += 1) {
        const expansion = keeper.expand(index);
        if (!expansion.keys.some(({ publicKey }) => publicKeys.has(bytesToBinary(publicKey)))) continue;
        store.addExpansion(expansion, keeper.secretKeys(index, this.#deps.vault));
      }
    }
    return store;
  }

  /** Everything that signs for those of the scripts that are the wallet's; secrets only while it is unlocked. */
  providerFor(scripts: Iterable<Uint8Array>): KeyStore {
    const store = this.#emptyStore();
    for (const script of scripts) {
      for (const { keeper, index } of this.owners(script)) {
        store.addExpansion(keeper.expand(index), keeper.secretKeys(index, this.#deps.vault));
      }
    }
    return store;
  }

  #emptyStore(): KeyStore {
    const { random } = this.#deps;
    return new KeyStore({ random: () => random.bytes(32), secretNonces: this.#secretNonces });
  }

  /** Seals all secrets that are in the clear. The vault has just been encrypted. */
  sealAll(): void {
    const { vault, log } = this.#deps;
    for (const keeper of this.#keepers) {
      keeper.reseal(vault);
      this.#save(keeper);
    }
    for (const seed of this.#seeds) {
      if (seed.record.mnemonic.kind === 'sealed') continue;
      seed.record = { ...seed.record, mnemonic: vault.seal(seed.record.mnemonic.bytes) };
      log.put(numberedKey('seed', seed.id), seedRecord, seed.record);
    }
  }

  /** Private keys leave the memory. */
  forget(): void {
    for (const keeper of this.#keepers) keeper.forget();
  }

  #derive(keeper: DescriptorKeeper): void {
    const { rangeStart: start, rangeEnd: end } = keeper;
    const done = this.#derived.get(keeper) ?? { start, end: start };
    for (let index = start; index < end; index += 1) {
      if (index === done.start) index = done.end;
      if (index >= end) break;
      for (const script of keeper.expand(index).scripts) {
        const key = bytesToBinary(script);
        const owners = this.#owners.get(key);
        if (owners === undefined) this.#owners.set(key, [{ keeper, index }]);
        else owners.push({ keeper, index });
      }
    }
    this.#derived.set(keeper, { start, end });
  }

  #save(keeper: DescriptorKeeper): void {
    this.#deps.log.put(numberedKey('descriptor', keeper.id), descriptorRecord, keeper.record);
  }
}
