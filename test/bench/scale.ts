/**
 * `npm run scale [ROW …]`: how large a world this machine carries, each figure beside what it is to be. Rows: rate, memory,
 * day, hour, crowd. The last three take many minutes; without arguments the first two are run. Times are processor time of
 * this process on one core, garbage collection included.
 */
import assert from 'node:assert';
import os from 'node:os';
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from '../../src/base/clock.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { addNetwork, SETTLING_MS } from '../../src/sim/overlay.ts';
import type { Outcome, ScenarioOptions } from '../../src/sim/scenario.ts';
import { createWorld, pass } from '../../src/sim/scenario.ts';
import { propagation } from '../../src/sim/scenarios/propagation.ts';
import { optionsOf } from '../../src/sim/scenarios.ts';
import type { World } from '../../src/sim/world.ts';

const DEPS = { verifier: loadVerifierSync('auto') };
/** Two looks at the same world: what lies between is links. */
const MEMORY_NODES = 300;

const ROWS: Readonly<Record<string, () => void>> = {
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
    addNetwork(world, options);
    const made = heapBytes();
    for (const _ of pass(world, SETTLING_MS));
    const links = world.network.links.size;
    const linked = heapBytes();
    const ends = (2 * links) / MEMORY_NODES;
    tell('a node, when made', (made - before) / MEMORY_NODES / 1_024, 'KiB', '≤ 80');
    tell(`a node with ${ends.toFixed(1)} ends of links`, (linked - before) / MEMORY_NODES / 1_024, 'KiB', `≤ ${Math.round(80 + 2 * ends)}`);
    tell('a link, both its ends', (linked - made) / links / 1_024, 'KiB', '≤ 4');
  },
  day() {
    const { seconds } = run({ nodes: 1_000, duration: DAY_MS, txPerSecond: 0.1, blockInterval: 10 * MINUTE_MS });
    tell('1,000 nodes, 24 virtual hours, 0.1 tx/s, 144 blocks', seconds / 60, 'min', '≤ 20');
  },
  hour() {
    const { seconds } = run({ nodes: 10_000, duration: HOUR_MS, txPerSecond: 0.1, blockInterval: 10 * MINUTE_MS });
    tell('10,000 nodes, one virtual hour, 0.1 tx/s', seconds / 60, 'min', '≤ 10');
  },
  crowd() {
    const { seconds } = run({
      nodes: 100_000,
      reachable: 0.1,
      duration: MINUTE_MS,
      txPerSecond: 1 / 60,
      blockInterval: 40 * SECOND_MS,
    });
    tell('100,000 nodes, a transaction and a block or two', seconds / 60, 'min', '≤ 10');
  },
}; // biome-ignore format: a table

interface Run {
  readonly world: World;
  readonly seconds: number;
  /** When the overlay stood. */
  readonly settled: { readonly seconds: number; readonly messages: number };
}

function run(chosen: Partial<ScenarioOptions>): Run {
  const began = process.cpuUsage();
  const spent = () => {
    const { user, system } = process.cpuUsage(began);
    return (user + system) / 1e6;
  };
  let settled = { seconds: 0, messages: 0 };
  let told = 0;
  const course = propagation.run(DEPS, optionsOf(propagation, chosen));
  for (let step = course.next(); ; step = course.next()) {
    if (step.done) return { world: checked(step.value).world, seconds: spent(), settled };
    const world = step.value;
    const { delivered } = world.network.frames;
    if (world.metrics.made.tx === 0) settled = { seconds: spent(), messages: delivered };
    if (spent() - told < 30) continue;
    told = spent();
    process.stderr.write(`  ${Math.round((world.now - world.base.end) / SECOND_MS)} s of virtual time, ${delivered} messages in ${Math.round(told)} s\n`); // biome-ignore format: one line
  }
}

function checked(outcome: Outcome): Outcome {
  for (const { promise, holds } of outcome.verdicts) assert(holds, promise);
  return outcome;
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
for (const name of rows.length > 0 ? rows : ['rate', 'memory']) {
  const row = ROWS[name];
  if (row === undefined) throw new Error(`No row ${name}: there are ${Object.keys(ROWS).join(', ')}`);
  row();
}
