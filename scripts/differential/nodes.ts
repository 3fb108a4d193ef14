/** The two nodes under comparison, on chains of their own without peers, asked in batches over JSON-RPC. */
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { freePort } from '../regtest/ports.ts';
import { RegtestNode } from '../regtest/process.ts';

const HOST = '127.0.0.1';
/** Scripts are checked in order, so that of many bad inputs both name the first; nothing is refused for its fee. */
const COMMON = ['par=1', 'minrelaytxfee=0', 'incrementalrelayfee=0', 'listen=0', 'connect=0', 'disablewallet=1', 'dnsseed=0']; // biome-ignore format: one list
const CORE_ONLY = ['regtest', 'checkmempool=0', 'checkblockindex=0', 'checkaddrman=0', 'printtoconsole=0', 'debuglogfile=0', 'natpmp=0', 'rpcdoccheck=0', 'server=1']; // biome-ignore format: one list

/** What a node answered to one request, as JSON that compares as text. */
export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } };

export interface Request {
  readonly method: string;
  readonly params: readonly unknown[];
}

export interface Answers {
  readonly ours: Answer;
  readonly core: Answer;
}

export class NodePair {
  readonly ours: RegtestNode;
  readonly core: RegtestNode;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

  constructor(ours: RegtestNode, core: RegtestNode) {
    this.ours = ours;
    this.core = core;
  }

  /** Both, in folders below `root`. Settings: of both, and lines of our own configuration file. */
  static async start(
    root: string,
    bitcoind: string,
    { common, ours: ownLines }: { readonly common: readonly string[]; readonly ours: readonly string[] },
  ): Promise<NodePair> {
    const place = async (name: string) => {
      const setup = {
        name,
        host: HOST,
        rpcPort: await freePort([HOST]),
        directory: path.join(root, name),
        chain: 'regtest',
      };
      return {
        ...setup,
        args: [`datadir=${setup.directory}`, `rpcport=${setup.rpcPort}`, ...COMMON, ...common],
      };
    };
    const ours = await place('ours');
    const core = await place('core');
    const dashed = (args: readonly string[]) => args.map(arg => `-${arg}`);
    const pair = new NodePair(
      new RegtestNode({
        ...ours,
        args: dashed([...ours.args, 'regtest=1', 'printtoconsole=0']),
        program: [bitcoindOfOurs()],
      }),
      new RegtestNode({ ...core, args: dashed([...core.args, ...CORE_ONLY]), program: [bitcoind] }),
    );
    fs.mkdirSync(ours.directory, { recursive: true });
    fs.writeFileSync(path.join(ours.directory, 'bitcoin.conf'), ownLines.join('\n'));
    await Promise.all([pair.ours.start(), pair.core.start()]);
    return pair;
  }

  /** One answer of each node to each request, in order. */
  async ask(requests: readonly Request[]): Promise<Answers[]> {
    if (requests.length === 0) return [];
    const [ours, core] = await Promise.all([
      this.#batch(this.ours, requests),
      this.#batch(this.core, requests),
    ]);
    return requests.map((_, i) => ({ ours: ours[i]!, core: core[i]! }));
  }

  #batch(node: RegtestNode, requests: readonly Request[]): Promise<Answer[]> {
    const body = JSON.stringify(
      requests.map(({ method, params }, id) => ({ jsonrpc: '2.0', id, method, params })),
    );
    return new Promise((resolve, reject) => {
      const request = http.request(
        {
          host: HOST,
          port: node.setup.rpcPort,
          method: 'POST',
          agent: this.#agent,
          headers: {
            authorization: node.authorization,
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
          },
        },
        response => {
          const chunks: Buffer[] = [];
          response.on('data', chunk => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString();
            try {
              const replies = JSON.parse(text) as {
                id: number;
                result?: unknown;
                error?: { code: number; message: string };
              }[];
              resolve(
                replies
                  .sort((a, b) => a.id - b.id)
                  .map(({ result, error }) => (error ? { error } : { result })),
              );
            } catch {
              reject(new Error(`${node.name} answered ${response.statusCode}: ${text.slice(0, 500)}`));
            }
          });
        },
      );
      request.on('error', error => reject(new Error(`${node.name}: ${error.message}`)));
      request.end(body);
    });
  }

  async stop(): Promise<void> {
    this.#agent.destroy();
    await Promise.allSettled([this.ours.kill(), this.core.kill()]);
  }
}

function bitcoindOfOurs(): string {
  const here = path.dirname(new URL(import.meta.url).pathname);
  // Compiled, this file lies one folder deeper.
  const root = here.includes(`${path.sep}dist${path.sep}`) ? '../../..' : '../..';
  return path.resolve(here, root, 'bin/bitcoind');
}
