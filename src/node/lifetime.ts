/**
 * What a node has started, in order, and its end: everything is taken down in reverse, once, whoever asks for it and
 * however often. A part that cannot be stopped in order does not keep the others from it.
 */
import type { DebugLog } from './debug-log.ts';

export interface RunningPart {
  readonly name: string;
  stop(): Promise<void> | void;
}

export class Lifetime {
  /** Resolves after a clean end; rejects with what made the node give up, or kept a part from stopping. */
  readonly ended: Promise<void>;
  readonly #log: DebugLog;
  readonly #settle: { resolve(): void; reject(error: unknown): void };
  readonly #running: RunningPart[] = [];
  #door: Pick<RunningPart, 'stop'> | undefined;
  #farewell: () => Promise<unknown> = async () => {};
  #isEnding = false;

  constructor(log: DebugLog) {
    this.#log = log;
    const { promise, resolve, reject } = deferred();
    this.ended = promise;
    this.#settle = { resolve, reject };
    // Nobody may be listening yet when a start fails.
    promise.catch(() => {});
  }

  get isEnding(): boolean {
    return this.#isEnding;
  }

  add(part: RunningPart): void {
    this.#running.push(part);
  }

  /** Where calls come in: closed before anything else, so that those that run are answered while all they need is there. */
  setDoor(door: Pick<RunningPart, 'stop'>): void {
    this.#door = door;
  }

  /** `reason`: why the node gives up; undefined when it was asked to stop. */
  end(reason: unknown): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    if (reason !== undefined)
      this.#log.warn(`The node must stop: ${(reason as Error).stack ?? String(reason)}`);
    // The answer to `stop` goes out before its connection is closed.
    setImmediate(async () => {
      const problem = await this.takeDown();
      const error = reason ?? problem;
      if (error === undefined) this.#settle.resolve();
      else this.#settle.reject(error);
    });
  }

  /** As `end`, because of something that nobody expected. */
  giveUp(error: unknown): void {
    this.end(error ?? new Error('An unknown error surfaced'));
  }

  /** To be done first of all, while everything still runs. */
  setFarewell(farewell: () => Promise<unknown>): void {
    this.#farewell = farewell;
  }

  /** Takes down what runs, newest first; errors are logged, the first is returned. */
  async takeDown(): Promise<unknown> {
    let first: unknown;
    await this.#farewell();
    await this.#door?.stop();
    // Stopping one may let another come up that was on its way.
    for (let part = this.#running.pop(); part !== undefined; part = this.#running.pop()) {
      try {
        await part.stop();
      } catch (error) {
        first ??= error;
        this.#log.warn(`Stopping ${part.name}: ${(error as Error).message}`);
      }
    }
    this.#log.info('Shutdown: done');
    this.#log.close();
    return first;
  }
}

function deferred(): { promise: Promise<void>; resolve(): void; reject(error: unknown): void } {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}
