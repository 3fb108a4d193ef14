/**
 * Copies of a wallet's file, and a wallet out of a copy (Core: BackupWallet and RestoreWallet in wallet/wallet.cpp). A
 * wallet that exists is never written over.
 */
import { constants, existsSync } from 'node:fs';
import { copyFile, rm, rmdir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WalletHostError } from '../rpc/wallet-host.ts';
import { makeFolder, WALLET_FILE } from './wallet-folder.ts';

/** `file`: with everything in it. A folder is no destination, as in Core. Throws WalletHostError. */
export async function backupWallet(file: string, destination: string): Promise<void> {
  try {
    if (resolve(destination) === resolve(file)) throw new Error('the copy is the wallet itself');
    await copyFile(file, destination);
  } catch {
    throw new WalletHostError('failed', 'Error: Wallet backup failed!');
  }
}

/** Puts the copy where `load` finds it; it goes again when that fails. Throws WalletHostError. */
export async function restoreWallet<T>(
  place: { readonly directory: string; readonly name: string },
  backup: string,
  load: (name: string) => Promise<T>,
): Promise<T> {
  const { directory, name } = place;
  if (name === '') throw new WalletHostError('badName', 'Wallet name cannot be empty');
  if (!existsSync(backup)) throw new WalletHostError('badBackup', 'Backup file does not exist');
  const folder = resolve(directory, name);
  const file = join(folder, WALLET_FILE);
  const hasFolder = existsSync(folder);
  if (hasFolder && !(await stat(folder)).isDirectory()) {
    throw new WalletHostError('alreadyExists', `Failed to restore wallet. Database file exists '${folder}'.`);
  }
  if (existsSync(file)) {
    throw new WalletHostError(
      'alreadyExists',
      `Failed to restore wallet. Database file exists in '${file}'.`,
    );
  }
  await makeFolder(folder);
  await copyFile(backup, file, constants.COPYFILE_EXCL);
  try {
    return await load(name);
  } catch (error) {
    await rm(file, { force: true });
    if (!hasFolder) await rmdir(folder).catch(() => {});
    throw error;
  }
}
