/** Every scenario, in the order in which it is run. */
import { blockScenario } from './block.ts';
import { cryptoScenario } from './crypto.ts';
import { headerTreeScenario } from './header-tree.ts';
import { headersScenario } from './headers.ts';
import { importScenario } from './import.ts';
import { loadScenario } from './load.ts';
import { mempoolBlockScenario } from './mempool-block.ts';
import { nodeScenario } from './node.ts';
import { propagationScenario } from './propagation.ts';
import { realBlocksScenario } from './real-blocks.ts';
import type { Scenario } from './scenario.ts';
import { scriptScenario } from './script.ts';
import { simulatorScenario } from './simulator.ts';
import { syncScenario } from './sync.ts';

export const SCENARIOS: readonly Scenario[] = [
  cryptoScenario,
  scriptScenario,
  blockScenario,
  importScenario,
  mempoolBlockScenario,
  realBlocksScenario,
  syncScenario,
  loadScenario,
  headersScenario,
  headerTreeScenario,
  nodeScenario,
  propagationScenario,
  simulatorScenario,
];
