/**
 * Bitcoin Core's own programs as partners of our node: `BITCOIND` names bitcoind, bitcoin-cli lies beside it. Tests with
 * them are skipped, and say so, where it is not set.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { describe, test } from 'vitest';
import type { Sandbox, SandboxNode } from './process.ts';

const { BITCOIND } = process.env;

/** A `describe` whose tests need bitcoind. */
export function describeBitcoind(name: string, body: () => void): void {
  if (BITCOIND) describe(name, body);
  else describe(name, () => test.skip('skipped: the variable BITCOIND names no bitcoind', () => {}));
}

/** What lets it dial: peers that are named, or a proxy that leads wherever the test says. */
const DIALS = /^-(connect|proxy)=/;

/** A bitcoind that dials nobody by itself, unless `args` have something of `DIALS`; not started yet. */
export async function bitcoind(
  sandbox: Sandbox,
  name: string,
  args: readonly string[] = [],
  chain = 'regtest',
): Promise<SandboxNode> {
  const alone = args.some(arg => DIALS.test(arg)) ? [] : ['-connect=0'];
  return sandbox.add(
    name,
    ({ directory, port, rpcPort }) => [
      ...[
        `-chain=${chain}`,
        `-datadir=${directory}`,
        `-bind=127.0.0.1:${port}`,
        `-rpcport=${rpcPort}`,
        '-listen=1',
      ],
      ...['-dnsseed=0', '-fixedseeds=0', '-listenonion=0', '-discover=0', '-natpmp=0', '-printtoconsole=0'],
      ...['-fallbackfee=0.0002', '-keypool=20', '-unsafesqlitesync', ...alone, ...args],
    ],
    [BITCOIND!],
    chain,
  );
}

export interface CliOutcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Core's bitcoin-cli against `node`. */
export async function bitcoinCli(
  node: SandboxNode,
  args: readonly string[],
  input = '',
): Promise<CliOutcome> {
  const program = path.join(path.dirname(BITCOIND!), 'bitcoin-cli');
  const options = ['-regtest', `-datadir=${node.setup.directory}`, `-rpcport=${node.setup.rpcPort}`];
  const child = spawn(program, [...options, ...args], { stdio: 'pipe' });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', chunk => (stdout += chunk));
  child.stderr.on('data', chunk => (stderr += chunk));
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number];
  return { code, stdout, stderr };
}
