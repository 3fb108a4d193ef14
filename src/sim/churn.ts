/** Nodes that come and go: each session ends after a time drawn exponentially, and the node is back a while later. */
import { HOUR_MS, type Milliseconds } from '../base/clock.ts';
import { randomExponential } from '../base/random.ts';
import type { SimNode } from './sim-node.ts';
import type { World } from './world.ts';

export interface ChurnOptions {
  /** Of the nodes that run, how many leave in an hour. */
  readonly leavingPerHour: number;
  readonly meanAbsence: Milliseconds;
  readonly end: Milliseconds;
}

/** Returns what counts departures. */
export function startChurn(
  world: World,
  nodes: readonly SimNode[],
  options: ChurnOptions,
): { departures: number } {
  const random = world.random('churn');
  const { leavingPerHour, meanAbsence, end } = options;
  const count = { departures: 0 };
  const schedule = (node: SimNode) => {
    const at = world.now + randomExponential(random, HOUR_MS / leavingPerHour);
    if (at < end) world.agenda.at(at, () => leave(node));
  };
  const leave = (node: SimNode) => {
    node.stop();
    count.departures += 1;
    world.agenda.after(randomExponential(random, meanAbsence), () => {
      node.start();
      schedule(node);
    });
  };
  for (const node of nodes) schedule(node);
  return count;
}
