/**
 * V8 settles how large its heap may become when a process begins, and by itself takes four gigabytes at most. What needs
 * more runs once again, in a process that is given most of the machine's memory.
 */
import { spawn } from 'node:child_process';
import os from 'node:os';
import { getHeapStatistics } from 'node:v8';

/** The rest is for what is not heap, and for everybody else. */
const MEMORY_SHARE = 0.85;
/** MiB, of the young generation: what lives as long as the program is copied less often. */
const SEMI_SPACE_MIB = 64;
const CHOSEN = /--max[-_]old[-_]space[-_]size/;
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** Of a process that a signal ended, as shells have it: this and the signal's number. */
const SIGNAL_EXIT = 128;

/**
 * Runs this very command again when it may need `bytes` of heap and has less: the exit code of that. Undefined when it is
 * to go on here: the heap suffices, or the machine has no more, or the user has chosen its size.
 */
export function runInLargerHeap(bytes: number): Promise<number> | undefined {
  const limit = getHeapStatistics().heap_size_limit;
  const largest = MEMORY_SHARE * Math.min(os.totalmem(), process.constrainedMemory() || Infinity);
  const isChosen = [...process.execArgv, process.env['NODE_OPTIONS'] ?? ''].some(flags => CHOSEN.test(flags));
  if (bytes <= limit || largest <= limit || isChosen) return undefined;
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
