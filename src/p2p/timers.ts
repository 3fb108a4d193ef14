/**
 * The deadlines of all concerns in one place. Nothing sleeps: the shell asks for the next deadline and sends a tick, and a
 * deadline is due when the time of an event has reached it. Time may jump either way; an alarm rings at most once for
 * each time it was set.
 *
 * Three clocks, as in Core: most alarms follow the node's (mockable) time; `scheduled` ones can be brought forward by
 * `mockscheduler` without moving that time; `paced` ones ring when the steady clock says so too, so that what Core's threads
 * merely sleep between goes on while the node's time stands still.
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

/** What stands in a queue. Moved to a later time, it keeps its place in the heap until that comes up: one entry, however often it moves. */
interface Queued {
  at: Milliseconds | undefined;
  /** The key of its entry that counts. */
  queuedAt: Milliseconds | undefined;
  ring(now: Milliseconds): void;
}

class HeapAlarm implements Alarm, Queued {
  at: Milliseconds | undefined;
  queuedAt: Milliseconds | undefined;
  readonly #queue: AlarmQueue;
  readonly ring: (now: Milliseconds) => void;

  constructor(queue: AlarmQueue, ring: (now: Milliseconds) => void) {
    this.#queue = queue;
    this.ring = ring;
  }

  set(at: Milliseconds): void {
    this.#queue.set(this, at);
  }

  clear(): void {
    this.#queue.clear(this);
  }
}

/** The deadlines of one peer: an entry in the queue for the first of them, however many there are. */
class PeerClock implements Queued {
  at: Milliseconds | undefined;
  queuedAt: Milliseconds | undefined;
  readonly #peer: Clocked;
  readonly #queue: AlarmQueue;
  readonly #rings: readonly Ring[];
  /** By kind of alarm; Infinity for none. */
  readonly #deadlines: number[];

  constructor(peer: Clocked, queue: AlarmQueue, rings: readonly Ring[]) {
    this.#peer = peer;
    this.#queue = queue;
    this.#rings = rings;
    this.#deadlines = new Array<number>(rings.length).fill(Number.POSITIVE_INFINITY);
  }

  deadlineOf(kind: number): Milliseconds {
    return this.#deadlines[kind] ?? Number.POSITIVE_INFINITY;
  }

  setDeadline(kind: number, at: Milliseconds): void {
    const deadlines = this.#deadlines;
    const before = this.deadlineOf(kind);
    if (at === before) return;
    // A concern may be made after the peer has come.
    while (deadlines.length <= kind) deadlines.push(Number.POSITIVE_INFINITY);
    deadlines[kind] = at;
    if (this.at === undefined || at < this.at) this.#queue.set(this, at);
    else if (before === this.at) this.#arm();
  }

  ring(now: Milliseconds): void {
    const deadlines = this.#deadlines;
    const due: number[] = [];
    for (let kind = 0; kind < deadlines.length; kind += 1) {
      if (deadlines[kind]! > now) continue;
      deadlines[kind] = Number.POSITIVE_INFINITY;
      due.push(kind);
    }
    this.#arm();
    for (const kind of due) this.#rings[kind]!(this.#peer, now);
  }

  #arm(): void {
    let first = Number.POSITIVE_INFINITY;
    for (const at of this.#deadlines) if (at < first) first = at;
    if (first === Number.POSITIVE_INFINITY) this.#queue.clear(this);
    else this.#queue.set(this, first);
  }
}

/** For the peer's record. */
export type { PeerClock };

/** What has deadlines; made for it when the first is set. */
export interface Clocked {
  clock: PeerClock | undefined;
}

type Ring = (peer: Clocked, now: Milliseconds) => void;

/** An alarm for each peer, of one kind. */
export class PeerAlarms {
  readonly #queue: AlarmQueue;
  readonly #rings: readonly Ring[];
  readonly #kind: number;

  constructor(queue: AlarmQueue, rings: readonly Ring[], kind: number) {
    this.#queue = queue;
    this.#rings = rings;
    this.#kind = kind;
  }

  /** undefined while it is not set. */
  at(peer: Clocked): Milliseconds | undefined {
    const at = peer.clock?.deadlineOf(this.#kind);
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  /** Set again, it forgets its former time. */
  set(peer: Clocked, at: Milliseconds): void {
    peer.clock ??= new PeerClock(peer, this.#queue, this.#rings);
    peer.clock.setDeadline(this.#kind, at);
  }

  clear(peer: Clocked): void {
    peer.clock?.setDeadline(this.#kind, Number.POSITIVE_INFINITY);
  }
}

/** On two clocks: it rings by the one that comes first. */
class PacedAlarm implements Alarm {
  readonly #byNode: Alarm;
  readonly #bySteady: Alarm;

  /** `run`: a number for each time that alarms are rung; within one, it rings once. */
  constructor(
    queues: readonly [AlarmQueue, AlarmQueue],
    run: () => number,
    ring: (now: Milliseconds) => void,
  ) {
    let rungIn = -1;
    const once = (now: Milliseconds) => {
      if (rungIn === run()) return;
      rungIn = run();
      this.clear();
      ring(now);
    };
    this.#byNode = new HeapAlarm(queues[0], once);
    this.#bySteady = new HeapAlarm(queues[1], once);
  }

  get at(): Milliseconds | undefined {
    return this.#byNode.at;
  }

  set(at: Milliseconds): void {
    this.#byNode.set(at);
    this.#bySteady.set(at);
  }

  clear(): void {
    this.#byNode.clear();
    this.#bySteady.clear();
  }
}

class AlarmQueue {
  readonly #heap = new MinHeap<Queued>();
  /** How much this clock is ahead of the node's. */
  offset: Milliseconds = 0;
  /** The first deadline, by this clock; Infinity for none, and undefined while it must be looked for. */
  #first: Milliseconds | undefined = Number.POSITIVE_INFINITY;

  set(alarm: Queued, at: Milliseconds): void {
    const before = alarm.at;
    alarm.at = at + this.offset;
    if (alarm.queuedAt === undefined || alarm.at < alarm.queuedAt) this.#push(alarm);
    this.#moved(before, alarm.at);
  }

  clear(alarm: Queued): void {
    const before = alarm.at;
    alarm.at = undefined;
    this.#moved(before, Number.POSITIVE_INFINITY);
  }

  #push(alarm: Queued): void {
    alarm.queuedAt = alarm.at;
    this.#heap.push(alarm.at!, alarm);
  }

  /** An alarm rings at another time than before. Asked after each event, the first deadline is seldom looked for. */
  #moved(from: Milliseconds | undefined, to: Milliseconds): void {
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
      if (alarm.at !== undefined) this.#push(alarm);
    }
    return Number.POSITIVE_INFINITY;
  }

  /** Takes out the first alarm, which is due. */
  pop(): Queued {
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
  readonly #steady = new AlarmQueue();
  readonly #queues: readonly AlarmQueue[] = [this.#node, this.#scheduler, this.#steady];
  readonly #ofPeers: Ring[] = [];
  #runs = 0;

  /** Not set yet. `ring` may set it again. */
  alarm(ring: (now: Milliseconds) => void): Alarm {
    return new HeapAlarm(this.#node, ring);
  }

  /** As `alarm`, one for each peer. */
  ofPeers<Peer extends Clocked>(ring: (peer: Peer, now: Milliseconds) => void): PeerAlarms {
    this.#ofPeers.push(ring as Ring);
    return new PeerAlarms(this.#node, this.#ofPeers, this.#ofPeers.length - 1);
  }

  /** As `alarm`, for chores that Core gives its scheduler. */
  scheduled(ring: (now: Milliseconds) => void): Alarm {
    return new HeapAlarm(this.#scheduler, ring);
  }

  /** As `alarm`, and also when so much time has really passed: for pauses that Core makes by sleeping. */
  paced(ring: (now: Milliseconds) => void): Alarm {
    return new PacedAlarm([this.#node, this.#steady], () => this.#runs, ring);
  }

  /** When the node's clock shows `now`, the steady one shows this. */
  setSteady(now: Milliseconds, steady: Milliseconds): void {
    this.#steady.offset = steady - now;
  }

  /** `mockscheduler`: scheduled alarms ring this much sooner. */
  advanceScheduler(by: Milliseconds): void {
    this.#scheduler.offset += by;
  }

  nextDeadline(): Milliseconds | undefined {
    const next = Math.min(this.#node.next(), this.#scheduler.next(), this.#steady.next());
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  /** Rings what is due. What is set meanwhile waits for the next call, even if its time has come. */
  run(now: Milliseconds): void {
    const due: Queued[] = [];
    this.#runs += 1;
    for (const queue of this.#queues) {
      while (queue.next() <= now) due.push(queue.pop());
    }
    for (const alarm of due) alarm.ring(now);
  }
}
