/** A broken promise of our own code. Never caught except at the top of the process, and never thrown for input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/** States what must hold here; a false `condition` is our bug, so it throws `AssertionError`. */
export function assert(condition: unknown, promise: string): asserts condition {
  if (!condition) throw new AssertionError(`Internal bug: expected that ${promise}`);
}

/** For the `default` of a switch over a closed union: a member without a case does not compile. */
export function unreachable(value: never): never {
  throw new AssertionError(`Internal bug: unhandled case ${JSON.stringify(value)}`);
}
