/** A chain on disk as the node runs it: block files, LevelDB, the writer's queue, real scripts. */
import { type Log, SILENT_LOG } from '../../src/base/log.ts';
import { SeededRandom } from '../../src/base/random.ts';
import { Chain } from '../../src/chain/chain.ts';
import type { ChainOptions } from '../../src/chain/chain-state.ts';
import type { ChainNotice, WriterEffect } from '../../src/chain/effects.ts';
import { type CheckScripts, isScriptEffect, performScripts } from '../../src/chain/script-effects.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import { type ChainHost, openChainHost } from '../../src/node/chain-host.ts';
import { reindexFiles } from '../../src/node/reindex.ts';
import { Writer } from '../../src/node/writer.ts';
import { verifyHere } from './check-scripts.ts';

export interface DiskChain {
  readonly chain: Chain;
  readonly host: ChainHost;
  readonly writer: Writer<WriterEffect>;
  readonly notices: ChainNotice[];
  /** As a clean stop does: flush, then close. */
  stop(): Promise<void>;
  /** As SIGKILL leaves it: nothing more is written. */
  kill(): Promise<void>;
}

export interface DiskChainOptions extends ChainOptions {
  readonly now: number;
  readonly blocksXor?: boolean;
  readonly blockFileBytesMax?: number;
  readonly checkScripts?: CheckScripts;
  readonly rebuild?: 'index' | 'coins';
  readonly log?: Log;
  /** While block files are read again. */
  readonly signal?: AbortSignal;
  /** Effects of storage that are performed before the process is killed: none after them. */
  readonly effectsUntilKill?: number;
  /** Is killed so at one in so many batches of coins that others follow. */
  readonly crashRatio?: number;
}

export class Killed extends Error {
  override readonly name = 'Killed';
}

export async function openDiskChain(
  params: ChainParams,
  directory: string,
  options: DiskChainOptions,
): Promise<DiskChain> {
  const { now, blocksXor = true, blockFileBytesMax, rebuild, checkScripts = verifyHere } = options;
  const { log = SILENT_LOG } = options;
  let effects = options.effectsUntilKill ?? Number.POSITIVE_INFINITY;
  const host = await openChainHost(
    {
      log,
      random: new SeededRandom(1),
      die() {
        effects = 0;
        throw new Killed();
      },
    },
    {
      directory,
      magic: params.magic,
      blocksXor,
      prunes: options.prune !== undefined,
      ...(rebuild === undefined ? {} : { rebuild }),
      ...(options.crashRatio === undefined ? {} : { crashRatio: options.crashRatio }),
      ...(blockFileBytesMax === undefined ? {} : { blockFileBytesMax }),
    },
  );
  const chain = new Chain({ params, log }, options);
  const notices: ChainNotice[] = [];
  const perform = (effect: WriterEffect): unknown => {
    if (isScriptEffect(effect)) return performScripts(effect, checkScripts);
    if (effect.kind === 'notify') {
      notices.push(effect.notice);
      return;
    }
    if (effects <= 0) throw new Killed();
    effects -= 1;
    return host.perform(effect);
  };
  const writer = new Writer<WriterEffect>({ perform, onFatal() {} });
  const kill = async () => {
    await writer.close();
    await host.close();
  };
  const stop = async () => {
    await writer.enqueue('flush', () => chain.flush(now));
    await kill();
  };
  try {
    await host.startChain(chain, writer, now);
    const { signal = new AbortController().signal } = options;
    const reindex = { chain, host, writer, clock: { now: () => now }, log, signal };
    if (host.isReindexing && !(await reindexFiles(reindex))) throw new Error('interrupted');
    if (host.isImporting) await writer.enqueue('endImport', () => chain.endImport(now));
  } catch (error) {
    await kill();
    throw error;
  }
  return { chain, host, writer, notices, stop, kill };
}
