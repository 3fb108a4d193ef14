/**
 * A node, put together: the only place where everything is constructed, in the order of a start. How it ends: lifetime.ts;
 * what the user is told of a start: start-report.ts.
 */
import fs from 'node:fs';
import path from 'node:path';
import { hashToHex } from '../base/bytes.ts';
import { HOUR_MS, MINUTE_MS } from '../base/clock.ts';
import { loadVerifier } from '../crypto/verifier.ts';
import { RpcAuth } from '../rpc/auth.ts';
import { Dispatcher } from '../rpc/dispatcher.ts';
import { nodeMethods } from '../rpc/methods/node-methods.ts';
import { walletMethods } from '../rpc/methods/wallet/wallet-methods.ts';
import type { NodeFacade } from '../rpc/node-facade.ts';
import { RpcServer } from '../rpc/server.ts';
import { NodeClock, Scheduler } from './clocks.ts';
import type { NodeConfig } from './config.ts';
import type { DebugLog } from './debug-log.ts';
import { takeDirectories, walletDirectory } from './directories.ts';
import type { Engine } from './engine.ts';
import {
  mempoolOptions,
  mempoolWarnings,
  rebuildOption,
  templateOptions,
  verifierChoice,
  walletOptions,
} from './engine-options.ts';
import { SystemRandom } from './entropy.ts';
import { type BlockMaker, blockMaker } from './facade/mining.ts';
import { nodeFacade } from './facade/node-facade.ts';
import { FeeEstimates } from './fee-estimates.ts';
import { Gossip } from './gossip.ts';
import { enabledIndexes } from './index-options.ts';
import { Indexes, type IndexName } from './indexes.ts';
import { Lifetime } from './lifetime.ts';
import { openLog } from './log-options.ts';
import { MempoolStore } from './mempool-store.ts';
import { BackgroundMiner, mineOption } from './miner.ts';
import { networkOptions } from './network-options.ts';
import { runCommand, startBlockNotify } from './notify.ts';
import { rpcOptions } from './rpc-options.ts';
import { ConfigError } from './settings.ts';
import { writeSettings } from './settings-file.ts';
import { startEngine } from './start-engine.ts';
import { explained, logRecovery, standingWarnings, tellUser } from './start-report.ts';
import { startImport } from './startup-import.ts';
import { Wallets } from './wallets.ts';
import { startWarnings } from './warnings.ts';

/** How often the mempool is looked through for what has waited too long. */
const EXPIRY_INTERVAL_MS = 10 * MINUTE_MS;
/** How often the chain is brought to disk although nothing forces it. */
const FLUSH_INTERVAL_MS = 60 * MINUTE_MS;

export interface RunningNode {
  /** Ends it cleanly; may be called many times. */
  stop(): void;
  /** As `stop`, because of a bug that surfaced elsewhere: `stopped` rejects with it. */
  giveUp(error: unknown): void;
  /** Resolves after a clean stop; rejects when it had to give up. */
  readonly stopped: Promise<void>;
}

/**
 * Throws ConfigError, StoreError and others whose message is for the user; nothing is left running then. `warn` is told
 * what the user should know although the node starts.
 */
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
  readonly #config: NodeConfig;
  readonly #clock = new NodeClock();
  readonly #scheduler = new Scheduler();
  readonly #random = new SystemRandom();
  readonly #log: DebugLog;
  readonly #lifetime: Lifetime;
  readonly #warn: (text: string) => void;
  /** The last process in these directories had no time to clean up. */
  readonly #wasKilled: boolean;

  /** Takes the directories and opens the log. */
  constructor(config: NodeConfig, warn: (text: string) => void) {
    this.#config = config;
    this.#warn = warn;
    // First of all: whoever holds them keeps a second process from doing anything else.
    const directories = takeDirectories(config);
    this.#wasKilled = directories.wereLeftBehind;
    try {
      this.#log = openLog(config);
    } catch (error) {
      directories.release();
      throw error;
    }
    this.#lifetime = new Lifetime(this.#log);
    this.#lifetime.add({ name: 'directories', stop: () => directories.release() });
  }

  get stopped(): Promise<void> {
    return this.#lifetime.ended;
  }

  stop(): void {
    this.#lifetime.end(undefined);
  }

  giveUp(error: unknown): void {
    this.#lifetime.giveUp(error);
  }

  /** After a start that failed. */
  async takeDown(reason: unknown): Promise<void> {
    this.#log.warn(`The start failed: ${(reason as Error).message}`);
    await this.#lifetime.takeDown();
  }

  async start(): Promise<void> {
    const { settings, params, directory } = this.#config;
    this.#log.info(`Hearsay starts: chain ${params.name}, directory ${directory}`);
    for (const remark of this.#config.remarks) this.#log.warn(remark);
    for (const line of this.#config.settingLines) this.#log.info(line);
    await this.#writeSettings();
    const farewells = settings.list('shutdownnotify');
    this.#lifetime.setFarewell(() => Promise.all(farewells.map(command => runCommand(command, this.#log))));
    const mockTime = settings.number('mocktime', 0);
    if (mockTime > 0) this.#clock.setMockTime(mockTime);
    const network = networkOptions(this.#config);
    for (const text of [...network.warnings, ...mempoolWarnings(settings)]) this.#warnOnStart(text);
    const rpc = rpcOptions(this.#config);
    const template = templateOptions(settings);
    const wantedIndexes = enabledIndexes(settings);

    const dispatcher = new Dispatcher(this.#log);
    dispatcher.setWarmup('Loading block index…');
    if (settings.flag('server', true)) await this.#startRpc(dispatcher, rpc);
    const engine = await this.#startEngine();
    const warnings = startWarnings(
      { engine, log: this.#log, now: () => this.#clock.now() },
      {
        command: settings.text('alertnotify'),
        standing: standingWarnings(params),
      },
    );
    const blockNotify = settings.text('blocknotify');
    if (blockNotify) startBlockNotify(blockNotify, { engine, log: this.#log, now: () => this.#clock.now() });
    const indexes = await this.#startIndexes(engine, wantedIndexes);

    dispatcher.setWarmup('Loading P2P addresses…');
    const onFatal = (error: unknown) => this.#lifetime.giveUp(error);
    const { clock, scheduler } = { clock: this.#clock, scheduler: this.#scheduler };
    const store = this.#mempoolStore(engine);
    const fees = this.#feeEstimates(engine);
    const gossip = new Gossip(
      { engine, filters: indexes.filters, clock, random: this.#random, log: this.#log, onFatal },
      { params, directory },
      network,
    );
    this.#lifetime.add({ name: 'gossip', stop: () => gossip.stop() });
    const maker = blockMaker({ engine, clock, log: this.#log }, template);
    const facade = nodeFacade(this.#config, {
      ...{ engine, warnings, indexes, gossip, maker, network, store, fees, clock, scheduler },
      log: this.#log,
      shutdown: () => this.stop(),
    });
    dispatcher.register(nodeMethods(facade, dispatcher));
    const wallets = settings.flag('disablewallet', false)
      ? undefined
      : await this.#startWallets(engine, facade);
    if (wallets !== undefined) dispatcher.register(walletMethods(wallets));
    const files = settings.list('loadblock');
    const isImporting = engine.host.isImporting || files.length > 0;
    /** What needs the chain where the files on disk bring it (Core: the end of initload). */
    const finish = async () => {
      if (isImporting) indexes.start();
      await engine.enqueue('prune', () => engine.chain.pruneIfFull(clock.now()));
      this.#startMiner(engine, maker);
      store.startLoading();
      if (!isImporting) return;
      gossip.wake();
      await wallets?.resubmitAll();
    };
    if (!isImporting) indexes.start();
    dispatcher.setWarmup('Loading wallet…');
    await wallets?.loadAll(settings.list('wallet'), text => this.#warnOnStart(text));
    if (this.#lifetime.isEnding) return;
    scheduler.every(EXPIRY_INTERVAL_MS, () => this.#chore('expire', engine.enqueue('expire', () => engine.mempool.expire(clock.now())))); // biome-ignore format: one step
    scheduler.every(FLUSH_INTERVAL_MS, () => this.#chore('flush', engine.enqueue('flush', () => engine.chain.flush(clock.now())))); // biome-ignore format: one step
    this.#lifetime.add({ name: 'scheduler', stop: () => scheduler.stop() });
    this.#writePid();
    if (isImporting) {
      const next = settings.flag('stopafterblockimport', false)
        ? () => {
            this.#log.info('Stopping after block import');
            this.stop();
          }
        : finish;
      this.#lifetime.add(startImport({ engine, clock, log: this.#log }, files, { next, onFatal }));
    }
    dispatcher.setWarmup('Starting network threads…');
    await gossip.start();
    if (!isImporting) await finish();
    dispatcher.finishWarmup();
    tellUser(this.#config);
    const startupNotify = settings.text('startupnotify');
    if (startupNotify) void runCommand(startupNotify, this.#log);
  }

  /** In the log and to the user (Core: InitWarning). */
  #warnOnStart(text: string): void {
    this.#log.warn(text);
    this.#warn(text);
  }

  /** Throws ConfigError. */
  async #writeSettings(): Promise<void> {
    const { settingsFile, storedSettings, unknownSections } = this.#config;
    if (unknownSections.length > 0) this.#warn(unknownSections.join('\n'));
    try {
      if (settingsFile !== undefined) await writeSettings(settingsFile, storedSettings);
    } catch (error) {
      throw new ConfigError(
        `Settings file could not be written:\n- ${settingsFile?.path}: ${(error as Error).message}`,
      );
    }
  }

  #chore(name: string, done: Promise<unknown>): void {
    done.catch(error => {
      if (!this.#lifetime.isEnding) this.#log.warn(`${name}: ${(error as Error).message}`);
    });
  }

  async #startRpc(dispatcher: Dispatcher, options: ReturnType<typeof rpcOptions>): Promise<void> {
    const auth = new RpcAuth(options.auth, this.#log);
    const beforeAnswer = () => this.#log.flush();
    const server = new RpcServer({ dispatcher, auth, log: this.#log }, { ...options.server, beforeAnswer });
    try {
      await server.start();
    } catch (error) {
      auth.close(this.#log);
      throw error;
    }
    this.#lifetime.setDoor(server);
  }

  async #startEngine(): Promise<Engine> {
    const engine = await startEngine(this.#config, {
      log: this.#log,
      random: this.#random,
      now: () => this.#clock.now(),
      onFatal: error => this.#lifetime.end(error),
    });
    this.#lifetime.add({ name: 'chain', stop: () => engine.close() });
    logRecovery(this.#log, { wasKilled: this.#wasKilled, recovered: engine.host.recovered });
    this.#watchHeight(engine);
    return engine;
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
      { engine, random: this.#random, log: this.#log, onFatal: error => this.#lifetime.end(error) },
      { directory, enabled, rebuild: rebuildOption(settings) === 'index' },
    );
    this.#lifetime.add({
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
    this.#lifetime.add({ name: 'mempool', stop: () => store.stop() });
    return store;
  }

  /** Undefined where transactions of others are not heard of. */
  #feeEstimates(engine: Engine): FeeEstimates | undefined {
    const { settings, params, directory } = this.#config;
    const acceptsStale = settings.flag('acceptstalefeeestimates', false);
    if (acceptsStale && params.name !== 'regtest')
      throw new ConfigError(`acceptstalefeeestimates is not supported on ${params.name} chain.`);
    if (settings.flag('blocksonly', false)) return undefined;
    const deps = { engine, clock: this.#clock, log: this.#log };
    const fees = new FeeEstimates(deps, { directory, acceptsStale });
    engine.listen(fees);
    this.#scheduler.every(HOUR_MS, () => fees.save());
    this.#lifetime.add({ name: 'fee estimates', stop: () => fees.stop() });
    return fees;
  }

  async #startWallets(engine: Engine, node: NodeFacade): Promise<Wallets> {
    const { settings, params, settingsFile } = this.#config;
    const { dustRelayFeeRate } = mempoolOptions(settings, params);
    const wallets = new Wallets(
      {
        node,
        random: this.#random,
        verifier: await loadVerifier(verifierChoice(settings)),
        log: this.#log,
        after: (delay, job) => this.#scheduler.after(delay, job),
        onFatal: error => this.#lifetime.end(error),
      },
      {
        directory: walletDirectory(this.#config),
        settingsFile,
        notifyCommand: settings.text('walletnotify'),
        dustRelayFeeRate,
        wallet: walletOptions(settings, params),
      },
    );
    const forget = engine.listen({
      onChain: notice => wallets.onChain(notice),
      onMempool: notice => wallets.onMempool(notice),
    });
    this.#lifetime.add({
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
    const scriptPubKey = mineOption(settings, params);
    if (scriptPubKey === undefined) return;
    const onFatal = (error: Error) => this.#lifetime.end(error);
    const miner = new BackgroundMiner({ engine, maker, log: this.#log, onFatal }, scriptPubKey);
    this.#lifetime.add({ name: 'miner', stop: () => miner.stop() });
  }

  #writePid(): void {
    const { settings, directory } = this.#config;
    const file = path.resolve(directory, settings.text('pid') ?? 'bitcoind.pid');
    fs.writeFileSync(file, `${process.pid}\n`);
    this.#lifetime.add({ name: 'pid file', stop: () => fs.rmSync(file, { force: true }) });
  }
}
