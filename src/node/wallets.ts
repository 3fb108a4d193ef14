/**
 * The wallets of a node: each a folder with one file below the wallet directory, made, loaded and unloaded while the node
 * runs. A loaded wallet follows the writer's notices; what they change is written at once, and what an RPC changes is on
 * disk before the RPC answers. A loss of power may take back what notices told: the wallet's stored place in the chain
 * goes back with it, and the next start tells it again.
 */
import { resolve } from 'node:path';
import { type Milliseconds, SECOND_MS, toUnixSeconds, type UnixSeconds } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ChainNotice } from '../chain/effects.ts';
import type { ScryptCost } from '../crypto/cipher.ts';
import type { MempoolNotice } from '../mempool/mempool-view.ts';
import type { NodeFacade } from '../rpc/node-facade.ts';
import {
  type CreateWalletRequest,
  type ScanResult,
  type WalletHost,
  WalletHostError,
} from '../rpc/wallet-host.ts';
import { StoreError } from '../store/errors.ts';
import type { Entry } from '../store/store.ts';
import { openWalletFile, type WalletFile } from '../store/wallet-file.ts';
import type { WalletOptions } from '../wallet/options.ts';
import type { SpendContext } from '../wallet/spend-request.ts';
import { Wallet } from '../wallet/wallet.ts';
import type { WalletTx } from '../wallet/wallet-tx.ts';
import type { Transaction } from '../wire/transaction.ts';
import { runCommand, walletNotifyCommand } from './notify.ts';
import { type SettingsFile, setStartupWallet } from './settings-file.ts';
import { type SpendContextDeps, spendContext } from './spend-context.ts';
import { backupWallet, restoreWallet } from './wallet-backup.ts';
import {
  asHostError,
  listWalletFolders,
  locateExisting,
  locateNew,
  makeFolder,
  notRecognized,
  WALLET_VERIFICATION_FAILED,
} from './wallet-folder.ts';
import { WalletResender } from './wallet-resend.ts';
import {
  catchUp,
  followNotice,
  MissingBlockError,
  placeInChain,
  requireOwnBlock,
  type ScanDeps,
  scanBlocks,
  whyMissing,
} from './wallet-scan.ts';

export interface WalletsDeps extends SpendContextDeps {
  readonly node: NodeFacade;
  readonly log: Log;
  /** Runs a job after that time, by the scheduler's clock. */
  after(delay: Milliseconds, job: () => void): void;
  /** A wallet's file could not be written: the node must stop. */
  onFatal(error: Error): void;
  readonly scryptCost?: ScryptCost;
}

export interface WalletsOptions {
  /** `<chaindir>/wallets`, or `-walletdir`. */
  readonly directory: string;
  /** Where the wallets to load at start are remembered; undefined: nowhere. */
  readonly settingsFile: SettingsFile | undefined;
  /** `-walletnotify`. */
  readonly notifyCommand?: string | undefined;
  readonly dustRelayFeeRate: number;
  readonly wallet: WalletOptions;
}

interface Loaded {
  readonly wallet: Wallet;
  readonly file: WalletFile;
  /** Something was written that a loss of power may still take back. */
  isVolatile: boolean;
  /** The last job that had the wallet to itself. */
  queue: Promise<unknown>;
  scan?: { readonly startedAt: Milliseconds; progress: number; aborted: boolean };
}

export class Wallets implements WalletHost {
  readonly node: NodeFacade;
  readonly #deps: WalletsDeps;
  readonly #options: WalletsOptions;
  readonly #loaded: Loaded[] = [];
  /** Names that are being loaded or made. */
  readonly #loading = new Set<string>();
  readonly #scanDeps: ScanDeps;
  readonly #resender: WalletResender;

  constructor(deps: WalletsDeps, options: WalletsOptions) {
    this.node = deps.node;
    this.#deps = deps;
    this.#options = options;
    this.#scanDeps = {
      chain: deps.node.chain,
      readBlock: id => deps.node.blocks.readBlock(id),
      save: wallet => this.#write(this.#find(wallet), { durable: false }),
      now: () => this.now(),
    };
    this.#resender = new WalletResender(deps, {
      wallets: () => this.wallets(),
      broadcast: (wallet, tx, how) => this.broadcast(wallet, tx, how),
    });
    this.#resender.start();
  }

  wallets(): readonly Wallet[] {
    return this.#loaded.map(({ wallet }) => wallet);
  }

  /**
   * Loads those wanted at start. `warn` is told of one that does not exist, or was named before; throws WalletHostError
   * otherwise.
   */
  async loadAll(names: Iterable<string>, warn: (text: string) => void): Promise<void> {
    const paths = new Set<string>();
    for (const name of names) {
      const path = resolve(this.#options.directory, name);
      if (paths.has(path)) {
        warn(`Ignoring duplicate -wallet ${name}.`);
        continue;
      }
      paths.add(path);
      try {
        await this.load(name);
      } catch (error) {
        if (!(error instanceof WalletHostError)) throw error;
        // Core says at the start what is wrong, without saying what it was about.
        const why = error.message.replace(WALLET_VERIFICATION_FAILED, '');
        if (error.failure !== 'notFound') throw new WalletHostError(error.failure, why);
        warn(`Skipping -wallet path that doesn't exist. ${why}`);
      }
    }
  }

  /** What was not taken when they were loaded may be now: the chain stands elsewhere. */
  async resubmitAll(): Promise<void> {
    for (const wallet of this.wallets())
      await this.#resender.resubmit(wallet, () => true, { announces: false });
  }

  async create(request: CreateWalletRequest): Promise<Wallet> {
    const { name, disablesPrivateKeys, passphrase } = request;
    if (name === '') throw new WalletHostError('badName', 'Wallet name cannot be empty');
    if (passphrase && disablesPrivateKeys) {
      throw new WalletHostError(
        'failed',
        'Passphrase provided but private keys are disabled. A passphrase is only used to encrypt private keys, so cannot be used for wallets with private keys disabled.',
      );
    }
    return this.#whileLoading(name, async () => {
      const { folder, path } = await locateNew(this.#options.directory, name);
      await makeFolder(folder);
      const file = await openWalletFile(path, 'create');
      const wallet = this.#newWallet(name);
      const { chain } = this.node;
      const tip = chain.tip();
      const position = { height: chain.headers.heightOf(tip), hash: chain.headers.hashOf(tip) };
      wallet.initialize({ ...request, position, now: this.now() });
      await file.batch(wallet.takeBatch(), { durable: true });
      await this.#attach({ wallet, file, isVolatile: true, queue: Promise.resolve() });
      return wallet;
    });
  }

  async load(name: string): Promise<Wallet> {
    if (this.#loaded.some(({ wallet }) => wallet.name === name)) {
      throw new WalletHostError('alreadyLoaded', `Wallet "${name}" is already loaded.`);
    }
    return this.#whileLoading(name, async () => {
      const location = await locateExisting(this.#options.directory, name);
      const file = await openWalletFile(location.path, 'open').catch((error: unknown) => {
        throw error instanceof StoreError && error.code === 'foreign' ? notRecognized(location) : error;
      });
      try {
        if (file.cutBytes > 0) this.#deps.log.warn(`Wallet ${name}: the end of the file was torn and cut`);
        const wallet = this.#newWallet(name);
        const entries: Entry[] = [];
        for await (const entry of file.iterate({})) entries.push(entry);
        wallet.load(entries);
        placeInChain(wallet, this.node.chain);
        await this.#attach({ wallet, file, isVolatile: true, queue: Promise.resolve() });
        await this.#resender.resubmit(wallet, () => true, { announces: false });
        return wallet;
      } catch (error) {
        await file.close();
        throw error;
      }
    });
  }

  restore(name: string, backup: string): Promise<Wallet> {
    const { directory } = this.#options;
    return restoreWallet({ directory, name }, resolve(backup), each => this.load(each));
  }

  async unload(wallet: Wallet): Promise<void> {
    const loaded = this.#find(wallet);
    wallet.touchPosition();
    await this.#write(loaded, { durable: true });
    this.#loaded.splice(this.#loaded.indexOf(loaded), 1);
    wallet.lock();
    await loaded.file.close();
    this.#deps.log.info(`[${wallet.name}] Releasing wallet`);
  }

  /** At the end of the node. */
  async close(): Promise<void> {
    for (const wallet of this.wallets()) await this.unload(wallet);
  }

  listDirectory(): Promise<readonly string[]> {
    return listWalletFolders(this.#options.directory);
  }

  async setLoadOnStartup(name: string, load: boolean): Promise<void> {
    const file = this.#options.settingsFile;
    if (file === undefined)
      throw new Error('Attempt to write settings file when dynamic settings are disabled.');
    await setStartupWallet(file, name, load);
  }

  save(wallet: Wallet): Promise<void> {
    return this.#write(this.#find(wallet), { durable: true });
  }

  async rewrite(wallet: Wallet): Promise<void> {
    const loaded = this.#find(wallet);
    await this.#write(loaded, { durable: true });
    await loaded.file.compact();
  }

  async backup(wallet: Wallet, destination: string): Promise<void> {
    const loaded = this.#find(wallet);
    wallet.touchPosition();
    await this.#write(loaded, { durable: true });
    await backupWallet(loaded.file.path, destination);
  }

  exclusively<T>(wallet: Wallet, job: () => Promise<T>): Promise<T> {
    const loaded = this.#find(wallet);
    const result = loaded.queue.then(job);
    loaded.queue = result.catch(() => {});
    return result;
  }

  spendContext(wallet: Wallet): SpendContext {
    return spendContext(wallet, this.#deps, this.#options);
  }

  async broadcast(
    wallet: Wallet,
    tx: Transaction,
    { announces }: { readonly announces: boolean } = { announces: true },
  ): Promise<void> {
    if (!wallet.options.broadcasts) return;
    const result = await this.node.pool.submit(tx, { maxFee: wallet.options.maxTxFee, announces });
    if (result.status === 'rejected') {
      const { message } = result.reject;
      this.#deps.log.info(`[${wallet.name}] Transaction cannot be broadcast immediately, ${message}`);
    } else if (this.node.mempool.has(tx.txid)) {
      wallet.transactionAdded(tx, this.now());
      await this.save(wallet);
    }
  }

  now(): UnixSeconds {
    return toUnixSeconds(this.node.clock.now());
  }

  relockAfter(wallet: Wallet, seconds: number): void {
    const { unlockedUntil } = wallet;
    this.#deps.after(seconds * SECOND_MS, () => {
      // A later call of walletpassphrase has set another time.
      if (wallet.unlockedUntil === unlockedUntil) wallet.lock();
    });
  }

  async rescan(wallet: Wallet, startHeight: number, stopHeight: number | undefined): Promise<ScanResult> {
    const loaded = this.#find(wallet);
    const scan = { startedAt: this.node.clock.systemNow(), progress: 0, aborted: false };
    loaded.scan = scan;
    try {
      const result = await scanBlocks(
        wallet,
        this.#scanDeps,
        { start: startHeight, stop: stopHeight },
        {
          isAborted: () => scan.aborted || !this.#loaded.includes(loaded),
          onProgress: progress => {
            scan.progress = progress;
          },
        },
      );
      this.#tellMempool(wallet);
      await this.#write(loaded, { durable: true });
      return result;
    } finally {
      delete loaded.scan;
    }
  }

  scanOf(wallet: Wallet): { durationS: number; progress: number } | undefined {
    const { scan } = this.#find(wallet);
    if (scan === undefined) return undefined;
    const durationS = Math.floor((this.node.clock.systemNow() - scan.startedAt) / SECOND_MS);
    return { durationS, progress: scan.progress };
  }

  abortScan(wallet: Wallet): boolean {
    const { scan } = this.#find(wallet);
    if (scan !== undefined) scan.aborted = true;
    return scan !== undefined;
  }

  // --- the writer's notices

  async onChain(notice: ChainNotice): Promise<void> {
    if (notice.kind !== 'blockConnected' && notice.kind !== 'blockDisconnected') return;
    for (const loaded of [...this.#loaded]) {
      followNotice(loaded.wallet, notice, this.node.chain, this.now());
      await this.#writeOrStop(loaded);
    }
  }

  async onMempool(notice: MempoolNotice): Promise<void> {
    for (const loaded of [...this.#loaded]) {
      if (notice.kind === 'txAdded') loaded.wallet.transactionAdded(notice.entry.tx, this.now());
      else {
        loaded.wallet.transactionRemoved(notice.entry.tx);
        // Of what a block has made impossible the wallet's owner should hear too.
        const wtx = loaded.wallet.history.get(notice.entry.tx.txid);
        if (notice.reason === 'conflict' && wtx !== undefined) this.#notify(loaded.wallet.name, wtx);
      }
      await this.#writeOrStop(loaded);
    }
  }

  async #attach(loaded: Loaded): Promise<void> {
    const { wallet, file } = loaded;
    const save = () => file.batch(wallet.takeBatch(), { durable: false });
    try {
      requireOwnBlock(wallet, this.node.chain);
      await catchUp(wallet, { ...this.#scanDeps, save });
    } catch (error) {
      if (!(error instanceof MissingBlockError)) throw error;
      throw new WalletHostError('failed', `Wallet loading failed. ${whyMissing(this.node.chain)}`);
    }
    this.#loaded.push(loaded);
    this.#tellMempool(wallet);
    await this.#write(loaded, { durable: true });
  }

  #notify(wallet: string, wtx: WalletTx): void {
    const { notifyCommand } = this.#options;
    if (notifyCommand) void runCommand(walletNotifyCommand(notifyCommand, wallet, wtx), this.#deps.log);
  }

  #tellMempool(wallet: Wallet): void {
    const entries = [...this.node.mempool.entries()].sort((a, b) => a.sequence - b.sequence);
    for (const { tx } of entries) wallet.transactionAdded(tx, this.now());
  }

  #newWallet(name: string): Wallet {
    const { random, scryptCost } = this.#deps;
    const { headers } = this.node.chain;
    const onTransaction = (wtx: WalletTx) => this.#notify(name, wtx);
    const deps = { headers, random, onTransaction, ...(scryptCost === undefined ? {} : { scryptCost }) };
    return new Wallet(name, deps, this.#options.wallet);
  }

  /** One at a time for each name. */
  async #whileLoading(name: string, work: () => Promise<Wallet>): Promise<Wallet> {
    if (this.#loading.has(name)) throw new WalletHostError('failed', 'Wallet already loading.');
    this.#loading.add(name);
    try {
      return await work();
    } catch (error) {
      throw asHostError(error);
    } finally {
      this.#loading.delete(name);
    }
  }

  #find(wallet: Wallet): Loaded {
    const loaded = this.#loaded.find(other => other.wallet === wallet);
    if (loaded === undefined) {
      throw new WalletHostError('notFound', 'Requested wallet does not exist or is not loaded');
    }
    return loaded;
  }

  async #write(loaded: Loaded, options: { readonly durable: boolean }): Promise<void> {
    const ops = loaded.wallet.takeBatch();
    if (ops.length === 0 && !(options.durable && loaded.isVolatile)) return;
    loaded.isVolatile = !options.durable;
    await loaded.file.batch(ops, options);
  }

  async #writeOrStop(loaded: Loaded): Promise<void> {
    try {
      await this.#write(loaded, { durable: false });
    } catch (error) {
      this.#deps.onFatal(error instanceof Error ? error : new Error(String(error)));
    }
  }
}
