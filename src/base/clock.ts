/** A point in time: milliseconds since 1970, as the node's (mockable) clock tells it. */
export type Milliseconds = number;

/** Whole seconds since 1970: what block headers and addresses carry. */
export type UnixSeconds = number;

/** Told by the shell; the core gets `now` as an argument and owns no clock. */
export interface Clock {
  now(): Milliseconds;
}

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

/** Whole seconds, rounded down, as Core's `GetTime` does. */
export function toUnixSeconds(now: Milliseconds): UnixSeconds {
  return Math.floor(now / SECOND_MS);
}
