/**
 * V8 settles how large its heap may become when a process begins: four gigabytes at most, and a young generation of 16 MB,
 * which suits programs of a few hundred megabytes. What is larger runs once again, in a process that is given most of the
 * machine's memory. (A world of 3,000 nodes takes a fifth less processor time for it: with each collection of the young
 * generation, V8 looks for its traces all over the old one.)
 */
import { spawn } from 'node:child_process';
import os from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** The rest is for what is not heap, and for everybody else. */
const MEMORY_SHARE = 0.85;
const SEMI_SPACE_MIB = 64;
/** V8's own settings are made for less. */
const LARGE_BYTES = 500_000_000;
const CHOSEN = /--max[-_]old[-_]space[-_]size/;
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Of a process that a signal ended, as shells have it: this and the signal's number. */
const SIGNAL_EXIT = 128;

/**
 * Runs this very command again when it may need `bytes` of heap, and they are many: the exit code of that. Undefined when
 * it is to go on here: they are not, or the size was chosen already, by the user or by this.
 */
export function runInLargerHeap(bytes: number): Promise<number> | undefined {
  const isChosen = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some(flags => CHOSEN.test(flags));
  if (bytes < LARGE_BYTES || isChosen) return undefined;
  const memory = Math.min(os.totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  const largest = Math.max(getHeapStatistics().heap_size_limit, MEMORY_SHARE * memory);
  const flags = [
    `--max-old-space-size=${Math.floor(largest / 2 ** 20)}`,
    `--max-semi-space-size=${SEMI_SPACE_MIB}`,
  ];
  const child = spawn(process.execPath, [...flags, ...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
  });
  for (const signal of PASSED_ON) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      resolve(code ?? SIGNAL_EXIT + (signal === null ? 0 : os.constants.signals[signal])),
    );
  });
}
