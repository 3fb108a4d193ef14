/**
 * Script checks on all cores: performs the writer's `checkScripts`. The main thread works along in short slices, so
 * that with one worker on two cores both are busy, and still answers peers and RPC in between. Few inputs are checked
 * at once where they are: handing them over would take longer.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { AssertionError } from '../base/assert.ts';
import type { ScriptCheck, ScriptFailure } from '../chain/effects.ts';
import { type SharedSignatureCache, type SignatureCacheUse, verifiersOf } from '../crypto/signature-cache.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { scriptErrorText } from '../script/errors.ts';
import { verifyInputs } from '../script/verify.ts';
import type { Transaction } from '../wire/transaction.ts';
import { firstFailure, JobRunner, packJob, type UnitFailure } from './script-job.ts';
import type { WorkerAnswer, WorkerMessage, WorkerStart } from './script-worker.ts';

/** `threadId` of a worker that has ended. */
const ENDED_THREAD = -1;
/** Inputs below which a job stays on the main thread. */
const SHARED_INPUTS_MIN = 16;
/** How long the main thread may check before others get a turn. */
const SLICE_MS = 3;
/**
 * Bytes for each input from which on one input may take longer than the main thread may be away: a tapscript of 64 KB can
 * ask for a thousand signatures. Such a transaction is left to the workers where there are any.
 */
const LONG_INPUT_BYTES = 16 * 1024;
/** Threads beside the main one (Core: MAX_SCRIPTCHECK_THREADS). */
const WORKERS_MAX = 15;

/** Vitest runs the sources, but a worker of Node 20 only JavaScript: it gets the compiled file. */
const WORKER_URL = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/src/node/script-worker.js' : './script-worker.js',
  import.meta.url,
);

/**
 * How many workers `-par=<par>` asks for: it counts the main thread, 0 is all cores, less than 0 leaves that many
 * free (Core: src/node/chainstatemanager_args.cpp).
 */
export function workerCount(par: number, cores: number = availableParallelism()): number {
  if (par === 0) return Math.min(Math.max(1, cores - 1), WORKERS_MAX);
  const threads = par > 0 ? par : cores + par;
  return Math.min(Math.max(0, threads - 1), WORKERS_MAX);
}

interface Job {
  readonly buffer: SharedArrayBuffer;
  readonly use: SignatureCacheUse;
  readonly failures: UnitFailure[];
  /** Threads that take part and have not reported yet. */
  pending: number;
  readonly resolve: (failure: ScriptFailure | undefined) => void;
  readonly reject: (error: Error) => void;
}

interface Share {
  readonly id: number;
  readonly runner: JobRunner;
  readonly failures: UnitFailure[];
}

export interface ScriptWorkersDeps {
  readonly verifier: SignatureVerifier;
  readonly signatures?: SharedSignatureCache;
}

export class ScriptWorkers {
  readonly #verifiers: Readonly<Record<SignatureCacheUse, SignatureVerifier>>;
  readonly #workerCount: number;
  readonly #workerData: WorkerStart;
  /**
   * Begun for the first job that is worth it: a node in somebody's tests never sees one. Each takes part in jobs from when it
   * is ready; until then the main thread goes on without it.
   */
  #workers: readonly Worker[] = [];
  readonly #ready = new Set<Worker>();
  readonly #whenReady: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];
  readonly #jobs = new Map<number, Job>();
  /** What is left for the main thread to do of each job, oldest first. */
  readonly #shares: Share[] = [];
  #nextId = 0;
  #broken: Error | undefined;

  /** Of `workers` threads that verify with the same engine, and share the cache of signatures if there is one. */
  constructor(deps: ScriptWorkersDeps, options: { readonly workers: number }) {
    this.#verifiers = verifiersOf(deps.verifier, deps.signatures);
    this.#workerData = { engine: deps.verifier.name, signatures: deps.signatures };
    this.#workerCount = options.workers;
  }

  /**
   * The first failure in the order of checks and inputs, or undefined. Small jobs are answered at once, others by a
   * promise, which rejects only when the pool was closed, or broke: that is a bug, after which no block could be verified
   * any more, so it is told as one and the node stops.
   */
  check(
    checks: readonly ScriptCheck[],
    use: SignatureCacheUse = 'reads',
  ): ScriptFailure | undefined | Promise<ScriptFailure | undefined> {
    let inputs = 0;
    for (const { tx } of checks) inputs += tx.inputCount;
    if (this.#workerCount > 0 && checks.some(({ tx }) => isLong(tx))) return this.#checkApart(checks, use);
    return inputs < SHARED_INPUTS_MIN ? this.#checkHere(checks, use) : this.#checkShared(checks, use, 'all');
  }

  /** Begins the threads before they are needed; resolves when all are ready, rejects when the pool ends before. */
  start(): Promise<void> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    this.#startWorkers();
    if (this.#ready.size === this.#workerCount) return Promise.resolve();
    for (const worker of this.#workers) worker.ref();
    return new Promise((resolve, reject) => this.#whenReady.push({ resolve, reject }));
  }

  /** Ends the workers; what is still being checked rejects. */
  async close(): Promise<void> {
    this.#end(new Error('The script workers were closed'));
    await Promise.all(this.#workers.map(endOf));
  }

  #checkHere(checks: readonly ScriptCheck[], use: SignatureCacheUse): ScriptFailure | undefined {
    for (const [check, { tx, spent, flags }] of checks.entries()) {
      const failure = verifyInputs({ tx, spent, flags }, this.#verifiers[use]);
      if (failure !== undefined) return describe({ check, ...failure });
    }
    return undefined;
  }

  /** What takes long as a job of the workers, begun first; the rest as one of all. */
  async #checkApart(
    checks: readonly ScriptCheck[],
    use: SignatureCacheUse,
  ): Promise<ScriptFailure | undefined> {
    const long: number[] = [];
    const short: number[] = [];
    for (const [i, { tx }] of checks.entries()) (isLong(tx) ? long : short).push(i);
    const verdictOf = async (which: readonly number[], who: 'all' | 'workers') => {
      if (which.length === 0) return [];
      const failure = await this.#checkShared(
        which.map(i => checks[i]!),
        use,
        who,
      );
      return failure === undefined ? [] : [{ ...failure, check: which[failure.check]! }];
    };
    const failures = await Promise.all([verdictOf(long, 'workers'), verdictOf(short, 'all')]);
    return firstFailure(failures.flat());
  }

  #checkShared(
    checks: readonly ScriptCheck[],
    use: SignatureCacheUse,
    who: 'all' | 'workers',
  ): Promise<ScriptFailure | undefined> {
    if (this.#broken !== undefined) return Promise.reject(this.#broken);
    this.#startWorkers();
    const buffer = packJob(checks);
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      const job = { buffer, use, failures: [], pending: 0, resolve, reject };
      this.#jobs.set(id, job);
      for (const worker of this.#workers) worker.ref();
      for (const worker of this.#ready) this.#join(worker, id, job);
      if (who === 'workers') return;
      job.pending += 1;
      this.#shares.push({ id, runner: new JobRunner(buffer, this.#verifiers[use]), failures: [] });
      if (this.#shares.length === 1) this.#helpSoon();
    });
  }

  #join(worker: Worker, id: number, job: Job): void {
    job.pending += 1;
    worker.postMessage({ id, buffer: job.buffer, use: job.use } satisfies WorkerMessage);
  }

  /** After whatever is waiting for the main thread: the next block, for one, which keeps the workers busy longer. */
  #helpSoon(): void {
    setImmediate(() => {
      try {
        this.#help();
        if (this.#shares.length > 0) this.#helpSoon();
      } catch (error) {
        this.#fail(error as Error);
      }
    });
  }

  /** A slice of the main thread's shares, oldest first. */
  #help(): void {
    const end = performance.now() + SLICE_MS;
    for (let share = this.#shares[0]; share !== undefined; ) {
      const result = share.runner.runUnit();
      if (result === 'done') {
        this.#shares.shift();
        this.#report(share.id, share.failures);
        share = this.#shares[0];
      } else if (result !== undefined) share.failures.push(result);
      if (performance.now() >= end) return;
    }
  }

  #report(id: number, failures: readonly UnitFailure[]): void {
    const job = this.#jobs.get(id);
    // Gone when another worker broke in the meantime.
    if (job === undefined) return;
    job.failures.push(...failures);
    job.pending -= 1;
    if (job.pending > 0) return;
    this.#jobs.delete(id);
    this.#restIfIdle();
    const first = firstFailure(job.failures);
    job.resolve(first && describe(first));
  }

  /** An idle pool does not keep the process alive; a working one does, and one whose end is awaited. */
  #restIfIdle(): void {
    if (this.#jobs.size === 0 && this.#broken === undefined)
      for (const worker of this.#workers) worker.unref();
  }

  #startWorkers(): void {
    if (this.#workers.length < this.#workerCount)
      this.#workers = Array.from({ length: this.#workerCount }, () => this.#startWorker());
  }

  #startWorker(): Worker {
    // Options of our own process, such as --input-type, may not suit a worker.
    const worker = new Worker(WORKER_URL, { workerData: this.#workerData, execArgv: [] });
    worker.unref();
    worker.on('message', (answer: WorkerAnswer) => {
      if (answer === 'ready') this.#welcome(worker);
      else this.#report(answer.id, answer.failures);
    });
    worker.on('error', error => this.#fail(error));
    worker.on('exit', () => this.#fail(new Error('A script worker ended')));
    return worker;
  }

  /** It takes part in what is under way. */
  #welcome(worker: Worker): void {
    this.#ready.add(worker);
    for (const [id, job] of this.#jobs) this.#join(worker, id, job);
    if (this.#ready.size < this.#workerCount) return;
    for (const { resolve } of this.#whenReady.splice(0)) resolve();
    this.#restIfIdle();
  }

  #fail(cause: Error): void {
    this.#end(new AssertionError(`Internal bug: script checks broke off: ${cause.message}`, { cause }));
  }

  #end(reason: Error): void {
    this.#broken ??= reason;
    for (const waiting of [...this.#jobs.values(), ...this.#whenReady.splice(0)])
      waiting.reject(this.#broken);
    this.#jobs.clear();
    this.#shares.length = 0;
  }
}

function isLong(tx: Transaction): boolean {
  return tx.size > LONG_INPUT_BYTES * tx.inputCount;
}

function describe({ check, input, error }: UnitFailure): ScriptFailure {
  return { check, input, error: scriptErrorText(error) };
}

/**
 * Asks a worker to end, and waits for it. Not by `terminate()`: that may meet it while native code is being loaded or
 * called, whose failure then aborts the whole process.
 */
async function endOf(worker: Worker): Promise<void> {
  if (worker.threadId === ENDED_THREAD) return;
  const ended = new Promise(resolve => worker.once('exit', resolve));
  worker.ref();
  worker.postMessage('end' satisfies WorkerMessage);
  await ended;
}
