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

/** Where the first deadline of all rows stands among those of each. */
const OF_ALL = 0;

/** Deadlines of one kind, each at a place: whoever has them numbers the places, as low as may be. */
export class Deadlines {
  /** By place, on the row's clock; Infinity for none. */
  readonly #deadlines: number[] = [];
  /** The first of each row, on the node's clock: side by side, because they are compared after each event. */
  readonly #firsts: number[];
  /** Its own among them. */
  readonly #row: number;
  readonly #owner: Ringing;
  /** How much its clock is ahead of the node's. */
  #offset: Milliseconds = 0;

  constructor(firsts: number[], owner: Ringing) {
    this.#firsts = firsts;
    this.#row = firsts.length;
    this.#owner = owner;
    firsts.push(NEVER);
  }

  /** On the node's clock; Infinity: none. */
  at(place: number): Milliseconds {
    return (this.#deadlines[place] ?? NEVER) - this.#offset;
  }

  set(place: number, at: Milliseconds): void {
    const deadlines = this.#deadlines;
    while (deadlines.length <= place) deadlines.push(NEVER);
    const before = deadlines[place]! - this.#offset;
    deadlines[place] = at + this.#offset;
    moved(this.#firsts, this.#row, before, at);
    moved(this.#firsts, OF_ALL, before, at);
  }

  clear(place: number): void {
    if (place < this.#deadlines.length && this.#deadlines[place] !== NEVER) this.set(place, NEVER);
  }

  set offset(offset: Milliseconds) {
    if (offset === this.#offset) return;
    this.#offset = offset;
    if (this.#firsts[this.#row] === NEVER) return;
    this.#firsts[this.#row] = UNKNOWN;
    this.#firsts[OF_ALL] = UNKNOWN;
  }

  get offset(): Milliseconds {
    return this.#offset;
  }

  /** Looks for the first of the row. */
  findFirst(): void {
    let first = NEVER;
    for (const at of this.#deadlines) if (at < first) first = at;
    this.#firsts[this.#row] = first - this.#offset;
  }

  /** Takes back all deadlines up to `now`, and appends them to `due`. */
  takeDue(now: Milliseconds, due: Due): void {
    const deadlines = this.#deadlines;
    for (let place = 0; place < deadlines.length; place += 1) {
      if (deadlines[place]! - this.#offset > now) continue;
      deadlines[place] = NEVER;
      due.owners.push(this.#owner);
      due.places.push(place);
    }
    this.#firsts[this.#row] = UNKNOWN;
  }
}

/** Whose deadlines they are. */
export interface Ringing {
  ring(place: number, now: Milliseconds): void;
}

/** What rings in a run. */
interface Due {
  readonly owners: Ringing[];
  readonly places: number[];
}

/** For all timers, as a run ends before another begins: thousands of simulated nodes have hardly room for one each. */
const DUE: Due = { owners: [], places: [] };

/** A deadline has moved, which may have been the first, or be it now. */
function moved(firsts: number[], at: number, from: Milliseconds, to: Milliseconds): void {
  if (to <= firsts[at]!) firsts[at] = to;
  else if (from === firsts[at]) firsts[at] = UNKNOWN;
}

/** The alarms of one clock. */
class AlarmRow implements Ringing {
  readonly #rings: ((now: Milliseconds) => void)[] = [];
  readonly row: Deadlines;

  constructor(firsts: number[]) {
    this.row = new Deadlines(firsts, this);
  }

  ring(place: number, now: Milliseconds): void {
    this.#rings[place]!(now);
  }

  add(ring: (now: Milliseconds) => void): PlacedAlarm {
    this.#rings.push(ring);
    return new PlacedAlarm(this.row, this.#rings.length - 1);
  }
}

class PlacedAlarm implements Alarm {
  readonly #row: Deadlines;
  readonly #place: number;

  constructor(row: Deadlines, place: number) {
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
export class PeerAlarms implements Ringing {
  readonly #row: Deadlines;
  readonly #places: Places;
  readonly #ring: (peer: Clocked, now: Milliseconds) => void;

  constructor(firsts: number[], places: Places, ring: (peer: Clocked, now: Milliseconds) => void) {
    this.#row = new Deadlines(firsts, this);
    this.#places = places;
    this.#ring = ring;
  }

  get row(): Deadlines {
    return this.#row;
  }

  ring(place: number, now: Milliseconds): void {
    this.#ring(this.#places.at(place), now);
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

export class Timers {
  /** On the node's clock: that of all rows, then that of each; NaN for one that must be looked for. */
  readonly #firsts: number[] = [NEVER];
  readonly #node = new AlarmRow(this.#firsts);
  readonly #scheduler = new AlarmRow(this.#firsts);
  readonly #steady = new AlarmRow(this.#firsts);
  #steadyOffset: Milliseconds = 0;
  readonly #places = new Places();
  /** In the order in which they ring. */
  readonly #rows: Deadlines[] = [this.#node.row, this.#scheduler.row, this.#steady.row];
  readonly #rowsOfPeers: Deadlines[] = [];
  #runs = 0;
  /** Not set yet. `ring` may set it again. Alarms stay: they are made with concerns, not with peers. */
  alarm(ring: (now: Milliseconds) => void): Alarm {
    return this.#node.add(ring);
  }

  /** As `alarm`, one for each place; `owner` is told which rings. */
  row(owner: Ringing): Deadlines {
    const row = new Deadlines(this.#firsts, owner);
    this.#rows.push(row);
    return row;
  }

  /** As `alarm`, one for each peer. */
  ofPeers<Peer extends Clocked>(ring: (peer: Peer, now: Milliseconds) => void): PeerAlarms {
    const alarms = new PeerAlarms(this.#firsts, this.#places, ring as (peer: Clocked, now: Milliseconds) => void); // biome-ignore format: one step
    this.#rows.push(alarms.row);
    this.#rowsOfPeers.push(alarms.row);
    return alarms;
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
    for (const row of this.#rowsOfPeers) row.clear(peer.timerPlace);
    this.#places.leave(peer);
  }

  /** When the node's clock shows `now`, the steady one shows this. */
  setSteady(now: Milliseconds, steady: Milliseconds): void {
    if (steady - now === this.#steadyOffset) return;
    this.#steadyOffset = steady - now;
    this.#steady.row.offset = this.#steadyOffset;
  }

  /** `mockscheduler`: scheduled alarms ring this much sooner. */
  advanceScheduler(by: Milliseconds): void {
    this.#scheduler.row.offset += by;
  }

  nextDeadline(): Milliseconds | undefined {
    if (Number.isNaN(this.#firsts[OF_ALL])) this.#findNext();
    const next = this.#firsts[OF_ALL]!;
    return next === NEVER ? undefined : next;
  }

  #findNext(): void {
    let next = NEVER;
    for (let row = 0; row < this.#rows.length; row += 1) next = Math.min(next, this.#firstOf(row));
    this.#firsts[OF_ALL] = next;
  }

  /** By its place among `#rows`. */
  #firstOf(row: number): Milliseconds {
    if (Number.isNaN(this.#firsts[row + 1])) this.#rows[row]!.findFirst();
    return this.#firsts[row + 1]!;
  }

  /** Rings what is due. What is set meanwhile waits for the next call, even if its time has come. */
  run(now: Milliseconds): void {
    this.#runs += 1;
    for (let row = 0; row < this.#rows.length; row += 1)
      if (this.#firstOf(row) <= now) this.#rows[row]!.takeDue(now, DUE);
    this.#firsts[OF_ALL] = UNKNOWN;
    const { owners, places } = DUE;
    try {
      for (let i = 0; i < owners.length; i += 1) owners[i]!.ring(places[i]!, now);
    } finally {
      owners.length = 0;
      places.length = 0;
    }
  }
}
