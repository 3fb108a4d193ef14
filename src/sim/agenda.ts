/**
 * Virtual time: what is to happen when. Actions run in order of time, and those of one time in the order in which they
 * were entered, so a run is a function of its seed. Nothing sleeps: time jumps to the next action.
 */
import type { Milliseconds } from '../base/clock.ts';

/** A binary heap in three parallel arrays: millions of actions pass through it, so an entry is no object. */
export class Agenda {
  now: Milliseconds;
  /** Actions that have run. */
  done = 0;
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #actions: (() => void)[] = [];
  #entered = 0;

  constructor(start: Milliseconds) {
    this.now = start;
  }

  get size(): number {
    return this.#times.length;
  }

  after(delay: Milliseconds, action: () => void): void {
    this.at(this.now + delay, action);
  }

  /** `time` in the past means now. */
  at(time: Milliseconds, action: () => void): void {
    const key = Math.max(time, this.now);
    const order = this.#entered;
    this.#entered += 1;
    let hole = this.#times.length;
    this.#times.push(key);
    this.#orders.push(order);
    this.#actions.push(action);
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      // The newcomer has the highest order, so among equals it stays behind.
      if (this.#times[parent]! <= key) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, key, order, action);
  }

  /** Runs all that is due up to `end`, and leaves the time there. */
  runUntil(end: Milliseconds): void {
    for (let next = this.#times[0]; next !== undefined && next <= end; next = this.#times[0]) {
      this.now = next;
      this.done += 1;
      this.#pop()();
    }
    this.now = Math.max(this.now, end);
  }

  #pop(): () => void {
    const first = this.#actions[0]!;
    const time = this.#times.pop()!;
    const order = this.#orders.pop()!;
    const action = this.#actions.pop()!;
    const size = this.#times.length;
    if (size === 0) return first;
    let hole = 0;
    for (;;) {
      let child = 2 * hole + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, this.#times[child]!, this.#orders[child]!))
        child += 1;
      if (!this.#isBefore(child, time, order)) break;
      this.#move(child, hole);
      hole = child;
    }
    this.#put(hole, time, order, action);
    return first;
  }

  #isBefore(at: number, time: number, order: number): boolean {
    const own = this.#times[at]!;
    return own < time || (own === time && this.#orders[at]! < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#actions[from]!);
  }

  #put(at: number, time: number, order: number, action: () => void): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#actions[at] = action;
  }
}
