/** Making, loading, listing and keeping copies of wallets (Core: wallet/rpc/wallet.cpp, backup.cpp). */
import { resolve } from 'node:path';
import type { Wallet } from '../../../wallet/wallet.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { answering, requireLoaded, requireNoScan, walletMethod } from './common.ts';

const loadOnStartup: Param = {
  name: 'load_on_startup',
  type: 'boolean',
  optional: true,
  doc: 'Whether the wallet is loaded whenever the node starts. Left out: as it was.',
};

const warningsDoc = res.array('warnings?', 'what the user should know', [res.string('', '')]);

const loadedDoc = res.object('', '', [res.string('name', 'the name of the wallet'), warningsDoc]);

export const createwallet: RpcMethod<WalletHost> = {
  name: 'createwallet',
  category: 'wallet',
  description: 'Makes a new wallet and loads it.',
  params: [
    { name: 'wallet_name', type: 'string', doc: 'The name of the wallet; a path makes it there.' },
    {
      name: 'disable_private_keys',
      type: 'boolean',
      default: false,
      doc: 'The wallet never holds private keys: it only watches.',
    },
    { name: 'blank', type: 'boolean', default: false, doc: 'The wallet starts without keys.' },
    { name: 'passphrase', type: 'string', optional: true, doc: 'Encrypts the wallet.' },
    {
      name: 'avoid_reuse',
      type: 'boolean',
      default: false,
      doc: 'Tells apart coins paid to addresses that were spent from before.',
    },
    { name: 'descriptors', type: 'boolean', default: true, doc: 'Must be true if given.' },
    loadOnStartup,
    { name: 'external_signer', type: 'boolean', default: false, doc: 'Not supported: must be false.' },
  ],
  results: [loadedDoc],
  examples: [['testwallet']],
  async run(host, args) {
    const name = args.string('wallet_name');
    const passphrase = args.optionalString('passphrase');
    const warnings: string[] = [];
    if (passphrase === '') {
      warnings.push('Empty string given as passphrase, wallet will not be encrypted.');
    }
    if (!args.boolean('descriptors')) {
      throw new RpcError(
        RpcCode.WALLET_ERROR,
        'descriptors argument must be set to "true"; it is no longer possible to create a legacy wallet.',
      );
    }
    if (args.boolean('external_signer')) {
      throw new RpcError(
        RpcCode.WALLET_ERROR,
        'Compiled without external signing support (required for external signing)',
      );
    }
    const request = {
      name,
      disablesPrivateKeys: args.boolean('disable_private_keys'),
      isBlank: args.boolean('blank'),
      avoidsReuse: args.boolean('avoid_reuse'),
      ...(passphrase ? { passphrase } : {}),
    };
    const wallet = await answering(RpcCode.WALLET_ERROR, () => host.create(request));
    await applyLoadOnStartup(host, name, args.optionalBoolean('load_on_startup'));
    return loadedJson(wallet, warnings);
  },
};

export const loadwallet: RpcMethod<WalletHost> = {
  name: 'loadwallet',
  category: 'wallet',
  description: 'Loads a wallet from the wallet directory or from a path.',
  params: [
    { name: 'filename', type: 'string', doc: 'The name of the wallet, or the path of its folder' },
    loadOnStartup,
  ],
  results: [loadedDoc],
  examples: [['testwallet']],
  async run(host, args) {
    const name = args.string('filename');
    const wallet = await answering(RpcCode.WALLET_ERROR, () => host.load(name));
    await applyLoadOnStartup(host, name, args.optionalBoolean('load_on_startup'));
    return loadedJson(wallet, []);
  },
};

export const restorewallet: RpcMethod<WalletHost> = {
  name: 'restorewallet',
  category: 'wallet',
  description: 'Makes a wallet out of a copy of its file, and loads it.',
  params: [
    { name: 'wallet_name', type: 'string', doc: 'The name that it is to have' },
    { name: 'backup_file', type: 'string', doc: 'The copy, as backupwallet wrote it' },
    loadOnStartup,
  ],
  results: [loadedDoc],
  examples: [['testwallet', 'backup.dat']],
  async run(host, args) {
    const name = args.string('wallet_name');
    const backup = args.string('backup_file');
    const wallet = await answering(RpcCode.WALLET_ERROR, () => host.restore(name, backup));
    await applyLoadOnStartup(host, name, args.optionalBoolean('load_on_startup'));
    return loadedJson(wallet, []);
  },
};

export const unloadwallet: RpcMethod<WalletHost> = {
  name: 'unloadwallet',
  category: 'wallet',
  description:
    'Unloads the wallet that the path of the request or the argument names.\nIf both do, they must agree.',
  params: [
    {
      name: 'wallet_name',
      type: 'string',
      defaultHint: 'the wallet name from the RPC endpoint',
      doc: 'The name of the wallet',
    },
    loadOnStartup,
  ],
  results: [res.object('', '', [warningsDoc])],
  examples: [['testwallet']],
  async run(host, args, call) {
    const given = args.optionalString('wallet_name');
    if (call.walletName !== undefined && given !== undefined && given !== call.walletName) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'The RPC endpoint wallet and the wallet name parameter specify different wallets',
      );
    }
    const name = call.walletName ?? given;
    if (name === undefined) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Either the RPC endpoint wallet or the wallet name parameter must be provided',
      );
    }
    const wallet = requireLoaded(host, name);
    requireNoScan(host, wallet);
    await answering(RpcCode.WALLET_ERROR, () => host.exclusively(wallet, () => host.unload(wallet)));
    await applyLoadOnStartup(host, name, args.optionalBoolean('load_on_startup'));
    return {};
  },
};

export const listwallets: RpcMethod<WalletHost> = {
  name: 'listwallets',
  category: 'wallet',
  description: 'Lists the wallets that are loaded. getwalletinfo tells more about each.',
  params: [],
  results: [res.array('', '', [res.string('walletname', 'the name of a wallet')])],
  examples: [[]],
  run: host => host.wallets().map(wallet => wallet.name),
};

export const listwalletdir: RpcMethod<WalletHost> = {
  name: 'listwalletdir',
  category: 'wallet',
  description: 'Lists the wallets in the wallet directory.',
  params: [],
  results: [
    res.object('', '', [
      res.array('wallets', '', [
        res.object('', '', [
          res.string('name', 'the name of the wallet'),
          res.array('warnings', 'what the user should know', [res.string('', '')]),
        ]),
      ]),
    ]),
  ],
  examples: [[]],
  async run(host) {
    const names = await host.listDirectory();
    return { wallets: names.map(name => ({ name, warnings: [] })) };
  },
};

export const backupwallet = walletMethod({
  name: 'backupwallet',
  description: 'Copies the file of the wallet to a folder or a new file.',
  params: [{ name: 'destination', type: 'string', doc: 'The folder, or the name of the copy' }],
  results: [res.null('', '')],
  examples: [['backup.dat']],
  runs: 'exclusive',
  async run(wallet, args, host) {
    const destination = resolve(args.string('destination'));
    await answering(RpcCode.WALLET_ERROR, () => host.backup(wallet, destination));
    return null;
  },
});

async function applyLoadOnStartup(host: WalletHost, name: string, load: boolean | undefined): Promise<void> {
  if (load !== undefined) await host.setLoadOnStartup(name, load);
}

function loadedJson(wallet: Wallet, warnings: readonly string[]): JsonOut {
  return { name: wallet.name, warnings: warnings.length > 0 ? warnings : undefined };
}
