/**
 * What the wallet methods need of whoever keeps the wallets: files and settings, the chain to read blocks from, time.
 * The node implements it (src/node/wallets.ts).
 */
import type { UnixSeconds } from '../base/clock.ts';
import type { SpendContext } from '../wallet/spend-request.ts';
import type { Wallet } from '../wallet/wallet.ts';
import type { Transaction } from '../wire/transaction.ts';
import type { NodeFacade } from './node-facade.ts';

/** A wallet cannot be made, loaded or unloaded. */
export type WalletFailure =
  | 'notFound'
  | 'notRecognized'
  | 'alreadyLoaded'
  | 'alreadyExists'
  | 'badName'
  | 'badBackup'
  | 'failed';

/** The message is Core's where Core has one. */
export class WalletHostError extends Error {
  override readonly name = 'WalletHostError';
  readonly failure: WalletFailure;

  constructor(failure: WalletFailure, message: string) {
    super(message);
    this.failure = failure;
  }
}

export interface CreateWalletRequest {
  readonly name: string;
  readonly disablesPrivateKeys: boolean;
  readonly isBlank: boolean;
  readonly avoidsReuse: boolean;
  readonly passphrase?: string;
}

/** What became of a scan of old blocks. */
export type ScanResult =
  /** `lastHeight` is undefined when there was no block to scan. */
  | { readonly status: 'done'; readonly lastHeight: number | undefined }
  | { readonly status: 'aborted' }
  | { readonly status: 'missingBlock'; readonly height: number };

export interface WalletHost {
  readonly node: NodeFacade;
  /** Loaded ones, in the order in which they were loaded. */
  wallets(): readonly Wallet[];
  /** Throws WalletHostError. */
  create(request: CreateWalletRequest): Promise<Wallet>;
  /** Throws WalletHostError. */
  load(name: string): Promise<Wallet>;
  /** Copies a backup to a new wallet of that name and loads it. Throws WalletHostError; nothing is left of it then. */
  restore(name: string, backup: string): Promise<Wallet>;
  unload(wallet: Wallet): Promise<void>;
  /** Names of wallets in the wallet directory, loaded or not. */
  listDirectory(): Promise<readonly string[]>;
  /** Whether the wallet is loaded when the node starts. */
  setLoadOnStartup(name: string, load: boolean): Promise<void>;
  /** Writes what changed; resolves when it is on disk. Before this, nobody is told of a change. */
  save(wallet: Wallet): Promise<void>;
  /** As `save`, and what was replaced is gone from the file. */
  rewrite(wallet: Wallet): Promise<void>;
  /** A copy of the file, for `backupwallet`. Throws WalletHostError. */
  backup(wallet: Wallet, destination: string): Promise<void>;
  /** One after another for each wallet, so that one's change is there for the next. */
  exclusively<T>(wallet: Wallet, job: () => Promise<T>): Promise<T>;
  spendContext(wallet: Wallet): SpendContext;
  /** Hands a committed transaction to the mempool; a refusal is logged, the wallet keeps it. */
  broadcast(wallet: Wallet, tx: Transaction): Promise<void>;
  /** Seconds since 1970, by the node clock. */
  now(): UnixSeconds;
  /** Locks the wallet when its time has come, by the scheduler. */
  relockAfter(wallet: Wallet, seconds: number): void;
  /** Looks through blocks of the active chain again, both ends included, and then through the mempool. */
  rescan(wallet: Wallet, startHeight: number, stopHeight: number | undefined): Promise<ScanResult>;
  scanOf(wallet: Wallet): { readonly durationS: number; readonly progress: number } | undefined;
  /** False when none runs. */
  abortScan(wallet: Wallet): boolean;
}
