/**
 * The beginning of the real chains, read from a file at the start (`-loadblock`) with every script checked, beside
 * bitcoind where there is one. What they come to is compared with what Bitcoin Core recorded. Short: testnet's once.
 */
import assert from 'node:assert';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { killAll } from '../../scripts/regtest/process.ts';
import { readShared, readSharedJson } from '../support/shared.ts';
import { contest } from './contest.ts';
import type { Figure, Scenario } from './scenario.ts';

const RUNS = { short: 1, full: 5 };
const CHAINS = [
  { chain: 'test', name: 'testnet3-0-400', height: 400 },
  { chain: 'main', name: 'mainnet-0-4312', height: 4_312 },
] as const;

interface ExpectedChain {
  readonly blocks: readonly { readonly height: number; readonly hash: string; readonly muhash: string }[];
}

export const loadScenario: Scenario = {
  name: 'real chains from a file',
  async run({ short }) {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bench-'));
    const figures: Figure[] = [];
    try {
      for (const { chain, name, height } of short ? CHAINS.slice(0, 1) : CHAINS) {
        const file = path.join(root, `${name}.dat`);
        fs.writeFileSync(file, readShared(`blocks/chains/${name}.dat.gz`));
        const { blocks } = readSharedJson<ExpectedChain>(`blocks/chains/${name}.expected.json.gz`);
        const tip = blocks.find(block => block.height === height)!;
        const runs = short ? RUNS.short : RUNS.full;
        const made = await contest(root, name, runs, {
          chain,
          args: [`-loadblock=${file}`, '-connect=0', '-listen=1', '-assumevalid=0', '-par=2'],
          isReached: async node => (await node.rpc<number>('getblockcount')) === height,
          async check(node) {
            assert.equal(await node.rpc('getbestblockhash'), tip.hash);
            const coins = await node.rpc<{ muhash: string }>('gettxoutsetinfo', 'muhash');
            assert.equal(coins.muhash, tip.muhash);
          },
        });
        figures.push(...made);
      }
      return figures;
    } finally {
      killAll();
      fs.rmSync(root, { recursive: true, force: true });
    }
  },
};
