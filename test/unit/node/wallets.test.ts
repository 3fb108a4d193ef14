/** Wallets on disk and their RPC methods, over a node in memory. */
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { hashToHex } from '../../../src/base/bytes.ts';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { loadVerifierSync } from '../../../src/crypto/verifier.ts';
import { readSettings, startupWallets } from '../../../src/node/settings-file.ts';
import { Wallets } from '../../../src/node/wallets.ts';
import { bindArguments } from '../../../src/rpc/bind-arguments.ts';
import { RpcError } from '../../../src/rpc/codes.ts';
import { decodeHexTx } from '../../../src/rpc/decode.ts';
import { parseJson } from '../../../src/rpc/json-parse.ts';
import { compactJson } from '../../../src/rpc/json-write.ts';
import { walletMethods } from '../../../src/rpc/methods/wallet/wallet-methods.ts';
import { decodeAddress } from '../../../src/script/address.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import { REGTEST_PREFIXES } from '../../support/prefixes.ts';
import { mismatches } from '../../support/result-doc.ts';
import { CHEAP_SCRYPT, walletOptions } from '../../support/wallet-chain.ts';

/** Of nobody. */
const STRANGER = 'bcrt1q4w46h2at4w46h2at4w46h2at4w46h2atzmxqe2';

const rigs: Rig[] = [];

class Rig {
  readonly node: MemoryNode;
  readonly host: Wallets;
  readonly jobs: (() => void)[] = [];
  readonly settingsPath: string;

  constructor(folder: string, node = new MemoryNode()) {
    this.node = node;
    this.settingsPath = join(folder, 'settings.json');
    this.host = new Wallets(
      {
        node: node.facade,
        random: new SeededRandom(1),
        verifier: loadVerifierSync('auto'),
        log: SILENT_LOG,
        after: (_, job) => this.jobs.push(job),
        onFatal(error) {
          throw error;
        },
        scryptCost: CHEAP_SCRYPT,
      },
      {
        directory: join(folder, 'wallets'),
        settingsFile: { path: this.settingsPath, author: 'Hearsay' },
        dustRelayFeeRate: 3000,
        wallet: walletOptions({ fallbackFeeRate: 20_000 }),
      },
    );
    node.facade.blocks.onNotice(notice => void this.host.onChain(notice));
    rigs.push(this);
  }

  /** The result as JSON makes it; throws what the method throws, and when the result is not as declared. */
  async call<T>(name: string, args: readonly unknown[] = [], walletName?: string): Promise<T> {
    const method = walletMethods(this.host).find(candidate => candidate.name === name)!;
    const given = parseJson(JSON.stringify(args)) as never;
    const info = { method: name, user: 'u', walletName, stopping: new AbortController().signal };
    const text = compactJson(await method.call(bindArguments(method, given), info as never));
    const parsed = parseJson(text)!;
    const wrong = method.results.map(doc => mismatches(parsed, doc));
    expect(wrong.find(found => found.length === 0) ?? wrong[0], name).toEqual([]);
    return JSON.parse(text) as T;
  }

  mineTo(address: string, count = 1): void {
    this.node.mine(count, decodeAddress(address, REGTEST_PREFIXES).scriptPubKey);
  }
}

let folder = '';
let base = '';
let count = 0;
beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'wallets-'));
});
afterAll(() => rm(base, { recursive: true, force: true }));
afterEach(async () => {
  for (const rig of rigs.splice(0)) await rig.host.close();
});
beforeEach(async () => {
  count += 1;
  folder = join(base, `${count}`);
  await mkdir(folder);
});

async function errorOf(work: Promise<unknown>): Promise<[code: number, message: string]> {
  const error = await work.then(
    () => undefined,
    caught => caught,
  );
  expect(error).toBeInstanceOf(RpcError);
  return [error.code, error.message];
}

describe('several wallets', () => {
  test('lie behind links too, and links that go round in circles are not followed', async () => {
    const rig = new Rig(folder);
    await mkdir(join(folder, 'wallets/plain'), { recursive: true });
    await symlink('plain', join(folder, 'wallets/linked'));
    await symlink('..', join(folder, 'wallets/round'));
    await rig.call('createwallet', ['linked']);
    expect(await rig.call('listwalletdir')).toMatchObject({
      wallets: [{ name: 'linked' }, { name: 'plain' }],
    });
  });

  test('are told apart by the path of the call', async () => {
    const rig = new Rig(folder);
    expect((await errorOf(rig.call('getbalance')))[0]).toBe(-18);
    await rig.call('createwallet', ['a']);
    expect(await rig.call('getbalance')).toBe(0);
    await rig.call('createwallet', ['deep/b']);
    expect((await errorOf(rig.call('getbalance')))[0]).toBe(-19);
    expect(await rig.call('getbalance', [], 'deep/b')).toBe(0);
    expect(await errorOf(rig.call('getbalance', [], 'c'))).toEqual([
      -18,
      'Requested wallet does not exist or is not loaded',
    ]);
    expect(await rig.call('listwallets')).toEqual(['a', 'deep/b']);
    expect(await rig.call('listwalletdir')).toEqual({
      wallets: [
        { name: 'a', warnings: [] },
        { name: 'deep/b', warnings: [] },
      ],
    });
    expect((await errorOf(rig.call('unloadwallet')))[0]).toBe(-8);
    expect((await errorOf(rig.call('unloadwallet', ['a'], 'deep/b')))[0]).toBe(-8);
    await rig.call('unloadwallet', ['a']);
    expect(await rig.call('listwallets')).toEqual(['deep/b']);
  });

  test.each<[string, string, readonly unknown[], number, RegExp]>([
    ['an empty name', 'createwallet', [''], -8, /^Wallet name cannot be empty$/],
    ['a name that leaves the folder', 'createwallet', ['../x'], -4, /cannot begin with/],
    ['a name that is not normal', 'createwallet', ['a/../x'], -4, /must be normalized/],
    ['the root of the disk', 'createwallet', ['/'], -4, /cannot be the root path$/],
    ['a name of dots', 'createwallet', ['./'], -4, /must be normalized/],
    ['one that exists', 'createwallet', ['there'], -4, /Database already exists\.$/],
    [
      'one below a file',
      'createwallet',
      ['foreign/wallet.dat/x'],
      -4,
      /^Wallet file verification failed\. Failed to create database path '.*\/x'\. ENOTDIR/,
    ],
    [
      'one to be restored below a file',
      'restorewallet',
      ['foreign/wallet.dat/x', import.meta.filename],
      -4,
      /^Wallet file verification failed\. Failed to create database path/,
    ],
    ['a legacy wallet', 'createwallet', ['x', false, false, null, false, false], -4, /legacy wallet/],
    ['a passphrase without keys', 'createwallet', ['x', true, false, 'pp'], -4, /^Passphrase provided/],
    ['one that does not exist', 'loadwallet', ['nowhere'], -18, /Path does not exist\.$/],
    ['a folder without a wallet', 'loadwallet', ['empty'], -18, /not in recognized format\.$/],
    ['one that is loaded', 'loadwallet', ['there'], -35, /^Wallet "there" is already loaded\.$/],
    ['a foreign file', 'loadwallet', ['foreign'], -18, /not in recognized format\.$/],
  ])('refuse %s', async (_, method, args, code, message) => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['there']);
    await mkdir(join(folder, 'wallets', 'empty'));
    await mkdir(join(folder, 'wallets', 'foreign'));
    await writeFile(join(folder, 'wallets', 'foreign', 'wallet.dat'), 'SQLite format 3\0');
    const error = await errorOf(rig.call(method, args));
    expect(error[0]).toBe(code);
    expect(error[1]).toMatch(message);
  });

  test('are loaded at start when that was asked for', async () => {
    const rig = new Rig(folder);
    await writeFile(rig.settingsPath, '{"other": [1], "wallet": ["old"]}');
    await rig.call('createwallet', ['a', false, false, null, false, true, true]);
    await rig.call('createwallet', ['b', false, false, null, false, true, false]);
    await rig.call('createwallet', ['c']);
    expect(startupWallets(readSettings(rig.settingsPath))).toEqual(['old', 'a']);
    expect(JSON.parse(await readFile(rig.settingsPath, 'utf8'))).toMatchObject({ other: [1] });
    await rig.call('unloadwallet', ['a', false]);
    expect(startupWallets(readSettings(rig.settingsPath))).toEqual(['old']);
    await rig.host.close();
    const again = new Rig(folder, rig.node);
    const told: string[] = [];
    const names = ['old', 'b', 'b', 'c', join(folder, 'wallets', 'c'), 'old'];
    await again.host.loadAll(names, text => told.push(text));
    expect(await again.call('listwallets')).toEqual(['b', 'c']);
    expect(told).toEqual([
      `Skipping -wallet path that doesn't exist. Failed to load database path '${join(folder, 'wallets', 'old')}'. Path does not exist.`,
      'Ignoring duplicate -wallet b.',
      `Ignoring duplicate -wallet ${join(folder, 'wallets', 'c')}.`,
      'Ignoring duplicate -wallet old.',
    ]);
  });

  test('of another program stop the start', async () => {
    const rig = new Rig(folder);
    const foreign = join(folder, 'wallets', 'foreign');
    await mkdir(foreign, { recursive: true });
    await writeFile(join(foreign, 'wallet.dat'), 'SQLite format 3\0');
    await expect(rig.host.loadAll(['foreign'], () => {})).rejects.toThrow(
      `Failed to load database path '${foreign}'. Data is not in recognized format.`,
    );
  });
});

describe('a wallet', () => {
  test('receives, sends, bumps and remembers', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w']);
    const address = await rig.call<string>('getnewaddress', ['mined']);
    rig.mineTo(address, 3);
    rig.mineTo(STRANGER, 100);
    expect(await rig.call('getbalances')).toMatchObject({ mine: { trusted: 150, immature: 0 } });
    const txid = await rig.call<string>('sendtoaddress', [STRANGER, 1, 'for tea', 'Ann']);
    expect(await rig.call('gettransaction', [txid, null, true])).toMatchObject({
      amount: -1,
      confirmations: 0,
      trusted: true,
      comment: 'for tea',
      to: 'Ann',
      details: [{ category: 'send', address: STRANGER, amount: -1 }],
      decoded: { txid },
    });
    const bumped = await rig.call<{ txid: string; origfee: number; fee: number }>('bumpfee', [txid]);
    expect(bumped.fee).toBeGreaterThan(bumped.origfee);
    expect(await rig.call('gettransaction', [txid])).toMatchObject({ replaced_by_txid: bumped.txid });
    expect(await errorOf(rig.call('bumpfee', [txid]))).toEqual([
      -4,
      `Cannot bump transaction ${txid} which was already bumped by transaction ${bumped.txid}`,
    ]);
    const many = { [STRANGER]: 0.5, [await rig.call<string>('getrawchangeaddress', ['legacy'])]: 0.25 };
    await rig.call('sendmany', ['', many, null, 'two', [STRANGER], null, null, 'unset', 25, true]);
    rig.mineTo(STRANGER, 1);
    const balance = await rig.call<number>('getbalance');
    expect(balance).toBeGreaterThan(148.4);
    expect(await rig.call('listtransactions', ['*', 3])).toHaveLength(3);
    const since = await rig.call<{ transactions: unknown[] }>('listsinceblock', []);
    expect(since.transactions.length).toBeGreaterThan(5);
    expect(await rig.call('getreceivedbylabel', ['mined'])).toBe(150);
    expect(await rig.call('listreceivedbyaddress')).toMatchObject([{ address, amount: 150, label: 'mined' }]);
    await rig.call('listreceivedbylabel');
    await rig.call('listaddressgroupings');
    await rig.call('listunspent', [0]);
    await rig.call('getwalletinfo');

    await rig.host.close();
    const again = new Rig(folder, rig.node);
    rig.mineTo(address, 1);
    await again.host.load('w');
    expect(await again.call('getbalance')).toBe(balance);
    expect(await again.call('getbalances')).toMatchObject({ mine: { immature: 50 } });
    expect(await again.call('gettransaction', [txid])).toMatchObject({ comment: 'for tea' });
  });

  test('locks itself when its time is over, by the scheduler', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w']);
    expect((await errorOf(rig.call('walletpassphrase', ['pp', 1])))[0]).toBe(-15);
    await rig.call('encryptwallet', ['pp']);
    const file = await readFile(join(folder, 'wallets', 'w', 'wallet.dat'));
    expect(file.includes('tprv')).toBe(false);
    expect(await errorOf(rig.call('walletpassphrase', ['wrong', 1]))).toEqual([
      -14,
      'Error: The wallet passphrase entered was incorrect.',
    ]);
    expect((await errorOf(rig.call('walletpassphrase', ['pp', -1])))[0]).toBe(-8);
    expect((await errorOf(rig.call('getwalletmnemonic')))[0]).toBe(-13);
    expect((await errorOf(rig.call('listdescriptors', [true])))[0]).toBe(-13);
    await rig.call('walletpassphrase', ['pp', 100]);
    expect(await rig.call('getwalletmnemonic')).toHaveLength(2);
    const earlier = rig.jobs.at(-1)!;
    rig.node.mockTime = Math.floor(Date.now() / 1000) + 50;
    await rig.call('walletpassphrase', ['pp', 100]);
    earlier();
    expect(await rig.call('listdescriptors', [true])).toMatchObject({ wallet_name: 'w' });
    rig.jobs.at(-1)!();
    expect((await errorOf(rig.call('listdescriptors', [true])))[0]).toBe(-13);
    await rig.call('walletpassphrasechange', ['pp', 'qq']);
    await rig.call('walletpassphrase', ['qq', 100]);
    await rig.call('walletlock');
    expect(await rig.call('getwalletinfo')).toMatchObject({ unlocked_until: 0 });
  });

  test('is copied as a file while it is unloaded, and as a backup while it is not', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w']);
    const address = await rig.call<string>('getnewaddress');
    const backup = join(folder, 'backup.dat');
    await rig.call('backupwallet', [backup]);
    await mkdir(join(folder, 'wallets', 'copy'));
    await copyFile(backup, join(folder, 'wallets', 'copy', 'wallet.dat'));
    await rig.call('loadwallet', ['copy']);
    expect(await rig.call('getaddressinfo', [address], 'copy')).toMatchObject({ ismine: true, labels: [''] });
  });

  test('is restored from a backup under another name, never over another file', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w']);
    const address = await rig.call<string>('getnewaddress');
    const backup = join(folder, 'backup.dat');
    await rig.call('backupwallet', [backup]);
    expect(await rig.call('restorewallet', ['again', backup])).toMatchObject({ name: 'again' });
    expect(await rig.call('getaddressinfo', [address], 'again')).toMatchObject({ ismine: true });
    for (const [name, file, message] of [
      ['w', backup, /^Failed to restore wallet. Database file exists in /],
      ['other', join(folder, 'nothing.dat'), /^Backup file does not exist$/],
      ['', backup, /^Wallet name cannot be empty$/],
    ] as const) {
      await expect(rig.call('restorewallet', [name, file])).rejects.toThrow(message);
    }
    const noWallet = join(folder, 'no-wallet.dat');
    await copyFile(new URL(import.meta.url), noWallet);
    await expect(rig.call('restorewallet', ['other', noWallet])).rejects.toThrow();
    // Nothing is left of what failed.
    expect(await rig.call('listwalletdir')).toMatchObject({ wallets: [{ name: 'again' }, { name: 'w' }] });
  });

  test('a coin that is spent is locked no longer', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w']);
    rig.mineTo(await rig.call('getnewaddress'), 2);
    rig.mineTo(STRANGER, 100);
    const coins = await rig.call<{ txid: string; vout: number }[]>('listunspent');
    const locked = coins.map(({ txid, vout }) => ({ txid, vout }));
    // One lock is on disk, too.
    await rig.call('lockunspent', [false, [locked[0]], true]);
    await rig.call('lockunspent', [false, [locked[1]]]);
    expect(await rig.call('listlockunspent')).toHaveLength(2);
    // The user may name it all the same.
    await rig.call('send', [{ [STRANGER]: 1 }, null, null, null, { inputs: [locked[0]] }]);
    expect(await rig.call('listlockunspent')).toEqual([locked[1]]);
    await rig.call('unloadwallet', ['w']);
    await rig.call('loadwallet', ['w']);
    expect(await rig.call('listlockunspent')).toEqual([]);
  });

  describe('sendall', () => {
    const OTHER = 'mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z';
    /** Two coins of 50 BTC. */
    async function richRig() {
      const rig = new Rig(folder);
      await rig.call('createwallet', ['w']);
      rig.mineTo(await rig.call('getnewaddress'), 2);
      rig.mineTo(STRANGER, 100);
      const coins = await rig.call<{ txid: string; vout: number }[]>('listunspent');
      return { rig, coins: coins.map(({ txid, vout }) => ({ txid, vout })) };
    }

    test('leaves nothing, and shares what no recipient has claimed', async () => {
      const { rig } = await richRig();
      const mine = await rig.call<string>('getnewaddress');
      const recipients = [STRANGER, { [OTHER]: 20 }, mine];
      const sent = await rig.call<{ txid: string; complete: boolean }>('sendall', [
        recipients,
        null,
        null,
        1.5,
      ]);
      expect(sent.complete).toBe(true);
      const { decoded, fee } = await rig.call<{
        fee: number;
        decoded: { vin: unknown[]; vsize: number; vout: { value: number }[]; locktime: number };
      }>('gettransaction', [sent.txid, null, true]);
      expect(decoded.vin).toHaveLength(2);
      expect(Math.round((-fee * 1e8) / decoded.vsize)).toBe(2);
      const [first, claimed, second] = decoded.vout.map(({ value }) => Math.round(value * 1e8));
      expect(claimed).toBe(20e8);
      expect(first! - second!).toBeOneOf([0, 1]);
      expect(first! + second! + Math.round(-fee * 1e8)).toBe(80e8);
      expect(await rig.call('getbalance')).toBe(second! / 1e8);
    });

    test('spends what is named, and is given instead of sent where that is wanted', async () => {
      const { rig, coins } = await richRig();
      const given = await rig.call<{ txid: string; hex: string; psbt: string; complete: boolean }>('sendall', [
        [STRANGER], null, null, 1, { inputs: [coins[1]], add_to_wallet: false, lock_unspents: true, locktime: 7 },
      ]); // biome-ignore format: one call
      expect(Object.keys(given)).toEqual(['psbt', 'txid', 'hex', 'complete']);
      expect(await rig.call('listlockunspent')).toEqual([coins[1]]);
      expect(await rig.call('getbalance')).toBe(100);
      // What is locked stays.
      await rig.call('sendall', [[STRANGER], null, null, 1]);
      expect(await rig.call('getbalance')).toBe(50);
    });

    test('pays for the parents of unconfirmed coins', async () => {
      const { rig } = await richRig();
      const own = await rig.call<string>('getnewaddress');
      const { txid } = await rig.call<{ txid: string }>('sendall', [[own], null, null, 1]);
      const [parent] = [...rig.node.mempool.entries()];
      expect(hashToHex(parent!.tx.txid)).toBe(txid);
      const paid = async (rate: number) => {
        const options = { add_to_wallet: false };
        const { hex } = await rig.call<{ hex: string }>('sendall', [[STRANGER], null, null, rate, options]);
        return decodeHexTx(hex)!.outputs[0]!.value;
      };
      const left = await rig.call<number>('getbalance');
      const [cheap, dear] = [await paid(1), await paid(10)].map(value => Math.round(left * 1e8) - value);
      expect(cheap).toBe(110);
      expect(dear).toBe(110 * 10 + parent!.virtualSize * 10 - parent!.fee);
    });

    const low = 'Fee rate (0.999 sat/vB) is lower than the minimum fee rate setting (1.000 sat/vB).';
    type Coins = readonly { txid: string; vout: number }[];
    const refusals: readonly [recipients: readonly unknown[], options: (coins: Coins) => object, code: number, message: string][] = [
      [[{ [STRANGER]: 1 }], () => ({}), -8, 'Must provide at least one address without a specified amount'],
      [[STRANGER, STRANGER], () => ({}), -8, `Invalid parameter, duplicated address: ${STRANGER}`],
      [['nowhere'], () => ({}), -5, 'Invalid Bitcoin address: nowhere'],
      [[STRANGER, { [OTHER]: 101 }], () => ({}), -6, 'Assigned more value to outputs than available funds.'],
      [[STRANGER, { [OTHER]: 100 }], () => ({}), -6, 'Insufficient funds for fees after creating specified outputs.'],
      [[STRANGER, { [OTHER]: 0.000001 }], () => ({}), -8, `Specified output amount to ${OTHER} is below dust threshold.`],
      [[STRANGER, { [OTHER]: 99.999998 }], () => ({ fee_rate: 1 }), -6, 'Insufficient funds for fees after creating specified outputs.'],
      [[STRANGER, { [OTHER]: 99.9999975 }], () => ({ fee_rate: 1 }), -6, 'Dynamically assigned remainder results in dust output.'],
      [[STRANGER], () => ({ fee_rate: 0.999 }), -8, low],
      [[STRANGER], () => ({ fee_rate: 100_000 }), -4, 'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)'],
      [[STRANGER], () => ({ minconf: 1000 }), -6, "Total value of UTXO pool too low to pay for transaction. Try using lower feerate or excluding uneconomic UTXOs with 'send_max' option."],
      [[STRANGER], () => ({ maxconf: 1, send_max: true }), -6, 'Total value of UTXO pool too low to pay for transaction, try using lower feerate.'],
      [[STRANGER], () => ({ minconf: -1 }), -8, 'Invalid minconf (minconf cannot be negative): -1'],
      [[STRANGER], () => ({ minconf: 2, maxconf: 1 }), -8, "maxconf can't be lower than minconf: 1 < 2"],
      [[STRANGER], inputs => ({ inputs, minconf: 1 }), -8, 'Cannot combine minconf or maxconf with specific inputs.'],
      [[STRANGER], inputs => ({ inputs, send_max: true }), -8, 'Cannot combine send_max with specific inputs.'],
      [[STRANGER], ([coin]) => ({ inputs: [{ ...coin, vout: 9 }] }), -8, 'Input not found. UTXO ('],
      [[STRANGER], () => ({ feeRate: 1 }), -8, 'Use fee_rate (sat/vB) instead of feeRate'],
      [[STRANGER], () => ({ version: 4 }), -8, 'Invalid parameter, version out of range(1~3)'],
      [[STRANGER], ([coin]) => ({ inputs: [{ ...coin, sequence: 0xffffffff }], replaceable: true }), -8, 'Invalid parameter combination: Sequence number(s) contradict replaceable option'],
    ]; // biome-ignore format: a table
    test('tells why not', async () => {
      const { rig, coins } = await richRig();
      for (const [recipients, options, code, message] of refusals) {
        const call = rig.call('sendall', [recipients, null, null, null, options(coins)]);
        const [actual, text] = await errorOf(call);
        expect([actual, text.slice(0, message.length)]).toEqual([code, message]);
      }
      await rig.call('sendall', [[STRANGER], null, null, 1, { inputs: [coins[0]] }]);
      const [code, message] = await errorOf(
        rig.call('sendall', [[STRANGER], null, null, 1, { inputs: coins }]),
      );
      expect([code, message.slice(0, 32)]).toEqual([
        -8,
        `Input not available. UTXO (${coins[0]!.txid.slice(0, 5)}`,
      ]);
    });
  });

  test('psbtbumpfee gives the replacement to be signed, and nothing is replaced yet', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w']);
    rig.mineTo(await rig.call('getnewaddress'));
    rig.mineTo(STRANGER, 100);
    const txid = await rig.call<string>('sendtoaddress', [STRANGER, 1]);
    for (const options of [{}, { fee_rate: 50 }, { psbt_version: 0 }, { confTarget: 3 }]) {
      const bump = await rig.call<{ psbt: string; origfee: number; fee: number }>('psbtbumpfee', [
        txid,
        options,
      ]);
      expect(bump.fee).toBeGreaterThan(bump.origfee);
      const signed = await rig.call<{ complete: boolean }>('walletprocesspsbt', [bump.psbt]);
      expect(signed.complete).toBe(true);
    }
    expect(await rig.call('gettransaction', [txid])).not.toHaveProperty('replaced_by_txid');
    for (const [name, options, code, message] of [
      ['psbtbumpfee', { psbt_version: 1 }, -8, 'The PSBT version can only be 2 or 0'],
      ['bumpfee', { confTarget: 1, conf_target: 2 }, -8, 'confTarget and conf_target options should not both be set. Use conf_target (confTarget is deprecated).'],
      ['bumpfee', { totalFee: 1 }, -3, 'Unexpected key totalFee'],
      ['bumpfee', { fee_rate: 0 }, -8, 'Insufficient total fee 0.00, must be at least '],
    ] as const) {
      const [actual, text] = await errorOf(rig.call(name, [txid, options]));
      expect([actual, text.slice(0, message.length)]).toEqual([code, message]);
    } // biome-ignore format: a table
  });

  describe('funding', () => {
    const KEY = '0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
    /** The wallet `w` has 50 BTC, and `other` another 50, not of `w`. */
    async function fundingRig() {
      const rig = new Rig(folder);
      for (const name of ['w', 'other']) {
        await rig.call('createwallet', [name]);
        rig.mineTo(await rig.call('getnewaddress', [], name));
      }
      rig.mineTo(STRANGER, 100);
      const coinOf = async (name: string) => {
        const [coin] = await rig.call<{ txid: string; vout: number; desc: string }[]>(
          'listunspent',
          [],
          name,
        );
        return { outPoint: { txid: coin!.txid, vout: coin!.vout }, desc: coin!.desc };
      };
      return { rig, own: await coinOf('w'), theirs: await coinOf('other') };
    }

    test('takes inputs of others, and both sign', async () => {
      const { rig, theirs } = await fundingRig();
      const options = { add_inputs: true, solving_data: { descriptors: [theirs.desc] }, fee_rate: 1 };
      const args = [[theirs.outPoint], { [STRANGER]: 80 }, 0, options];
      const { psbt } = await rig.call<{ psbt: string }>('walletcreatefundedpsbt', args, 'w');
      const once = await rig.call<{ psbt: string; complete: boolean }>('walletprocesspsbt', [psbt], 'w');
      expect(once.complete).toBe(false);
      const twice = await rig.call<{ complete: boolean }>('walletprocesspsbt', [once.psbt], 'other');
      expect(twice.complete).toBe(true);
      const sent = await rig.call('send', [{ [STRANGER]: 80 }, null, null, null, { ...options, inputs: [theirs.outPoint] }], 'w'); // biome-ignore format: one call
      expect(sent).toMatchObject({ complete: false });
    });

    test('adds inputs to those of a transaction; weights that are told count, and choose', async () => {
      const { rig, own, theirs } = await fundingRig();
      const feeOf = async (weights: readonly object[]) => {
        const options = { input_weights: weights, fee_rate: 1 };
        const raw = '02000000000180de800200000000160014aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa00000000';
        return (await rig.call<{ fee: number }>('fundrawtransaction', [raw, options, false], 'w')).fee * 1e8;
      };
      const plain = await feeOf([]);
      expect(await feeOf([{ ...own.outPoint, weight: 1000 }])).toBeCloseTo(
        plain + (1000 - (41 * 4 + 107)) / 4,
        0,
      );
      const [code, message] = await errorOf(feeOf([{ ...theirs.outPoint, weight: 1000 }]));
      expect([code, message.slice(0, 38)]).toEqual([-4, 'Not found pre-selected input COutPoint']);
    });

    const weigh = (more: object) => (outPoint: object) => ({ inputs: [{ ...outPoint, ...more }] });
    test.each<[name: string, options: (theirs: object) => object, code: number, message: string]>([
      ['an input without what solves it', inputs => ({ inputs: [inputs] }), -4, 'Not solvable pre-selected input COutPoint('],
      ['an input that nobody has', outPoint => ({ inputs: [{ ...outPoint, vout: 7 }] }), -4, 'Unable to find UTXO for external input'],
      ['no key', () => ({ solving_data: { pubkeys: ['no'] } }), -5, 'Pubkey "no" must be a hex string'],
      ['a key that is too short', () => ({ solving_data: { pubkeys: [KEY.slice(2)] } }), -5, `Pubkey "${KEY.slice(2)}" must have a length of either 33 or 65 bytes`],
      ['no script', () => ({ solving_data: { scripts: ['no'] } }), -5, "'no' is not hex"],
      ['no descriptor', () => ({ solving_data: { descriptors: ['no'] } }), -8, "Unable to parse descriptor 'no': "],
      ['a type of change that is null', () => ({ change_type: null }), -3, 'JSON value of type null is not of expected type string'],
      ['a weight below the least', weigh({ weight: 164 }), -8, 'Invalid parameter, weight cannot be less than 165 (41 bytes'],
      ['a weight above the greatest', weigh({ weight: 400_001 }), -8, 'Invalid parameter, weight cannot be greater than the maximum standard tx weight of 400000'],
      ['a weight that is no number', weigh({ weight: 'x' }), -8, 'Invalid parameter, missing weight key'],
      ['weights in the wrong place', () => ({ input_weights: [] }), -8, 'Input weights should be specified in inputs rather than in options.'],
    ])('%s is refused', async (_, options, code, message) => {
      const { rig, theirs } = await fundingRig();
      const call = rig.call('send', [{ [STRANGER]: 1 }, null, null, null, options(theirs.outPoint)], 'w');
      const [actual, text] = await errorOf(call);
      expect([actual, text.slice(0, message.length)]).toEqual([code, message]);
    }); // biome-ignore format: a table
  });

  test('finds coins of what it imports, and signs for it', async () => {
    const rig = new Rig(folder);
    await rig.call('createwallet', ['w', false, true]);
    const key = 'cVpF924EspNh8KjYsfhgY96mmxvT6DgdWiTYMtMjuM74hJaU5psW';
    rig.mineTo('mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z', 2);
    rig.mineTo(STRANGER, 100);
    const request = { desc: `combo(${key})#7d50w57h`, timestamp: 0, label: 'coinbase' };
    expect(await rig.call('importdescriptors', [[request]])).toEqual([{ success: true }]);
    expect(await rig.call('getbalance')).toBe(100);
    expect(Object.keys(await rig.call<object>('getaddressesbylabel', ['coinbase']))).toHaveLength(3);
    const [coin] = await rig.call<{ txid: string; vout: number }[]>('listunspent');
    await rig.call('lockunspent', [false, [{ txid: coin!.txid, vout: coin!.vout }]]);
    expect(await rig.call('listunspent')).toHaveLength(1);
    expect(await rig.call('listlockunspent')).toEqual([{ txid: coin!.txid, vout: coin!.vout }]);
    await rig.call('lockunspent', [true]);
    const bad = await rig.call<{ error: { code: number } }[]>('importdescriptors', [
      [
        { desc: `combo(${key})`, timestamp: 'now' },
        { desc: request.desc, timestamp: 'now', label: '*' },
        { desc: request.desc, timestamp: 'now', active: true },
        { desc: request.desc, timestamp: 'now', range: 3 },
      ],
    ]);
    expect(bad.map(({ error }) => error.code)).toEqual([-5, -11, -8, -8]);
    expect((await errorOf(rig.call('getnewaddress')))[1]).toBe('Error: This wallet has no available keys');
    expect(await rig.call('rescanblockchain', [1, 50])).toEqual({ start_height: 1, stop_height: 50 });
    expect((await errorOf(rig.call('rescanblockchain', [500])))[0]).toBe(-8);
    expect(await rig.call('listdescriptors', [true])).toMatchObject({
      descriptors: [{ desc: request.desc }],
    });
  });
});

test.each<[string, readonly unknown[], number, string]>([
  ['sendtoaddress', ['x', 1], -5, 'Invalid Bitcoin address: x'],
  ['sendtoaddress', [STRANGER, 1], -6, 'Insufficient funds'],
  ['sendtoaddress', [STRANGER, -1], -3, 'Amount out of range'],
  [
    'sendtoaddress',
    [STRANGER, 1, '', '', false, true, 6, 'unset', null, 1],
    -8,
    'Cannot specify both conf_target and fee_rate. Please provide either a confirmation target in blocks for automatic fee estimation, or an explicit fee rate.',
  ],
  [
    'sendtoaddress',
    [STRANGER, 1, '', '', false, true, null, 'economical', null, 1],
    -8,
    'Cannot specify both estimate_mode and fee_rate',
  ],
  [
    'sendtoaddress',
    [STRANGER, 1, '', '', false, true, 0],
    -8,
    'Invalid conf_target, must be between 1 and 1008',
  ],
  [
    'sendtoaddress',
    [STRANGER, 1, '', '', false, true, 6, 'x'],
    -8,
    'Invalid estimate_mode parameter, must be one of: "unset", "economical", "conservative"',
  ],
  ['sendmany', ['x', {}], -8, 'Dummy value must be set to ""'],
  [
    'sendmany',
    ['', { [STRANGER]: 1 }, null, '', ['y']],
    -8,
    "Invalid parameter 'subtract fee from output', destination y not found in tx outputs",
  ],
  ['getnewaddress', ['*'], -11, 'Invalid label name'],
  ['getnewaddress', ['', 'p2x'], -5, "Unknown address type 'p2x'"],
  ['getaddressesbylabel', ['none'], -11, 'No addresses with label none'],
  [
    'listlabels',
    ['x'],
    -8,
    "Invalid 'purpose' argument, must be a known purpose string, typically 'send', or 'receive'.",
  ],
  ['getreceivedbyaddress', [STRANGER], -4, 'Address not found in wallet'],
  ['getreceivedbylabel', ['none'], -4, 'Label not found in wallet'],
  ['gettransaction', ['00'.repeat(32)], -5, 'Invalid or non-wallet transaction id'],
  ['bumpfee', ['00'.repeat(32)], -5, 'Invalid or non-wallet transaction id'],
  ['abandontransaction', ['00'.repeat(32)], -5, 'Invalid or non-wallet transaction id'],
  ['listtransactions', ['*', -1], -8, 'Negative count'],
  ['listtransactions', ['*', 1, -1], -8, 'Negative from'],
  ['listsinceblock', ['00'.repeat(32)], -5, 'Block not found'],
  [
    'lockunspent',
    [false, [{ txid: '00'.repeat(32), vout: 0 }]],
    -8,
    'Invalid parameter, unknown transaction',
  ],
  [
    'lockunspent',
    [false, [{ txid: '00'.repeat(32), vout: -1 }]],
    -8,
    'Invalid parameter, vout cannot be negative',
  ],
  ['getbalance', ['x'], -32, 'dummy first argument must be excluded or set to "*".'],
  ['getbalance', ['*', 0, false, true], -4, 'wallet does not have the "avoid reuse" feature enabled'],
  ['setwalletflag', ['blank'], -8, 'Wallet flag is immutable: blank'],
  ['setwalletflag', ['x'], -8, 'Unknown wallet flag: x'],
  ['signrawtransactionwithwallet', ['00'], -22, 'TX decode failed. Make sure the tx has at least one input.'],
  ['encryptwallet', [''], -8, 'passphrase cannot be empty'],
  ['walletlock', [], -15, 'Error: running with an unencrypted wallet, but walletlock was called.'],
])('%s %j is refused', async (method, args, code, message) => {
  const rig = new Rig(folder);
  await rig.call('createwallet', ['w']);
  expect(await errorOf(rig.call(method, args))).toEqual([code, message]);
});
