/**
 * One wallet: keys, transactions, addresses with labels, locked coins and its place in the chain. It is synchronous and
 * does nothing by itself: the host tells it of blocks and of the mempool, in order, takes what has to be stored with
 * `takeBatch` after each call that changes something, and writes that durably before anybody is told of the result.
 *
 * How coins are chosen is in spend.ts, what a balance is in balance.ts.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, bytesToBinary, type Txid } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { HeaderView } from '../chain/chain-view.ts';
import type { OutPointKey } from '../chain/coin.ts';
import type { ScryptCost } from '../crypto/cipher.ts';
import type { BatchOp, Entry } from '../store/store.ts';
import type { Block } from '../wire/block.ts';
import { type Codec, DecodeError, decodeAll } from '../wire/codec.ts';
import type { Transaction } from '../wire/transaction.ts';
import { CoinLocks } from './coin-locks.ts';
import type { DescriptorKeeper, OutputType } from './descriptor-keeper.ts';
import { type ImportedDescriptor, KeyRing } from './key-ring.ts';
import type { WalletOptions } from './options.ts';
import {
  type AddressRecord,
  addressRecord,
  binaryKey,
  derivedKeysRecord,
  descriptorRecord,
  idNumber,
  masterKeyRecord,
  positionRecord,
  RecordLog,
  readDerivedKey,
  readKey,
  seedRecord,
  singleKey,
  txRecord,
  WALLET_FORMAT,
  type WalletRecord,
  walletRecord,
} from './records.ts';
import { TxHistory } from './tx-history.ts';
import { Vault } from './vault.ts';
import { fromRecord, type TxNotes, type WalletTx } from './wallet-tx.ts';

/** The place in the chain is stored at least this often (Core: every 144 blocks, a day). */
const POSITION_BLOCKS_MAX = 144;
/** Block hashes that a locator lists one by one before its steps double. */
const LOCATOR_DENSE = 10;

export interface WalletDeps {
  readonly headers: Pick<HeaderView, 'find' | 'hashOf' | 'heightOf' | 'ancestorOf' | 'timeOf'>;
  readonly random: Random;
  /** Of a new passphrase; Core's rigs and tests want it cheap. */
  readonly scryptCost?: ScryptCost;
  /** Told of each transaction that concerns it, when it comes and when it is seen elsewhere (Core: AddToWallet). */
  readonly onTransaction?: (wtx: WalletTx) => void;
}

/** The last block whose transactions the wallet has seen. */
export interface WalletPosition {
  readonly height: number;
  readonly hash: BlockHash;
}

/** What `createwallet` may ask for. */
export interface NewWallet {
  readonly disablesPrivateKeys: boolean;
  readonly isBlank: boolean;
  readonly avoidsReuse: boolean;
  /** '' or undefined: not encrypted. */
  readonly passphrase?: string;
  readonly position: WalletPosition;
  readonly now: UnixSeconds;
}

export class Wallet {
  readonly name: string;
  readonly options: WalletOptions;
  readonly keys: KeyRing;
  readonly history: TxHistory;
  readonly vault: Vault;
  readonly locks: CoinLocks;
  /** Until when it is unlocked; 0 while locked. */
  unlockedUntil: UnixSeconds = 0;
  readonly #deps: WalletDeps;
  readonly #log = new RecordLog();
  #record: WalletRecord = {
    format: WALLET_FORMAT,
    disablesPrivateKeys: false,
    isBlank: false,
    avoidsReuse: false,
    createdAt: 0,
  };
  #position: WalletPosition | undefined;
  #storedHeight = Number.NEGATIVE_INFINITY;
  #storedLocator: readonly BlockHash[] = [];
  /** By script as latin1 characters. */
  readonly #addresses = new Map<string, AddressRecord>();

  constructor(name: string, deps: WalletDeps, options: WalletOptions) {
    this.name = name;
    this.options = options;
    this.#deps = deps;
    const log = this.#log;
    this.locks = new CoinLocks(log);
    this.vault = new Vault(log, deps.random, deps.scryptCost);
    this.keys = new KeyRing({ log, vault: this.vault, random: deps.random }, options);
    this.history = new TxHistory({
      log,
      isMine: script => this.keys.isMine(script),
      onReceived: script => this.#onReceived(script),
      // There is nothing left to be kept from (Core: AddToSpends).
      onSpent: key => this.locks.unlock(key),
      onTransaction: deps.onTransaction,
    });
  }

  /** Makes it a new wallet; the first batch holds all of it. */
  initialize(wallet: NewWallet): void {
    const { disablesPrivateKeys, avoidsReuse, passphrase, now } = wallet;
    const isBlank = wallet.isBlank || disablesPrivateKeys;
    this.#record = {
      ...this.#record,
      disablesPrivateKeys,
      avoidsReuse,
      isBlank: wallet.isBlank,
      createdAt: now,
    };
    this.#saveRecord();
    this.#setPosition(wallet.position);
    if (passphrase) {
      this.vault.encrypt(passphrase);
      if (!isBlank) this.keys.createSeed(now);
      this.lock();
    } else if (!isBlank) this.keys.createSeed(now);
  }

  /** Reads what was stored. Throws DecodeError. */
  load(entries: Iterable<Entry>): void {
    const txs: WalletTx[] = [];
    const derivedKeys: [id: string, keys: readonly Uint8Array[]][] = [];
    const read = <T>(codec: Codec<T>, bytes: Uint8Array): T => decodeAll(codec, bytes);
    let found = false;
    for (const [key, value] of entries) {
      const { kind, id } = readKey(key);
      switch (kind) {
        case 'wallet':
          this.#record = read(walletRecord, value);
          if (this.#record.format !== WALLET_FORMAT)
            throw new DecodeError('Wallet format of another version');
          found = true;
          break;
        case 'position':
          this.#storedLocator = read(positionRecord, value).locator;
          break;
        case 'masterKey':
          this.vault.load(read(masterKeyRecord, value));
          break;
        case 'seed':
          this.keys.loadSeed(idNumber(id), read(seedRecord, value));
          break;
        case 'descriptor':
          this.keys.loadDescriptor(idNumber(id), read(descriptorRecord, value));
          break;
        case 'derivedKeys':
          derivedKeys.push([id, read(derivedKeysRecord, value)]);
          break;
        case 'tx':
          txs.push(fromRecord(read(txRecord, value)));
          break;
        case 'address':
          this.#addresses.set(id, read(addressRecord, value));
          break;
        case 'lock':
          this.locks.load(id as OutPointKey);
          break;
      }
    }
    if (!found) throw new DecodeError('Wallet without its first record');
    for (const [id, keys] of derivedKeys) {
      const { descriptor, index } = readDerivedKey(id);
      this.keys.loadDerivedKeys(descriptor, index, keys);
    }
    this.keys.finishLoading();
    txs.sort((a, b) => a.order - b.order);
    for (const wtx of txs) this.history.load(wtx);
    this.history.refreshCoins();
  }

  /** What has to be stored, and is not yet; with the place in the chain that it belongs to. */
  takeBatch(): BatchOp[] {
    const position = this.#position;
    const isStale =
      position !== undefined && Math.abs(position.height - this.#storedHeight) >= POSITION_BLOCKS_MAX;
    if (position !== undefined && (isStale || !this.#log.isEmpty)) {
      const { height } = position;
      this.#log.put(singleKey('position'), positionRecord, { height, locator: this.#locator(position) });
      this.#storedHeight = height;
    }
    return this.#log.take();
  }

  /** The next batch has the place in the chain, however near the stored one is: for a file that is about to leave us. */
  touchPosition(): void {
    this.#storedHeight = Number.NEGATIVE_INFINITY;
  }

  // --- chain and mempool

  /** As stored: hashes of blocks from the last one back to genesis, ever further apart. */
  get storedLocator(): readonly BlockHash[] {
    return this.#storedLocator;
  }

  get position(): WalletPosition {
    assert(this.#position !== undefined, 'the wallet was attached to a chain');
    return this.#position;
  }

  /** The chain goes on from `position`, the last block of the stored locator that is in it; blocks after it follow. */
  attach(position: WalletPosition, isActive: (hash: BlockHash) => boolean): void {
    this.#setPosition(position);
    this.history.dropStaleStates(isActive);
  }

  blockConnected(block: Block, height: number, now: UnixSeconds): void {
    this.#setPosition({ height, hash: block.header.hash });
    this.history.blockConnected(block, height, now);
  }

  blockDisconnected(block: Block, height: number, now: UnixSeconds): void {
    this.history.blockDisconnected(block, height, now);
    this.#setPosition({ height: height - 1, hash: block.header.prevHash });
  }

  /** A block of the active chain at or below the wallet's place, looked through again. */
  rescanBlock(block: Block, height: number, now: UnixSeconds): void {
    this.history.blockConnected(block, height, now, 'rescan');
  }

  transactionAdded(tx: Transaction, now: UnixSeconds): void {
    this.history.transactionAdded(tx, now);
  }

  transactionRemoved(tx: Transaction): void {
    this.history.transactionRemoved(tx);
  }

  /** A transaction that the wallet made is kept before anybody else hears of it (Core: CommitTransaction). */
  commit(tx: Transaction, notes: TxNotes, now: UnixSeconds): void {
    for (const output of tx.outputs)
      if (this.keys.isMine(output.scriptPubKey)) this.#onReceived(output.scriptPubKey);
    this.history.add(tx, { state: { kind: 'inactive', abandoned: false }, now }, notes);
  }

  abandon(txid: Txid): boolean {
    return this.history.abandon(txid);
  }

  // --- flags

  get disablesPrivateKeys(): boolean {
    return this.#record.disablesPrivateKeys;
  }

  get isBlank(): boolean {
    return this.#record.isBlank;
  }

  get avoidsReuse(): boolean {
    return this.#record.avoidsReuse;
  }

  setAvoidsReuse(avoidsReuse: boolean): void {
    this.#record = { ...this.#record, avoidsReuse };
    this.#saveRecord();
  }

  /** No transaction of the wallet can be older: the first descriptor's or transaction's time. */
  get birthTime(): UnixSeconds | undefined {
    const times = [
      ...this.keys.keepers.map(keeper => keeper.timestamp),
      ...this.history.ordered.map(wtx => wtx.timeSmart),
    ];
    return times.length === 0 ? undefined : times.reduce((least, time) => Math.min(least, time));
  }

  // --- addresses

  /** Throws KeyRingError. */
  newAddress(type: OutputType, label: string): Uint8Array {
    const { script, keep } = this.keys.reserve(type, 'receive');
    keep();
    this.setAddress(script, label, 'receive');
    return script;
  }

  newChangeAddress(type: OutputType): Uint8Array {
    const { script, keep } = this.keys.reserve(type, 'change');
    keep();
    return script;
  }

  setAddress(script: Uint8Array, label: string, purpose: AddressRecord['purpose']): void {
    const key = bytesToBinary(script);
    const entry: AddressRecord = { label, purpose };
    this.#addresses.set(key, entry);
    this.#log.put(binaryKey('address', key), addressRecord, entry);
  }

  addressEntry(script: Uint8Array): AddressRecord | undefined {
    return this.#addresses.get(bytesToBinary(script));
  }

  /** The address book: scripts as latin1 characters. */
  addresses(): Iterable<readonly [script: string, entry: AddressRecord]> {
    return this.#addresses;
  }

  /** What the wallet pays to itself without an entry in the address book. */
  isChange(script: Uint8Array): boolean {
    return this.keys.isMine(script) && this.addressEntry(script) === undefined;
  }

  // --- descriptors

  /** Throws KeyRingError. Coins of known transactions that it owns are found; older blocks need a rescan. */
  importDescriptor(imported: ImportedDescriptor): DescriptorKeeper {
    const keeper = this.keys.addDescriptor(imported);
    // One that only watches leaves it without keys.
    if (this.#record.isBlank && imported.descriptor.hasPrivateKeys) {
      this.#record = { ...this.#record, isBlank: false };
      this.#saveRecord();
    }
    this.history.refreshCoins();
    return keeper;
  }

  /** Derives ahead for all active descriptors. */
  topUp(size?: number): void {
    for (const keeper of this.keys.activeKeepers()) this.keys.topUp(keeper, size);
    this.history.refreshCoins();
  }

  // --- passphrase

  get isEncrypted(): boolean {
    return this.vault.isEncrypted;
  }

  get isLocked(): boolean {
    return this.vault.isLocked;
  }

  /** Seals all secrets and makes a new seed, unless the wallet is blank; leaves it locked. The host rewrites its file then. */
  encrypt(passphrase: string, now: UnixSeconds): void {
    this.vault.encrypt(passphrase);
    this.keys.sealAll();
    if (!this.isBlank) this.keys.createSeed(now);
    this.lock();
  }

  /** False when the passphrase is wrong. */
  unlock(passphrase: string, until: UnixSeconds): boolean {
    if (!this.vault.unlock(passphrase)) return false;
    this.unlockedUntil = until;
    return true;
  }

  lock(): void {
    this.vault.lock();
    this.keys.forget();
    this.unlockedUntil = 0;
  }

  #onReceived(script: Uint8Array): void {
    for (const used of this.keys.markUsed(script)) {
      if (this.addressEntry(used) === undefined) this.setAddress(used, '', 'receive');
    }
  }

  #setPosition(position: WalletPosition): void {
    this.#position = position;
    this.history.height = position.height;
  }

  #saveRecord(): void {
    this.#log.put(singleKey('wallet'), walletRecord, this.#record);
  }

  #locator({ hash, height }: WalletPosition): BlockHash[] {
    const { headers } = this.#deps;
    const id = headers.find(hash);
    if (id === undefined) return [hash];
    const hashes: BlockHash[] = [];
    let step = 1;
    for (let at = height; at > 0; at -= step) {
      hashes.push(headers.hashOf(headers.ancestorOf(id, at)));
      if (hashes.length > LOCATOR_DENSE) step *= 2;
    }
    hashes.push(headers.hashOf(headers.ancestorOf(id, 0)));
    return hashes;
  }
}
