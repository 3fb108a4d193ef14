/** Charts as SVG text: lines over two axes, and horizontal bars. Labels are text, colours are classes of the page. */
import { formatNumber } from './report.ts';

export interface Line {
  readonly points: readonly (readonly [x: number, y: number])[];
  /** `main` is drawn over `faint`. */
  readonly style: 'main' | 'faint';
  readonly color: 'tx' | 'block';
}

export interface LineChart {
  readonly title: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly xMax: number;
  readonly yMax: number;
  readonly lines: readonly Line[];
}

export interface Bar {
  readonly label: string;
  readonly value: number;
  readonly text: string;
}

const WIDTH = 720;
const HEIGHT = 320;
const MARGIN = { left: 64, right: 16, top: 12, bottom: 48 } as const;
const TICKS = 6;
const BAR_HEIGHT = 20;
const BAR_LEFT = 110;
const BAR_RIGHT = 150;

export function lineChart({ title, xLabel, yLabel, xMax, yMax, lines }: LineChart): string {
  const x = (value: number) => MARGIN.left + (value / xMax) * (WIDTH - MARGIN.left - MARGIN.right);
  const y = (value: number) =>
    HEIGHT - MARGIN.bottom - (value / yMax) * (HEIGHT - MARGIN.top - MARGIN.bottom);
  const bottom = y(0);
  const parts: string[] = [];
  for (const tick of ticks(xMax)) {
    parts.push(
      `<line class="grid" x1="${px(x(tick))}" y1="${px(y(yMax))}" x2="${px(x(tick))}" y2="${px(bottom)}"/>`,
    );
    parts.push(text(x(tick), bottom + 18, formatTick(tick), 'middle'));
  }
  for (const tick of ticks(yMax)) {
    parts.push(
      `<line class="grid" x1="${MARGIN.left}" y1="${px(y(tick))}" x2="${px(x(xMax))}" y2="${px(y(tick))}"/>`,
    );
    parts.push(text(MARGIN.left - 8, y(tick) + 4, formatTick(tick), 'end'));
  }
  for (const style of ['faint', 'main'] as const)
    for (const line of lines)
      if (line.style === style)
        parts.push(
          `<path class="line ${style} ${line.color}" d="${pathOf(line.points.map(([a, b]) => [x(a), y(b)]))}"/>`,
        );
  parts.push(text((x(0) + x(xMax)) / 2, HEIGHT - 8, xLabel, 'middle'));
  parts.push(
    `<text transform="translate(14 ${px((y(0) + y(yMax)) / 2)}) rotate(-90)" text-anchor="middle">${escapeText(yLabel)}</text>`,
  );
  return svg(WIDTH, HEIGHT, title, parts);
}

/** The longest first, as given. */
export function barChart(title: string, bars: readonly Bar[]): string {
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const room = WIDTH - BAR_LEFT - BAR_RIGHT;
  const parts = bars.flatMap(({ label, value, text: told }, i) => {
    const top = i * BAR_HEIGHT + 4;
    const width = Math.max(1, (value / most) * room);
    return [
      text(BAR_LEFT - 8, top + 12, label, 'end'),
      `<rect class="bar" x="${BAR_LEFT}" y="${top}" width="${px(width)}" height="${BAR_HEIGHT - 6}" rx="2"/>`,
      text(BAR_LEFT + width + 6, top + 12, told, 'start'),
    ];
  });
  return svg(WIDTH, bars.length * BAR_HEIGHT + 8, title, parts);
}

export function svg(width: number, height: number, title: string, parts: readonly string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeText(title)}">${parts.join('')}</svg>`;
}

export function text(x: number, y: number, content: string, anchor: 'start' | 'middle' | 'end'): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}">${escapeText(content)}</text>`;
}

export function pathOf(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${px(x)} ${px(y)}`).join('');
}

export function escapeText(content: string): string {
  return content.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;');
}

/** A tenth of a pixel is enough. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10);
}

/** A round number not below `value`, for the end of an axis. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find(candidate => candidate * power >= value)!;
  return step * power;
}

function ticks(max: number): number[] {
  const rough = max / TICKS;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(candidate => candidate * power >= rough)! * power;
  return Array.from({ length: Math.floor(max / step + 1e-9) + 1 }, (_, i) => i * step);
}

function formatTick(value: number): string {
  return Number.isInteger(value) ? formatNumber(value) : String(Number(value.toPrecision(3)));
}
