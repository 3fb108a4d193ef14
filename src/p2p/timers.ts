/**
 * The deadlines of all concerns in one place. Nothing sleeps: the shell asks for the next deadline and sends a tick, and a
 * deadline is due when the time of an event has reached it. Time may jump either way; an alarm rings at most once for
 * each time it was set.
 *
 * Three clocks, as in Core: most alarms follow the node's (mockable) time; `scheduled` ones can be brought forward by
 * `mockscheduler` without moving that time; `paced` ones ring when the steady clock says so too, so that what Core's threads
 * merely sleep between goes on while the node's time stands still.
 *
 * Deadlines of one kind stand side by side in a row, a place for each peer or alarm, and the first of a row is looked for
 * when it has moved: a hundred numbers are sooner read than a heap is kept in order for alarms that mostly move before they
 * ring.
 */
import type { Milliseconds } from '../base/clock.ts';

/** Set again, it forgets its former time. */
export interface Alarm {
  /** undefined while it is not set. */
  readonly at: Milliseconds | undefined;
  set(at: Milliseconds): void;
  clear(): void;
}

/** What has deadlines: a place in the rows of `PeerAlarms`, given with the first of them. */
export interface Clocked {
  timerPlace: number;
}

/** It has never had a deadline. */
export const NO_PLACE = -1;
const NEVER = Number.POSITIVE_INFINITY;
/** The first deadline has moved, and the next is not known yet. */
const UNKNOWN = Number.NaN;

class Row {
  /** By place, on the row's clock; Infinity for none. */
  readonly #deadlines: number[] = [];
  #first = NEVER;
  readonly #timers: { moved(from: Milliseconds, to: Milliseconds): void };
  readonly #ring: (place: number, now: Milliseconds) => void;
  /** How much its clock is ahead of the node's. */
  #offset: Milliseconds = 0;

  constructor(
    timers: { moved(from: Milliseconds, to: Milliseconds): void },
    ring: (place: number, now: Milliseconds) => void,
  ) {
    this.#timers = timers;
    this.#ring = ring;
  }

  /** On the node's clock; Infinity: none. */
  at(place: number): Milliseconds {
    return (this.#deadlines[place] ?? NEVER) - this.#offset;
  }

  set(place: number, at: Milliseconds): void {
    const deadlines = this.#deadlines;
    while (deadlines.length <= place) deadlines.push(NEVER);
    const before = deadlines[place]!;
    const after = at + this.#offset;
    deadlines[place] = after;
    if (after <= this.#first) this.#first = after;
    else if (before === this.#first) this.#first = UNKNOWN;
    this.#timers.moved(before - this.#offset, at);
  }

  clear(place: number): void {
    if (place < this.#deadlines.length && this.#deadlines[place] !== NEVER) this.set(place, NEVER);
  }

  set offset(offset: Milliseconds) {
    if (offset === this.#offset) return;
    this.#offset = offset;
    if (this.#first !== NEVER) this.#timers.moved(UNKNOWN, UNKNOWN);
  }

  get offset(): Milliseconds {
    return this.#offset;
  }

  /** Of all places, on the node's clock. */
  first(): Milliseconds {
    if (Number.isNaN(this.#first)) {
      let first = NEVER;
      for (const at of this.#deadlines) if (at < first) first = at;
      this.#first = first;
    }
    return this.#first - this.#offset;
  }

  /** Takes back all deadlines up to `now`; `due` is told their places. */
  takeDue(now: Milliseconds, due: (row: Row, place: number) => void): void {
    const deadlines = this.#deadlines;
    const limit = now + this.#offset;
    for (let place = 0; place < deadlines.length; place += 1) {
      if (deadlines[place]! > limit) continue;
      deadlines[place] = NEVER;
      due(this, place);
    }
    this.#first = UNKNOWN;
  }

  ring(place: number, now: Milliseconds): void {
    this.#ring(place, now);
  }
}

/** The alarms of one clock. */
class AlarmRow {
  readonly #rings: ((now: Milliseconds) => void)[] = [];
  readonly row: Row;

  constructor(timers: Timers) {
    this.row = new Row(timers, (place, now) => this.#rings[place]!(now));
  }

  add(ring: (now: Milliseconds) => void): PlacedAlarm {
    this.#rings.push(ring);
    return new PlacedAlarm(this.row, this.#rings.length - 1);
  }
}

class PlacedAlarm implements Alarm {
  readonly #row: Row;
  readonly #place: number;

  constructor(row: Row, place: number) {
    this.#row = row;
    this.#place = place;
  }

  get at(): Milliseconds | undefined {
    const at = this.#row.at(this.#place);
    return at === NEVER ? undefined : at;
  }

  set(at: Milliseconds): void {
    this.#row.set(this.#place, at);
  }

  clear(): void {
    this.#row.clear(this.#place);
  }
}

/** On two clocks: it rings by the one that comes first. */
class PacedAlarm implements Alarm {
  readonly #byNode: Alarm;
  readonly #bySteady: Alarm;

  /** `run`: a number for each time that alarms are rung; within one, it rings once. */
  constructor(rows: readonly [AlarmRow, AlarmRow], run: () => number, ring: (now: Milliseconds) => void) {
    let rungIn = -1;
    const once = (now: Milliseconds) => {
      if (rungIn === run()) return;
      rungIn = run();
      this.clear();
      ring(now);
    };
    this.#byNode = rows[0].add(once);
    this.#bySteady = rows[1].add(once);
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

/** Who stands at which place of the rows of peers. */
class Places {
  /** Empty places hold nobody. */
  readonly #peers: (Clocked | undefined)[] = [];

  of(peer: Clocked): number {
    if (peer.timerPlace === NO_PLACE) {
      const free = this.#peers.indexOf(undefined);
      peer.timerPlace = free < 0 ? this.#peers.length : free;
      this.#peers[peer.timerPlace] = peer;
    }
    return peer.timerPlace;
  }

  at(place: number): Clocked {
    return this.#peers[place]!;
  }

  leave(peer: Clocked): void {
    if (peer.timerPlace === NO_PLACE) return;
    this.#peers[peer.timerPlace] = undefined;
    peer.timerPlace = NO_PLACE;
  }
}

/** An alarm for each peer, of one kind. */
export class PeerAlarms {
  readonly #row: Row;
  readonly #places: Places;

  constructor(row: Row, places: Places) {
    this.#row = row;
    this.#places = places;
  }

  /** undefined while it is not set. */
  at(peer: Clocked): Milliseconds | undefined {
    if (peer.timerPlace === NO_PLACE) return undefined;
    const at = this.#row.at(peer.timerPlace);
    return at === NEVER ? undefined : at;
  }

  /** Set again, it forgets its former time. */
  set(peer: Clocked, at: Milliseconds): void {
    this.#row.set(this.#places.of(peer), at);
  }

  clear(peer: Clocked): void {
    if (peer.timerPlace !== NO_PLACE) this.#row.clear(peer.timerPlace);
  }
}

/** Before it stand the rows of the three clocks. */
const FIRST_ROW_OF_PEERS = 3;

export class Timers {
  readonly #node = new AlarmRow(this);
  readonly #scheduler = new AlarmRow(this);
  readonly #steady = new AlarmRow(this);
  readonly #places = new Places();
  /** In the order in which they ring. */
  readonly #rows: Row[] = [this.#node.row, this.#scheduler.row, this.#steady.row];
  /** Of all rows, on the node's clock. */
  #next = NEVER;
  #runs = 0;
  /** What rings in a run: rows, and a place in each. Empty between runs. */
  readonly #dueRows: Row[] = [];
  readonly #duePlaces: number[] = [];
  readonly #isDue = (row: Row, place: number): void => {
    this.#dueRows.push(row);
    this.#duePlaces.push(place);
  };

  /** Not set yet. `ring` may set it again. Alarms stay: they are made with concerns, not with peers. */
  alarm(ring: (now: Milliseconds) => void): Alarm {
    return this.#node.add(ring);
  }

  /** As `alarm`, one for each peer. */
  ofPeers<Peer extends Clocked>(ring: (peer: Peer, now: Milliseconds) => void): PeerAlarms {
    const places = this.#places;
    const row = new Row(this, (place, now) => ring(places.at(place) as Peer, now));
    this.#rows.push(row);
    return new PeerAlarms(row, places);
  }

  /** As `alarm`, for chores that Core gives its scheduler. */
  scheduled(ring: (now: Milliseconds) => void): Alarm {
    return this.#scheduler.add(ring);
  }

  /** As `alarm`, and also when so much time has really passed: for pauses that Core makes by sleeping. */
  paced(ring: (now: Milliseconds) => void): Alarm {
    return new PacedAlarm([this.#node, this.#steady], () => this.#runs, ring);
  }

  /** The peer is gone, and so are its deadlines. */
  leave(peer: Clocked): void {
    if (peer.timerPlace === NO_PLACE) return;
    for (let i = FIRST_ROW_OF_PEERS; i < this.#rows.length; i += 1) this.#rows[i]!.clear(peer.timerPlace);
    this.#places.leave(peer);
  }

  /** When the node's clock shows `now`, the steady one shows this. */
  setSteady(now: Milliseconds, steady: Milliseconds): void {
    this.#steady.row.offset = steady - now;
  }

  /** `mockscheduler`: scheduled alarms ring this much sooner. */
  advanceScheduler(by: Milliseconds): void {
    this.#scheduler.row.offset += by;
  }

  /** For rows: a deadline moves, on the node's clock. */
  moved(from: Milliseconds, to: Milliseconds): void {
    if (to <= this.#next) this.#next = to;
    else if (!(from > this.#next)) this.#next = UNKNOWN;
  }

  nextDeadline(): Milliseconds | undefined {
    if (Number.isNaN(this.#next)) this.#next = this.#findNext();
    return this.#next === NEVER ? undefined : this.#next;
  }

  #findNext(): Milliseconds {
    let next = NEVER;
    for (const row of this.#rows) {
      const first = row.first();
      if (first < next) next = first;
    }
    return next;
  }

  /** Rings what is due. What is set meanwhile waits for the next call, even if its time has come. */
  run(now: Milliseconds): void {
    this.#runs += 1;
    for (const row of this.#rows) if (row.first() <= now) row.takeDue(now, this.#isDue);
    this.#next = UNKNOWN;
    for (let i = 0; i < this.#dueRows.length; i += 1) this.#dueRows[i]!.ring(this.#duePlaces[i]!, now);
    this.#dueRows.length = 0;
    this.#duePlaces.length = 0;
  }
}
