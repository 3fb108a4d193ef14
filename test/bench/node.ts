/** A whole node as its users meet it: how soon it answers, how many requests it takes, how fast it mines. */
import assert from 'node:assert';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../scripts/regtest/ports.ts';
import { killAll, RegtestNode } from '../../scripts/regtest/process.ts';
import type { Figure, Scenario } from './scenario.ts';

const CONNECTIONS = 8;
const STARTS = { short: 2, full: 7 };
const REQUESTS = { short: 4_000, full: 60_000 };
const BLOCKS = 101;
const ADDRESS = 'bcrt1q6rhpng9evdsfnn833a4f4vej0asu6dk5srld6x';

export const nodeScenario: Scenario = {
  name: 'one node: start, JSON-RPC, mining',
  async run({ short }) {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bench-'));
    try {
      const figures: Figure[] = [await startTime(root, short ? STARTS.short : STARTS.full)];
      const node = await createNode(root, 'node');
      await node.start();
      figures.push(await requestRate(node, short ? REQUESTS.short : REQUESTS.full));
      const began = performance.now();
      const hashes = await node.rpc<string[]>('generatetoaddress', BLOCKS, ADDRESS);
      const seconds = (performance.now() - began) / 1000;
      assert.equal(hashes.length, BLOCKS);
      figures.push({
        name: `${BLOCKS} regtest blocks mined by generatetoaddress`,
        value: seconds,
        unit: 's',
      });
      await node.stop();
      return figures;
    } finally {
      killAll();
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
};

async function createNode(root: string, name: string): Promise<RegtestNode> {
  const [port, rpcPort] = [await freePort(['127.0.0.1']), await freePort(['127.0.0.1'])];
  const directory = path.join(root, name);
  const args = [
    '--datadir',
    directory,
    '--bind',
    '127.0.0.1',
    '--port',
    String(port),
    '--rpcport',
    String(rpcPort),
    '--listenonion=0',
  ];
  return new RegtestNode({ name, host: '127.0.0.1', rpcPort, directory, chain: 'regtest', args });
}

/** Median time from the launch to the first answer, on an empty directory. */
async function startTime(root: string, runs: number): Promise<Figure> {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    const node = await createNode(root, `start${run}`);
    const began = performance.now();
    await node.start(5);
    times.push((performance.now() - began) / 1000);
    await node.stop();
  }
  times.sort((a, b) => a - b);
  return { name: 'from launch to the first RPC answer', value: times[times.length >> 1]!, unit: 's' };
}

/** `getblockcount` over keep-alive connections, each with one request at a time. */
async function requestRate(node: RegtestNode, requests: number): Promise<Figure> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'getblockcount', params: [] });
  const call = () =>
    new Promise<string>((resolve, reject) => {
      const headers = { authorization: node.authorization, 'content-type': 'application/json' };
      const options = { agent, host: '127.0.0.1', port: node.setup.rpcPort, method: 'POST', headers };
      const request = http.request(options, response => {
        let text = '';
        response.setEncoding('utf8').on('data', chunk => (text += chunk));
        response.on('end', () => resolve(text));
      });
      request.on('error', reject);
      request.end(body);
    });
  assert.deepEqual(JSON.parse(await call()), { jsonrpc: '2.0', result: 0, id: 1 });
  const began = performance.now();
  let left = requests;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await call();
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, worker));
  const rate = requests / ((performance.now() - began) / 1000);
  agent.destroy();
  return {
    name: `getblockcount over ${CONNECTIONS} connections (client on the same cores)`,
    value: rate,
    unit: 'requests/s',
  };
}
