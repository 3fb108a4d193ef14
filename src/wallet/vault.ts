/**
 * A wallet's secrets and the passphrase that guards them. Every secret is sealed with a random master key; the master
 * key itself is sealed with a key that scrypt makes of the passphrase, so that changing the passphrase seals only 32
 * bytes anew. While locked, the master key is nowhere in memory.
 */
import { assert } from '../base/assert.ts';
import { textToBytes } from '../base/bytes.ts';
import type { Random } from '../base/random.ts';
import {
  decrypt,
  deriveKey,
  encrypt,
  SCRYPT_COST,
  type ScryptCost,
  WrongKeyError,
} from '../crypto/cipher.ts';
import { type MasterKeyRecord, masterKeyRecord, type RecordLog, type Secret, singleKey } from './records.ts';

const MASTER_KEY_BYTES = 32;
const SALT_BYTES = 16;

export class Vault {
  readonly #log: RecordLog;
  readonly #random: Random;
  readonly #cost: ScryptCost;
  #record: MasterKeyRecord | undefined;
  #masterKey: Uint8Array | undefined;

  /** `cost` is of new passphrases; an existing one keeps its own. */
  constructor(log: RecordLog, random: Random, cost: ScryptCost = SCRYPT_COST) {
    this.#log = log;
    this.#random = random;
    this.#cost = cost;
  }

  load(record: MasterKeyRecord): void {
    this.#record = record;
  }

  get isEncrypted(): boolean {
    return this.#record !== undefined;
  }

  get isLocked(): boolean {
    return this.isEncrypted && this.#masterKey === undefined;
  }

  /** From now on secrets are sealed; leaves the vault unlocked so that the caller can seal those there are. */
  encrypt(passphrase: string): void {
    assert(!this.isEncrypted, 'a wallet is encrypted once');
    this.#masterKey = this.#random.bytes(MASTER_KEY_BYTES);
    this.#sealMasterKey(passphrase);
  }

  /** False when the passphrase is wrong. */
  unlock(passphrase: string): boolean {
    const masterKey = this.#openMasterKey(passphrase);
    if (masterKey === undefined) return false;
    this.#masterKey = masterKey;
    return true;
  }

  lock(): void {
    this.#masterKey?.fill(0);
    this.#masterKey = undefined;
  }

  /** False when the old passphrase is wrong. The vault stays locked or unlocked as it was. */
  changePassphrase(oldPassphrase: string, newPassphrase: string): boolean {
    const masterKey = this.#openMasterKey(oldPassphrase);
    if (masterKey === undefined) return false;
    const wasLocked = this.isLocked;
    this.#masterKey = masterKey;
    this.#sealMasterKey(newPassphrase);
    if (wasLocked) this.lock();
    return true;
  }

  /** Not while locked. */
  seal(plain: Uint8Array): Secret {
    if (!this.isEncrypted) return { kind: 'plain', bytes: plain };
    assert(this.#masterKey !== undefined, 'the wallet is unlocked');
    return { kind: 'sealed', bytes: encrypt(plain, this.#masterKey, this.#random) };
  }

  /** Undefined while locked. */
  open(secret: Secret): Uint8Array | undefined {
    if (secret.kind === 'plain') return secret.bytes;
    return this.#masterKey && decrypt(secret.bytes, this.#masterKey);
  }

  #sealMasterKey(passphrase: string): void {
    assert(this.#masterKey !== undefined, 'there is a master key to seal');
    const salt = this.#random.bytes(SALT_BYTES);
    const key = deriveKey(textToBytes(passphrase), salt, this.#cost);
    this.#record = { salt, ...this.#cost, sealed: encrypt(this.#masterKey, key, this.#random) };
    this.#log.put(singleKey('masterKey'), masterKeyRecord, this.#record);
  }

  #openMasterKey(passphrase: string): Uint8Array | undefined {
    assert(this.#record !== undefined, 'the wallet is encrypted');
    const { salt, n, r, p, sealed } = this.#record;
    try {
      return decrypt(sealed, deriveKey(textToBytes(passphrase), salt, { n, r, p }));
    } catch (error) {
      if (error instanceof WrongKeyError) return undefined;
      throw error;
    }
  }
}
