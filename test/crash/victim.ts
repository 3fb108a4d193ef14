/** A node that is killed in the middle of its work, again and again, and looked at after each start. */
import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../../scripts/regtest/ports.ts';
import { RegtestNode, until } from '../../scripts/regtest/process.ts';
import { type Random, randomBelow } from '../../src/base/random.ts';

const HOST = '127.0.0.1';
/** Of the kills, so many in a hundred come before the node answers. */
const KILLED_AT_START_PERCENT = 30;
/** While it starts it is killed within this time. */
const START_MS = 700;
/** How long work without a kill may take on a busy machine. */
const WORK_MS = 180_000;

/**
 * What no node does unless it is asked: peers, and a clock by which the blocks of tests are old. Of the cache, coins have
 * four megabytes: with less, there would be no room to verify the chain in.
 */
const QUIET = [
  '--connect=0', '--dnsseed=0', '--fixedseeds=0', '--listenonion=0', '--maxtipage=4000000000', '--printtoconsole=0',
  '--dbcache=10', '--dbbatchsize=4096', '--fallbackfee=0.0002', '--keypool=20',
] as const; // biome-ignore format: one list

export async function newNode(
  directory: string,
  args: readonly string[],
  options: { readonly isServer?: boolean } = {},
): Promise<{ node: RegtestNode; address: string }> {
  const rpcPort = await freePort([HOST]);
  const port = await freePort([HOST]);
  const place = ['--datadir', directory, '--rpcport', String(rpcPort), '--port', String(port)];
  const listens = options.isServer ? ['--bind', HOST] : ['--listen=0'];
  const setup = {
    name: directory,
    host: HOST,
    rpcPort,
    directory,
    chain: 'regtest',
    args: [...QUIET, ...listens, ...place, ...args],
  };
  return { node: new RegtestNode(setup), address: `${HOST}:${port}` };
}

/** The part of a life that a kill may interrupt. It calls `node` as long as it lives. */
export interface Work {
  /** Of this start. */
  readonly args: readonly string[];
  /** Time after the start within which the kill comes. */
  readonly spanMs: number;
  /** What an earlier run was told must be there. Called as soon as the node answers. */
  check(node: RegtestNode): Promise<void>;
  /** Resolves when all is done. */
  run(node: RegtestNode): Promise<void>;
}

export class Victim {
  readonly directory: string;
  readonly #random: Random;

  constructor(directory: string, random: Random, template?: string) {
    this.directory = directory;
    this.#random = random;
    rmSync(directory, { recursive: true, force: true });
    mkdirSync(directory, { recursive: true });
    if (template !== undefined) cpSync(template, directory, { recursive: true });
  }

  /** One start and one kill; true when the work was done before that. */
  async runAndKill(work: Work): Promise<boolean> {
    const { node } = await newNode(this.directory, work.args);
    const isEarly = randomBelow(this.#random, 100) < KILLED_AT_START_PERCENT;
    const killAfterMs = randomBelow(this.#random, isEarly ? START_MS : work.spanMs);
    let isKilled = false;
    let isDone = false;
    const kill = async () => {
      isKilled = true;
      await node.kill();
    };
    const whole = (async () => {
      if (isEarly) void delay(killAfterMs).then(kill);
      await node.start(20);
      if (!isEarly) void delay(killAfterMs).then(kill);
      await work.check(node);
      await work.run(node);
      isDone = true;
      while (!isKilled) await delay(10);
    })();
    try {
      await whole;
    } catch (error) {
      // What was under way when it died fails; anything else is what this test is looking for.
      if (!isKilled || isFinding(error)) throw error;
    } finally {
      await node.kill();
    }
    return isDone;
  }

  /** To the end of the work, undisturbed, then a clean stop. */
  async finish(work: Work, look: (node: RegtestNode) => Promise<void>): Promise<void> {
    const { node } = await newNode(this.directory, work.args);
    try {
      await node.start(20);
      await work.check(node);
      const late = delay(WORK_MS, undefined, { ref: false }).then(() => {
        throw new Finding(`the work was not done after ${WORK_MS / 1000} s`);
      });
      await Promise.race([work.run(node), late]);
      await look(node);
      await node.stop();
    } finally {
      await node.kill();
    }
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Something that must not be. */
class Finding extends Error {
  override readonly name = 'Finding';
}

function isFinding(error: unknown): boolean {
  return error instanceof Finding;
}

export function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Finding(what);
}

/** Does the work while everything is brought to disk again and again. */
export async function whileFlushing(node: RegtestNode, work: () => Promise<unknown>): Promise<void> {
  let isDone = false;
  const flushes = async () => {
    while (!isDone) {
      await node.rpc('gettxoutsetinfo', 'none', null, false);
      await delay(15);
    }
  };
  const done = work().finally(() => {
    isDone = true;
  });
  await Promise.all([done, flushes()]);
}

export function atHeight(node: RegtestNode, height: number): Promise<true | undefined> {
  return until(
    `height ${height}`,
    WORK_MS,
    async () => ((await node.rpc<number>('getblockcount')) >= height ? true : undefined),
    20,
  );
}
