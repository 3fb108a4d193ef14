/** What a scenario is: a world set up, a course of events and the figures that come out. */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import type { RelayStrategyOptions } from '../p2p/relay-strategy.ts';
import type { Course } from './course.ts';
import type { NetworkOptions } from './network.ts';
import type { Overlay } from './overlay.ts';
import { DEFAULT_COSTS, World, type WorldDeps } from './world.ts';

export interface ScenarioOptions {
  readonly nodes: number;
  readonly seed: number;
  /** Of the part that is measured. */
  readonly duration: Milliseconds;
  /** Of all nodes, how many accept connections: 0 to 1. */
  readonly reachable: number;
  readonly txPerSecond: number;
  readonly blockInterval: Milliseconds;
  readonly network: NetworkOptions;
  readonly memo: boolean;
  /** Scripts are verified once for all nodes; absent: with the memo. */
  readonly sharesVerdicts?: boolean;
  readonly pipes: boolean;
  readonly strategy: RelayStrategyOptions;
  /** How the network comes to stand, in scenarios that begin with one. */
  readonly overlay: Overlay;
}

export interface Figure {
  readonly name: string;
  readonly value: number;
  /** 's', 'nodes', 'messages', '%' …; may be empty. */
  readonly unit: string;
}

/** Something that was to come true in this run. */
export interface Verdict {
  readonly promise: string;
  readonly holds: boolean;
}

export interface Outcome {
  readonly world: World;
  readonly figures: readonly Figure[];
  readonly verdicts: readonly Verdict[];
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  readonly defaults: Partial<ScenarioOptions>;
  run(deps: WorldDeps, options: ScenarioOptions): Course<Outcome>;
}

/** With coins for the traffic that is to be expected, and some. */
export function createWorld(deps: WorldDeps, options: ScenarioOptions): World {
  const { seed, network, memo, sharesVerdicts = memo, pipes, strategy, txPerSecond, duration } = options;
  const expected = (txPerSecond * duration) / SECOND_MS;
  const coins = Math.ceil(expected + 5 * Math.sqrt(expected) + 10);
  const sharing = { memo, sharesVerdicts, pipes };
  return new World(deps, { seed, network, ...sharing, strategy, coins, costs: DEFAULT_COSTS });
}
