/**
 * Some concerns in their order: who of them is told of what, and who listens to which command. That depends on their
 * classes only, so it is worked out once for all managers whose concerns are of the same classes: thousands of simulated
 * nodes share one table, which is looked into for every message.
 */
import type { Milliseconds } from '../base/clock.ts';
import type { Command, Message } from '../wire/messages.ts';
import type { Concern } from './concern.ts';
import type { Peer } from './peer.ts';

/** By which concerns are told of what is no message. */
const HOOKS = [
  'onConnected', 'onVersion', 'onHandshakeDone', 'onDisconnected', 'describe', 'onSettled', 'onIdle', 'onChain', 'onMempool', 'onBlockProcessed', 'onBlockRead', 'onFiltersRead', 'onTxProcessed',
  'onPackageProcessed', 'onTxTested', 'onConnectFailed', 'onNamesResolved',
] as const; // biome-ignore format: one list
export type Hook = (typeof HOOKS)[number];

/** A concern by its place, and what it does with the message. */
interface Listener {
  readonly place: number;
  readonly handle: (self: Concern, peer: Peer, message: Message, now: Milliseconds) => void;
}

interface Shape {
  /** In the order of concerns. */
  readonly classes: readonly unknown[];
  /** The places of those that have the method. */
  readonly told: Readonly<Record<Hook, readonly number[]>>;
  readonly listeners: ReadonlyMap<Command, readonly Listener[]>;
}

const NOBODY: readonly Listener[] = [];
/** Few: of all concerns, and of those that private peers are for. */
const SHAPES: Shape[] = [];

export class Circle {
  /** Whoever is told has the method. */
  readonly concerns: readonly Required<Concern>[];
  readonly #shape: Shape;

  constructor(concerns: readonly Concern[]) {
    this.concerns = concerns as readonly Required<Concern>[];
    this.#shape = shapeOf(concerns);
  }

  /** Places of the concerns that have the method. */
  get told(): Shape['told'] {
    return this.#shape.told;
  }

  listenersTo(command: Command): readonly Listener[] {
    return this.#shape.listeners.get(command) ?? NOBODY;
  }
}

function shapeOf(concerns: readonly Concern[]): Shape {
  const isLike = ({ classes }: Shape) =>
    classes.length === concerns.length && classes.every((each, i) => each === concerns[i]!.constructor);
  const known = SHAPES.find(isLike);
  if (known !== undefined) return known;
  const classes = concerns.map(concern => concern.constructor);
  const having = (hook: Hook) =>
    concerns.flatMap((concern, place) => (concern[hook] === undefined ? [] : [place]));
  const told = Object.fromEntries(HOOKS.map(hook => [hook, having(hook)])) as Record<Hook, number[]>;
  const shape = { classes, told, listeners: listenersOf(concerns) };
  SHAPES.push(shape);
  return shape;
}

function listenersOf(concerns: readonly Concern[]): Map<Command, Listener[]> {
  const listeners = new Map<Command, Listener[]>();
  for (const [place, { handlers }] of concerns.entries()) {
    for (const [command, handle] of Object.entries(handlers ?? {}) as [Command, Listener['handle']][]) {
      const before = listeners.get(command) ?? [];
      listeners.set(command, [...before, { place, handle }]);
    }
  }
  return listeners;
}
