/** Runs a scenario to its end. */
import { SECOND_MS } from '../../src/base/clock.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { toEnd } from '../../src/sim/course.ts';
import type { Outcome, ScenarioOptions } from '../../src/sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../../src/sim/scenarios.ts';

export function runScenario(name: string, chosen: Partial<ScenarioOptions>): Outcome {
  const scenario = SCENARIOS.find(each => each.name === name)!;
  return toEnd(scenario.run({ verifier: loadVerifierSync('auto') }, optionsOf(scenario, chosen)));
}

/** A small world with everything in it, in a second or so. */
export const SMALL = {
  nodes: 14,
  duration: 40 * SECOND_MS,
  txPerSecond: 0.2,
  blockInterval: 20 * SECOND_MS,
} as const;

export function figureOf({ figures }: Outcome, name: string): number {
  return figures.find(figure => figure.name.includes(name))!.value;
}
