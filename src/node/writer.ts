/**
 * The one queue of all that changes the chain and the mempool: tasks run one after another, so that none sees another's
 * half-done work. A task that fails on storage, or on a bug, leaves memory and disk apart: then the queue closes for
 * good and the node must stop. What is on disk is whole, and a start goes on from there.
 *
 * One exception makes blocks fast: a task may *stand aside* (base/task.ts) while its scripts are checked, and tasks
 * enqueued as `overlaps` may begin meanwhile. Still only one of them runs at a time, they are begun in the order of the
 * queue, and those that stand aside come back in that order. Any other task begins when nobody stands aside.
 */
import { AssertionError } from '../base/assert.ts';
import { type Task, TaskRun } from '../base/task.ts';
import { StoreError } from '../store/errors.ts';
import { TimeSlice } from './time-slice.ts';

/** Tasks that may stand aside at a time. What they hold in memory, they bound themselves. */
const ASIDE_MAX = 16;

/** The node's own storage failed (disk full, unplugged, damaged): it must stop, and has stored nothing wrong. */
export class FatalStorageError extends Error {
  override readonly name = 'FatalStorageError';
}

export interface WriterDeps<Effect> {
  /** Performs one effect: answers at once, by a promise, or lets the task stand aside. */
  readonly perform: (effect: Effect) => unknown;
  /** Called once, when the queue has closed because of `error`. */
  readonly onFatal: (error: Error) => void;
}

export interface EnqueueOptions {
  /** It may begin while others stand aside, and leaves alone what they have begun. */
  readonly overlaps?: boolean;
}

interface Pending<Effect> {
  readonly name: string;
  readonly create: () => Task<Effect, unknown>;
  readonly overlaps: boolean;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

interface Aside<Effect> {
  readonly task: Pending<Effect>;
  readonly run: TaskRun<Effect, unknown>;
  isBack: boolean;
}

export class Writer<Effect> {
  readonly #deps: WriterDeps<Effect>;
  readonly #queue: Pending<Effect>[] = [];
  readonly #aside: Aside<Effect>[] = [];
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #isRunning = false;
  /** Tasks that wait for nothing would otherwise follow each other until the queue is empty. */
  readonly #slice = new TimeSlice();
  #closed: Error | undefined;

  constructor(deps: WriterDeps<Effect>) {
    this.#deps = deps;
  }

  /** Tasks that have not ended. */
  get length(): number {
    return this.#waiting;
  }

  /** Runs the task that `create` makes when its turn comes. `name` is for error messages. */
  enqueue<Result>(
    name: string,
    create: () => Task<Effect, Result>,
    { overlaps = false }: EnqueueOptions = {},
  ): Promise<Result> {
    this.#waiting += 1;
    const done = new Promise<Result>((resolve, reject) => {
      const settle = resolve as (result: unknown) => void;
      this.#queue.push({ name, create, overlaps, resolve: settle, reject });
    });
    const before = this.#last;
    this.#last = done.then(
      () => before,
      () => before,
    );
    // Not before the caller has its promise.
    queueMicrotask(() => this.#next());
    return done;
  }

  /** All tasks enqueued so far have ended. */
  async settled(): Promise<void> {
    await this.#last;
  }

  /** Lets what is enqueued end; what comes later is refused. */
  async close(): Promise<void> {
    await this.#last;
    this.#closed ??= new Error('The node is shutting down');
  }

  /** Whose turn it is: first who comes back, then who is next in the queue. */
  #next(): void {
    if (this.#isRunning) return;
    const [first] = this.#aside;
    if (first?.isBack || (first !== undefined && this.#closed !== undefined)) {
      this.#aside.shift();
      this.#go(first.task, first.run, 'first');
      return;
    }
    const [task] = this.#queue;
    if (task === undefined) return;
    if (first !== undefined && (!task.overlaps || this.#aside.length >= ASIDE_MAX)) return;
    this.#queue.shift();
    this.#go(task, undefined, 'last');
  }

  /** `place`: where it stands among those aside if it stands aside again. */
  #go(task: Pending<Effect>, run: TaskRun<Effect, unknown> | undefined, place: 'first' | 'last'): void {
    this.#isRunning = true;
    this.#advance(task, run, place).then(() => {
      this.#isRunning = false;
      this.#next();
    });
  }

  async #advance(
    task: Pending<Effect>,
    begun: TaskRun<Effect, unknown> | undefined,
    place: 'first' | 'last',
  ): Promise<void> {
    try {
      if (this.#closed !== undefined) throw this.#closed;
      await this.#slice.rest();
      const run = begun ?? new TaskRun(task.create(), this.#deps.perform, () => this.#slice.rest());
      const aside = await run.advance();
      if (aside !== undefined) {
        this.#standAside({ task, run, isBack: false }, aside.until, place);
        return;
      }
      this.#waiting -= 1;
      task.resolve(run.result);
    } catch (error) {
      this.#waiting -= 1;
      task.reject(this.#failed(error));
    }
  }

  #standAside(aside: Aside<Effect>, until: Promise<unknown>, place: 'first' | 'last'): void {
    if (place === 'first') this.#aside.unshift(aside);
    else this.#aside.push(aside);
    const back = () => {
      aside.isBack = true;
      this.#next();
    };
    until.then(back, back);
  }

  /** What the task's caller is told; closes the queue if it was a failure of the node. */
  #failed(error: unknown): unknown {
    if (this.#closed !== undefined || !isFatal(error)) return error;
    const reason =
      error instanceof StoreError
        ? new FatalStorageError(
            `A fatal internal error occurred, see debug.log for details: ${error.message}`,
            { cause: error },
          )
        : error;
    this.#closed = reason;
    this.#deps.onFatal(reason);
    return reason;
  }
}

function isFatal(error: unknown): error is StoreError | AssertionError {
  return error instanceof StoreError || error instanceof AssertionError;
}
