/** A thread that helps with script checks: gets jobs as shared buffers, answers each with the failures it met. */
import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../base/assert.ts';
import { type SharedSignatureCache, type SignatureCacheUse, verifiersOf } from '../crypto/signature-cache.ts';
import { loadVerifier, type SignatureVerifier } from '../crypto/verifier.ts';
import { JobRunner, type UnitFailure } from './script-job.ts';

/** What the thread is started with. */
export interface WorkerStart {
  readonly engine: SignatureVerifier['name'];
  /** Shared by all threads. */
  readonly signatures: SharedSignatureCache | undefined;
}

/** Checks to run. */
interface WorkerJob {
  readonly id: number;
  readonly buffer: SharedArrayBuffer;
  readonly use: SignatureCacheUse;
}

/** `end`: no more jobs come, and it ends by itself. */
export type WorkerMessage = WorkerJob | 'end';

/** What it answers; first of all that it is ready. */
export type WorkerAnswer = 'ready' | { readonly id: number; readonly failures: readonly UnitFailure[] };

assert(parentPort !== null, 'this file runs as a worker');
const port = parentPort;
const { engine, signatures } = workerData as WorkerStart;
void loadVerifier(engine).then(verifier => {
  const verifiers = verifiersOf(verifier, signatures);
  port.on('message', (message: WorkerMessage) => handle(message, verifiers));
  port.postMessage('ready' satisfies WorkerAnswer);
});

function handle(message: WorkerMessage, verifiers: ReturnType<typeof verifiersOf>): void {
  if (message === 'end') {
    port.close();
    return;
  }
  const { id, buffer, use } = message;
  const runner = new JobRunner(buffer, verifiers[use]);
  const failures: UnitFailure[] = [];
  for (let result = runner.runUnit(); result !== 'done'; result = runner.runUnit()) {
    if (result !== undefined) failures.push(result);
  }
  port.postMessage({ id, failures } satisfies WorkerAnswer);
}
