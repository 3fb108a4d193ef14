/** The passphrase of a wallet (Core: wallet/rpc/encrypt.cpp). Passphrases are never part of a message or a log. */
import type { Wallet } from '../../../wallet/wallet.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { walletMethod } from './common.ts';

/** About three years. */
const UNLOCK_SECONDS_MAX = 100_000_000;

export const encryptwallet = walletMethod({
  name: 'encryptwallet',
  description:
    'Encrypts the wallet with a passphrase, for the first time. From then on whatever needs private keys needs\n' +
    'walletpassphrase before. Because the seed was on disk in the clear, a new one is made: take a new backup.',
  params: [
    { name: 'passphrase', type: 'string', doc: 'The passphrase: at least one character, better many.' },
  ],
  results: [res.string('', 'what to do next')],
  examples: [['my pass phrase']],
  runs: 'exclusive',
  async run(wallet, args, host) {
    if (wallet.disablesPrivateKeys) {
      throw new RpcError(
        RpcCode.WALLET_ENCRYPTION_FAILED,
        'Error: wallet does not contain private keys, nothing to encrypt.',
      );
    }
    if (wallet.isEncrypted) {
      throw new RpcError(
        RpcCode.WALLET_WRONG_ENC_STATE,
        'Error: running with an encrypted wallet, but encryptwallet was called.',
      );
    }
    requireNoRescan(host, wallet, 'encrypting the wallet');
    const passphrase = args.string('passphrase');
    requirePassphrase(passphrase);
    wallet.encrypt(passphrase, host.now());
    await host.rewrite(wallet);
    return 'wallet encrypted; The keypool has been flushed and a new HD seed was generated. You need to make a new backup with the backupwallet RPC.';
  },
});

export const walletpassphrase = walletMethod({
  name: 'walletpassphrase',
  description:
    'Unlocks the wallet for some seconds, so that it can sign.\nA call while it is unlocked sets the time anew.',
  params: [
    { name: 'passphrase', type: 'string', doc: 'The passphrase of the wallet' },
    { name: 'timeout', type: 'number', doc: 'Seconds; at most 100000000, which is about three years.' },
  ],
  results: [res.null('', '')],
  examples: [['my pass phrase', 60]],
  runs: 'freely',
  run(wallet, args, host) {
    if (!wallet.isEncrypted) {
      throw new RpcError(
        RpcCode.WALLET_WRONG_ENC_STATE,
        'Error: running with an unencrypted wallet, but walletpassphrase was called.',
      );
    }
    const passphrase = args.string('passphrase');
    const timeout = args.integer('timeout', 'i64');
    if (timeout < 0) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Timeout cannot be negative.');
    requirePassphrase(passphrase);
    const seconds = Math.min(timeout, UNLOCK_SECONDS_MAX);
    if (!wallet.unlock(passphrase, host.now() + seconds)) {
      throw new RpcError(RpcCode.WALLET_PASSPHRASE_INCORRECT, wrongPassphrase(passphrase, 'The'));
    }
    wallet.topUp();
    host.relockAfter(wallet, seconds);
    return null;
  },
});

export const walletpassphrasechange = walletMethod({
  name: 'walletpassphrasechange',
  description: 'Changes the passphrase of the wallet.',
  params: [
    { name: 'oldpassphrase', type: 'string', doc: 'The passphrase until now' },
    { name: 'newpassphrase', type: 'string', doc: 'The passphrase from now on' },
  ],
  results: [res.null('', '')],
  examples: [['old one', 'new one']],
  runs: 'exclusive',
  async run(wallet, args, host) {
    if (!wallet.isEncrypted) {
      throw new RpcError(
        RpcCode.WALLET_WRONG_ENC_STATE,
        'Error: running with an unencrypted wallet, but walletpassphrasechange was called.',
      );
    }
    requireNoRescan(host, wallet, 'changing the passphrase');
    const oldPassphrase = args.string('oldpassphrase');
    const newPassphrase = args.string('newpassphrase');
    requirePassphrase(oldPassphrase);
    requirePassphrase(newPassphrase);
    if (!wallet.vault.changePassphrase(oldPassphrase, newPassphrase)) {
      throw new RpcError(RpcCode.WALLET_PASSPHRASE_INCORRECT, wrongPassphrase(oldPassphrase, 'The old'));
    }
    await host.rewrite(wallet);
    return null;
  },
});

export const walletlock = walletMethod({
  name: 'walletlock',
  description: 'Locks the wallet: nothing can be signed until walletpassphrase is called again.',
  params: [],
  results: [res.null('', '')],
  examples: [[]],
  runs: 'freely',
  run(wallet, _, host) {
    if (!wallet.isEncrypted) {
      throw new RpcError(
        RpcCode.WALLET_WRONG_ENC_STATE,
        'Error: running with an unencrypted wallet, but walletlock was called.',
      );
    }
    requireNoRescan(host, wallet, 'locking the wallet');
    wallet.lock();
    return null;
  },
});

function requirePassphrase(passphrase: string): void {
  if (passphrase === '') throw new RpcError(RpcCode.INVALID_PARAMETER, 'passphrase cannot be empty');
}

function requireNoRescan(host: WalletHost, wallet: Wallet, doing: string): void {
  if (host.scanOf(wallet) === undefined) return;
  throw new RpcError(
    RpcCode.WALLET_ERROR,
    `Error: the wallet is currently being used to rescan the blockchain for related transactions. Please call \`abortrescan\` before ${doing}.`,
  );
}

function wrongPassphrase(passphrase: string, which: 'The' | 'The old'): string {
  if (!passphrase.includes('\0')) return 'Error: The wallet passphrase entered was incorrect.';
  const fix =
    which === 'The'
      ? ' If this is successful, please set a new passphrase to avoid this issue in the future.'
      : '';
  return `Error: ${which} wallet passphrase entered is incorrect. It contains a null character (ie - a zero byte). If the passphrase was set with a version of this software prior to 25.0, please try again with only the characters up to — but not including — the first null character.${fix}`;
}
