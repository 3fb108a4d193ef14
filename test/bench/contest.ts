/**
 * The same work by our node and, where `BITCOIND` names one, by Bitcoin Core's: each in a process of its own on an empty
 * directory, by turns, medians. Wall time is from launch to the goal; CPU and memory are what the system counted for the
 * whole process by then (Linux: /proc).
 */
import assert from 'node:assert';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../scripts/regtest/ports.ts';
import { launcher, RegtestNode } from '../../scripts/regtest/process.ts';
import type { Figure } from './scenario.ts';

const { BITCOIND } = process.env;
/** Seldom enough to cost nothing, often enough for what takes a second. */
const POLL_MS = 20;
const TIMEOUT_MS = 10 * 60_000;
/** Clock ticks a second in /proc (USER_HZ; 100 on every Linux that Node runs on). */
const TICKS_PER_SECOND = 100;

export type Contestant = 'hearsay' | 'bitcoind';

/** Ours, and Core's where there is one. */
export const CONTESTANTS: readonly Contestant[] = BITCOIND ? ['hearsay', 'bitcoind'] : ['hearsay'];

export interface Goal {
  /** Arguments besides those that every node here gets; the same for both. */
  readonly args: readonly string[];
  /** Of the chain: `regtest`, `main`, `test`. */
  readonly chain: string;
  isReached(node: RegtestNode): Promise<boolean>;
  /** Looks at what the node has made of it; throws when that is not right. */
  check(node: RegtestNode): Promise<void>;
}

interface Measured {
  readonly seconds: number;
  readonly cpuSeconds: number;
  readonly peakMegabytes: number;
  /** How long answers took meanwhile, in milliseconds. */
  readonly answers: readonly number[];
}

/** A node of the contestant's kind on a fresh directory that finds no peers by itself; not started yet. */
export async function createNode(
  who: Contestant,
  directory: string,
  chain: string,
  args: readonly string[],
): Promise<RegtestNode & { readonly port: number }> {
  const [port, rpcPort] = [await freePort(['127.0.0.1']), await freePort(['127.0.0.1'])];
  const folder = chain === 'main' ? '' : chain === 'test' ? 'testnet3' : chain;
  const common = [
    `-chain=${chain}`,
    `-datadir=${directory}`,
    `-bind=127.0.0.1:${port}`,
    `-rpcport=${rpcPort}`,
    '-dnsseed=0',
    '-fixedseeds=0',
    '-listenonion=0',
    '-discover=0',
    // On regtest bitcoind looks through its whole index after each block unless told not to, and ours now and then.
    '-checkblockindex=0',
  ];
  const own = who === 'bitcoind' ? ['-natpmp=0', '-printtoconsole=0', '-disablewallet'] : [];
  const node = new RegtestNode({
    name: who,
    host: '127.0.0.1',
    rpcPort,
    directory,
    chain: folder,
    args: [...common, ...own, ...args],
    // Ours in the dress that takes Core's arguments.
    program: who === 'bitcoind' ? [BITCOIND!] : [process.execPath, launcher('bitcoind')],
  });
  return Object.assign(node, { port });
}

/** Figures of `runs` rounds, ours first in each, and the ratios ours / Core's where both ran. */
export async function contest(root: string, name: string, runs: number, goal: Goal): Promise<Figure[]> {
  const measured = new Map<Contestant, Measured[]>(CONTESTANTS.map(who => [who, []]));
  for (let run = 0; run < runs; run += 1) {
    for (const who of CONTESTANTS) {
      const directory = path.join(root, `${name.replace(/\W+/g, '-')}-${who}-${run}`);
      measured.get(who)!.push(await runOnce(who, directory, goal));
      fs.rmSync(directory, { recursive: true, force: true });
    }
  }
  const figures: Figure[] = [];
  for (const [who, runsOf] of measured) {
    figures.push({ name: `${name}, ${who}: wall`, value: median(runsOf.map(m => m.seconds)), unit: 's' });
    figures.push({ name: `${name}, ${who}: CPU`, value: median(runsOf.map(m => m.cpuSeconds)), unit: 's' });
    figures.push({ name: `${name}, ${who}: peak memory`, value: median(runsOf.map(m => m.peakMegabytes)), unit: 'MB' }); // biome-ignore format: one line each
    const answers = runsOf.flatMap(m => m.answers).sort((a, b) => a - b);
    const p99 = answers[Math.floor(answers.length * 0.99)];
    if (p99 !== undefined) figures.push({ name: `${name}, ${who}: getblockcount meanwhile, 99 % within`, value: p99, unit: 'ms' }); // biome-ignore format: one line each
  }
  const [ours, theirs] = [measured.get('hearsay')!, measured.get('bitcoind')];
  if (theirs === undefined) return figures;
  for (const what of ['seconds', 'cpuSeconds', 'peakMegabytes'] as const) {
    const ratio = median(ours.map(m => m[what])) / median(theirs.map(m => m[what]));
    const label = { seconds: 'wall', cpuSeconds: 'CPU', peakMegabytes: 'memory' }[what];
    figures.push({ name: `${name}: ${label}, ours / Core's`, value: ratio, unit: '×' });
  }
  return figures;
}

async function runOnce(who: Contestant, directory: string, goal: Goal): Promise<Measured> {
  const node = await createNode(who, directory, goal.chain, goal.args);
  const began = performance.now();
  await node.start(POLL_MS);
  const answers: number[] = [];
  while (!(await timed(answers, () => goal.isReached(node)))) {
    assert(performance.now() - began < TIMEOUT_MS, `${who} does not get there; see ${node.log}`);
    await delay(POLL_MS);
  }
  const seconds = (performance.now() - began) / 1000;
  const usage = usageOf(node.pid);
  await goal.check(node);
  await node.stop();
  return { seconds, ...usage, answers };
}

async function timed<T>(answers: number[], call: () => Promise<T>): Promise<T> {
  const began = performance.now();
  const result = await call();
  answers.push(performance.now() - began);
  return result;
}

/** NaN where the system has no /proc. */
function usageOf(pid: number): { readonly cpuSeconds: number; readonly peakMegabytes: number } {
  if (!fs.existsSync(`/proc/${pid}/stat`)) return { cpuSeconds: Number.NaN, peakMegabytes: Number.NaN };
  // The name, in parentheses, may hold anything; user and system time are the 14th and 15th field.
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
  const ticks = Number(fields[11]) + Number(fields[12]);
  const peak = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))!;
  return { cpuSeconds: ticks / TICKS_PER_SECOND, peakMegabytes: (Number(peak[1]) * 1024) / 1e6 };
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
