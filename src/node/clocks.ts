/**
 * The three clocks of the daemon, as Core has them: the node clock (all protocol time, mockable by `setmocktime`), the
 * steady clock (waits and uptime, never mocked), and the scheduler (steady, moved ahead by `mockscheduler`).
 */
import type { Clock, Milliseconds, UnixSeconds } from '../base/clock.ts';
import { SECOND_MS } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';

export class NodeClock implements Clock {
  #mockTime: UnixSeconds = 0;
  readonly #listeners: (() => void)[] = [];

  now(): Milliseconds {
    return this.#mockTime > 0 ? this.#mockTime * SECOND_MS : Date.now();
  }

  get isMocked(): boolean {
    return this.#mockTime > 0;
  }

  /** 0 returns to real time. Time may go back. */
  setMockTime(time: UnixSeconds): void {
    this.#mockTime = time;
    for (const listener of this.#listeners) listener();
  }

  /** Called when time jumps. */
  onJump(listener: () => void): void {
    this.#listeners.push(listener);
  }
}

/** Milliseconds since the process started; never jumps. */
export function steadyNow(): Milliseconds {
  return performance.now();
}

/** Longest delay that a timer of Node takes. */
const TIMER_MS_MAX = 0x7fff_ffff;

/** Runs jobs at steady times; `advance` makes it believe that time has passed. */
export class Scheduler {
  readonly #jobs = new MinHeap<() => void>();
  #ahead: Milliseconds = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  #now(): Milliseconds {
    return steadyNow() + this.#ahead;
  }

  after(delay: Milliseconds, job: () => void): void {
    if (this.#isStopped) return;
    this.#jobs.push(this.#now() + delay, job);
    this.#arm();
  }

  /** The next run starts `interval` after the last one was started. */
  every(interval: Milliseconds, job: () => void): void {
    this.after(interval, () => {
      this.every(interval, job);
      job();
    });
  }

  /** `mockscheduler`: everything due within `delta` runs now. */
  advance(delta: Milliseconds): void {
    this.#ahead += delta;
    this.#run();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #run(): void {
    const now = this.#now();
    for (;;) {
      const due = this.#jobs.peekKey();
      if (due === undefined || due > now || this.#isStopped) break;
      this.#jobs.pop()!();
    }
    this.#arm();
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const due = this.#jobs.peekKey();
    if (due === undefined || this.#isStopped) return;
    const delay = Math.min(Math.max(0, due - this.#now()), TIMER_MS_MAX);
    this.#timer = setTimeout(() => this.#run(), delay);
    this.#timer.unref();
  }
}
