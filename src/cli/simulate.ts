/** `bin/node simulate`: runs a scenario of the simulator, shows how far it is, and writes what came out. */
import fs from 'node:fs';
import { HOUR_MS, MINUTE_MS, type Milliseconds, SECOND_MS } from '../base/clock.ts';
import { loadVerifierSync } from '../crypto/verifier.ts';
import { ConfigError } from '../node/settings.ts';
import { FLOOD, parseRelayStrategy } from '../p2p/relay-strategy.ts';
import { CheckFailure } from '../sim/checks.ts';
import { createReport, reportText } from '../sim/report.ts';
import { reportHtml } from '../sim/report-html.ts';
import type { Outcome, Scenario, ScenarioOptions } from '../sim/scenario.ts';
import { optionsOf, SCENARIOS } from '../sim/scenarios.ts';
import { DEFAULT_NETWORK, type World } from '../sim/world.ts';

/** Between two lines of progress. */
const PROGRESS_MS = 5 * SECOND_MS;
const SEED_MAX = 0xffff_ffff;
const NODES_MIN = 2;

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
  readonly bandwidth?: number | undefined;
  readonly loss?: number | undefined;
  readonly memo: boolean;
  readonly relayStrategy?: string | undefined;
  readonly json?: string | undefined;
  readonly report?: string | undefined;
}

/** Exit code 1 when a verdict or an invariant fails. */
export function runSimulation(args: SimulateArguments): number {
  const scenario = SCENARIOS.find(({ name }) => name === args.scenario);
  if (scenario === undefined) {
    const names = SCENARIOS.map(({ name }) => name).join(', ');
    throw new ConfigError(`There is no scenario ${args.scenario}; there are ${names}`);
  }
  const options = optionsOf(scenario, optionsFrom(args));
  process.stdout.write(`${scenario.name}: ${scenario.about}\n`);
  process.stdout.write(`${options.nodes} nodes, seed ${options.seed}, ${durationText(options.duration)}\n`);
  const began = performance.now();
  let outcome: Outcome;
  try {
    outcome = follow(scenario, options);
  } catch (error) {
    if (!(error instanceof CheckFailure)) throw error;
    process.stdout.write(`${error.message}\nTo see it again: ${replayCommand(args)}\n`);
    const nodes = smallestFailing(scenario, options);
    if (nodes < options.nodes)
      process.stdout.write(`Fewer nodes fail too: ${replayCommand({ ...args, nodes })}\n`);
    return 1;
  }
  const seconds = (performance.now() - began) / SECOND_MS;
  const report = createReport(scenario.name, options, outcome);
  process.stdout.write(`\n${reportText(report)}`);
  const { delivered } = report.frames;
  const { rss } = process.memoryUsage();
  process.stdout.write(
    `${delivered.toLocaleString('en')} messages in ${seconds.toFixed(1)} s: ${Math.round(delivered / seconds).toLocaleString('en')} a second; ${Math.round(rss / 2 ** 20)} MiB\n`,
  );
  if (args.json !== undefined) fs.writeFileSync(args.json, `${JSON.stringify(report, null, 2)}\n`);
  if (args.report !== undefined) fs.writeFileSync(args.report, reportHtml(report, outcome.world));
  return report.verdicts.every(({ holds }) => holds) ? 0 : 1;
}

/** `90s`, `10m`, `2h`; a bare number is seconds. Throws ConfigError. */
export function parseDuration(text: string, option: string): Milliseconds {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  if (match === null) throw new ConfigError(`--${option} ${text} is no duration: 90s, 10m or 2h`);
  const unit = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS }[(match[2] ?? 's') as 'ms' | 's' | 'm' | 'h'];
  return Number(match[1]) * unit;
}

function optionsFrom(args: SimulateArguments): Partial<ScenarioOptions> {
  const { nodes, seed, duration, reachable, tx, blocks, latency, sigma, bandwidth, loss, memo } = args;
  if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX)
    throw new ConfigError(`--seed ${seed} is not an integer of 32 bits`);
  if (nodes !== undefined && (!Number.isInteger(nodes) || nodes < 2))
    throw new ConfigError(`--nodes ${nodes} is not an integer of at least 2`);
  for (const [name, share] of Object.entries({ reachable, loss }))
    if (share !== undefined && !(share >= 0 && share <= 1))
      throw new ConfigError(`--${name} ${share} is not between 0 and 1`);
  for (const [name, value] of Object.entries({ tx, latency, sigma, bandwidth }))
    if (value !== undefined && !(value >= 0)) throw new ConfigError(`--${name} ${value} is below zero`);
  const strategy = args.relayStrategy === undefined ? FLOOD : parseRelayStrategy(args.relayStrategy);
  if (strategy === undefined)
    throw new ConfigError(
      `--relay-strategy ${args.relayStrategy} is none of flood, gossip-1 … gossip-125, tree, reconcile`,
    );
  return {
    seed,
    memo,
    strategy,
    ...(nodes !== undefined && { nodes }),
    ...(duration !== undefined && { duration: parseDuration(duration, 'duration') }),
    ...(reachable !== undefined && { reachable }),
    ...(tx !== undefined && { txPerSecond: tx }),
    ...(blocks !== undefined && { blockInterval: parseDuration(blocks, 'blocks') }),
    network: {
      latencyMs: latency ?? DEFAULT_NETWORK.latencyMs,
      latencySigma: sigma ?? DEFAULT_NETWORK.latencySigma,
      upBytesPerSecond: bytesPerSecond(bandwidth),
      downBytesPerSecond: bytesPerSecond(bandwidth),
      lossRate: loss ?? DEFAULT_NETWORK.lossRate,
    },
  };
}

/** From megabits a second. */
function bytesPerSecond(megabits: number | undefined): number {
  return megabits === undefined || megabits === 0 ? Number.POSITIVE_INFINITY : (megabits * 1e6) / 8;
}

function follow(scenario: Scenario, options: ScenarioOptions): Outcome {
  const course = scenario.run({ verifier: loadVerifierSync('auto') }, options);
  let told = performance.now();
  let done = 0;
  for (let step = course.next(); ; step = course.next()) {
    if (step.done) return step.value;
    const now = performance.now();
    if (now - told < PROGRESS_MS) continue;
    const { agenda } = step.value;
    process.stdout.write(`${progressLine(step.value, ((agenda.done - done) / (now - told)) * SECOND_MS)}\n`);
    told = now;
    done = agenda.done;
  }
}

/** The smallest count of nodes found that breaks an invariant with the same seed: by halving, then between. */
export function smallestFailing(scenario: Scenario, options: ScenarioOptions): number {
  const deps = { verifier: loadVerifierSync('auto') };
  const fails = (nodes: number): boolean => {
    try {
      const course = scenario.run(deps, { ...options, nodes });
      while (course.next().done !== true);
      return false;
    } catch (error) {
      if (error instanceof CheckFailure) return true;
      throw error;
    }
  };
  let failing = options.nodes;
  let passing = NODES_MIN - 1;
  while (failing - passing > 1) {
    const middle = passing < NODES_MIN ? failing >> 1 : (failing + passing) >> 1;
    if (middle < NODES_MIN) break;
    if (fails(middle)) failing = middle;
    else passing = middle;
  }
  return failing;
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
    if (['scenario', 'json', 'report'].includes(name) || value === undefined || value === true) return [];
    const option = name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`);
    return value === false ? [`--no-${option}`] : [`--${option} ${value}`];
  });
  return ['bin/node simulate', args.scenario, ...options].join(' ');
}
