/** How long a transaction and a block take to reach each of five nodes of a private network. */
import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../scripts/regtest/ports.ts';
import { killAll, RegtestNode, until } from '../../scripts/regtest/process.ts';
import type { Figure, Scenario } from './scenario.ts';

const NODES = 5;
const ROUNDS = { short: 1, full: 8 };
const MATURITY = 101;

export const propagationScenario: Scenario = {
  name: 'five nodes: how transactions and blocks spread',
  async run({ short }) {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bench-'));
    try {
      const nodes = await startNetwork(root);
      const [first] = nodes;
      await first!.rpc('createwallet', 'w');
      const address = await first!.rpc<string>('getnewaddress');
      await first!.rpc('generatetoaddress', MATURITY, address);
      await reachAll(nodes, async node => (await node.rpc<number>('getblockcount')) === MATURITY);
      const times = { tx: [] as number[], block: [] as number[] };
      for (let round = 0; round < (short ? ROUNDS.short : ROUNDS.full); round += 1) {
        const txid = await first!.rpc<string>('sendtoaddress', address, 1);
        times.tx.push(
          ...(await reachAll(nodes, async node =>
            (await node.rpc<string[]>('getrawmempool')).includes(txid),
          )),
        );
        const [hash] = await first!.rpc<string[]>('generatetoaddress', 1, address);
        times.block.push(
          ...(await reachAll(nodes, async node => (await node.rpc('getbestblockhash')) === hash)),
        );
      }
      await Promise.all(nodes.map(node => node.stop()));
      return [...figures('transaction', times.tx), ...figures('block', times.block)];
    } finally {
      killAll();
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
};

async function startNetwork(root: string): Promise<RegtestNode[]> {
  const hosts = Array.from({ length: NODES }, (_, i) => `127.${i + 1}.0.1`);
  const port = await freePort(hosts);
  const nodes: RegtestNode[] = [];
  for (const [i, host] of hosts.entries()) {
    const directory = path.join(root, `node${i}`);
    const rpcPort = await freePort(['127.0.0.1']);
    const args = [
      ...['--datadir', directory, '--private-network', '--bind', host, '--port', String(port)],
      ...['--rpcport', String(rpcPort), '--seed', `${hosts[0]}:${port}`, '--fallbackfee', '0.0002'],
    ];
    nodes.push(new RegtestNode({ name: `node${i}`, host, rpcPort, directory, chain: 'regtest', args }));
  }
  await Promise.all(nodes.map(node => node.start()));
  await until('everybody has peers', 60_000, async () => {
    const counts = await Promise.all(nodes.map(node => node.rpc<number>('getconnectioncount')));
    return counts.every(count => count >= 2);
  });
  return nodes;
}

/** Milliseconds until it is true at each node but the first. */
async function reachAll(
  nodes: readonly RegtestNode[],
  has: (node: RegtestNode) => Promise<boolean>,
): Promise<number[]> {
  const began = performance.now();
  return Promise.all(
    nodes.slice(1).map(async node => {
      await until(`it reaches ${node.name}`, 60_000, () => has(node), 2);
      return performance.now() - began;
    }),
  );
}

function figures(what: string, times: number[]): Figure[] {
  assert(times.length > 0);
  times.sort((a, b) => a - b);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(share * times.length))]!;
  return [
    { name: `${what} at a node, median`, value: at(0.5), unit: 'ms' },
    { name: `${what} at the last node, worst`, value: times.at(-1)!, unit: 'ms' },
  ];
}
