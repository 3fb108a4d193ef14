/**
 * A node, put together: the only place where everything is constructed, and where it is taken apart again in order.
 */
import fs from 'node:fs';
import path from 'node:path';
import { hashToHex } from '../base/bytes.ts';
import { MINUTE_MS, toUnixSeconds } from '../base/clock.ts';
import type { ChainParams } from '../consensus/params.ts';
import { loadVerifier } from '../crypto/verifier.ts';
import { AuthSetupError, RpcAuth } from '../rpc/auth.ts';
import { Dispatcher } from '../rpc/dispatcher.ts';
import { nodeMethods } from '../rpc/methods/node-methods.ts';
import { walletMethods } from '../rpc/methods/wallet/wallet-methods.ts';
import type { NodeFacade } from '../rpc/node-facade.ts';
import { RpcServer, RpcServerError } from '../rpc/server.ts';
import { decodeAddress } from '../script/address.ts';
import { StoreError } from '../store/errors.ts';
import { NodeClock, Scheduler } from './clocks.ts';
import type { NodeConfig } from './config.ts';
import type { DebugLog } from './debug-log.ts';
import { defaultWalletDirectory, takeDirectories } from './directories.ts';
import { Engine } from './engine.ts';
import {
  chainOptions,
  mempoolOptions,
  type StorageOptions,
  storageOptions,
  templateOptions,
  validationCacheBytes,
  verifierChoice,
  walletOptions,
} from './engine-options.ts';
import { SystemRandom } from './entropy.ts';
import { blockAccess, coinAccess } from './facade/blocks.ts';
import { type BlockMaker, blockMaker } from './facade/mining.ts';
import { networkAccess } from './facade/network.ts';
import { clockAccess, poolAccess, processAccess } from './facade/pool.ts';
import { snapshotAccess } from './facade/snapshots.ts';
import { Gossip } from './gossip.ts';
import { enabledIndexes } from './index-options.ts';
import { Indexes, type IndexName } from './indexes.ts';
import { logFile, openLog } from './log-options.ts';
import { MempoolStore } from './mempool-store.ts';
import { BackgroundMiner } from './miner.ts';
import { networkOptions } from './network-options.ts';
import { rpcOptions } from './rpc-options.ts';
import { workerCount } from './script-workers.ts';
import { ConfigError, type Settings } from './settings.ts';
import { startupImport } from './startup-import.ts';
import { Wallets } from './wallets.ts';
import { runAlertCommand, Warnings } from './warnings.ts';
import { FatalStorageError } from './writer.ts';

/** How often the mempool is looked through for what has waited too long. */
const EXPIRY_INTERVAL_MS = 10 * MINUTE_MS;
/** How often the chain is brought to disk although nothing forces it. */
const FLUSH_INTERVAL_MS = 60 * MINUTE_MS;

/** Index, coins or blocks on disk are not what was written. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';

  constructor(what: string) {
    super(`${what}.\nPlease restart with -reindex or -reindex-chainstate to recover.`);
  }
}

export interface RunningNode {
  /** Ends it cleanly; may be called many times. */
  stop(): void;
  /** As `stop`, because of a bug that surfaced elsewhere: `stopped` rejects with it. */
  giveUp(error: unknown): void;
  /** Resolves after a clean stop; rejects when it had to give up. */
  readonly stopped: Promise<void>;
}

/** Throws ConfigError, StoreError and others whose message is for the user. Nothing is left running then. */
/** `warn` is told what the user should know although the node starts. */
export async function startNode(
  config: NodeConfig,
  warn: (text: string) => void = () => {},
): Promise<RunningNode> {
  let node: HearsayNode | undefined;
  try {
    node = new HearsayNode(config, warn);
    await node.start();
    return node;
  } catch (error) {
    await node?.takeDown(error);
    throw explained(error);
  }
}

class HearsayNode implements RunningNode {
  readonly stopped: Promise<void>;
  readonly #config: NodeConfig;
  readonly #clock = new NodeClock();
  readonly #scheduler = new Scheduler();
  readonly #random = new SystemRandom();
  readonly #log: DebugLog;
  readonly #settle: { resolve(): void; reject(error: unknown): void };
  /** What was started, in order; taken down in reverse. */
  readonly #running: { readonly name: string; stop(): Promise<void> | void }[] = [];
  #server: RpcServer | undefined;
  readonly #warn: (text: string) => void;
  #isStopping = false;
  /** The last process in these directories had no time to clean up. */
  readonly #wasKilled: boolean;

  /** Takes the directories and opens the log. */
  constructor(config: NodeConfig, warn: (text: string) => void) {
    this.#config = config;
    this.#warn = warn;
    // First of all: whoever holds them keeps a second process from doing anything else.
    const directories = takeDirectories(config);
    this.#running.push({ name: 'directories', stop: () => directories.release() });
    this.#wasKilled = directories.wereLeftBehind;
    try {
      this.#log = openLog(config);
    } catch (error) {
      directories.release();
      throw error;
    }
    const { promise, resolve, reject } = deferred();
    this.stopped = promise;
    this.#settle = { resolve, reject };
    // Nobody may be listening yet when a start fails.
    promise.catch(() => {});
  }

  stop(): void {
    this.#end(undefined);
  }

  giveUp(error: unknown): void {
    this.#end(error ?? new Error('An unknown error surfaced'));
  }

  async start(): Promise<void> {
    const { settings, params, directory } = this.#config;
    this.#log.info(`Hearsay starts: chain ${params.name}, directory ${directory}`);
    for (const key of this.#config.ignoredKeys) this.#log.warn(`Ignoring unknown configuration value ${key}`);
    const mockTime = settings.number('mocktime', 0);
    if (mockTime > 0) this.#clock.setMockTime(mockTime);
    const network = networkOptions(this.#config);
    for (const text of network.warnings) {
      this.#log.warn(text);
      this.#warn(text);
    }
    const rpc = rpcOptions(this.#config);
    const template = templateOptions(settings);
    const wantedIndexes = enabledIndexes(settings);

    const dispatcher = new Dispatcher(this.#log);
    dispatcher.setWarmup('Loading block index…');
    if (settings.flag('server', true)) await this.#startRpc(dispatcher, rpc);
    const engine = await this.#startEngine(rebuildOf(settings));
    const warnings = this.#watchChain(engine);
    const indexes = await this.#startIndexes(engine, wantedIndexes);

    dispatcher.setWarmup('Loading P2P addresses…');
    const onFatal = (error: unknown) => this.#end(error ?? new Error('unknown'));
    const { clock, scheduler } = { clock: this.#clock, scheduler: this.#scheduler };
    const store = this.#mempoolStore(engine);
    const gossip = new Gossip(
      { engine, filters: indexes.filters, clock, random: this.#random, log: this.#log, onFatal },
      { params, directory },
      network,
    );
    this.#running.push({ name: 'gossip', stop: () => gossip.stop() });
    const maker = blockMaker({ engine, clock, log: this.#log }, template);
    const facade = this.#facade({ engine, warnings, indexes, gossip, maker, network, store });
    dispatcher.register(nodeMethods(facade, dispatcher));
    const wallets = settings.flag('disablewallet', false)
      ? undefined
      : await this.#startWallets(engine, facade);
    if (wallets !== undefined) dispatcher.register(walletMethods(wallets));
    /** What takes part in the chain, once that stands where the files on disk bring it. */
    const takePart = async (tell: (step: string) => void) => {
      indexes.start();
      tell('Loading wallet…');
      await wallets?.loadAll(settings.list('wallet'));
      if (this.#isStopping) return;
      tell('Starting network threads…');
      await gossip.start();
      await engine.enqueue('prune', () => engine.chain.pruneIfFull(clock.now()));
      this.#startMiner(engine, maker);
      store.startLoading();
    };
    scheduler.every(EXPIRY_INTERVAL_MS, () => this.#chore('expire', engine.enqueue('expire', () => engine.mempool.expire(clock.now())))); // biome-ignore format: one step
    scheduler.every(FLUSH_INTERVAL_MS, () => this.#chore('flush', engine.enqueue('flush', () => engine.chain.flush(clock.now())))); // biome-ignore format: one step
    this.#running.push({ name: 'scheduler', stop: () => scheduler.stop() });
    this.#writePid();
    const files = settings.list('loadblock');
    if (!engine.host.isImporting && files.length === 0) await takePart(step => dispatcher.setWarmup(step));
    else this.#importThen(() => takePart(step => this.#log.info(step)), engine, files);
    dispatcher.finishWarmup();
    this.#tellUser();
  }

  /** Takes down what runs, newest first; errors are logged, the first is returned. `reason`: why a start failed. */
  async takeDown(reason?: unknown): Promise<unknown> {
    let first: unknown;
    if (reason !== undefined) this.#log.warn(`The start failed: ${(reason as Error).message}`);
    // Calls that run are answered while everything that they need is still there.
    await this.#server?.stop();
    // Stopping one may let another come up that was on its way.
    for (let part = this.#running.pop(); part !== undefined; part = this.#running.pop()) {
      try {
        await part.stop();
      } catch (error) {
        first ??= error;
        this.#log.warn(`Stopping ${part.name}: ${(error as Error).message}`);
      }
    }
    this.#log.info('Shutdown: done');
    this.#log.close();
    return first;
  }

  #end(reason: unknown): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    if (reason !== undefined)
      this.#log.warn(`The node must stop: ${(reason as Error).stack ?? String(reason)}`);
    // The answer to `stop` goes out before its connection is closed.
    setImmediate(async () => {
      const problem = await this.takeDown();
      const error = reason ?? problem;
      if (error === undefined) this.#settle.resolve();
      else this.#settle.reject(error);
    });
  }

  /** Reads files while RPC answers, then lets the rest start. */
  #importThen(takePart: () => Promise<void>, engine: Engine, files: readonly string[]): void {
    const abort = new AbortController();
    const deps = { engine, clock: this.#clock, log: this.#log, signal: abort.signal };
    const done = (async () => {
      this.#log.info('initload thread start');
      await startupImport(deps, files);
      if (abort.signal.aborted) return;
      if (this.#config.settings.flag('stopafterblockimport', false)) {
        this.#log.info('Stopping after block import');
        this.stop();
      } else await takePart();
      this.#log.info('initload thread exit');
    })().catch(error => {
      if (!abort.signal.aborted) this.#end(error ?? new Error('unknown'));
    });
    this.#running.push({
      name: 'import',
      stop: () => {
        abort.abort();
        engine.chain.interrupt();
        return done;
      },
    });
  }

  #chore(name: string, done: Promise<unknown>): void {
    done.catch(error => {
      if (!this.#isStopping) this.#log.warn(`${name}: ${(error as Error).message}`);
    });
  }

  async #startRpc(dispatcher: Dispatcher, options: ReturnType<typeof rpcOptions>): Promise<void> {
    const auth = new RpcAuth(options.auth, this.#log);
    const server = new RpcServer({ dispatcher, auth, log: this.#log }, options.server);
    try {
      await server.start();
    } catch (error) {
      auth.close(this.#log);
      throw error;
    }
    this.#server = server;
  }

  /** With `-test=reindex_after_failure_noninteractive_yes` a database that cannot be used is made anew at once. */
  async #startEngine(rebuild: StorageOptions['rebuild']): Promise<Engine> {
    const { settings } = this.#config;
    let engine: Engine;
    try {
      engine = await this.#openEngine(rebuild);
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'corrupted' || rebuild === 'index') throw error;
      if (settings.list('test').includes('reindex_after_failure_noninteractive_yes'))
        return this.#startEngine('index');
      throw new UnusableDatabaseError(error.message);
    }
    this.#running.push({ name: 'chain', stop: () => engine.close() });
    this.#tellRecovery(engine);
    this.#watchHeight(engine);
    return engine;
  }

  /** In one line: what the last run has left undone, and what became of it. */
  #tellRecovery({ host }: Engine): void {
    const { recovered } = host;
    if (!this.#wasKilled && recovered.length === 0) return;
    const how = this.#wasKilled ? 'was killed' : 'did not end cleanly';
    const what = recovered.length === 0 ? 'nothing was left undone' : recovered.join('; ');
    this.#log.warn(`The last run ${how}: ${what}`);
  }

  async #openEngine(rebuild: StorageOptions['rebuild']): Promise<Engine> {
    const { settings, params } = this.#config;
    // Until then a failure is the start's own.
    let isUp = false;
    const verifier = await loadVerifier(verifierChoice(settings));
    const engine = await Engine.open(
      {
        log: this.#log,
        random: this.#random,
        verifier,
        now: () => this.#clock.now(),
        onFatal: error => {
          if (isUp) this.#end(error);
        },
      },
      {
        params,
        storage: { ...storageOptions(this.#config), ...(rebuild !== undefined && { rebuild }) },
        chain: chainOptions(settings, params),
        mempool: mempoolOptions(settings, params),
        workers: workerCount(settings.number('par', 0)),
        validationCacheBytes: validationCacheBytes(settings),
      },
    );
    try {
      await engine.start();
    } catch (error) {
      await engine.close();
      throw error instanceof FatalStorageError && error.cause instanceof StoreError ? error.cause : error;
    }
    isUp = true;
    return engine;
  }

  #watchChain(engine: Engine): Warnings {
    const { settings, params } = this.#config;
    const command = settings.text('alertnotify');
    const alert = (text: string) => {
      if (command !== undefined && command !== '') runAlertCommand(command, text);
    };
    const deps = { chain: engine.chain, log: this.#log, now: () => this.#clock.now(), alert };
    const warnings = new Warnings(deps, warningsFor(params));
    engine.listen({ onChain: notice => warnings.onChain(notice), onMempool() {} });
    return warnings;
  }

  #watchHeight(engine: Engine): void {
    const { settings } = this.#config;
    const { chain } = engine;
    const tip = chain.tip();
    this.#log.info(
      `The chain stands at height ${chain.headers.heightOf(tip)}, ${hashToHex(chain.headers.hashOf(tip))}`,
    );
    const stopAt = settings.number('stopatheight', 0);
    if (stopAt > 0) {
      engine.listen({
        onChain: notice => {
          if (notice.kind === 'tipChanged' && chain.headers.heightOf(notice.tip) >= stopAt) this.stop();
        },
        onMempool() {},
      });
    }
  }

  async #startIndexes(engine: Engine, enabled: ReadonlySet<IndexName>): Promise<Indexes> {
    const { settings, directory } = this.#config;
    const indexes = await Indexes.open(
      { engine, random: this.#random, log: this.#log, onFatal: error => this.#end(error) },
      { directory, enabled, rebuild: rebuildOf(settings) === 'index' },
    );
    this.#running.push({
      name: 'indexes',
      stop: async () => {
        // How far they are is kept only as far as the coins are on disk.
        await engine.enqueue('flush', () => engine.chain.flush(this.#clock.now())).catch(() => {});
        await indexes.stop();
      },
    });
    return indexes;
  }

  /** Stops after the gossip: what still comes is kept too. */
  #mempoolStore(engine: Engine): MempoolStore {
    const { settings, directory } = this.#config;
    const store = new MempoolStore(
      { engine, clock: this.#clock, random: this.#random, log: this.#log },
      {
        directory,
        isPersistent: settings.flag('persistmempool', true),
        withoutKey: settings.flag('persistmempoolv1', false),
      },
    );
    this.#running.push({ name: 'mempool', stop: () => store.stop() });
    return store;
  }

  #facade(parts: {
    readonly engine: Engine;
    readonly indexes: Indexes;
    readonly warnings: Warnings;
    readonly gossip: Gossip;
    readonly maker: BlockMaker;
    readonly store: MempoolStore;
    readonly network: ReturnType<typeof networkOptions>;
  }): NodeFacade {
    const { engine, warnings, indexes, gossip, maker, network } = parts;
    const clock = this.#clock;
    const time = clockAccess({ clock, scheduler: this.#scheduler });
    return {
      chain: engine.chain,
      mempool: engine.mempool,
      blocks: blockAccess({ engine, clock, indexes }),
      coins: coinAccess({ engine, clock }),
      indexes,
      snapshots: snapshotAccess({ engine, clock, log: this.#log }, this.#config.directory),
      pool: poolAccess({
        engine,
        clock,
        announce: txid => void gossip.command({ kind: 'announceTx', txid }),
        store: parts.store,
      }),
      mining: maker,
      network: networkAccess({ gossip, clock }, network),
      clock: {
        ...time,
        advanceScheduler: seconds => {
          time.advanceScheduler(seconds);
          gossip.pump.dispatch({ kind: 'schedulerAdvanced', by: seconds * 1_000 });
        },
      },
      process: processAccess({
        log: this.#log,
        logPath: logFile(this.#config) ?? '',
        warnings: () => warnings.list(),
        shutdown: () => this.stop(),
        deprecatedRpcs: this.#config.settings.list('deprecatedrpc'),
      }),
    };
  }

  async #startWallets(engine: Engine, node: NodeFacade): Promise<Wallets> {
    const { settings, params, directory } = this.#config;
    const { dustRelayFeeRate } = mempoolOptions(settings, params);
    const settingsPath = path.join(directory, 'settings.json');
    const wallets = new Wallets(
      {
        node,
        random: this.#random,
        verifier: await loadVerifier(verifierChoice(settings)),
        log: this.#log,
        after: (delay, job) => this.#scheduler.after(delay, job),
        onFatal: error => this.#end(error),
      },
      {
        directory: path.resolve(directory, settings.text('walletdir') ?? defaultWalletDirectory(directory)),
        settingsPath,
        dustRelayFeeRate,
        wallet: walletOptions(settings, params),
      },
    );
    const forget = engine.listen({
      onChain: notice => wallets.onChain(notice),
      onMempool: notice => wallets.onMempool(notice),
    });
    this.#running.push({
      name: 'wallets',
      async stop() {
        forget();
        await wallets.close();
      },
    });
    return wallets;
  }

  #startMiner(engine: Engine, maker: BlockMaker): void {
    const { settings, params } = this.#config;
    const address = settings.text('mine');
    if (address === undefined) return;
    let scriptPubKey: Uint8Array;
    try {
      ({ scriptPubKey } = decodeAddress(address, params.address));
    } catch (error) {
      throw new ConfigError(
        `--mine ${address} is not an address of ${params.name}: ${(error as Error).message}`,
      );
    }
    const onFatal = (error: Error) => this.#end(error);
    const miner = new BackgroundMiner({ engine, maker, log: this.#log, onFatal }, scriptPubKey);
    this.#running.push({ name: 'miner', stop: () => miner.stop() });
  }

  #writePid(): void {
    const { settings, directory } = this.#config;
    const file = path.resolve(directory, settings.text('pid') ?? 'bitcoind.pid');
    fs.writeFileSync(file, `${process.pid}\n`);
    this.#running.push({ name: 'pid file', stop: () => fs.rmSync(file, { force: true }) });
  }

  /** What somebody at a terminal wants to know first. */
  #tellUser(): void {
    const { persona, params } = this.#config;
    if (persona === 'bitcoind') return;
    const rpc = rpcOptions(this.#config);
    const { host, port } = rpc.server.bind[0]!;
    for (const warning of warningsFor(params)) process.stdout.write(`Warning: ${warning}\n`);
    process.stdout.write(`Hearsay runs on ${params.name} since ${new Date(toUnixSeconds(Date.now()) * 1_000).toISOString()}; RPC on ${host}:${port}\n`); // biome-ignore format: one text
  }
}

/** What must be known before trusting this node with money. */
function warningsFor(params: ChainParams): readonly string[] {
  if (params.name !== 'main') return [];
  return [
    'Agreement with Bitcoin Core on every rule of mainnet is not proven yet: consensus may be incomplete. Do not trust this node with money.',
  ];
}

function rebuildOf(settings: Settings): StorageOptions['rebuild'] {
  if (settings.flag('reindex', false)) return 'index';
  return settings.flag('reindex-chainstate', false) ? 'coins' : undefined;
}

/** Errors in words for whoever started the node. */
function explained(error: unknown): unknown {
  if (error instanceof AuthSetupError || error instanceof RpcServerError) {
    return new ConfigError('Unable to start HTTP server. See debug log for details.');
  }
  const isStorage = error instanceof FatalStorageError || error instanceof StoreError;
  return isStorage ? new ConfigError(error.message) : error;
}

function deferred(): { promise: Promise<void>; resolve(): void; reject(error: unknown): void } {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
