/** Making, loading and describing wallets (Core: wallet/rpc/wallet.cpp, backup.cpp). */
import { resolve } from 'node:path';
import type { Wallet } from '../../../wallet/wallet.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import {
  answering,
  lastProcessedBlock,
  lastProcessedBlockDoc,
  requireLoaded,
  requireNoScan,
  requireUnlocked,
  walletMethod,
} from './common.ts';

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

export const getwalletinfo = walletMethod({
  name: 'getwalletinfo',
  description: 'Tells about the wallet.',
  params: [],
  results: [
    res.object('', '', [
      res.string('walletname', 'the name of the wallet'),
      res.number('walletversion', '(DEPRECATED) always 169900'),
      res.string('format', 'the format of its file'),
      res.number('txcount', 'how many transactions it keeps'),
      res.number('keypoolsize', 'how many receiving addresses are derived ahead'),
      res.number('keypoolsize_hd_internal?', 'how many change addresses are derived ahead'),
      res.time('unlocked_until?', 'until when it is unlocked, 0 if it is locked; only if it is encrypted'),
      res.boolean('private_keys_enabled', 'false if it only watches'),
      res.boolean('avoid_reuse', 'whether it tells reused addresses apart'),
      // An object or false, so no one type.
      res.any('scanning', 'the scan that is under way (duration in seconds, progress from 0 to 1), or false'),
      res.boolean('descriptors', 'always true'),
      res.boolean('external_signer', 'always false'),
      res.boolean('blank', 'whether it was made without keys, and has none yet'),
      res.time('birthtime?', 'no transaction of the wallet is older'),
      res.array('flags', 'the flags that are set', [res.string('flag', 'the name of a flag')]),
      lastProcessedBlockDoc,
    ]),
  ],
  examples: [[]],
  runs: 'freely',
  run(wallet, _, host) {
    const poolSize = (use: 'receive' | 'change') =>
      wallet.keys.activeKeepers(use).reduce((sum, keeper) => sum + keeper.poolSize, 0);
    const scan = host.scanOf(wallet);
    return {
      walletname: wallet.name,
      walletversion: 169_900,
      format: 'hearsay',
      txcount: wallet.history.size,
      keypoolsize: poolSize('receive'),
      keypoolsize_hd_internal: poolSize('change'),
      unlocked_until: wallet.isEncrypted ? wallet.unlockedUntil : undefined,
      private_keys_enabled: !wallet.disablesPrivateKeys,
      avoid_reuse: wallet.avoidsReuse,
      scanning: scan === undefined ? false : { duration: scan.durationS, progress: scan.progress },
      descriptors: true,
      external_signer: false,
      blank: wallet.isBlank,
      birthtime: wallet.birthTime,
      flags: flagsOf(wallet),
      lastprocessedblock: lastProcessedBlock(wallet),
    };
  },
});

export const setwalletflag = walletMethod({
  name: 'setwalletflag',
  description: 'Sets or clears a flag of the wallet.',
  params: [
    { name: 'flag', type: 'string', doc: 'The name of the flag: avoid_reuse' },
    { name: 'value', type: 'boolean', default: true, doc: 'The new state.' },
  ],
  results: [
    res.object('', '', [
      res.string('flag_name', 'the name of the flag'),
      res.boolean('flag_state', 'its new state'),
      res.string('warnings?', 'what the user should know'),
    ]),
  ],
  examples: [['avoid_reuse']],
  runs: 'exclusive',
  run(wallet, args) {
    const flag = args.string('flag');
    const value = args.boolean('value');
    if (flag !== 'avoid_reuse') {
      const isKnown = (KNOWN_FLAGS as readonly string[]).includes(flag);
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        isKnown ? `Wallet flag is immutable: ${flag}` : `Unknown wallet flag: ${flag}`,
      );
    }
    if (wallet.avoidsReuse === value) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, `Wallet flag is already set to ${value}: ${flag}`);
    }
    wallet.setAvoidsReuse(value);
    return { flag_name: flag, flag_state: value };
  },
});

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

export const rescanblockchain = walletMethod({
  name: 'rescanblockchain',
  description:
    'Looks through blocks again for transactions of the wallet.\ngetwalletinfo shows how far it is.',
  params: [
    { name: 'start_height', type: 'number', default: 0, doc: 'The first block' },
    { name: 'stop_height', type: 'number', optional: true, doc: 'The last block; left out: the tip.' },
  ],
  results: [
    res.object('', '', [
      res.number('start_height', 'the first block'),
      res.number('stop_height', 'the last block; null when there was none'),
    ]),
  ],
  examples: [[100000, 120000]],
  runs: 'freely',
  async run(wallet, args, host) {
    requireNoScan(host, wallet);
    requireUnlocked(wallet);
    const tip = wallet.position.height;
    const start = args.integer('start_height');
    if (start < 0 || start > tip) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid start_height');
    const stop = args.optionalInteger('stop_height');
    if (stop !== undefined) {
      if (stop < 0 || stop > tip) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid stop_height');
      if (stop < start) {
        throw new RpcError(RpcCode.INVALID_PARAMETER, 'stop_height must be greater than start_height');
      }
    }
    const result = await host.rescan(wallet, start, stop);
    if (result.status === 'aborted') throw new RpcError(RpcCode.MISC_ERROR, 'Rescan aborted.');
    if (result.status === 'missingBlock') {
      throw new RpcError(
        RpcCode.MISC_ERROR,
        host.node.chain.history() === undefined
          ? "Can't rescan beyond pruned data. Use RPC call getblockchaininfo to determine your pruned height."
          : 'Failed to rescan unavailable blocks likely due to an in-progress assumeutxo background sync. Check logs or getchainstates RPC for assumeutxo background sync progress and try again later.',
      );
    }
    return { start_height: start, stop_height: result.lastHeight ?? null };
  },
});

export const abortrescan = walletMethod({
  name: 'abortrescan',
  description: 'Ends the scan that another call has started.',
  params: [],
  results: [res.boolean('', 'whether there was one')],
  examples: [[]],
  runs: 'freely',
  run: (wallet, _, host) => host.abortScan(wallet),
});

/** In the order of Core's bits. */
const KNOWN_FLAGS = [
  'avoid_reuse',
  'key_origin_metadata',
  'last_hardened_xpub_cached',
  'disable_private_keys',
  'blank',
  'descriptor_wallet',
  'external_signer',
] as const;

function flagsOf(wallet: Wallet): string[] {
  const isSet: Readonly<Record<(typeof KNOWN_FLAGS)[number], boolean>> = {
    avoid_reuse: wallet.avoidsReuse,
    key_origin_metadata: false,
    last_hardened_xpub_cached: true,
    disable_private_keys: wallet.disablesPrivateKeys,
    blank: wallet.isBlank,
    descriptor_wallet: true,
    external_signer: false,
  };
  return KNOWN_FLAGS.filter(flag => isSet[flag]);
}

async function applyLoadOnStartup(host: WalletHost, name: string, load: boolean | undefined): Promise<void> {
  if (load !== undefined) await host.setLoadOnStartup(name, load);
}

function loadedJson(wallet: Wallet, warnings: readonly string[]): JsonOut {
  return { name: wallet.name, warnings: warnings.length > 0 ? warnings : undefined };
}
