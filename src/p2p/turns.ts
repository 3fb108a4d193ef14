/**
 * Which concerns have something to do at the end of an event. Most events change nothing for most concerns, and a
 * simulated world handles millions of them: only those that asked for their turn are looked at.
 */
import type { Milliseconds } from '../base/clock.ts';

/** A concern's own. */
export interface Turn {
  /** `onSettled` is to be called at the end of this event; from within it, or when it has passed: of the next one. */
  ask(): void;
}

class AskedTurn implements Turn {
  isAsked = false;
  readonly #turns: Turns;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  ask(): void {
    this.isAsked = true;
    this.#turns.isAnyAsked = true;
  }
}

export class Turns {
  /** Nearly always false. */
  isAnyAsked = false;

  /** Asked for, for a start. */
  turn(): Turn {
    const turn = new AskedTurn(this);
    turn.ask();
    return turn;
  }

  /** Calls those of `order` who asked, in that order. */
  settle(
    order: readonly { readonly turn: Turn; onSettled(now: Milliseconds): void }[],
    now: Milliseconds,
  ): void {
    if (!this.isAnyAsked) return;
    this.isAnyAsked = false;
    for (const concern of order) {
      const turn = concern.turn as AskedTurn;
      if (!turn.isAsked) continue;
      turn.isAsked = false;
      concern.onSettled(now);
    }
  }
}
