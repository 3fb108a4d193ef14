/**
 * Real node processes for a test: each with its own folder and free loopback ports. `close` (call it in afterAll, which
 * runs after failures and timeouts too) ends them all at once and removes their folders; so does the end of this process.
 */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../scripts/regtest/ports.ts';
import { killAll, RegtestNode, until } from '../../scripts/regtest/process.ts';

const HOST = '127.0.0.1';
/** How long anything between nodes may take; far more than it does. */
const WAIT_MS = 45_000;

/** A node of a sandbox, ours or Core's: with the port that peers connect to. */
export class SandboxNode extends RegtestNode {
  readonly port: number;
  constructor(setup: ConstructorParameters<typeof RegtestNode>[0], port: number) {
    super(setup);
    this.port = port;
  }

  /** `HOST:PORT` for peers. */
  get address(): string {
    return `${HOST}:${this.port}`;
  }

  /** The folder of its chain. */
  get directory(): string {
    return path.join(this.setup.directory, this.setup.chain);
  }
}

/** By what Ctrl-C and whoever stops a test run end this process, with the exit codes of shells. */
const ENDS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** Folders of sandboxes that are not closed. */
const roots = new Set<string>();

function endAll(): void {
  killAll();
  for (const root of roots) fs.rmSync(root, { recursive: true, force: true });
}

/** Files share a process, and with it what its end is told of. */
function allEndsWithUs(): void {
  if (process.listeners('exit').includes(endAll)) return;
  process.once('exit', endAll);
  // A signal alone ends a process without telling anybody.
  for (const [signal, code] of Object.entries(ENDS)) process.once(signal, () => process.exit(code));
}

export class Sandbox {
  #root: string | undefined;
  readonly #nodes: SandboxNode[] = [];

  constructor() {
    allEndsWithUs();
  }

  /** Made when first asked for: tests that are skipped leave nothing behind. */
  get root(): string {
    if (this.#root === undefined) {
      this.#root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-test-'));
      roots.add(this.#root);
    }
    return this.#root;
  }

  /** A node of ours; not started yet. */
  async hearsay(name: string, args: readonly string[] = [], chain = 'regtest'): Promise<SandboxNode> {
    const argsOf = (place: { directory: string; port: number; rpcPort: number }) => [
      ...['--datadir', place.directory, '--bind', HOST],
      ...['--port', String(place.port), '--rpcport', String(place.rpcPort)],
      // A Tor that happens to run here is none of our business.
      '--listenonion=0',
      ...['--fallbackfee', '0.0002', '--printtoconsole=0', '--debug=net', ...args],
    ];
    return this.add(name, argsOf, undefined, chain);
  }

  async add(
    name: string,
    argsOf: (place: {
      readonly directory: string;
      readonly port: number;
      readonly rpcPort: number;
    }) => readonly string[],
    program?: readonly string[],
    chain = 'regtest',
  ): Promise<SandboxNode> {
    const directory = path.join(this.root, name);
    const place = { directory, port: await freePort([HOST]), rpcPort: await freePort([HOST]) };
    const { port, rpcPort } = place;
    const args = argsOf(place);
    const setup = { name, host: HOST, rpcPort, directory, chain, args };
    const node = new SandboxNode(program === undefined ? setup : { ...setup, program }, port);
    this.#nodes.push(node);
    return node;
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map(node => node.kill()));
    if (this.#root === undefined) return;
    fs.rmSync(this.#root, { recursive: true, force: true });
    roots.delete(this.#root);
  }
}

/** Waits until the condition holds. */
export function eventually<T>(what: string, condition: () => Promise<T | undefined | false>): Promise<T> {
  return until(what, WAIT_MS, condition);
}

/** Waits until all stand at one tip, and returns its hash. */
export async function sameTip(...nodes: readonly SandboxNode[]): Promise<string> {
  const tips = () => Promise.all(nodes.map(node => node.rpc<string>('getbestblockhash')));
  return eventually('all have the same tip', async () => {
    const [first, ...others] = await tips();
    return others.every(tip => tip === first) && first;
  });
}

/** Waits until the transaction is in all mempools. */
export async function everyPool(txid: string, ...nodes: readonly SandboxNode[]): Promise<void> {
  for (const node of nodes) {
    await eventually(`${node.name} has ${txid}`, async () =>
      (await node.rpc<string[]>('getrawmempool')).includes(txid),
    );
  }
}

export interface CoinSet {
  readonly height: number;
  readonly bestblock: string;
  readonly txouts: number;
  readonly total_amount: number;
  readonly hash_serialized_3: string;
}

/** What Core and we must agree on to the last bit. */
export async function coinSet(node: SandboxNode): Promise<CoinSet> {
  const { height, bestblock, txouts, total_amount, hash_serialized_3 } =
    await node.rpc<CoinSet>('gettxoutsetinfo');
  return { height, bestblock, txouts, total_amount, hash_serialized_3 };
}
