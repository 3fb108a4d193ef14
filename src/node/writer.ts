/**
 * The one queue of all that changes the chain and the mempool: tasks run strictly one after another, so that none
 * sees another's half-done work. A task that fails on storage, or on a bug, leaves memory and disk apart: then the
 * queue closes for good and the node must stop. What is on disk is whole, and a start goes on from there.
 */
import { AssertionError } from '../base/assert.ts';
import { runTaskAsync, type Task } from '../base/task.ts';
import { StoreError } from '../store/errors.ts';

/** The node's own storage failed (disk full, unplugged, damaged): it must stop, and has stored nothing wrong. */
export class FatalStorageError extends Error {
  override readonly name = 'FatalStorageError';
}

export interface WriterDeps<Effect> {
  /** Performs one effect: answers at once or by a promise. */
  readonly perform: (effect: Effect) => unknown;
  /** Called once, when the queue has closed because of `error`. */
  readonly onFatal: (error: Error) => void;
}

export class Writer<Effect> {
  readonly #deps: WriterDeps<Effect>;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  #closed: Error | undefined;

  constructor(deps: WriterDeps<Effect>) {
    this.#deps = deps;
  }

  /** Tasks that have not ended. */
  get length(): number {
    return this.#waiting;
  }

  /** Runs the task that `create` makes when its turn comes. `name` is for error messages. */
  enqueue<Result>(name: string, create: () => Task<Effect, Result>): Promise<Result> {
    this.#waiting += 1;
    const done = this.#last.then(() => this.#run(name, create));
    this.#last = done.then(
      () => {},
      () => {},
    );
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

  async #run<Result>(name: string, create: () => Task<Effect, Result>): Promise<Result> {
    try {
      if (this.#closed !== undefined) throw this.#closed;
      return await runTaskAsync(create(), this.#deps.perform);
    } catch (error) {
      if (this.#closed !== undefined || !isFatal(error)) throw error;
      const reason =
        error instanceof StoreError
          ? new FatalStorageError(`A fatal storage error occurred (${name}): ${error.message}`, {
              cause: error,
            })
          : error;
      this.#closed = reason;
      this.#deps.onFatal(reason);
      throw reason;
    } finally {
      this.#waiting -= 1;
    }
  }
}

function isFatal(error: unknown): error is StoreError | AssertionError {
  return error instanceof StoreError || error instanceof AssertionError;
}
