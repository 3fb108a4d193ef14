/**
 * What a start reads from files while RPC answers and peers connect already: the block files for `-reindex` and
 * `-reindex-chainstate`, and those that `-loadblock` names (Core: ImportBlocks). Of blocks peers are not heard before that ends.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Engine } from './engine.ts';
import { importFiles } from './import.ts';
import type { RunningPart } from './lifetime.ts';
import { reindexFiles } from './reindex.ts';

export interface StartupImportDeps {
  readonly engine: Engine;
  readonly clock: Clock;
  readonly log: Log;
}

/** `next`: what the node does when all is read. To stop it is to stop between two blocks. */
export function startImport(
  deps: StartupImportDeps,
  files: readonly string[],
  { next, onFatal }: { next(): Promise<void> | void; onFatal(error: unknown): void },
): RunningPart {
  const { engine, log } = deps;
  engine.chain.isLoadingBlocks = true;
  const abort = new AbortController();
  const done = (async () => {
    log.info('initload thread start');
    await readAll(deps, files, abort.signal);
    engine.chain.isLoadingBlocks = false;
    if (abort.signal.aborted) return;
    await next();
    log.info('initload thread exit');
  })().catch(error => {
    if (!abort.signal.aborted) onFatal(error);
  });
  return {
    name: 'import',
    stop: () => {
      abort.abort();
      engine.chain.interrupt();
      return done;
    },
  };
}

/** Throws StoreError, FatalStorageError. What is interrupted goes on at the next start, `-loadblock` excepted. */
async function readAll(
  { engine, clock, log }: StartupImportDeps,
  files: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const { chain, host, writer } = engine;
  if (host.isReindexing && !(await reindexFiles({ chain, host, writer, clock, log, signal }))) return;
  if (host.isImporting) await engine.enqueue('endImport', () => chain.endImport(clock.now()));
  for (const file of files) {
    if (signal.aborted) return;
    log.info(`Importing blocks file ${file}...`);
    try {
      const { blocks, problems } = await importFiles([file], { chain, writer, clock, signal });
      for (const { offset, reason } of problems) log.warn(`${file}, byte ${offset}: ${reason}`);
      log.info(`Loaded ${blocks} blocks from external file ${file}`);
    } catch (error) {
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      log.warn(`Could not open blocks file ${file}: ${error.message}`);
    }
  }
}
