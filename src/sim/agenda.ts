/**
 * Virtual time: what is to happen when. Things happen in order of time, and those of one time in the order in which they
 * were entered, so a run is a function of its seed. Nothing sleeps: time jumps to the next thing.
 */
import type { Milliseconds } from '../base/clock.ts';

/** Something that things happen to: a frame arrives at it, an alarm rings. */
export interface Target<Payload> {
  fire(payload: Payload): void;
}

/** For what happens seldom enough to be a closure. */
const RUN: Target<() => void> = { fire: action => action() };

/** Children of a node of the heap: fewer levels than with two, and those of one node lie side by side. */
const ARITY = 4;

/** A heap in parallel arrays: millions of entries pass through it, so an entry is no object and no closure. */
export class Agenda {
  now: Milliseconds;
  /** Things that have happened. */
  done = 0;
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #targets: Target<unknown>[] = [];
  readonly #payloads: unknown[] = [];
  #entered = 0;

  constructor(start: Milliseconds) {
    this.now = start;
  }

  get size(): number {
    return this.#times.length;
  }

  after(delay: Milliseconds, action: () => void): void {
    this.fireAt(this.now + delay, RUN, action);
  }

  /** `time` in the past means now. */
  at(time: Milliseconds, action: () => void): void {
    this.fireAt(time, RUN, action);
  }

  fireAt<Payload>(time: Milliseconds, target: Target<Payload>, payload: Payload): void {
    const key = time > this.now ? time : this.now;
    const order = this.#entered;
    this.#entered += 1;
    let hole = this.#times.length;
    this.#times.push(key);
    this.#orders.push(order);
    this.#targets.push(target as Target<unknown>);
    this.#payloads.push(payload);
    while (hole > 0) {
      const parent = ((hole - 1) / ARITY) | 0;
      // The newcomer has the highest order, so among equals it stays behind.
      if (this.#times[parent]! <= key) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#put(hole, key, order, target as Target<unknown>, payload);
  }

  /** Lets all happen that is due up to `end`, and leaves the time there. */
  runUntil(end: Milliseconds): void {
    while (this.#times.length > 0 && this.#times[0]! <= end) {
      this.now = this.#times[0]!;
      this.done += 1;
      const target = this.#targets[0]!;
      const payload = this.#payloads[0];
      this.#removeFirst();
      target.fire(payload);
    }
    this.now = Math.max(this.now, end);
  }

  #removeFirst(): void {
    const times = this.#times;
    const time = times.pop()!;
    const order = this.#orders.pop()!;
    const target = this.#targets.pop()!;
    const payload = this.#payloads.pop();
    const size = times.length;
    if (size === 0) return;
    let hole = 0;
    for (;;) {
      const first = ARITY * hole + 1;
      if (first >= size) break;
      let least = first;
      const end = Math.min(first + ARITY, size);
      for (let child = first + 1; child < end; child += 1)
        if (this.#isBefore(child, times[least]!, this.#orders[least]!)) least = child;
      if (!this.#isBefore(least, time, order)) break;
      this.#move(least, hole);
      hole = least;
    }
    this.#put(hole, time, order, target, payload);
  }

  #isBefore(at: number, time: number, order: number): boolean {
    const own = this.#times[at]!;
    return own < time || (own === time && this.#orders[at]! < order);
  }

  #move(from: number, to: number): void {
    this.#put(to, this.#times[from]!, this.#orders[from]!, this.#targets[from]!, this.#payloads[from]);
  }

  #put(at: number, time: number, order: number, target: Target<unknown>, payload: unknown): void {
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#targets[at] = target;
    this.#payloads[at] = payload;
  }
}
