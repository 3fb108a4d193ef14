import { describe, expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import type { Entry } from '../../../src/store/store.ts';
import { createSpend } from '../../../src/wallet/spend.ts';
import { Wallet } from '../../../src/wallet/wallet.ts';
import {
  CHEAP_SCRYPT,
  entriesOf,
  GENESIS_TIME,
  newWallet,
  plainTx,
  spendContext,
  strangeOutPoint,
  TestChain,
  walletOptions,
} from '../../support/wallet-chain.ts';

const NOW = GENESIS_TIME;
const PASSPHRASE = 'correct horse battery staple';

function reload(chain: TestChain, entries: readonly Entry[]): Wallet {
  const deps = { headers: chain.headers, random: new SeededRandom(7), scryptCost: CHEAP_SCRYPT };
  const wallet = new Wallet('again', deps, walletOptions());
  wallet.load(entries);
  wallet.attach({ height: chain.height, hash: chain.tip.header.hash }, hash => chain.isActive(hash));
  return wallet;
}

/** Whether the words or a private key stand somewhere in the clear. */
function holds(entries: readonly Entry[], secret: string): boolean {
  return entries.some(([, value]) => Buffer.from(value).includes(secret));
}

describe('an encrypted wallet', () => {
  test('keeps no secret in the clear, in whatever was there before', () => {
    const chain = new TestChain();
    const wallet = newWallet(chain);
    const { mnemonic } = wallet.keys.mnemonics()![0]!;
    const privateText = wallet.keys.keepers[0]!.privateText(wallet.vault)!;
    const before = wallet.takeBatch();
    expect(holds(entriesOf([before]), mnemonic)).toBe(true);
    expect(holds(entriesOf([before]), privateText)).toBe(true);
    wallet.encrypt(PASSPHRASE, NOW);
    const after = entriesOf([before, wallet.takeBatch()]);
    expect(holds(after, mnemonic)).toBe(false);
    expect(holds(after, privateText)).toBe(false);
    expect(holds(after, 'tprv')).toBe(false);
    expect(holds(after, PASSPHRASE)).toBe(false);
  });

  test('makes a new seed; the old descriptors own what they owned, and make no more addresses', () => {
    const wallet = newWallet(new TestChain());
    const old = wallet.newAddress('bech32', '');
    wallet.encrypt(PASSPHRASE, NOW);
    expect(wallet.keys.isMine(old)).toBe(true);
    expect(wallet.keys.keepers).toHaveLength(16);
    expect(wallet.keys.activeKeepers()).toHaveLength(8);
    expect(wallet.keys.owners(old)[0]!.keeper.use).toBe('none');
    expect(wallet.unlock(PASSPHRASE, NOW + 60)).toBe(true);
    expect(wallet.keys.mnemonics()).toHaveLength(2);
  });

  test('unlocks with its passphrase only, also after a restart, and forgets the keys when locked', () => {
    const chain = new TestChain();
    const first = newWallet(chain);
    first.encrypt(PASSPHRASE, NOW);
    const wallet = reload(chain, entriesOf([first.takeBatch()]));
    expect(wallet.isLocked).toBe(true);
    expect(wallet.keys.mnemonics()).toBeUndefined();
    for (const wrong of ['', 'correct horse battery', `${PASSPHRASE} `, PASSPHRASE.toUpperCase()]) {
      expect(wallet.unlock(wrong, NOW + 60), wrong).toBe(false);
      expect(wallet.isLocked).toBe(true);
    }
    expect(wallet.unlock(PASSPHRASE, NOW + 60)).toBe(true);
    expect(wallet.unlockedUntil).toBe(NOW + 60);
    const [keeper] = wallet.keys.activeKeepers();
    expect(keeper!.privateText(wallet.vault)).toContain('tprv');
    wallet.lock();
    expect(wallet.unlockedUntil).toBe(0);
    expect(keeper!.privateText(wallet.vault)).toBeUndefined();
    expect(keeper!.secretKeys(0, wallet.vault)).toEqual([undefined]);
  });

  test('derives addresses and follows payments while locked, and signs when unlocked', () => {
    const chain = new TestChain();
    const wallet = newWallet(chain, { fallbackFeeRate: 1000 });
    wallet.encrypt(PASSPHRASE, NOW);
    const script = wallet.newAddress('bech32', 'while locked');
    const tx = plainTx([strangeOutPoint(1)], [{ value: 100_000_000, scriptPubKey: script }]);
    wallet.blockConnected(chain.connect([tx]), chain.height, NOW);
    const request = { recipients: [{ script: Uint8Array.of(0x6a), amount: 1, subtractsFee: false }] };
    expect(() => createSpend(wallet, request, spendContext())).toThrow('Signing transaction failed');
    wallet.unlock(PASSPHRASE, NOW + 60);
    expect(createSpend(wallet, request, spendContext()).tx.inputs).toHaveLength(1);
  });

  test('changes its passphrase without sealing everything anew', () => {
    const wallet = newWallet(new TestChain());
    wallet.encrypt(PASSPHRASE, NOW);
    wallet.takeBatch();
    expect(wallet.vault.changePassphrase('wrong', 'new')).toBe(false);
    expect(wallet.vault.changePassphrase(PASSPHRASE, 'new')).toBe(true);
    expect(wallet.isLocked).toBe(true);
    // The master key, and the place in the chain.
    expect(wallet.takeBatch()).toHaveLength(2);
    expect(wallet.unlock(PASSPHRASE, NOW)).toBe(false);
    expect(wallet.unlock('new', NOW)).toBe(true);
  });

  test('born with a passphrase has never had a secret in the clear', () => {
    const chain = new TestChain();
    const deps = { headers: chain.headers, random: new SeededRandom(5), scryptCost: CHEAP_SCRYPT };
    const wallet = new Wallet('born', deps, walletOptions());
    const position = { height: 0, hash: chain.tip.header.hash };
    const flags = { disablesPrivateKeys: false, isBlank: false, avoidsReuse: false };
    wallet.initialize({ ...flags, passphrase: PASSPHRASE, position, now: NOW });
    expect(wallet.isLocked).toBe(true);
    expect(holds(entriesOf([wallet.takeBatch()]), 'tprv')).toBe(false);
    wallet.unlock(PASSPHRASE, NOW);
    expect(wallet.keys.mnemonics()).toHaveLength(1);
  });
});
