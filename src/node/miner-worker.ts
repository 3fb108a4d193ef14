/** Searches nonces on a thread of its own, a slice at a time, so that a newer job is seen within milliseconds. */
import { parentPort } from 'node:worker_threads';
import { searchNonce } from '../mining/solve.ts';
import type { HeaderParts } from '../wire/block.ts';

const SLICE_HASHES = 50_000;
const NONCES = 0x1_0000_0000;

export interface MinerJob {
  readonly id: number;
  readonly header: HeaderParts;
  readonly target: bigint;
}

/** `nonce` undefined: all were tried. */
export interface MinerAnswer {
  readonly id: number;
  readonly nonce: number | undefined;
}

const port = parentPort!;
const state: { job: MinerJob | undefined; next: number } = { job: undefined, next: 0 };

port.on('message', (message: MinerJob) => {
  const wasIdle = state.job === undefined;
  state.job = message;
  state.next = 0;
  if (wasIdle) setImmediate(work);
});

function work(): void {
  const { job } = state;
  if (job === undefined) return;
  const nonce = searchNonce(job.header, job.target, { first: state.next, count: SLICE_HASHES });
  state.next += SLICE_HASHES;
  if (nonce === undefined && state.next < NONCES) {
    setImmediate(work);
    return;
  }
  state.job = undefined;
  const answer: MinerAnswer = { id: job.id, nonce };
  port.postMessage(answer);
}
