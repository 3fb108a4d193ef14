/** The picture of who is connected to whom. */
import type { Link } from './link.ts';
import { pathOf, px, svg } from './svg.ts';
import type { World } from './world.ts';

/** Nodes that are drawn: more would be a ball of wool. */
export const OVERLAY_NODES_MAX = 100;
const OVERLAY_SIZE = 560;
const OVERLAY_ROUNDS = 200;

interface Edge {
  /** Places in the picture. */
  readonly a: number;
  readonly b: number;
  readonly type: Link['type'];
}

/** Connections as they stand at the end, laid out by springs; of a large network, the neighbourhood of one node. */
export function overlayGraph(world: World): string {
  const chosen = neighbourhood(world);
  const places = new Map(chosen.map((index, place) => [index, place]));
  const count = chosen.length;
  const edges: Edge[] = [];
  const degree = new Array<number>(count).fill(0);
  for (const { hosts, type } of world.network.links) {
    const [a, b] = [places.get(hosts[0].index), places.get(hosts[1].index)];
    if (a !== undefined) degree[a]! += 1;
    if (b !== undefined) degree[b]! += 1;
    if (a !== undefined && b !== undefined) edges.push({ a, b, type });
  }
  const positions = springLayout(count, edges);
  const parts: string[] = [];
  for (const { a, b, type } of edges) {
    const kind = type === 'block-relay-only' ? 'thin' : 'full';
    parts.push(`<path class="edge ${kind}" d="${pathOf([positions[a]!, positions[b]!])}"/>`);
  }
  for (const [i, [x, y]] of positions.entries()) {
    const kind = world.nodes[chosen[i]!]!.listens ? 'host' : 'host quiet';
    parts.push(
      `<circle class="${kind}" cx="${px(x)}" cy="${px(y)}" r="${px(2 + Math.sqrt(degree[i]!) * 0.8)}"><title>node ${chosen[i]}: ${degree[i]} connections</title></circle>`,
    );
  }
  return svg(OVERLAY_SIZE, OVERLAY_SIZE, 'who is connected to whom', parts);
}

/** All nodes while they are few; else those nearest to one with as many connections as most have, by hops. */
function neighbourhood({ nodes, network }: World): number[] {
  if (nodes.length <= OVERLAY_NODES_MAX) return nodes.map(({ index }) => index);
  const neighbours = nodes.map((): number[] => []);
  for (const { hosts } of network.links) {
    neighbours[hosts[0].index]!.push(hosts[1].index);
    neighbours[hosts[1].index]!.push(hosts[0].index);
  }
  const middle = median(nodes.map(({ index }) => ({ index, links: neighbours[index]!.length })));
  const chosen = new Set([middle]);
  for (const node of chosen) {
    for (const other of neighbours[node]!) if (chosen.size < OVERLAY_NODES_MAX) chosen.add(other);
  }
  return [...chosen];
}

function median(counts: { readonly index: number; readonly links: number }[]): number {
  counts.sort((a, b) => a.links - b.links || a.index - b.index);
  return counts[counts.length >> 1]!.index;
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
