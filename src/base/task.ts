/**
 * Work that needs something from outside in the middle, without awaiting anything.
 *
 * A task is a generator: it yields an effect (data that says what must be done or read) and is resumed with the
 * completion. Who drives it decides how effects are performed: the daemon with LevelDB, files and workers, the
 * simulator and the tests at once on memory. Between two yields nothing else runs, so a task reads like
 * sequential code and has no locks.
 */
export type Task<Effect, Result> = Generator<Effect, Result, unknown>;

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
  let step = task.next();
  while (!step.done) {
    let completion: unknown;
    try {
      completion = perform(step.value);
      if (completion instanceof Promise) completion = await completion;
    } catch (error) {
      step = task.throw(error);
      continue;
    }
    step = task.next(completion);
  }
  return step.value;
}
