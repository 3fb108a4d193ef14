/**
 * Which concerns have something to do at the end of an event. Most events change nothing for most concerns, and a
 * simulated world handles millions of them: only those that asked for their turn are looked at.
 */
import type { Milliseconds } from '../base/clock.ts';

/** Who has turns. */
interface Settling {
  readonly turn: Turn;
  onSettled(now: Milliseconds): void;
}

/** A concern's own. Asked for, for a start. */
export class Turn {
  readonly #turns: Turns;
  /** Among all turns, as a bit. */
  bit = 0;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** `onSettled` is to be called at the end of this event; from within it, or when it has passed: of the next one. */
  ask(): void {
    this.#turns.asked |= this.bit;
  }
}

export class Turns {
  /** A bit for each that is asked for; nearly always none. */
  asked = 0;
  #order: readonly Settling[] = [];

  turn(): Turn {
    return new Turn(this);
  }

  /** Those who have turns, and in which order; all have the first. */
  setOrder(order: readonly Settling[]): void {
    this.#order = order;
    for (const [place, { turn }] of order.entries()) {
      turn.bit = 1 << place;
      turn.ask();
    }
  }

  /** Calls those who asked, in order. */
  settle(now: Milliseconds): void {
    if (this.asked === 0) return;
    for (let place = 0; place < this.#order.length; place += 1) {
      const bit = 1 << place;
      if ((this.asked & bit) === 0) continue;
      this.asked &= ~bit;
      this.#order[place]!.onSettled(now);
    }
  }
}
