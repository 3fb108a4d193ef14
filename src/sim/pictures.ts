/** The pictures that belong to gossip: how something spread, whom it came from, and who is connected to whom. */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { delayAtShare, mean, type Spread } from './metrics.ts';
import { escapeText, type Line, lineChart, pathOf, px, roundUp, svg, text } from './svg.ts';
import type { World } from './world.ts';

/** Single spreads drawn behind the mean. */
const FAINT_MAX = 40;
const CURVE_STEPS = 100;
/** Nodes up to which the overlay is drawn: beyond, it is a ball of wool. */
export const OVERLAY_NODES_MAX = 150;
const TREE = { width: 720, height: 420, left: 12, right: 16, top: 8, bottom: 44 } as const;
const OVERLAY_SIZE = 560;
const OVERLAY_ROUNDS = 200;

/** Share of the nodes over time: the mean of all spreads, and single ones behind it. */
export function spreadChart(title: string, spreads: readonly Spread[], color: Line['color']): string {
  const shares = Array.from({ length: CURVE_STEPS + 1 }, (_, i) => i / CURVE_STEPS);
  const curve = (at: (share: number) => Milliseconds) =>
    shares.flatMap(share => {
      const delay = at(share);
      return Number.isNaN(delay) ? [] : [[delay / SECOND_MS, share * 100] as const];
    });
  const known = spreads.slice(0, FAINT_MAX);
  const faint = known.map((spread): Line => {
    return { style: 'faint', color, points: curve(share => delayAtShare(spread, share)) };
  });
  const main: Line = {
    style: 'main',
    color,
    points: curve(share => mean(spreads.map(spread => delayAtShare(spread, share)))),
  };
  const lines = [...faint, main];
  const longest = Math.max(...lines.flatMap(({ points }) => points.map(([x]) => x)));
  return lineChart({
    title,
    xLabel: 'seconds after it was made',
    yLabel: '% of the nodes',
    xMax: roundUp(longest),
    yMax: 100,
    lines,
  });
}

/** Each node at the time when it had it, joined to the node that it came from. */
export function spreadTree(spread: Spread): string {
  const children = new Map<number, number[]>();
  for (const [node, source] of spread.sources.entries()) {
    if (source < 0) continue;
    const siblings = children.get(source);
    if (siblings === undefined) children.set(source, [node]);
    else siblings.push(node);
  }
  const rows = new Map<number, number>();
  const hops = new Map<number, number>([[spread.origin, 0]]);
  let leaves = 0;
  // Depth first, without recursion: a parent lies in the middle of its children.
  const order: number[] = [];
  const pending = [spread.origin];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    order.push(node);
    const own = children.get(node) ?? [];
    for (const child of own) hops.set(child, hops.get(node)! + 1);
    pending.push(...own);
    if (own.length === 0) {
      rows.set(node, leaves);
      leaves += 1;
    }
  }
  for (const node of order.reverse())
    if (!rows.has(node)) rows.set(node, mean(children.get(node)!.map(child => rows.get(child)!)));
  const last = Math.max(...order.map(node => spread.delays[node]!));
  const xMax = roundUp(last / SECOND_MS);
  const { width, height, left, right, top, bottom } = TREE;
  const x = (node: number) => left + (spread.delays[node]! / SECOND_MS / xMax) * (width - left - right);
  const y = (node: number) => top + ((rows.get(node)! + 0.5) / Math.max(1, leaves)) * (height - top - bottom);
  const parts: string[] = [];
  for (let i = 0; i <= 5; i += 1) {
    const at = left + (i / 5) * (width - left - right);
    parts.push(`<line class="grid" x1="${px(at)}" y1="${top}" x2="${px(at)}" y2="${height - bottom}"/>`);
    const anchor = i === 0 ? 'start' : i === 5 ? 'end' : 'middle';
    parts.push(text(at, height - bottom + 16, String(Number(((i / 5) * xMax).toPrecision(3))), anchor));
  }
  const color = spread.kind;
  for (const node of order) {
    const source = spread.sources[node]!;
    if (source < 0 || !rows.has(source)) continue;
    parts.push(
      `<path class="branch ${color}" d="${pathOf([
        [x(source), y(source)],
        [x(node), y(node)],
      ])}"/>`,
    );
  }
  const radius = order.length > 400 ? 1.2 : order.length > 100 ? 2 : 3;
  for (const node of order)
    parts.push(
      `<circle class="node ${color}" cx="${px(x(node))}" cy="${px(y(node))}" r="${radius}"><title>node ${node}, hop ${hops.get(node)}, ${px(spread.delays[node]! / SECOND_MS)} s</title></circle>`,
    );
  parts.push(text(width / 2, height - 6, 'seconds after it was made', 'middle'));
  return svg(width, height, escapeText(`the way of one ${spread.kind}`), parts);
}

/** The mean number of hops to a node that has it. */
export function meanHops(spread: Spread): number {
  const hops = (node: number): number => {
    let count = 0;
    for (let at = node; at !== spread.origin && at >= 0; at = spread.sources[at]!) count += 1;
    return count;
  };
  return mean([...spread.sources.keys()].filter(node => spread.sources[node]! >= 0).map(hops));
}

/** Connections as they stand at the end, laid out by springs. */
export function overlayGraph(world: World): string {
  const count = world.nodes.length;
  const edges = [...world.network.links].map(({ hosts, type }) => ({
    a: hosts[0].index,
    b: hosts[1].index,
    type,
  }));
  const positions = springLayout(count, edges);
  const parts: string[] = [];
  for (const { a, b, type } of edges) {
    const kind = type === 'block-relay-only' ? 'thin' : 'full';
    parts.push(`<path class="edge ${kind}" d="${pathOf([positions[a]!, positions[b]!])}"/>`);
  }
  const degree = new Array<number>(count).fill(0);
  for (const { a, b } of edges) {
    degree[a]! += 1;
    degree[b]! += 1;
  }
  for (const [i, [x, y]] of positions.entries())
    parts.push(
      `<circle class="host" cx="${px(x)}" cy="${px(y)}" r="${px(2 + Math.sqrt(degree[i]!) * 0.8)}"><title>node ${i}: ${degree[i]} connections</title></circle>`,
    );
  return svg(OVERLAY_SIZE, OVERLAY_SIZE, 'who is connected to whom', parts);
}

/** Fruchterman and Reingold, from a spiral: the same graph gives the same picture. */
function springLayout(
  count: number,
  edges: readonly { readonly a: number; readonly b: number }[],
): [number, number][] {
  const ideal = 1 / Math.sqrt(count);
  const at = Array.from({ length: count }, (_, i): [number, number] => {
    const [angle, radius] = [i * 2.399_963, Math.sqrt((i + 0.5) / count) * 0.5];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });
  for (let round = 0; round < OVERLAY_ROUNDS; round += 1) {
    const push = at.map((): [number, number] => [0, 0]);
    const force = (i: number, j: number, strength: (distance: number) => number) => {
      const [dx, dy] = [at[i]![0] - at[j]![0], at[i]![1] - at[j]![1]];
      const distance = Math.max(1e-3, Math.hypot(dx, dy));
      const by = strength(distance) / distance;
      push[i]![0] += dx * by;
      push[i]![1] += dy * by;
      push[j]![0] -= dx * by;
      push[j]![1] -= dy * by;
    };
    for (let i = 0; i < count; i += 1)
      for (let j = i + 1; j < count; j += 1) force(i, j, distance => (ideal * ideal) / distance);
    for (const { a, b } of edges) force(a, b, distance => (-0.15 * (distance * distance)) / ideal);
    const limit = 0.05 * (1 - round / OVERLAY_ROUNDS);
    for (const [i, [dx, dy]] of push.entries()) {
      const length = Math.max(1e-9, Math.hypot(dx, dy));
      at[i]![0] += (dx / length) * Math.min(length, limit);
      at[i]![1] += (dy / length) * Math.min(length, limit);
    }
  }
  const xs = at.map(([x]) => x);
  const ys = at.map(([, y]) => y);
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  const span = Math.max(Math.max(...xs) - left, Math.max(...ys) - top, 1e-9);
  const room = OVERLAY_SIZE - 40;
  return at.map(([x, y]) => [20 + ((x - left) / span) * room, 20 + ((y - top) / span) * room]);
}
