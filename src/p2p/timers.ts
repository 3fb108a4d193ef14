/**
 * One heap of deadlines for all concerns. Nothing sleeps: the shell asks for the next deadline and sends a tick, and a
 * deadline is due when the time of an event has reached it. Time may jump either way; an alarm rings at most once for
 * each time it was set.
 */
import type { Milliseconds } from '../base/clock.ts';
import { MinHeap } from '../base/heap.ts';

/** Set again, it forgets its former time. */
export interface Alarm {
  /** undefined while it is not set. */
  readonly at: Milliseconds | undefined;
  set(at: Milliseconds): void;
  clear(): void;
}

class HeapAlarm implements Alarm {
  at: Milliseconds | undefined;
  readonly ring: (now: Milliseconds) => void;
  readonly #heap: MinHeap<HeapAlarm>;

  constructor(heap: MinHeap<HeapAlarm>, ring: (now: Milliseconds) => void) {
    this.#heap = heap;
    this.ring = ring;
  }

  set(at: Milliseconds): void {
    if (this.at === at) return;
    this.at = at;
    this.#heap.push(at, this);
  }

  clear(): void {
    this.at = undefined;
  }
}

export class Timers {
  readonly #heap = new MinHeap<HeapAlarm>();

  /** Not set yet. `ring` may set it again. */
  alarm(ring: (now: Milliseconds) => void): Alarm {
    return new HeapAlarm(this.#heap, ring);
  }

  nextDeadline(): Milliseconds | undefined {
    this.#dropStale();
    return this.#heap.peekKey();
  }

  /** Rings what is due; what is set meanwhile for a time that has come rings too, but not twice in one call. */
  run(now: Milliseconds): void {
    const due: HeapAlarm[] = [];
    for (let key = this.nextDeadline(); key !== undefined && key <= now; key = this.nextDeadline()) {
      const alarm = this.#heap.pop()!;
      alarm.at = undefined;
      due.push(alarm);
    }
    for (const alarm of due) alarm.ring(now);
  }

  /** Entries whose alarm was cleared or set to another time since. */
  #dropStale(): void {
    for (let alarm = this.#heap.peek(); alarm !== undefined; alarm = this.#heap.peek()) {
      if (alarm.at === this.#heap.peekKey()) return;
      this.#heap.pop();
    }
  }
}
