/** How many messages a second the simulator delivers, each encoded, given its checksum, checked, decoded and handled. In processor time, garbage collection included. */
import assert from 'node:assert';
import { SECOND_MS } from '../../src/base/clock.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { toEnd } from '../../src/sim/course.ts';
import { propagation } from '../../src/sim/scenarios/propagation.ts';
import { optionsOf } from '../../src/sim/scenarios.ts';
import type { Figure, Scenario } from './scenario.ts';

const SIZE = {
  short: { nodes: 20, duration: 20 * SECOND_MS, txPerSecond: 1, blockInterval: 10 * SECOND_MS },
  full: { nodes: 200, duration: 60 * SECOND_MS, txPerSecond: 2, blockInterval: 60 * SECOND_MS },
} as const;

export const simulatorScenario: Scenario = {
  name: 'simulator: a world of whole nodes in virtual time',
  async run({ short }) {
    const size = short ? SIZE.short : SIZE.full;
    const options = optionsOf(propagation, { ...size, memo: false });
    const before = process.memoryUsage().rss;
    const began = process.cpuUsage();
    const seconds = () => {
      const spent = process.cpuUsage(began);
      return (spent.user + spent.system) / 1e6;
    };
    let settled = { seconds: 0, messages: 0 };
    const course = propagation.run({ verifier: loadVerifierSync('auto') }, options);
    const { verdicts, world } = toEnd(course, ({ metrics, network }) => {
      // What comes first is nodes that get to know each other.
      if (metrics.made.tx === 0) settled = { seconds: seconds(), messages: network.frames.delivered };
    });
    for (const { promise, holds } of verdicts) assert(holds, promise);
    const megabytes = (process.memoryUsage().rss - before) / 2 ** 20;
    const { network, nodes } = world;
    return figures({
      seconds: seconds(),
      settled,
      messages: network.frames.delivered,
      nodes: nodes.length,
      megabytes,
    });
  },
};

function figures(run: {
  readonly seconds: number;
  readonly messages: number;
  readonly settled: { readonly seconds: number; readonly messages: number };
  readonly nodes: number;
  readonly megabytes: number;
}): Figure[] {
  const { seconds, messages, settled, nodes, megabytes } = run;
  return [
    {
      name: `messages delivered, ${nodes} nodes, whole run`,
      value: messages / seconds,
      unit: 'messages/CPU s',
    },
    {
      name: 'messages delivered once the overlay stands',
      value: (messages - settled.messages) / (seconds - settled.seconds),
      unit: 'messages/CPU s',
    },
    {
      name: 'resident memory of a node at the end, garbage too',
      value: Math.max(0, (megabytes * 1_024) / nodes),
      unit: 'KiB',
    },
  ];
}
