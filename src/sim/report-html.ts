/** The report as one page: tables and pictures, nothing loaded from elsewhere. */
import { hashToHex } from '../base/bytes.ts';
import { SECOND_MS } from '../base/clock.ts';
import { delayAtShare, type Spread } from './metrics.ts';
import { OVERLAY_NODES_MAX, overlayGraph } from './overlay-picture.ts';
import { meanHops, spreadChart, spreadTree, TREE_NODES_MAX } from './pictures.ts';
import { formatNumber, type RunReport } from './report.ts';
import type { ScenarioOptions } from './scenario.ts';
import { barChart, escapeText } from './svg.ts';
import type { World } from './world.ts';

const STYLE = `
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5c6675; --paper: #fbfbf9; --rule: #dcdfe3; --tx: #2166ac; --block: #b2451f; --bar: #6a8caf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --soft: #9aa4b2; --paper: #16191e; --rule: #333a44; --tx: #6db3f2; --block: #f0936b; --bar: #5f87ad; } }
body { margin: 0 auto; padding: 24px; max-width: 780px; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 24px; margin: 0 0 4px; } h2 { font-size: 17px; margin: 32px 0 8px; } p { margin: 4px 0 12px; color: var(--soft); }
table { border-collapse: collapse; width: 100%; } td { padding: 4px 0; border-bottom: 1px solid var(--rule); } td + td { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font: 12px system-ui, sans-serif; }
.grid { stroke: var(--rule); } .line { fill: none; } .main { stroke-width: 2.5; } .faint { stroke-width: 1; opacity: .22; } .branch { fill: none; stroke-width: .7; opacity: .45; }
.tx { stroke: var(--tx); } .block { stroke: var(--block); } circle.tx { fill: var(--tx); stroke: none; } circle.block { fill: var(--block); stroke: none; }
.bar { fill: var(--bar); } .edge { stroke: var(--soft); stroke-width: .6; opacity: .35; } .edge.thin { stroke-dasharray: 2 3; } .host { fill: var(--tx); stroke: var(--paper); } .host.quiet { fill: var(--paper); stroke: var(--tx); }
.good { color: var(--tx); } .bad { color: var(--block); font-weight: 600; } code { font-size: 13px; }
`;

export function reportHtml(report: RunReport, world: World): string {
  const { scenario, options, figures, verdicts, commands, traceHash, checks, disconnects } = report;
  const rows = (pairs: readonly (readonly [string, string])[]) =>
    `<table>${pairs.map(([name, value]) => `<tr><td>${escapeText(name)}</td><td>${escapeText(value)}</td></tr>`).join('')}</table>`;
  const parts = [
    `<h1>Hearsay simulator: ${escapeText(scenario)}</h1>`,
    `<p>${formatNumber(options.nodes)} nodes, seed ${options.seed}, ${formatNumber(options.duration / SECOND_MS)} s measured. Links: ${linksText(options.network)}. Real peer managers, codecs, chains and mempools in virtual time.</p>`,
    rows(figures.map(({ name, value, unit }) => [name, `${formatNumber(value)} ${unit}`.trim()] as const)),
    verdicts.map(({ promise, holds }) => `<div class="${holds ? 'good' : 'bad'}">${holds ? '✓' : '✗'} ${escapeText(promise)}</div>`).join(''),
    ...spreadParts('Transactions', 'transaction', 'tx', world.metrics.spreads('tx')),
    ...spreadParts('Blocks', 'block', 'block', world.metrics.spreads('block')),
    '<h2>Bytes by message</h2><p>Of the part that was measured; each message counts once.</p>',
    barChart('bytes by message', commands.map(({ command, bytes }) => ({ label: command, value: bytes, text: `${formatNumber(bytes)} B` }))),
    '<h2>Messages by type</h2>',
    barChart(
      'messages by type',
      [...commands].sort((a, b) => b.messages - a.messages).map(({ command, messages }) => ({ label: command, value: messages, text: formatNumber(messages) })),
    ),
    `<h2>The overlay</h2><p>Connections at the end; dashed ones relay blocks only. A larger dot has more of them${world.nodes.some(node => !node.listens) ? ', a hollow one takes none' : ''}.${world.nodes.length > OVERLAY_NODES_MAX ? ` Of ${formatNumber(world.nodes.length)} nodes, ${OVERLAY_NODES_MAX} are drawn: one and its neighbours, and theirs.` : ''}</p>`,
    overlayGraph(world),
    ...(disconnects.length > 0
      ? ['<h2>Connections closed by nodes</h2>', rows(disconnects.map(({ reason, count }) => [reason, formatNumber(count)] as const))]
      : []),
    `<h2>How sure</h2><p>Invariants held in ${formatNumber(checks.seconds)} looks at the network, ${formatNumber(checks.nodes)} at nodes and ${formatNumber(checks.messages)} at messages. The trace of this run is <code>${traceHash}</code>: the same seed, code and Node version give it again.</p>`,
  ]; // biome-ignore format: prose
  return `<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Hearsay: ${escapeText(scenario)}</title><style>${STYLE}</style></head>\n<body>\n${parts.join('\n')}\n</body></html>\n`;
}

function spreadParts(
  title: string,
  noun: string,
  kind: Spread['kind'],
  spreads: readonly Spread[],
): string[] {
  if (spreads.length === 0) return [];
  const typical = medianSpread(spreads);
  const hash = hashToHex(typical.hash);
  return [
    `<h2>${title}: share of the nodes over time</h2><p>${spreads.length} followed; the thick line is their mean.</p>`,
    spreadChart(`${noun}s over time`, spreads, kind),
    `<h2>The way of one ${noun}</h2><p><code>${hash.slice(0, 16)}…</code> from node ${typical.origin}: each dot is a node at the time when it had it, joined to the node that it came from; ${formatNumber(meanHops(typical))} hops on average.${typical.reached > TREE_NODES_MAX ? ` Of ${formatNumber(typical.reached)} nodes, every so many are drawn, with all that lie on the way to them.` : ''}</p>`,
    spreadTree(typical),
  ];
}

/** Of those that reached most nodes, the one with the middle time. */
function medianSpread(spreads: readonly Spread[]): Spread {
  const most = Math.max(...spreads.map(({ reached }) => reached));
  const whole = spreads.filter(({ reached }) => reached === most);
  whole.sort((a, b) => delayAtShare(a, 0.5) - delayAtShare(b, 0.5));
  return whole[whole.length >> 1]!;
}

function linksText({ latencies, latencyMs, latencySigma }: ScenarioOptions['network']): string {
  return latencies === undefined
    ? `median latency ${latencyMs} ms one way, lognormal σ ${latencySigma}`
    : `between ${latencies.regions.length} regions by a matrix of round trips, lognormal σ ${latencies.sigma}`;
}
