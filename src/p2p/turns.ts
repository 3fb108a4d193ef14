/**
 * Which concerns have something to do at the end of an event. Most events change nothing for most concerns, and a
 * simulated world handles millions of them: only those that asked for their turn are looked at.
 */
import type { Milliseconds } from '../base/clock.ts';

/** A concern's own. Asked for, for a start. */
export class Turn {
  #isAsked = true;
  readonly #turns: Turns;

  constructor(turns: Turns) {
    this.#turns = turns;
    turns.isAnyAsked = true;
  }

  /** `onSettled` is to be called at the end of this event; from within it, or when it has passed: of the next one. */
  ask(): void {
    this.#isAsked = true;
    this.#turns.isAnyAsked = true;
  }

  /** Whether it was asked for since the last call. */
  take(): boolean {
    const wasAsked = this.#isAsked;
    this.#isAsked = false;
    return wasAsked;
  }
}

export class Turns {
  /** Nearly always false. */
  isAnyAsked = false;

  turn(): Turn {
    return new Turn(this);
  }

  /** Calls those of `order` who asked, in that order. */
  settle(
    order: readonly { readonly turn: Turn; onSettled(now: Milliseconds): void }[],
    now: Milliseconds,
  ): void {
    if (!this.isAnyAsked) return;
    this.isAnyAsked = false;
    for (const concern of order) if (concern.turn.take()) concern.onSettled(now);
  }
}
