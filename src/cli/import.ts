/** `bin/node import FILE…`: validates and stores the blocks of files, and tells how it goes. */
import { hashToHex } from '../base/bytes.ts';
import { SECOND_MS } from '../base/clock.ts';
import { loadVerifier } from '../crypto/verifier.ts';
import { NodeClock } from '../node/clocks.ts';
import { loadConfig } from '../node/config.ts';
import { DebugLog } from '../node/debug-log.ts';
import { takeDirectories } from '../node/directories.ts';
import { Engine } from '../node/engine.ts';
import {
  chainOptions,
  mempoolOptions,
  storageOptions,
  validationCacheBytes,
  verifierChoice,
} from '../node/engine-options.ts';
import { SystemRandom } from '../node/entropy.ts';
import { type ImportProgress, type ImportReport, importFiles } from '../node/import.ts';
import { workerCount } from '../node/script-workers.ts';
import type { SettingSource } from '../node/settings.ts';
import { dieAtOnce } from '../node/simulated-crash.ts';

const PROGRESS_MS = SECOND_MS;
/** Problems shown; the rest is counted. */
const PROBLEMS_SHOWN = 20;

/** Exit code 0 when every block of the files was taken. */
export async function runImport(commandLine: SettingSource, files: readonly string[]): Promise<number> {
  const config = loadConfig(commandLine, 'hearsay');
  const { settings, params } = config;
  const directories = takeDirectories(config);
  const clock = new NodeClock();
  if (settings.number('mocktime', 0) > 0) clock.setMockTime(settings.number('mocktime', 0));
  const log = new DebugLog({ file: undefined, toConsole: false, categories: new Set(), microseconds: false });
  const verifier = await loadVerifier(verifierChoice(settings));
  const stop = new AbortController();
  let fatal: Error | undefined;
  const engine = await Engine.open(
    {
      log,
      random: new SystemRandom(),
      verifier,
      now: () => clock.now(),
      onFatal: error => {
        fatal = error;
        stop.abort();
      },
      die: () => dieAtOnce(log),
    },
    {
      params,
      storage: storageOptions(config),
      chain: chainOptions(settings, params),
      mempool: mempoolOptions(settings, params),
      workers: workerCount(settings.number('par', 0)),
      validationCacheBytes: validationCacheBytes(settings),
    },
  );
  const interrupt = () => stop.abort();
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    await engine.start();
    const show = progressLine();
    const { chain, writer } = engine;
    const report = await importFiles(files, { chain, writer, clock, signal: stop.signal, onProgress: show });
    if (fatal !== undefined) throw fatal;
    show(report, 'last');
    tellProblems(report);
    const tip = chain.tip();
    process.stdout.write(
      `The chain stands at height ${chain.headers.heightOf(tip)}, ${hashToHex(chain.headers.hashOf(tip))}\n`,
    );
    return report.problems.length === 0 && !stop.signal.aborted ? 0 : 1;
  } finally {
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
    await engine.close();
    directories.release();
  }
}

/** Writes one line a second: over itself on a terminal, below itself elsewhere. */
function progressLine(): (progress: ImportProgress, when?: 'last') => void {
  const startedAt = performance.now();
  const isTerminal = process.stdout.isTTY === true;
  let shownAt = startedAt;
  return (progress, when) => {
    const now = performance.now();
    if (when !== 'last' && now - shownAt < PROGRESS_MS) return;
    shownAt = now;
    const seconds = Math.max(0.001, (now - startedAt) / SECOND_MS);
    const share = progress.bytesTotal === 0 ? 1 : progress.bytesRead / progress.bytesTotal;
    const left = share > 0 ? (seconds / share) * (1 - share) : 0;
    const rate = (count: number) => Math.round(count / seconds).toLocaleString('en');
    const line = [
      `height ${progress.height}`,
      `${rate(progress.blocks)} blocks/s`,
      `${rate(progress.transactions)} tx/s`,
      `${rate(progress.inputs)} inputs/s`,
      when === 'last'
        ? `${seconds.toFixed(1)} s`
        : `${(100 * share).toFixed(0)} %, ${Math.ceil(left)} s left`,
    ].join(' · ');
    const isOverwritten = isTerminal && when !== 'last';
    process.stdout.write(`${isTerminal ? '\r\x1b[K' : ''}${line}${isOverwritten ? '' : '\n'}`);
  };
}

function tellProblems({ problems, problemsLeftOut }: ImportReport): void {
  for (const { file, offset, hash, reason } of problems.slice(0, PROBLEMS_SHOWN)) {
    const which = hash === undefined ? 'a record' : `block ${hashToHex(hash)}`;
    process.stderr.write(`${file}, byte ${offset}: ${which} refused: ${reason}\n`);
  }
  const more = Math.max(0, problems.length - PROBLEMS_SHOWN) + problemsLeftOut;
  if (more > 0) process.stderr.write(`and ${more} more\n`);
}
