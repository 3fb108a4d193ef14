/** What wallet methods have in common: finding the wallet of a call, and parts of results (Core: wallet/rpc/util.cpp). */
import { hashToHex } from '../../../base/bytes.ts';
import { encodeAddress } from '../../../script/address.ts';
import { OUTPUT_TYPES, type OutputType } from '../../../wallet/descriptor-keeper.ts';
import { KeyRingError } from '../../../wallet/key-ring.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import type { Arguments } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, type JsonOut, type JsonValue } from '../../json.ts';
import type { Call, RpcMethod } from '../../method.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import { type WalletFailure, type WalletHost, WalletHostError } from '../../wallet-host.ts';

export const NEEDS_PASSPHRASE = '\nAn encrypted wallet has to be unlocked with walletpassphrase before.\n';

/** The wallet that the call's path names, or the only one that is loaded; throws RpcError −18, −19. */
function walletOf(host: WalletHost, call: Call): Wallet {
  const wallets = host.wallets();
  if (call.walletName !== undefined) return requireLoaded(host, call.walletName);
  if (wallets.length === 1) return wallets[0]!;
  if (wallets.length === 0) {
    throw new RpcError(
      RpcCode.WALLET_NOT_FOUND,
      'No wallet is loaded. Load a wallet using loadwallet or create a new one with createwallet. (Note: A default wallet is no longer automatically created)',
    );
  }
  throw new RpcError(
    RpcCode.WALLET_NOT_SPECIFIED,
    'Multiple wallets are loaded. Please select which wallet to use by requesting the RPC through the /wallet/<walletname> URI path.',
  );
}

export function requireLoaded(host: WalletHost, name: string): Wallet {
  const wallet = host.wallets().find(candidate => candidate.name === name);
  if (wallet !== undefined) return wallet;
  throw new RpcError(RpcCode.WALLET_NOT_FOUND, 'Requested wallet does not exist or is not loaded');
}

/** Declares a method that works on the wallet of the call. What it changed is on disk before it answers. */
export function walletMethod(
  declaration: Omit<RpcMethod<WalletHost>, 'run' | 'category'> & {
    /** `exclusive`: calls that change the wallet's coins wait for each other. */
    readonly runs: 'exclusive' | 'freely';
    run(wallet: Wallet, args: Arguments, host: WalletHost): JsonOut | Promise<JsonOut>;
  },
): RpcMethod<WalletHost> {
  const { runs, run, ...rest } = declaration;
  return {
    ...rest,
    category: 'wallet',
    async run(host, args, call) {
      const wallet = walletOf(host, call);
      const job = async () => {
        try {
          return await run(wallet, args, host);
        } finally {
          if (host.wallets().includes(wallet)) await host.save(wallet);
        }
      };
      return runs === 'exclusive' ? host.exclusively(wallet, job) : job();
    },
  };
}

export function requireUnlocked(wallet: Wallet): void {
  if (!wallet.isLocked) return;
  throw new RpcError(
    RpcCode.WALLET_UNLOCK_NEEDED,
    'Error: Please enter the wallet passphrase with walletpassphrase first.',
  );
}

export function requireNoScan(host: WalletHost, wallet: Wallet): void {
  if (host.scanOf(wallet) === undefined) return;
  throw new RpcError(RpcCode.WALLET_ERROR, 'Wallet is currently rescanning. Abort existing rescan or wait.');
}

/** Absent: the default label. Throws RpcError −11 for '*', which stands for all labels. */
export function toLabel(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  const label = expectType(value, 'string');
  if (label === '*') throw new RpcError(RpcCode.WALLET_INVALID_LABEL_NAME, 'Invalid label name');
  return label;
}

export function toOutputType(text: string): OutputType {
  const type = OUTPUT_TYPES.find(candidate => candidate === text);
  if (type === undefined) {
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, `Unknown address type '${text}'`);
  }
  return type;
}

/** Turns what the key ring and the host throw into the answer. */
export async function answering<T>(keyCode: RpcCode, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof KeyRingError) throw new RpcError(keyCode, error.message);
    if (error instanceof WalletHostError) throw new RpcError(HOST_CODES[error.failure], error.message);
    throw error;
  }
}

const HOST_CODES: Readonly<Record<WalletFailure, RpcCode>> = {
  notFound: RpcCode.WALLET_NOT_FOUND,
  notRecognized: RpcCode.WALLET_NOT_FOUND,
  alreadyLoaded: RpcCode.WALLET_ALREADY_LOADED,
  badName: RpcCode.INVALID_PARAMETER,
  failed: RpcCode.WALLET_ERROR,
  alreadyExists: RpcCode.WALLET_ALREADY_EXISTS,
  badBackup: RpcCode.INVALID_PARAMETER,
};

export function addressOf(wallet: Wallet, script: Uint8Array): string | undefined {
  return encodeAddress(script, wallet.options.prefixes);
}

/** Texts of the descriptors that own the script. */
export function parentDescriptors(wallet: Wallet, script: Uint8Array): string[] {
  return wallet.keys.owners(script).map(({ keeper }) => keeper.text);
}

export function lastProcessedBlock(wallet: Wallet): JsonOut {
  const { hash, height } = wallet.position;
  return { hash: hashToHex(hash), height };
}

export const lastProcessedBlockDoc = res.object(
  'lastprocessedblock',
  'the block up to which the wallet has seen the chain',
  [res.hex('hash', 'its hash'), res.number('height', 'its height')],
);

export const unusedWatchOnly: Param = {
  name: 'include_watchonly',
  type: 'boolean',
  default: false,
  doc: '(DEPRECATED) Without effect.',
};

export const txidParam: Param = { name: 'txid', type: 'hex', doc: 'The id of the transaction' };
