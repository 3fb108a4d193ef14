/**
 * What is counted while a world runs: messages and bytes by command, and when each node first had a transaction or a
 * block, and from whom.
 */
import type { Hash256 } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';

export type SpreadKind = 'tx' | 'block';

/** How one thing went through the network; one entry a node. */
export interface Spread {
  readonly kind: SpreadKind;
  readonly hash: Hash256;
  readonly origin: number;
  readonly start: Milliseconds;
  /** Milliseconds after the start; NaN while a node does not have it. */
  readonly delays: Float64Array;
  /** The node that it came from; −1 for the origin and while unknown. */
  readonly sources: Int32Array;
  reached: number;
}

export interface CommandCount {
  messages: number;
  bytes: number;
  /** Of both ends of these messages, those at nodes that do not listen. */
  unreachableEnds: number;
}

/** Things followed at most, of each kind: each costs twelve bytes a node. */
const SPREADS_MAX = 500;

export class Metrics {
  readonly commands = new Map<string, CommandCount>();
  readonly #spreads = new Map<Hash256, Spread>();
  /** Things made, followed or not. */
  readonly made = { tx: 0, block: 0 };

  sent(command: string, bytes: number, unreachableEnds: number): void {
    const count = this.commands.get(command);
    if (count === undefined) this.commands.set(command, { messages: 1, bytes, unreachableEnds });
    else {
      count.messages += 1;
      count.bytes += bytes;
      count.unreachableEnds += unreachableEnds;
    }
  }

  spreads(kind: SpreadKind): Spread[] {
    return [...this.#spreads.values()].filter(spread => spread.kind === kind);
  }

  /** Something new comes into the world: it is followed, unless enough are. */
  follow(kind: SpreadKind, hash: Hash256, at: { origin: number; start: Milliseconds; nodes: number }): void {
    this.made[kind] += 1;
    if (this.made[kind] > SPREADS_MAX) return;
    const { origin, start, nodes } = at;
    const delays = new Float64Array(nodes).fill(Number.NaN);
    const sources = new Int32Array(nodes).fill(-1);
    this.#spreads.set(hash, { kind, hash, origin, start, delays, sources, reached: 0 });
  }

  /** `node` has it now, and had it from `source` (−1: made it). */
  reached(hash: Hash256, node: number, source: number, now: Milliseconds): void {
    const spread = this.#spreads.get(hash);
    if (spread === undefined || node >= spread.delays.length || !Number.isNaN(spread.delays[node])) return;
    spread.delays[node] = now - spread.start;
    spread.sources[node] = source;
    spread.reached += 1;
  }

  /** Counts and spreads begin anew: what came before was preparation. */
  reset(): void {
    this.commands.clear();
    this.#spreads.clear();
    this.made.tx = 0;
    this.made.block = 0;
  }
}

/** The value below which `share` of the sorted `values` lie; NaN of none. */
export function quantile(values: Float64Array | readonly number[], share: number): number {
  if (values.length === 0) return Number.NaN;
  return values[Math.min(values.length - 1, Math.floor(share * values.length))]!;
}

/** Sorting ten thousand delays for each point of a curve would take minutes: kept until one more node is reached. */
const sorted = new WeakMap<Spread, { readonly reached: number; readonly delays: Float64Array }>();

function sortedDelays(spread: Spread): Float64Array {
  const known = sorted.get(spread);
  if (known?.reached === spread.reached) return known.delays;
  const delays = spread.delays.filter(delay => !Number.isNaN(delay)).sort();
  sorted.set(spread, { reached: spread.reached, delays });
  return delays;
}

/** When `share` of all nodes had it, in milliseconds after the start; NaN if that never came. */
export function delayAtShare(spread: Spread, share: number): Milliseconds {
  const known = sortedDelays(spread);
  const rank = Math.ceil(share * spread.delays.length);
  return rank > known.length ? Number.NaN : known[Math.max(0, rank - 1)]!;
}

/** Mean over those of `values` that are numbers; NaN of none. */
export function mean(values: readonly number[]): number {
  const known = values.filter(value => !Number.isNaN(value));
  return known.length === 0 ? Number.NaN : known.reduce((sum, value) => sum + value, 0) / known.length;
}
