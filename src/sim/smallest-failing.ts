/**
 * What a run has broken, and the fewest nodes that break the same. A failure among five nodes can be read; one among a
 * thousand cannot.
 */
import { CheckFailure } from './checks.ts';
import { toEnd } from './course.ts';
import type { Outcome, Scenario, ScenarioOptions } from './scenario.ts';
import type { World, WorldDeps } from './world.ts';

const NODES_MIN = 2;

/** How a run ended: to its end, or at a broken invariant. */
export type Ending = Outcome | CheckFailure;

/** Runs a scenario to its end; `onStep` is told of each of its steps. */
export function runToEnd(
  deps: WorldDeps,
  scenario: Scenario,
  options: ScenarioOptions,
  onStep?: (world: World) => void,
): Ending {
  try {
    return toEnd(scenario.run(deps, options), onStep);
  } catch (error) {
    if (error instanceof CheckFailure) return error;
    throw error;
  }
}

/** Promises of the scenario that did not come true; none of a run that broke an invariant. */
export function brokenPromises(ending: Ending): string[] {
  if (ending instanceof CheckFailure) return [];
  return ending.verdicts.filter(({ holds }) => !holds).map(({ promise }) => promise);
}

/**
 * The smallest count of nodes found with which the same seed fails as `ending` did: by an invariant, or by one of the same
 * promises. By halving, then between; `options.nodes` if no smaller one does.
 */
export function smallestFailing(
  deps: WorldDeps,
  scenario: Scenario,
  options: ScenarioOptions,
  ending: Ending,
): number {
  const broken = new Set(brokenPromises(ending));
  const fails = (nodes: number): boolean => {
    const other = runToEnd(deps, scenario, { ...options, nodes });
    if (ending instanceof CheckFailure) return other instanceof CheckFailure;
    return brokenPromises(other).some(promise => broken.has(promise));
  };
  let failing = options.nodes;
  let passing = NODES_MIN - 1;
  while (failing - passing > 1) {
    const middle = passing < NODES_MIN ? failing >> 1 : (failing + passing) >> 1;
    if (middle < NODES_MIN) break;
    if (fails(middle)) failing = middle;
    else passing = middle;
  }
  return failing;
}
