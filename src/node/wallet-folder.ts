/**
 * Where a wallet's file lies: `<wallet directory>/<name>/wallet.dat`. A name may hold slashes or be an absolute path, but
 * none that leaves the wallet directory sideways (Core: GetWalletPath, MakeDatabase).
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, parse, relative, resolve, sep } from 'node:path';
import { WalletHostError } from '../rpc/wallet-host.ts';
import { StoreError } from '../store/errors.ts';
import { DecodeError } from '../wire/codec.ts';

export const WALLET_FILE = 'wallet.dat';
/** What RPC puts before the reason why a wallet cannot be opened (Core: LoadWalletInternal). */
export const WALLET_VERIFICATION_FAILED = 'Wallet file verification failed. ';
/** Core's words for a wallet that another process, or another wallet here, has open. */
const IN_USE =
  'SQLiteDatabase: Unable to obtain an exclusive lock on the database, is it being used by another instance of Bitcoin Core?';

export interface WalletLocation {
  readonly folder: string;
  readonly path: string;
}

/** Throws WalletHostError when there is a wallet already, or the name is no good. */
export async function locateNew(directory: string, name: string): Promise<WalletLocation> {
  const location = await locate(directory, name);
  if (!existsSync(location.path)) return location;
  throw refused(`Failed to create database path '${location.folder}'. Database already exists.`);
}

/** For a wallet that is to come. Throws WalletHostError. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw refused(`Failed to create database path '${folder}'. ${(error as Error).message}`);
  }
}

/** Throws WalletHostError 'notFound' when there is none. */
export async function locateExisting(directory: string, name: string): Promise<WalletLocation> {
  const location = await locate(directory, name);
  if (existsSync(location.path)) return location;
  if (existsSync(location.folder)) throw notRecognized(location);
  throw new WalletHostError(
    'notFound',
    `${WALLET_VERIFICATION_FAILED}Failed to load database path '${location.folder}'. Path does not exist.`,
  );
}

/** There is no wallet, or a file of another program in its place. */
export function notRecognized({ folder }: WalletLocation): WalletHostError {
  return new WalletHostError(
    'notRecognized',
    `${WALLET_VERIFICATION_FAILED}Failed to load database path '${folder}'. Data is not in recognized format.`,
  );
}

/** Names of all wallets below the directory; a link to a wallet's folder is one too, but nothing is looked for below it. */
export async function listWalletFolders(directory: string): Promise<readonly string[]> {
  if (!existsSync(directory)) return [];
  const folders: string[] = [];
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isFile() && entry.name === WALLET_FILE) folders.push(entry.parentPath);
    else if (entry.isSymbolicLink() && existsSync(join(path, WALLET_FILE))) folders.push(path);
  }
  return folders.map(folder => relative(directory, folder).split(sep).join('/')).sort();
}

/** What went wrong with a file, as the host says it. */
export function asHostError(error: unknown): unknown {
  if (error instanceof StoreError) {
    const why = error.code === 'locked' ? IN_USE : error.message;
    return new WalletHostError('failed', `${WALLET_VERIFICATION_FAILED}${why}`);
  }
  if (error instanceof DecodeError) {
    return new WalletHostError('failed', `Wallet loading failed. ${error.message}`);
  }
  return error;
}

async function locate(directory: string, name: string): Promise<WalletLocation> {
  // As C++ has it: a slash after dots at the start is superfluous, one at the end of a name is not.
  const normal = normalize(name).replace(/^(\.\.?)\/$/, '$1');
  if (name !== '' && normal !== name) throw refused('Wallet name given as a path must be normalized');
  if (/^\.\.?(\/|$)/.test(name)) {
    throw refused(
      'Wallet name given as a relative path cannot begin with ./ or ../, for wallets not in the walletdir, please use an absolute path.',
    );
  }
  if (isAbsolute(name) && parse(name).root === name) throw refused('Wallet name cannot be the root path');
  const folder = isAbsolute(name) ? resolve(name) : resolve(directory, name);
  if (existsSync(folder) && !(await stat(folder)).isDirectory()) {
    throw refused(
      `Invalid -wallet path '${name}'. -wallet path should point to a directory where wallet.dat and database/log.?????????? files can be stored, a location where such a directory could be created, or (for backwards compatibility) the name of an existing data file in -walletdir (${directory})`,
    );
  }
  return { folder, path: join(folder, WALLET_FILE) };
}

function refused(message: string): WalletHostError {
  return new WalletHostError('failed', `${WALLET_VERIFICATION_FAILED}${message}`);
}
