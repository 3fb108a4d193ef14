/**
 * Work that needs something from outside in the middle, without awaiting anything.
 *
 * A task is a generator: it yields an effect (data that says what must be done or read) and is resumed with the
 * completion. Who drives it decides how effects are performed: the daemon with LevelDB, files and workers, the
 * simulator and the tests at once on memory. Between two yields nothing else runs, so a task reads like
 * sequential code and has no locks.
 */
export type Task<Effect, Result> = Generator<Effect, Result, unknown>;

/**
 * A performer's answer to an effect at which the task stands aside: it comes back when `until` has settled, and other
 * tasks may run meanwhile if whoever drives them knows how (node/writer.ts); anybody else just waits.
 */
export class StandAside {
  readonly until: Promise<unknown>;

  constructor(until: Promise<unknown>) {
    this.until = until;
    // Whoever comes back to it hears of a failure; until then it is nobody's.
    until.catch(() => {});
  }
}

/** Drives `task` to its end with a performer that answers at once. An error of the performer is thrown into the task. */
export function runTask<Effect, Result>(
  task: Task<Effect, Result>,
  perform: (effect: Effect) => unknown,
): Result {
  let step = task.next();
  while (!step.done) {
    let completion: unknown;
    try {
      completion = perform(step.value);
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next(completion);
  }
  return step.value;
}

/** As `runTask`, with a performer that may answer later. An effect answered at once costs no turn of the event loop. */
export async function runTaskAsync<Effect, Result>(
  task: Task<Effect, Result>,
  perform: (effect: Effect) => unknown,
): Promise<Result> {
  const run = new TaskRun(task, perform);
  for (;;) {
    const aside = await run.advance();
    if (aside === undefined) return run.result;
    await aside.until.catch(() => {});
  }
}

/** A task under way, for whoever lets others run while it stands aside. */
export class TaskRun<Effect, Result> {
  readonly #task: Task<Effect, Result>;
  readonly #perform: (effect: Effect) => unknown;
  readonly #rest: (() => Promise<void> | undefined) | undefined;
  #aside: StandAside | undefined;
  #step: IteratorResult<Effect, Result> | undefined;

  /** `rest`: asked between two steps whether to wait before the next. */
  constructor(
    task: Task<Effect, Result>,
    perform: (effect: Effect) => unknown,
    rest?: () => Promise<void> | undefined,
  ) {
    this.#task = task;
    this.#perform = perform;
    this.#rest = rest;
  }

  /** Of a task that has ended. */
  get result(): Result {
    return this.#step!.value as Result;
  }

  /** Goes on to the end, or to where the task stands aside: then `until` must have settled before the next call. */
  async advance(): Promise<StandAside | undefined> {
    let completion: unknown;
    if (this.#aside !== undefined) completion = await this.#settle(this.#aside.until);
    this.#aside = undefined;
    let step = this.#next(completion);
    while (!step.done) {
      try {
        completion = this.#perform(step.value);
        if (completion instanceof StandAside) {
          this.#aside = completion;
          return completion;
        }
        if (completion instanceof Promise) completion = await completion;
      } catch (error) {
        completion = new Failure(error);
      }
      const rest = this.#rest?.();
      if (rest !== undefined) await rest;
      step = this.#next(completion);
    }
    return undefined;
  }

  #next(completion: unknown): IteratorResult<Effect, Result> {
    this.#step =
      completion instanceof Failure ? this.#task.throw(completion.error) : this.#task.next(completion);
    return this.#step;
  }

  async #settle(promise: Promise<unknown>): Promise<unknown> {
    try {
      return await promise;
    } catch (error) {
      return new Failure(error);
    }
  }
}

/** An error on its way into a task. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}
