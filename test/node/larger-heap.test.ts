/** The heap of a process that V8 would have given less, seen by a process that asks for more. */
import { execFileSync } from 'node:child_process';
import os from 'node:os';
import { expect, test } from 'vitest';

const MODULE = new URL('../../dist/src/cli/larger-heap.js', import.meta.url).href;
const CODE = 7;
const MEMORY = os.totalmem();
/** With less, V8's own limit is as good as what could be had. */
const MEMORY_MIN = 8 * 2 ** 30;

/** Says how large its heap may be, and ends with a code of its own: from the last process that it runs in. */
function heapLimit(bytes: number, ...flags: readonly string[]): number {
  const script = `
    import { getHeapStatistics } from 'node:v8';
    import { runInLargerHeap } from ${JSON.stringify(MODULE)};
    const again = runInLargerHeap(${bytes});
    if (again !== undefined) process.exit((await again) === ${CODE} ? 0 : 1);
    process.stdout.write(String(getHeapStatistics().heap_size_limit));
    process.exitCode = ${bytes > 0 && flags.length === 0 ? CODE : 0};`;
  const args = [...flags, '--input-type=module', '--eval', script];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
}

test.skipIf(MEMORY < MEMORY_MIN)(
  'it grows to most of the memory when that is asked for, and what the user chose stands',
  () => {
    const usual = heapLimit(0);
    expect(heapLimit(usual + 1)).toBeGreaterThan(Math.max(usual, 0.8 * MEMORY));
    expect(heapLimit(usual + 1, '--max-old-space-size=300')).toBeLessThan(usual);
  },
);
