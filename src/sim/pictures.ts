/** The pictures that belong to gossip: how something spread, and whom it came from. */
import { type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { delayAtShare, mean, type Spread } from './metrics.ts';
import { escapeText, type Line, lineChart, pathOf, px, roundUp, svg, text } from './svg.ts';

/** Single spreads drawn behind the mean. */
const FAINT_MAX = 40;
const CURVE_STEPS = 100;
/** Nodes whose ways are drawn: more would be a stain. */
export const TREE_NODES_MAX = 600;
const TREE = { width: 720, height: 420, left: 12, right: 16, top: 8, bottom: 44 } as const;

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

/** Each node at the time when it had it, joined to the node that it came from; of many nodes some, and the ways to them. */
export function spreadTree(spread: Spread): string {
  const drawn = drawnNodes(spread);
  const children = new Map<number, number[]>();
  for (const [node, source] of spread.sources.entries()) {
    if (source < 0 || !drawn.has(node)) continue;
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
      `<circle class="node ${color}" cx="${px(x(node))}" cy="${px(y(node))}" r="${node === spread.origin ? 5 : radius}"><title>node ${node}, hop ${hops.get(node)}, ${px(spread.delays[node]! / SECOND_MS)} s</title></circle>`,
    );
  parts.push(text(width / 2, height - 6, 'seconds after it was made', 'middle'));
  return svg(width, height, escapeText(`the way of one ${spread.kind}`), parts);
}

/** The origin, and evenly many of the others with all that lie on the way to them. */
function drawnNodes({ sources, origin }: Spread): ReadonlySet<number> {
  const drawn = new Set([origin]);
  const step = Math.max(1, Math.ceil((1.5 * sources.length) / TREE_NODES_MAX));
  for (let node = 0; node < sources.length; node += step)
    for (let at = node; at >= 0 && !drawn.has(at) && sources[at]! >= 0; at = sources[at]!) drawn.add(at);
  return drawn;
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
