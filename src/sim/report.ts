/**
 * What a run tells: a table for the terminal, data for programs, and a page with pictures (report-html.ts). Nothing here
 * depends on the machine: the same seed gives the same bytes. How fast it went, the caller adds.
 */
import { hashToHex } from '../base/bytes.ts';
import { SECOND_MS } from '../base/clock.ts';
import { delayAtShare, type Spread } from './metrics.ts';
import type { Figure, Outcome, ScenarioOptions, Verdict } from './scenario.ts';

export interface CommandTotals {
  readonly command: string;
  readonly messages: number;
  readonly bytes: number;
}

export interface RunReport {
  readonly scenario: string;
  readonly options: ScenarioOptions;
  readonly traceHash: string;
  readonly figures: readonly Figure[];
  readonly verdicts: readonly Verdict[];
  /** Most bytes first; of the part that was measured. */
  readonly commands: readonly CommandTotals[];
  /** Of the whole run. */
  readonly frames: { readonly sent: number; readonly delivered: number; readonly lost: number };
  /** Made and silently broken; senders whose buffer was full, readers that had enough unheard. Of the whole run. */
  readonly links: {
    readonly made: number;
    readonly broken: number;
    readonly sendPauses: number;
    readonly readPauses: number;
  };
  readonly checks: { readonly seconds: number; readonly nodes: number; readonly messages: number };
  /** Closed by nodes, by reason. */
  readonly disconnects: readonly { readonly reason: string; readonly count: number }[];
  readonly spreads: readonly SpreadSummary[];
}

export interface SpreadSummary {
  readonly kind: 'tx' | 'block';
  readonly hash: string;
  readonly reached: number;
  /** Seconds until half, 90 %, 99 % and all of the nodes had it; null if that never came. */
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly all: number | null;
}

export function createReport(scenario: string, options: ScenarioOptions, outcome: Outcome): RunReport {
  const { world, figures, verdicts } = outcome;
  const { metrics, network, checks, trace, nodes } = world;
  const { sent, delivered, lost } = network.frames;
  const { links: made, ...events } = network.counts;
  const commands = [...metrics.commands]
    .map(([command, { messages, bytes }]) => ({ command, messages, bytes }))
    .sort((a, b) => b.bytes - a.bytes || (a.command < b.command ? -1 : 1));
  const reasons = new Map<string, number>();
  for (const node of nodes)
    for (const [reason, count] of node.disconnects) {
      const name = withoutNumbers(reason);
      reasons.set(name, (reasons.get(name) ?? 0) + count);
    }
  return {
    scenario,
    options,
    traceHash: trace.hash,
    figures,
    verdicts,
    commands,
    frames: { sent, delivered, lost },
    links: { made, ...events },
    checks: { ...checks.counts },
    disconnects: [...reasons].map(([reason, count]) => ({ reason, count })).sort((a, b) => b.count - a.count),
    spreads: [...metrics.spreads('tx'), ...metrics.spreads('block')].map(summarise),
  };
}

/** For people, without colours. */
export function reportText(report: RunReport): string {
  const lines = [
    ...report.figures.map(({ name, value, unit }) => row(name, `${formatNumber(value)} ${unit}`)),
  ];
  lines.push('', row('messages sent', `${'count'.padStart(10)}${'bytes'.padStart(14)}`));
  for (const { command, messages, bytes } of report.commands)
    lines.push(
      row(`  ${command}`, `${formatNumber(messages).padStart(10)}${formatNumber(bytes).padStart(14)}`),
    );
  const { made, broken, sendPauses, readPauses } = report.links;
  lines.push(
    '',
    row('links made', formatNumber(made)),
    row('  that broke silently', formatNumber(broken)),
    row('  times a sender had to pause', formatNumber(sendPauses)),
    row('  times a reader had to pause', formatNumber(readPauses)),
  );
  if (report.disconnects.length > 0) lines.push('', 'connections closed by nodes');
  for (const { reason, count } of report.disconnects) lines.push(row(`  ${reason}`, formatNumber(count)));
  const { seconds, nodes, messages } = report.checks;
  lines.push('', `Invariants held: ${formatNumber(seconds)} looks at the network, ${formatNumber(nodes)} at nodes, ${formatNumber(messages)} at messages.`); // biome-ignore format: one line
  for (const { promise, holds } of report.verdicts) lines.push(`${holds ? 'yes' : 'NO '}  ${promise}`);
  lines.push(`Trace ${report.traceHash}`);
  return `${lines.join('\n')}\n`;
}

/** `1,234` or three digits that matter. */
export function formatNumber(value: number): string {
  if (Number.isNaN(value)) return 'never';
  if (Number.isInteger(value)) return value.toString().replace(/\B(?=(\d{3})+$)/g, ',');
  return value >= 100 ? formatNumber(Math.round(value)) : value.toPrecision(3);
}

function row(name: string, value: string): string {
  return `${name.padEnd(58)} ${value}`.trimEnd();
}

function summarise(spread: Spread): SpreadSummary {
  const at = (share: number) => {
    const delay = delayAtShare(spread, share);
    return Number.isNaN(delay) ? null : delay / SECOND_MS;
  };
  const { kind, hash, reached } = spread;
  return { kind, hash: hashToHex(hash), reached, p50: at(0.5), p90: at(0.9), p99: at(0.99), all: at(1) };
}

/** Addresses and counts in a reason would make each its own. */
function withoutNumbers(reason: string): string {
  return reason.replace(/\d[\d.:]*/g, '#');
}
