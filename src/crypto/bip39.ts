/** Mnemonics (BIP39) with the English word list. */
import { pbkdf2Sync } from 'node:crypto';
import { entropyToMnemonic, mnemonicToEntropy, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';

const SEED_ROUNDS = 2048;
const SEED_BYTES = 64;

/** `entropy`: 16, 20, 24, 28 or 32 bytes give 12, 15, 18, 21 or 24 words. */
export function mnemonicOf(entropy: Uint8Array): string {
  return entropyToMnemonic(entropy, wordlist);
}

/** The entropy of a valid mnemonic; throws Error for an unknown word, a wrong count or a wrong checksum. */
export function entropyOf(mnemonic: string): Uint8Array {
  return mnemonicToEntropy(mnemonic, wordlist);
}

export function isValidMnemonic(mnemonic: string): boolean {
  return validateMnemonic(mnemonic, wordlist);
}

/** 64 bytes for `masterKeyOf`. The words are not checked, as BIP39 has it. */
export function seedOf(mnemonic: string, passphrase = ''): Uint8Array {
  const salt = `mnemonic${passphrase}`.normalize('NFKD');
  return new Uint8Array(pbkdf2Sync(mnemonic.normalize('NFKD'), salt, SEED_ROUNDS, SEED_BYTES, 'sha512'));
}
