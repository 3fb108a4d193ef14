/** `bin/node simulate`: runs a scenario of the simulator, shows how far it is, and writes what came out. */
import fs from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { HOUR_MS, MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { loadVerifierSync } from '../crypto/verifier.ts';
import { ConfigError } from '../node/settings.ts';
import { FLOOD, parseRelayStrategy } from '../p2p/relay-strategy.ts';
import { CheckFailure } from '../sim/checks.ts';
import { type LatencyMatrix, parseLatencyMatrix, WORLD_LATENCIES } from '../sim/latency.ts';
import { OVERLAYS } from '../sim/overlay.ts';
import { createReport, reportText } from '../sim/report.ts';
import { reportHtml } from '../sim/report-html.ts';
import type { ScenarioOptions } from '../sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../sim/scenarios.ts';
import { brokenPromises, type Ending, runToEnd, smallestFailing } from '../sim/smallest-failing.ts';
import { DEFAULT_NETWORK, type World } from '../sim/world.ts';
import { runInLargerHeap } from './larger-heap.ts';

/** Between two lines of progress. */
const PROGRESS_MS = 5 * SECOND_MS;
const SEED_MAX = 0xffff_ffff;
/** Heap for each node of a world: some 130 kB when it has its links, and what waits to be collected; more after hours. */
const NODE_BYTES_MAX = 500_000;
/** What a replay does not take over; yargs has its own `_` and `$0`, and each option with dashes a second time. */
const UNREPEATED: ReadonlySet<string> = new Set(['scenario', 'json', 'report', '_', '$0']);
/** Instead of a file: the regions of the built-in matrix. */
const WORLD = 'world';

export interface SimulateArguments {
  readonly scenario: string;
  readonly nodes?: number | undefined;
  readonly seed: number;
  readonly duration?: string | undefined;
  readonly reachable?: number | undefined;
  readonly tx?: number | undefined;
  readonly blocks?: string | undefined;
  readonly latency?: number | undefined;
  readonly sigma?: number | undefined;
  readonly latencyMatrix?: string | undefined;
  readonly bandwidth?: number | undefined;
  readonly loss?: number | undefined;
  readonly breakage?: number | undefined;
  readonly slowReaders?: number | undefined;
  readonly memo: boolean;
  readonly relayStrategy?: string | undefined;
  readonly overlay?: string | undefined;
  readonly json?: string | undefined;
  readonly report?: string | undefined;
}

/** Exit code 1 when a verdict or an invariant fails. */
export async function runSimulation(args: SimulateArguments): Promise<number> {
  const scenario = SCENARIOS.find(({ name }) => name === args.scenario);
  if (scenario === undefined) {
    const names = SCENARIOS.map(({ name }) => name).join(', ');
    throw new ConfigError(`There is no scenario ${args.scenario}; there are ${names}`);
  }
  const options = optionsOf(scenario, optionsFrom(args));
  const again = runInLargerHeap(options.nodes * NODE_BYTES_MAX);
  if (again !== undefined) return await again;
  process.stdout.write(`${scenario.name}: ${scenario.about}\n`);
  process.stdout.write(`${options.nodes} nodes, seed ${options.seed}, ${durationText(options.duration)}\n`);
  letHeapGrow();
  const deps = { verifier: loadVerifierSync('auto') };
  const began = performance.now();
  const ending = runToEnd(deps, scenario, options, progress());
  const seconds = (performance.now() - began) / SECOND_MS;
  const fails = ending instanceof CheckFailure || brokenPromises(ending).length > 0;
  if (!(ending instanceof CheckFailure)) {
    const report = createReport(scenario.name, options, ending);
    process.stdout.write(`\n${reportText(report)}${speedLine(report.frames.delivered, seconds)}\n`);
    if (args.json !== undefined) fs.writeFileSync(args.json, `${JSON.stringify(report, null, 2)}\n`);
    if (args.report !== undefined) fs.writeFileSync(args.report, reportHtml(report, ending.world));
  }
  if (!fails) return 0;
  tellFailure(ending, args);
  const nodes = smallestFailing(deps, scenario, options, ending);
  process.stdout.write(
    nodes < options.nodes
      ? `The fewest nodes that fail alike are ${nodes}: ${replayCommand({ ...args, nodes })}\n`
      : 'With fewer nodes it does not happen.\n',
  );
  return 1;
}

/**
 * A world is alive as long as it runs: what keeps the heap of a node small (bin/load.js) would have all of it looked
 * through again and again. These are V8's own settings.
 */
function letHeapGrow(): void {
  setFlagsFromString('--heap-growing-percent=0');
  setFlagsFromString('--semi-space-growth-factor=2');
}

function tellFailure(ending: Ending, args: SimulateArguments): void {
  const what =
    ending instanceof CheckFailure ? [ending.message] : brokenPromises(ending).map(text => `Broken: ${text}`);
  process.stdout.write(`${what.join('\n')}\nTo see it again, seed ${args.seed}: ${replayCommand(args)}\n`);
}

function speedLine(delivered: number, seconds: number): string {
  const { rss } = process.memoryUsage();
  const rate = Math.round(delivered / seconds).toLocaleString('en');
  return `${delivered.toLocaleString('en')} messages in ${seconds.toFixed(1)} s: ${rate} a second; ${Math.round(rss / 2 ** 20)} MiB`;
}

/** `90s`, `10m`, `2h`; a bare number is seconds. Throws ConfigError. */
export function parseDuration(text: string, option: string): Milliseconds {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new ConfigError(`--${option} ${text} is no duration: 90s, 10m or 2h`);
  const unit = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS }[(match[2] ?? 's') as 'ms' | 's' | 'm' | 'h'];
  return Number(match[1]) * unit;
}

export function optionsFrom(args: SimulateArguments): Partial<ScenarioOptions> {
  const {
    nodes,
    seed,
    duration,
    reachable,
    tx,
    blocks,
    latency,
    sigma,
    bandwidth,
    loss,
    memo,
    breakage,
    slowReaders,
  } = args;
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX)
    throw new ConfigError(`--seed ${seed} is not an integer of 32 bits`);
  if (nodes !== undefined && (!Number.isInteger(nodes) || nodes < 2))
    throw new ConfigError(`--nodes ${nodes} is not an integer of at least 2`);
  for (const [name, share] of Object.entries({ reachable, loss, 'slow-readers': slowReaders }))
    if (share !== undefined && !(share >= 0 && share <= 1))
      throw new ConfigError(`--${name} ${share} is not between 0 and 1`);
  for (const [name, value] of Object.entries({ tx, latency, sigma, bandwidth, breakage }))
    if (value !== undefined && !(value >= 0)) throw new ConfigError(`--${name} ${value} is below zero`);
  const strategy = args.relayStrategy === undefined ? FLOOD : parseRelayStrategy(args.relayStrategy);
  if (strategy === undefined)
    throw new ConfigError(
      `--relay-strategy ${args.relayStrategy} is none of flood, gossip-1 … gossip-125, tree, reconcile`,
    );
  const overlay = OVERLAYS.find(name => name === args.overlay);
  if (args.overlay !== undefined && overlay === undefined)
    throw new ConfigError(`--overlay ${args.overlay} is none of ${OVERLAYS.join(', ')}`);
  return {
    seed,
    memo,
    strategy,
    // The scenario's own otherwise.
    ...(overlay !== undefined && { overlay }),
    ...(nodes !== undefined && { nodes }),
    ...(duration !== undefined && { duration: parseDuration(duration, 'duration') }),
    ...(reachable !== undefined && { reachable }),
    ...(tx !== undefined && { txPerSecond: tx }),
    ...(blocks !== undefined && { blockInterval: parseDuration(blocks, 'blocks') }),
    network: {
      ...DEFAULT_NETWORK,
      latencyMs: latency ?? DEFAULT_NETWORK.latencyMs,
      latencySigma: sigma ?? DEFAULT_NETWORK.latencySigma,
      upBytesPerSecond: bytesPerSecond(bandwidth),
      downBytesPerSecond: bytesPerSecond(bandwidth),
      lossRate: loss ?? DEFAULT_NETWORK.lossRate,
      breakageRate: breakage ?? DEFAULT_NETWORK.breakageRate,
      slowReaders: slowReaders ?? DEFAULT_NETWORK.slowReaders,
      ...(args.latencyMatrix !== undefined && { latencies: readLatencies(args.latencyMatrix) }),
    },
  };
}

/** Throws ConfigError. */
function readLatencies(source: string): LatencyMatrix {
  if (source === WORLD) return WORLD_LATENCIES;
  try {
    return parseLatencyMatrix(JSON.parse(fs.readFileSync(source, 'utf8')));
  } catch (error) {
    throw new ConfigError(
      `--latency-matrix ${source} is neither “${WORLD}” nor a file with a matrix of latencies: ${(error as Error).message}`,
    );
  }
}

/** From megabits a second. */
function bytesPerSecond(megabits: number | undefined): number {
  return megabits === undefined || megabits === 0 ? Number.POSITIVE_INFINITY : (megabits * 1e6) / 8;
}

/** Prints a line every few seconds. */
function progress(): (world: World) => void {
  let told = performance.now();
  let done = 0;
  return world => {
    const now = performance.now();
    if (now - told < PROGRESS_MS) return;
    const { agenda } = world;
    const line =
      agenda.done === 0
        ? beginningLine(world)
        : progressLine(world, ((agenda.done - done) / (now - told)) * SECOND_MS);
    process.stdout.write(`${line}\n`);
    told = now;
    done = agenda.done;
  };
}

function beginningLine({ nodes, network }: World): string {
  const [made, linked] = [nodes.length, network.links.size].map(count => count.toLocaleString('en'));
  return `  made so far: ${made} nodes, ${linked} links`;
}

function progressLine(world: World, eventsPerSecond: number): string {
  const passed = durationText(world.now - world.base.end);
  return `  ${passed.padStart(10)} of virtual time, ${Math.round(eventsPerSecond).toLocaleString('en')} events/s`;
}

function durationText(duration: Milliseconds): string {
  const seconds = Math.floor(duration / SECOND_MS);
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60];
  return [hours > 0 && `${hours} h`, minutes > 0 && `${minutes} min`, `${seconds % 60} s`]
    .filter(Boolean)
    .join(' ');
}

function replayCommand(args: SimulateArguments): string {
  const options = Object.entries(args).flatMap(([name, value]) => {
    if (UNREPEATED.has(name) || name.includes('-') || value === undefined || value === true) return [];
    const option = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
    return value === false ? [`--no-${option}`] : [`--${option} ${value}`];
  });
  return ['bin/node simulate', args.scenario, ...options].join(' ');
}
