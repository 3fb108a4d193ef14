/** Figures that several scenarios tell: how something spread, what a transaction cost, whose bytes they were. */
import { SECOND_MS } from '../base/clock.ts';
import { delayAtShare, mean, type Spread } from './metrics.ts';
import type { Figure } from './scenario.ts';
import type { World } from './world.ts';

/** Means over all that were followed of the times at which shares of the nodes had them. */
export function spreadFigures(what: string, spreads: readonly Spread[]): Figure[] {
  if (spreads.length === 0) return [];
  const at = (share: number) => mean(spreads.map(spread => delayAtShare(spread, share))) / SECOND_MS;
  return [
    { name: `${what}s followed`, value: spreads.length, unit: '' },
    { name: `${what}: half of the nodes have it after`, value: at(0.5), unit: 's' },
    { name: `${what}: 90 % have it after`, value: at(0.9), unit: 's' },
    { name: `${what}: 99 % have it after`, value: at(0.99), unit: 's' },
    { name: `${what}: all have it after`, value: at(1), unit: 's' },
  ];
}

/** Share of (thing, node) pairs that never came together. */
export function missedShare(spreads: readonly Spread[]): number {
  let missed = 0;
  let all = 0;
  for (const { delays, reached } of spreads) {
    missed += delays.length - reached;
    all += delays.length;
  }
  return all === 0 ? Number.NaN : missed / all;
}

const TX_COMMANDS: readonly string[] = [
  'inv',
  'getdata',
  'tx',
  'notfound',
  'reqrecon',
  'sketch',
  'reconcildiff',
];

export interface TxCost {
  /** Sent by a node for a transaction, so that each message counts once; both ends are twice that. */
  readonly messages: number;
  readonly bytes: number;
  /** At both ends, at a node that listens and at one that does not; NaN where there are none of the kind. */
  readonly atReachable: number;
  readonly atUnreachable: number;
  /** Of the nodes' `tx` messages, those to a node that had it already. */
  readonly duplicates: number;
}

/** Undefined when there was no transaction. */
export function txCost(world: World): TxCost | undefined {
  const { commands, made } = world.metrics;
  if (made.tx === 0) return undefined;
  let messages = 0;
  let bytes = 0;
  let unreachableEnds = 0;
  for (const command of TX_COMMANDS) {
    const count = commands.get(command);
    messages += count?.messages ?? 0;
    bytes += count?.bytes ?? 0;
    unreachableEnds += count?.unreachableEnds ?? 0;
  }
  // Not all are followed when there are many: the others are taken to have gone as far.
  const followed = world.metrics.spreads('tx');
  const needed = (made.tx / followed.length) * followed.reduce((sum, { reached }) => sum + reached - 1, 0);
  const sent = commands.get('tx')?.messages ?? 0;
  const pairs = made.tx * world.nodes.length;
  const reachable = made.tx * world.nodes.filter(node => node.listens).length;
  return {
    messages: messages / pairs,
    bytes: bytes / pairs,
    atReachable: (2 * messages - unreachableEnds) / reachable,
    atUnreachable: unreachableEnds / (pairs - reachable),
    duplicates: Math.max(0, sent - needed) / sent,
  };
}

export function txCostFigures(world: World): Figure[] {
  const cost = txCost(world);
  if (cost === undefined) return [];
  return [
    { name: 'messages for a transaction, a node, both ends (inv, getdata, tx)', value: 2 * cost.messages, unit: '' },
    ...(Number.isNaN(cost.atUnreachable)
      ? []
      : [
          { name: 'of these at a node that listens', value: cost.atReachable, unit: '' },
          { name: 'of these at a node that does not listen', value: cost.atUnreachable, unit: '' },
        ]),
    { name: 'bytes sent for a transaction, a node', value: cost.bytes, unit: 'B' },
    { name: 'tx messages to nodes that had it', value: 100 * cost.duplicates, unit: '%' },
  ]; // biome-ignore format: one list
}

/** Of all bytes sent, those of these commands. */
export function byteShare(world: World, ...commands: readonly string[]): number {
  let all = 0;
  let some = 0;
  for (const [command, { bytes }] of world.metrics.commands) {
    all += bytes;
    if (commands.includes(command)) some += bytes;
  }
  return some / all;
}
