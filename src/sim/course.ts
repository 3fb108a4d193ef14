/**
 * What is done to a world goes step by step, as a generator: a node or a link made, a virtual second passed. So whoever
 * has it run can show how far it is.
 */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { World } from './world.ts';

/** Yields the world after each step. Throws CheckFailure when an invariant breaks. */
export type Course<T> = Generator<World, T, void>;

/** Goes through all steps; `onStep` is told of each. */
export function toEnd<T>(course: Course<T>, onStep?: (world: World) => void): T {
  for (;;) {
    const step = course.next();
    if (step.done === true) return step.value;
    onStep?.(step.value);
  }
}

/** Lets `duration` pass, a second a step; ends early when `until` holds. */
export function* pass(world: World, duration: Milliseconds, until?: () => boolean): Course<void> {
  const end = world.now + duration;
  while (world.now < end && until?.() !== true) {
    world.runFor(Math.min(SECOND_MS, end - world.now));
    yield world;
  }
}
