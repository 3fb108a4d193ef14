/**
 * The deadlines of all concerns in one place. Nothing sleeps: the shell asks for the next deadline and sends a tick, and a
 * deadline is due when the time of an event has reached it. Time may jump either way; an alarm rings at most once for
 * each time it was set.
 *
 * Two clocks, as in Core: most alarms follow the node's (mockable) time; `scheduled` ones can be brought forward by
 * `mockscheduler` without moving that time.
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

/** An alarm moved to a later time keeps its place in the heap until that comes up: one entry, however often it moves. */
class HeapAlarm implements Alarm {
  at: Milliseconds | undefined;
  /** The key of its entry that counts. */
  queuedAt: Milliseconds | undefined;
  readonly #ring: (subject: unknown, now: Milliseconds) => void;
  readonly #subject: unknown;
  readonly #queue: AlarmQueue;

  constructor(queue: AlarmQueue, ring: (subject: unknown, now: Milliseconds) => void, subject: unknown) {
    this.#queue = queue;
    this.#ring = ring;
    this.#subject = subject;
  }

  ring(now: Milliseconds): void {
    this.#ring(this.#subject, now);
  }

  set(at: Milliseconds): void {
    this.at = at + this.#queue.offset;
    if (this.queuedAt === undefined || this.at < this.queuedAt) this.#queue.push(this);
  }

  clear(): void {
    this.at = undefined;
  }
}

class AlarmQueue {
  readonly #heap = new MinHeap<HeapAlarm>();
  /** How much this clock is ahead of the node's. */
  offset: Milliseconds = 0;

  push(alarm: HeapAlarm): void {
    alarm.queuedAt = alarm.at;
    this.#heap.push(alarm.at!, alarm);
  }

  /** On the node's clock. */
  next(): Milliseconds | undefined {
    for (let alarm = this.#heap.peek(); alarm !== undefined; alarm = this.#heap.peek()) {
      const key = this.#heap.peekKey()!;
      if (alarm.queuedAt === key && alarm.at === key) return key - this.offset;
      this.#heap.pop();
      if (alarm.queuedAt !== key) continue;
      alarm.queuedAt = undefined;
      if (alarm.at !== undefined) this.push(alarm);
    }
    return undefined;
  }

  /** Takes out the first alarm, which `next` has found due. */
  pop(): HeapAlarm {
    const alarm = this.#heap.pop()!;
    alarm.queuedAt = undefined;
    alarm.at = undefined;
    return alarm;
  }
}

export class Timers {
  readonly #node = new AlarmQueue();
  readonly #scheduler = new AlarmQueue();

  /** Not set yet. `ring` may set it again. */
  alarm(ring: (now: Milliseconds) => void): Alarm {
    return new HeapAlarm(this.#node, (_, now) => ring(now), undefined);
  }

  /** As `alarm`, for what each peer has one of: `ring` is made once for all of them. */
  alarmOf<Subject>(subject: Subject, ring: (subject: Subject, now: Milliseconds) => void): Alarm {
    return new HeapAlarm(this.#node, ring as (subject: unknown, now: Milliseconds) => void, subject);
  }

  /** As `alarm`, for chores that Core gives its scheduler. */
  scheduled(ring: (now: Milliseconds) => void): Alarm {
    return new HeapAlarm(this.#scheduler, (_, now) => ring(now), undefined);
  }

  /** `mockscheduler`: scheduled alarms ring this much sooner. */
  advanceScheduler(by: Milliseconds): void {
    this.#scheduler.offset += by;
  }

  nextDeadline(): Milliseconds | undefined {
    const [a, b] = [this.#node.next(), this.#scheduler.next()];
    return a === undefined || (b !== undefined && b < a) ? b : a;
  }

  /** Rings what is due. What is set meanwhile waits for the next call, even if its time has come. */
  run(now: Milliseconds): void {
    const due: HeapAlarm[] = [];
    for (const queue of [this.#node, this.#scheduler]) {
      for (let at = queue.next(); at !== undefined && at <= now; at = queue.next()) due.push(queue.pop());
    }
    for (const alarm of due) alarm.ring(now);
  }
}
