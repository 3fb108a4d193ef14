/** Every scenario, and the options of a run that says nothing. */
import { MINUTE_MS } from '../base/clock.ts';
import { FLOOD } from '../p2p/relay-strategy.ts';
import type { Scenario, ScenarioOptions } from './scenario.ts';
import { bandwidth } from './scenarios/bandwidth.ts';
import { bootstrap } from './scenarios/bootstrap.ts';
import { churn } from './scenarios/churn.ts';
import { eclipse } from './scenarios/eclipse.ts';
import { partition } from './scenarios/partition.ts';
import { propagation } from './scenarios/propagation.ts';
import { ruleFork } from './scenarios/rule-fork.ts';
import { strategies } from './scenarios/strategies.ts';
import { waves } from './scenarios/waves.ts';
import { withholding } from './scenarios/withholding.ts';
import { DEFAULT_NETWORK } from './world.ts';

export const SCENARIOS: readonly Scenario[] = [
  propagation, waves, bandwidth, strategies, withholding, partition, ruleFork, churn, bootstrap, eclipse,
]; // biome-ignore format: a list

const DEFAULTS: ScenarioOptions = {
  nodes: 200,
  seed: 1,
  duration: 10 * MINUTE_MS,
  reachable: 1,
  txPerSecond: 0.1,
  blockInterval: 10 * MINUTE_MS,
  network: DEFAULT_NETWORK,
  memo: true,
  pipes: false,
  strategy: FLOOD,
  overlay: 'dialed',
};

export function optionsOf(scenario: Scenario, chosen: Partial<ScenarioOptions>): ScenarioOptions {
  return { ...DEFAULTS, ...scenario.defaults, ...chosen };
}
