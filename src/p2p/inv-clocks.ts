/**
 * When each peer is told of transactions (Core: the timers of SendMessages, NextInvToInbounds in src/net_processing.cpp):
 * outbound peers have a clock each, inbound peers share one for each way in, or one spy with many connections would see
 * through it. A clock runs while nothing waits for its peers, too; only the alarm does not.
 *
 * What is known of each stands in columns, by holder: all of them are looked at for each transaction, and side by side
 * they are in a few lines of the processor's cache.
 */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { randomExponential } from '../base/random.ts';
import { addressKey } from '../wire/net-address.ts';
import type { P2pContext } from './concern.ts';
import type { Holder } from './holder-sets.ts';
import { networkOf } from './netgroup.ts';
import { isInbound, type Peer } from './peer.ts';
import type { Alarm, Deadlines, Ringing } from './timers.ts';

/** Mean times between two batches (Core: OUTBOUND_INVENTORY_BROADCAST_INTERVAL, INBOUND_…). */
const OUTBOUND_INTERVAL_MS = 2 * SECOND_MS;
const INBOUND_INTERVAL_MS = 5 * SECOND_MS;

/** Strikes for all inbound peers of one way in: one alarm, however many of them something waits for. */
interface SharedClock {
  next: Milliseconds;
  /** Its last strike before that, seen or unseen. */
  last: Milliseconds;
  /** Holders that wait for it. */
  waiting: number;
  readonly alarm: Alarm;
}

const NEVER = Number.NEGATIVE_INFINITY;

/** What will strike for a holder. */
const AWAITS = { nothing: 0, alarm: 1, sharedClock: 2 } as const;

/** Whom the clocks strike for. */
interface Listening {
  /** The holder's time has come, and nothing will strike for it until it is woken again; its clock goes on. */
  strike(holder: Holder, now: Milliseconds): void;
}

export class InvClocks implements Ringing {
  readonly #context: P2pContext;
  readonly #listener: Listening;
  /** By way in. */
  readonly #shared = new Map<string, SharedClock>();

  /** undefined: nobody. */
  readonly #peers: (Peer | undefined)[] = [];
  /** The clock that it shares; undefined: it has its own. */
  readonly #clocks: (SharedClock | undefined)[] = [];
  readonly #awaits: number[] = [];
  readonly #nextBatch: Milliseconds[] = [];
  /** By holder: when its clock last struck unseen since the last batch; −Infinity for never. */
  readonly #lastUnseen: Milliseconds[] = [];
  readonly #alarms: Deadlines;

  constructor(context: P2pContext, listener: Listening) {
    this.#context = context;
    this.#listener = listener;
    this.#alarms = context.timers.row(this);
  }

  /** For its alarms. */
  ring(holder: Holder, now: Milliseconds): void {
    this.#awaits[holder] = AWAITS.nothing;
    this.#strikeFor(holder, now);
  }

  /** All holders are below. */
  get end(): Holder {
    return this.#peers.length;
  }

  /** undefined: nobody. */
  peerOf(holder: Holder): Peer | undefined {
    return this.#peers[holder];
  }

  #isWaiting(holder: Holder): boolean {
    return this.#awaits[holder] !== AWAITS.nothing;
  }

  /** When its clock last struck with nothing to tell, and has told nothing since; −Infinity for never. */
  lastUnseenOf(holder: Holder, now: Milliseconds): Milliseconds {
    if (!this.#isWaiting(holder)) this.#runOn(holder, now);
    return this.#lastUnseen[holder]!;
  }

  /** It is told now of what there is. */
  told(holder: Holder): void {
    this.#lastUnseen[holder] = NEVER;
  }

  join(holder: Holder, peer: Peer, now: Milliseconds): void {
    // Trusted peers are told at once, by nobody's clock.
    const clock = isInbound(peer) && !isImmediate(peer) ? this.#sharedClockOf(peer) : undefined;
    this.#peers[holder] = peer;
    this.#clocks[holder] = clock;
    this.#awaits[holder] = AWAITS.nothing;
    this.#nextBatch[holder] = this.#drawNext(clock, now);
    this.#lastUnseen[holder] = NEVER;
  }

  leave(holder: Holder): void {
    this.stop(holder);
    this.#peers[holder] = undefined;
    this.#clocks[holder] = undefined;
  }

  /** Something waits for it. */
  wake(holder: Holder, now: Milliseconds): void {
    if (this.#isWaiting(holder)) return;
    this.#runOn(holder, now);
    this.#wait(holder, now);
  }

  /** With nothing to tell, it has struck unseen, and what was in the pool at its last strike counts as told. */
  #runOn(holder: Holder, now: Milliseconds): void {
    const unseen = this.#nextBatch[holder]!;
    if (unseen > now) return;
    const clock = this.#clocks[holder];
    const next = this.#drawNext(clock, now);
    this.#nextBatch[holder] = next;
    this.#lastUnseen[holder] = clock === undefined ? lastBefore(now, next, unseen) : clock.last;
  }

  /** What waits for it is told now, whatever its clock says. */
  hurry(holder: Holder, now: Milliseconds): void {
    this.stop(holder);
    this.#ringAt(holder, now);
  }

  /** Nothing waits for it any more. */
  stop(holder: Holder): void {
    const awaits = this.#awaits[holder];
    this.#awaits[holder] = AWAITS.nothing;
    if (awaits === AWAITS.alarm) this.#alarms.clear(holder);
    if (awaits !== AWAITS.sharedClock) return;
    const clock = this.#clocks[holder]!;
    clock.waiting -= 1;
    if (clock.waiting === 0) clock.alarm.clear();
  }

  #wait(holder: Holder, now: Milliseconds): void {
    if (this.#clocks[holder] === undefined && isImmediate(this.#peers[holder]!)) this.#ringAt(holder, now);
    else this.#waitForClock(holder);
  }

  #waitForClock(holder: Holder): void {
    const clock = this.#clocks[holder];
    const next = this.#nextBatch[holder]!;
    if (clock === undefined) {
      this.#ringAt(holder, next);
      return;
    }
    this.#awaits[holder] = AWAITS.sharedClock;
    clock.waiting += 1;
    if (clock.alarm.at === undefined || clock.alarm.at > next) clock.alarm.set(next);
  }

  #ringAt(holder: Holder, at: Milliseconds): void {
    this.#awaits[holder] = AWAITS.alarm;
    this.#alarms.set(holder, at);
  }

  #strikeAll(clock: SharedClock, now: Milliseconds): void {
    clock.waiting = 0;
    for (let holder = 0; holder < this.end; holder += 1) {
      if (this.#awaits[holder] !== AWAITS.sharedClock || this.#clocks[holder] !== clock) continue;
      // The clock may have been set back meanwhile.
      if (this.#nextBatch[holder]! > now) this.#wait(holder, now);
      else {
        this.#awaits[holder] = AWAITS.nothing;
        this.#strikeFor(holder, now);
      }
    }
  }

  #strikeFor(holder: Holder, now: Milliseconds): void {
    this.#nextBatch[holder] = this.#drawNext(this.#clocks[holder], now);
    // Who takes no more now is looked at again when its clock strikes: a trusted peer has one too.
    if (this.#peers[holder]!.isSendPaused) this.#waitForClock(holder);
    else this.#listener.strike(holder, now);
  }

  #sharedClockOf(peer: Peer): SharedClock {
    const key = `${networkOf(peer.address, this.#context.options)} ${addressKey(peer.localAddress)}`;
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const alarm = this.#context.timers.alarm(now => this.#strikeAll(clock, now));
    const clock: SharedClock = { next: 0, last: 0, waiting: 0, alarm };
    this.#shared.set(key, clock);
    return clock;
  }

  #drawNext(shared: SharedClock | undefined, now: Milliseconds): Milliseconds {
    const { random } = this.#context;
    if (shared === undefined) return now + randomExponential(random, OUTBOUND_INTERVAL_MS);
    if (shared.next <= now) {
      const next = now + randomExponential(random, INBOUND_INTERVAL_MS);
      shared.last = lastBefore(now, next, shared.next);
      shared.next = next;
    }
    return shared.next;
  }
}

/**
 * The last strike of a clock of which one at `unseen` and then one at `next` are known. Such a clock has no memory: the
 * time since its last strike is drawn as that to its next, so one draw does for both.
 */
function lastBefore(now: Milliseconds, next: Milliseconds, unseen: Milliseconds): Milliseconds {
  return Math.max(unseen, now - (next - now));
}

/** Trusted peers are told at once. */
export function isImmediate(peer: Peer): boolean {
  return peer.permissions.has('noban');
}
