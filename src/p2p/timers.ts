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
    const before = this.at;
    this.at = at + this.#queue.offset;
    if (this.queuedAt === undefined || this.at < this.queuedAt) this.#queue.push(this);
    this.#queue.moved(before, this.at);
  }

  clear(): void {
    const before = this.at;
    this.at = undefined;
    this.#queue.moved(before, Number.POSITIVE_INFINITY);
  }
}

class AlarmQueue {
  readonly #heap = new MinHeap<HeapAlarm>();
  /** How much this clock is ahead of the node's. */
  offset: Milliseconds = 0;
  /** The first deadline, by this clock; Infinity for none, and undefined while it must be looked for. */
  #first: Milliseconds | undefined = Number.POSITIVE_INFINITY;

  push(alarm: HeapAlarm): void {
    alarm.queuedAt = alarm.at;
    this.#heap.push(alarm.at!, alarm);
  }

  /** An alarm rings at another time than before. Asked after each event, the first deadline is seldom looked for. */
  moved(from: Milliseconds | undefined, to: Milliseconds): void {
    if (this.#first === undefined) return;
    if (to <= this.#first) this.#first = to;
    else if (from === this.#first) this.#first = undefined;
  }

  /** On the node's clock; Infinity: none. */
  next(): Milliseconds {
    this.#first ??= this.#findFirst();
    return this.#first - this.offset;
  }

  #findFirst(): Milliseconds {
    for (let alarm = this.#heap.peek(); alarm !== undefined; alarm = this.#heap.peek()) {
      const key = this.#heap.peekKey()!;
      if (alarm.queuedAt === key && alarm.at === key) return key;
      this.#heap.pop();
      if (alarm.queuedAt !== key) continue;
      alarm.queuedAt = undefined;
      if (alarm.at !== undefined) this.push(alarm);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Takes out the first alarm, which is due. */
  pop(): HeapAlarm {
    this.#findFirst();
    this.#first = undefined;
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
    const next = Math.min(this.#node.next(), this.#scheduler.next());
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Rings what is due. What is set meanwhile waits for the next call, even if its time has come. */
  run(now: Milliseconds): void {
    const due: HeapAlarm[] = [];
    for (const queue of [this.#node, this.#scheduler]) {
      while (queue.next() <= now) due.push(queue.pop());
    }
    for (const alarm of due) alarm.ring(now);
  }
}
