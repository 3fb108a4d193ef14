/**
 * `npm run scale [ROW …]`: how large a world this machine carries, each figure beside what it is to be. Rows: rate, memory,
 * standing, day, hour, crowd. The last takes a quarter of an hour, day and hour most of an hour; without arguments the first two are run. `day/24` runs
 * a 24th of the virtual time, and the whole is reckoned from it. Times are processor time of this process on one core,
 * garbage collection included.
 */
import assert from 'node:assert';
import os from 'node:os';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { pass, toEnd } from '../../src/sim/course.ts';
import { addNetwork, SETTLING_MS } from '../../src/sim/overlay.ts';
import type { Outcome, Scenario, ScenarioOptions } from '../../src/sim/scenario.ts';
import { createWorld } from '../../src/sim/scenario.ts';
import { propagation } from '../../src/sim/scenarios/propagation.ts';
import { waves } from '../../src/sim/scenarios/waves.ts';
import { optionsOf } from '../../src/sim/scenarios.ts';
import { DEFAULT_NETWORK, type World } from '../../src/sim/world.ts';

const DEPS = { verifier: loadVerifierSync('auto') };
/** As the model has them that the figures are compared with. */
const PLAIN_LINKS = { network: { ...DEFAULT_NETWORK, latencyMs: 10, latencySigma: 0 } } as const;
/** Two looks at the same world: what lies between is links. */
const MEMORY_NODES = 300;

/** `part`: of the virtual time, so much is run. */
const ROWS: Readonly<Record<string, (part: number) => void>> = {
  rate() {
    const size = { nodes: 200, duration: 10 * MINUTE_MS, txPerSecond: 0.5, blockInterval: 5 * MINUTE_MS };
    const ways = {
      'nothing shared, scripts neither': { memo: false },
      'each encoded, hashed and decoded, scripts verified once': { memo: false, sharesVerdicts: true },
      'alike messages encoded, hashed, decoded and verified once': { memo: true },
    };
    for (const [how, sharing] of Object.entries(ways)) {
      const { world, seconds, settled } = run({ ...size, ...sharing });
      const messages = world.network.frames.delivered - settled.messages;
      tell(`delivered, ${how}`, messages / (seconds - settled.seconds), '/s', '≥ 180,000');
    }
  },
  memory() {
    const options = optionsOf(propagation, { nodes: MEMORY_NODES, txPerSecond: 0.1, duration: 20 * MINUTE_MS });
    const world = createWorld(DEPS, options);
    const before = heapBytes();
    toEnd(addNetwork(world, options));
    const made = heapBytes();
    toEnd(pass(world, SETTLING_MS));
    const links = world.network.links.size;
    const linked = heapBytes();
    const ends = (2 * links) / MEMORY_NODES;
    tell('a node, when made', (made - before) / MEMORY_NODES / 1_024, 'KiB', '≤ 80');
    tell(`a node with ${ends.toFixed(1)} ends of links`, (linked - before) / MEMORY_NODES / 1_024, 'KiB', `≤ ${Math.round(80 + 2 * ends)}`);
    tell('a link, both its ends', (linked - made) / links / 1_024, 'KiB', '≤ 4');
  },
  standing() {
    const nodes = 4_400;
    const options = optionsOf(waves, { nodes, reachable: 1 / 11, ...PLAIN_LINKS, txPerSecond: 0.1 });
    const world = createWorld(DEPS, options);
    const before = { bytes: heapBytes(), seconds: processorSeconds() };
    toEnd(addNetwork(world, options));
    const seconds = processorSeconds() - before.seconds;
    const links = world.network.links.size;
    const ends = (2 * links) / nodes;
    tell(`a node with ${ends.toFixed(1)} ends of links that stand`, (heapBytes() - before.bytes) / nodes / 1_024, 'KiB', `≤ ${Math.round(80 + 2 * ends)}`);
    tell('to make it, and its links', (seconds / nodes) * 1_000, 'ms', '< 6');
  },
  day(part) {
    const ran = run({ overlay: 'standing', nodes: 1_000, duration: DAY_MS * part, txPerSecond: 0.1, blockInterval: 10 * MINUTE_MS });
    tell('1,000 nodes, 24 virtual hours, 0.1 tx/s, 144 blocks', wholeSeconds(ran, part) / 60, 'min', '≤ 20');
  },
  hour(part) {
    const ran = run({ overlay: 'standing', nodes: 10_000, duration: HOUR_MS * part, txPerSecond: 0.1, blockInterval: 10 * MINUTE_MS });
    tell('10,000 nodes, one virtual hour, 0.1 tx/s', wholeSeconds(ran, part) / 60, 'min', '≤ 10');
  },
  crowd() {
    const { seconds, outcome } = run({ nodes: 100_000, reachable: 1 / 11, ...PLAIN_LINKS }, waves);
    tell('100,000 nodes, a transaction and a block', seconds / 60, 'min', '≤ 10');
    for (const { name, value, unit } of outcome.figures)
      process.stdout.write(`  ${name}: ${value.toPrecision(4)} ${unit}\n`);
  },
}; // biome-ignore format: a table

interface Run {
  readonly world: World;
  readonly outcome: Outcome;
  readonly seconds: number;
  /** When the overlay stood. */
  readonly settled: { readonly seconds: number; readonly messages: number };
}

/** Of all the virtual time; what it takes until the overlay stands is there once. */
function wholeSeconds({ seconds, settled }: Run, part: number): number {
  return settled.seconds + (seconds - settled.seconds) / part;
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function run(chosen: Partial<ScenarioOptions>, scenario: Scenario = propagation): Run {
  const began = processorSeconds();
  const spent = () => processorSeconds() - began;
  let settled = { seconds: 0, messages: 0 };
  let told = 0;
  const course = scenario.run(DEPS, optionsOf(scenario, chosen));
  const outcome = toEnd(course, ({ base, metrics, network, now }) => {
    const { delivered } = network.frames;
    if (metrics.made.tx === 0) settled = { seconds: spent(), messages: delivered };
    if (spent() - told < 30) return;
    told = spent();
    process.stderr.write(`  ${Math.round((now - base.end) / SECOND_MS)} s of virtual time, ${delivered} messages in ${Math.round(told)} s\n`); // biome-ignore format: one line
  });
  for (const { promise, holds } of outcome.verdicts) assert(holds, promise);
  return { world: outcome.world, outcome, seconds: spent(), settled };
}

function heapBytes(): number {
  assert(globalThis.gc !== undefined, 'run with --expose-gc');
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function tell(name: string, value: number, unit: string, target: string): void {
  const rss = Math.round(process.memoryUsage().rss / 2 ** 20);
  const figure = value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3);
  process.stdout.write(
    `${name.padEnd(66)} ${figure.padStart(9)} ${unit.padEnd(4)} (to be ${target}); ${rss} MiB resident\n`,
  );
}

const rows = process.argv.slice(2);
process.stdout.write(`${os.cpus()[0]?.model ?? 'unknown'}, Node ${process.version}\n`);
for (const asked of rows.length > 0 ? rows : ['rate', 'memory']) {
  const [name = '', parts = '1'] = asked.split('/');
  const row = ROWS[name];
  if (row === undefined) throw new Error(`No row ${name}: there are ${Object.keys(ROWS).join(', ')}`);
  if (parts !== '1' && row.length === 0) throw new Error(`${name} is run as a whole`);
  if (parts !== '1') process.stdout.write(`reckoned from 1/${parts} of the virtual time:\n`);
  row(1 / Number(parts));
}
