import { expect } from 'vitest';

/** As `expect(actual, what).toBe(wanted)`, for loops of thousands: a call of `expect` costs a hundred comparisons. */
export function mustBe<T>(actual: T, wanted: T, what?: string): void {
  if (!Object.is(actual, wanted)) expect(actual, what).toBe(wanted);
}
