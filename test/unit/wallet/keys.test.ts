import { describe, expect, test } from 'vitest';
import { bytesToHex } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { encodeAddress, type KeyPrefixes } from '../../../src/script/address.ts';
import { parseDescriptor } from '../../../src/script/descriptor.ts';
import { OUTPUT_TYPES, type OutputType } from '../../../src/wallet/descriptor-keeper.ts';
import { KeyRing } from '../../../src/wallet/key-ring.ts';
import { RecordLog } from '../../../src/wallet/records.ts';
import { Vault } from '../../../src/wallet/vault.ts';
import { Wallet } from '../../../src/wallet/wallet.ts';
import { MAIN_PREFIXES, REGTEST_PREFIXES } from '../../support/prefixes.ts';
import {
  CHEAP_SCRYPT,
  entriesOf,
  newWallet,
  plainTx,
  strangeOutPoint,
  TestChain,
  walletOptions,
} from '../../support/wallet-chain.ts';

/** The mnemonic of the test vectors of BIP49, BIP84 and BIP86. */
const ABANDON = `${'abandon '.repeat(11)}about`;

function ringOf(prefixes: KeyPrefixes, coinType: number): KeyRing {
  const log = new RecordLog();
  const random = new SeededRandom(1);
  const vault = new Vault(log, random, CHEAP_SCRYPT);
  const ring = new KeyRing({ log, vault, random }, { prefixes, coinType, keyPoolSize: 2 });
  ring.addMnemonic(ABANDON, 0);
  return ring;
}

describe('addresses of a mnemonic', () => {
  test.each<[bip: string, type: OutputType, use: 'receive' | 'change', index: number, address: string]>([
    ['BIP84', 'bech32', 'receive', 0, 'bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu'],
    ['BIP84', 'bech32', 'receive', 1, 'bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g'],
    ['BIP84', 'bech32', 'change', 0, 'bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el'],
    ['BIP86', 'bech32m', 'receive', 0, 'bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr'],
    ['BIP86', 'bech32m', 'receive', 1, 'bc1p4qhjn9zdvkux4e44uhx8tc55attvtyu358kutcqkudyccelu0was9fqzwh'],
    ['BIP86', 'bech32m', 'change', 0, 'bc1p3qkhfews2uk44qtvauqyr2ttdsw7svhkl9nkm9s9c3x4ax5h60wqwruhk7'],
    ['BIP44', 'legacy', 'receive', 0, '1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA'],
    ['BIP49', 'p2sh-segwit', 'receive', 0, '37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf'],
  ])('%s %s, %s %i', (_, type, use, index, address) => {
    const keeper = ringOf(MAIN_PREFIXES, 0).active(type, use)!;
    expect(encodeAddress(keeper.expand(index).scripts[0]!, MAIN_PREFIXES)).toBe(address);
  });

  test('BIP49 on a test network', () => {
    const prefixes = { ...REGTEST_PREFIXES, bech32: 'tb' };
    const keeper = ringOf(prefixes, 1).active('p2sh-segwit', 'receive')!;
    expect(encodeAddress(keeper.expand(0).scripts[0]!, prefixes)).toBe('2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2');
  });

  test('stand behind normalized descriptors', () => {
    const { text } = ringOf(MAIN_PREFIXES, 0).active('bech32', 'receive')!;
    expect(text.replace(/#.*/, '')).toBe(
      'wpkh([73c5da0a/84h/0h/0h]xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V/0/*)',
    );
  });
});

describe('the gap', () => {
  test('grows with what is handed out and with what is seen', () => {
    const chain = new TestChain();
    const wallet = newWallet(chain, { keyPoolSize: 3 });
    const keeper = wallet.keys.active('bech32', 'receive')!;
    expect(keeper.poolSize).toBe(3);
    const far = keeper.expand(2).scripts[0]!;
    const beyond = keeper.expand(5).scripts[0]!;
    expect(wallet.keys.isMine(beyond)).toBe(false);
    const tx = plainTx([strangeOutPoint(1)], [{ value: 1000, scriptPubKey: far }]);
    wallet.blockConnected(chain.connect([tx]), chain.height, 0);
    expect([keeper.nextIndex, keeper.rangeEnd]).toEqual([3, 6]);
    expect(wallet.keys.isMine(beyond)).toBe(true);
    // What was skipped was handed out by another copy of the wallet.
    for (let i = 0; i <= 2; i += 1) {
      expect(wallet.addressEntry(keeper.expand(i).scripts[0]!)).toEqual({ label: '', purpose: 'receive' });
    }
    expect(bytesToHex(wallet.newAddress('bech32', ''))).toBe(bytesToHex(keeper.expand(3).scripts[0]!));
  });

  test('a reserved change address stays the next one until it is kept', () => {
    const wallet = newWallet(new TestChain());
    const first = wallet.keys.reserve('bech32', 'change');
    const again = wallet.keys.reserve('bech32', 'change');
    expect(again.script).toEqual(first.script);
    again.keep();
    expect(wallet.keys.reserve('bech32', 'change').script).not.toEqual(first.script);
  });

  test.each(OUTPUT_TYPES)('%s addresses are never given twice', type => {
    const wallet = newWallet(new TestChain(), { keyPoolSize: 1 });
    const given = Array.from({ length: 20 }, () => bytesToHex(wallet.newAddress(type, '')));
    expect(new Set(given).size).toBe(20);
  });
});

describe('an imported descriptor', () => {
  const prefixes = REGTEST_PREFIXES;
  const imported = (text: string, rangeStart: number, rangeEnd: number) => ({
    descriptor: parseDescriptor(text, { prefixes, requireChecksum: false })[0]!,
    timestamp: 1,
    rangeStart,
    rangeEnd,
    nextIndex: rangeStart,
  });
  const KEY =
    'tprv8ZgxMBicQKsPd7Uf69XL1XwhmjHopUGep8GuEiJDZmbQz6o58LninorQAfcKZWARbtRtfnLcJ5MQ2AtHcQJCCRUcMRvmDUjyEmNUWwx8UbK';

  test('may widen its range, not narrow it', () => {
    const wallet = newWallet(new TestChain());
    const keeper = wallet.importDescriptor(imported(`wpkh(${KEY}/0/*)`, 5, 11));
    expect(keeper.poolSize).toBe(6);
    expect(wallet.importDescriptor(imported(`wpkh(${KEY}/0/*)`, 0, 11))).toBe(keeper);
    expect(wallet.keys.isMine(keeper.expand(0).scripts[0]!)).toBe(true);
    expect(() => wallet.importDescriptor(imported(`wpkh(${KEY}/0/*)`, 1, 11))).toThrow(
      'new range must include current range = [0,10]',
    );
  });

  test('fills a blank wallet only if it holds private keys', () => {
    const { headers, tip } = new TestChain();
    const deps = { headers, random: new SeededRandom(1), scryptCost: CHEAP_SCRYPT };
    const wallet = new Wallet('blank', deps, walletOptions());
    const flags = { disablesPrivateKeys: false, isBlank: true, avoidsReuse: false };
    wallet.initialize({ ...flags, position: { height: 0, hash: tip.header.hash }, now: 0 });
    wallet.importDescriptor(imported('raw(51)', 0, 1));
    expect(wallet.isBlank).toBe(true);
    wallet.importDescriptor(imported(`wpkh(${KEY}/0/*)`, 0, 1));
    expect(wallet.isBlank).toBe(false);
  });

  describe('of a range that takes the private key for each index', () => {
    const forms = [
      ['legacy', 'pkh(', ')'],
      ['p2sh-segwit', 'sh(wpkh(', '))'],
      ['bech32', 'wpkh(', ')'],
      ['bech32', `wsh(multi(1,${KEY}/7/*,`, '))'],
      ['bech32m', 'tr(', ')'],
    ] as const;
    test.each(forms)('%s %s…%s is known while locked', (type, before, after) => {
      const chain = new TestChain();
      const deps = { headers: chain.headers, random: new SeededRandom(1), scryptCost: CHEAP_SCRYPT };
      const wallet = newWallet(chain);
      wallet.encrypt('secret', 0);
      const theirs = imported(`${before}${KEY}/0h/*h${after}`, 0, 3);
      wallet.unlock('secret', 1);
      wallet.keys.activate(wallet.importDescriptor(theirs), 'receive');
      const script = (index: number) => theirs.descriptor.expand(index)!.scripts[0]!;
      // Five are kept ahead.
      expect([4, 5].map(index => wallet.keys.isMine(script(index)))).toEqual([true, false]);
      wallet.lock();
      expect(wallet.newAddress(type, '')).toEqual(script(0));
      const again = new Wallet('again', deps, walletOptions());
      again.load(entriesOf([wallet.takeBatch()]));
      expect(again.isLocked).toBe(true);
      for (let index = 1; index < 5; index += 1) {
        expect(again.newAddress(type, ''), `${index}`).toEqual(script(index));
      }
      expect(() => again.newAddress(type, '')).toThrow(
        'Error: Keypool ran out, please call keypoolrefill first',
      );
      again.unlock('secret', 1);
      expect(again.newAddress(type, '')).toEqual(script(5));
      const [owner] = again.keys.owners(script(5));
      expect(owner!.keeper.secretKeys(5, again.vault).at(-1)).toEqual(theirs.descriptor.secretKeys(5).at(-1));
      again.topUp(20);
      again.lock();
      expect(again.keys.isMine(script(25))).toBe(true);
    });

    test('is refused without it', () => {
      const { descriptor, ...range } = imported(`wpkh(${KEY}/0/*h)`, 0, 5);
      const [bare] = parseDescriptor(descriptor.toString(), { prefixes, requireChecksum: true });
      const wallet = newWallet(new TestChain());
      expect(() => wallet.importDescriptor({ descriptor: bare!, ...range })).toThrow(
        /^Cannot expand descriptor/,
      );
    });
  });

  test('finds coins of transactions that are there already', () => {
    const chain = new TestChain();
    const wallet = newWallet(chain);
    const theirs = imported(`wpkh(${KEY}/1/*)`, 0, 3);
    const own = wallet.newAddress('bech32', '');
    const outputs = [own, theirs.descriptor.expand(1)!.scripts[0]!].map(scriptPubKey => ({
      value: 5,
      scriptPubKey,
    }));
    wallet.blockConnected(chain.connect([plainTx([strangeOutPoint(1)], outputs)]), chain.height, 0);
    expect([...wallet.history.coins()]).toHaveLength(1);
    wallet.importDescriptor(theirs);
    expect([...wallet.history.coins()]).toHaveLength(2);
  });
});
