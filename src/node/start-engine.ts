/**
 * Brings the engine up with what the user said about it. What the disk holds decides whether it can: a database that is
 * damaged ends the start with advice, or is made anew where the user allowed that beforehand.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import { loadVerifier } from '../crypto/verifier.ts';
import { StoreError } from '../store/errors.ts';
import type { NodeConfig } from './config.ts';
import type { DebugLog } from './debug-log.ts';
import { Engine } from './engine.ts';
import {
  chainOptions,
  mempoolOptions,
  rebuildOption,
  type StorageOptions,
  storageOptions,
  validationCacheBytes,
  verifierChoice,
} from './engine-options.ts';
import { workerCount } from './script-workers.ts';
import { dieAtOnce } from './simulated-crash.ts';
import { FatalStorageError } from './writer.ts';

/** Index, coins or blocks on disk are not what was written. */
export class UnusableDatabaseError extends Error {
  override readonly name = 'UnusableDatabaseError';

  constructor(what: string) {
    super(`${what}.\nPlease restart with -reindex or -reindex-chainstate to recover.`);
  }
}

export interface StartEngineDeps {
  readonly log: DebugLog;
  readonly random: Random;
  readonly now: () => Milliseconds;
  /** Storage failed, or a bug surfaced, after the engine was up. */
  readonly onFatal: (error: unknown) => void;
}

/** With `-test=reindex_after_failure_noninteractive_yes` a database that cannot be used is made anew at once. */
export async function startEngine(
  config: NodeConfig,
  deps: StartEngineDeps,
  rebuild: StorageOptions['rebuild'] = rebuildOption(config.settings),
): Promise<Engine> {
  try {
    return await openEngine(config, deps, rebuild);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'corrupted' || rebuild === 'index') throw error;
    if (config.settings.list('test').includes('reindex_after_failure_noninteractive_yes'))
      return startEngine(config, deps, 'index');
    throw new UnusableDatabaseError(error.message);
  }
}

async function openEngine(
  config: NodeConfig,
  { log, random, now, onFatal }: StartEngineDeps,
  rebuild: StorageOptions['rebuild'],
): Promise<Engine> {
  const { settings, params } = config;
  // Until then a failure is the start's own.
  let isUp = false;
  const verifier = await loadVerifier(verifierChoice(settings));
  log.info(`Signatures are verified by engine ${verifier.name}`);
  const engine = await Engine.open(
    {
      log,
      random,
      verifier,
      now,
      onFatal: error => {
        if (isUp) onFatal(error);
      },
      die: () => dieAtOnce(log),
    },
    {
      params,
      storage: { ...storageOptions(config), ...(rebuild !== undefined && { rebuild }) },
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
