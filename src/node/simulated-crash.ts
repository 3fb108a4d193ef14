/**
 * Dying on purpose in the middle of a flush, to see whether the next start puts things right (`-dbcrashratio`; Core:
 * simulate_crash_ratio in src/txdb.cpp): after a batch that is not the last one has been written, at one in so many.
 */
import type { Log } from '../base/log.ts';
import { type Random, randomBelow } from '../base/random.ts';

export interface SimulatedCrash {
  readonly ratio: number;
  /** Ends the process. */
  readonly die: () => void;
}

/** After part of a change of the coins has been written. */
export function maybeCrash(
  { ratio, die }: SimulatedCrash,
  { log, random }: { readonly log: Log; readonly random: Random },
): void {
  if (randomBelow(random, ratio) !== 0) return;
  log.warn('Simulating a crash. Goodbye.');
  die();
}

/**
 * As the system ends a process, so that nothing is closed, written or told on the way: `process.exit` would close
 * databases. Only what was said shall be in the log.
 */
export function dieAtOnce(log: { flush(): void }): void {
  log.flush();
  process.kill(process.pid, 'SIGKILL');
}
