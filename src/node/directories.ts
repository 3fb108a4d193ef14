/** The folders that a node lives in: made, checked, and held against a second node. */
import fs from 'node:fs';
import path from 'node:path';
import { StoreError } from '../store/errors.ts';
import { acquireLock, type LockFile } from '../store/lock-file.ts';
import { refuseForeign } from './chain-folders.ts';
import type { NodeConfig } from './config.ts';
import { ConfigError } from './settings.ts';

/** In the chain's directory and in `blocks` (Core: LockDirectories). */
const LOCK_NAME = '.lock';

const WALLETS_NAME = 'wallets';

/**
 * Where wallets are: `-walletdir`, which has to be there, else `<chain>/wallets`, or the chain's own directory where somebody
 * has removed that (Core: VerifyWallets). Throws ConfigError.
 */
export function walletDirectory({ settings, directory }: Pick<NodeConfig, 'settings' | 'directory'>): string {
  const wanted = settings.text('walletdir');
  if (wanted === undefined) return defaultWalletDirectory(directory);
  const refuse = (why: string): never => {
    throw new ConfigError(`Specified -walletdir "${wanted}" ${why}`);
  };
  const found = fs.statSync(wanted, { throwIfNoEntry: false });
  if (found === undefined) return refuse('does not exist');
  if (!found.isDirectory()) return refuse('is not a directory');
  if (!path.isAbsolute(wanted)) return refuse('is a relative path');
  return wanted;
}

function defaultWalletDirectory(directory: string): string {
  const wallets = path.join(directory, WALLETS_NAME);
  return fs.existsSync(wallets) ? wallets : directory;
}

/** Makes the folders and holds them until `release`. Throws ConfigError, or StoreError where another program lives. */
export function takeDirectories(config: NodeConfig): {
  /** Whoever had them before did not give them back: it was killed. */
  readonly wereLeftBehind: boolean;
  release(): void;
} {
  const { baseDirectory, directory, blocksDirectory } = config;
  const blocks = path.join(blocksDirectory, 'blocks');
  refuseForeign(config);
  // Wallets have a folder of their own only where everything is new (Core: GetWalletDir).
  const wallets = fs.existsSync(directory) ? [] : [path.join(directory, WALLETS_NAME)];
  for (const each of [baseDirectory, directory, blocks, ...wallets]) makeDirectory(each);
  const locks: LockFile[] = [];
  const release = () => {
    for (const lock of locks) lock.release();
  };
  try {
    for (const each of [directory, blocks]) locks.push(lockDirectory(each));
  } catch (error) {
    release();
    throw error;
  }
  return { wereLeftBehind: locks.some(lock => lock.wasLeftBehind), release };
}

function lockDirectory(directory: string): LockFile {
  try {
    return acquireLock(path.join(directory, LOCK_NAME));
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'locked') throw error;
    throw new ConfigError(
      `Cannot obtain a lock on directory ${directory}. Bitcoin Core is probably already running.`,
    );
  }
}

/** Throws ConfigError. */
function makeDirectory(directory: string): void {
  try {
    fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
    fs.accessSync(directory, fs.constants.W_OK);
  } catch (error) {
    throw new ConfigError(`Cannot write to the data directory ${directory}: ${(error as Error).message}`);
  }
}
