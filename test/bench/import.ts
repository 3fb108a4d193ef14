/**
 * Blocks and inputs a second when the real chains are imported to disk, every script checked. The result is compared
 * with what Bitcoin Core recorded. Short: a regtest chain of 206 blocks.
 */
import { equal } from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkParams } from '../../src/consensus/networks.ts';
import { loadVerifier } from '../../src/crypto/verifier.ts';
import { importFiles } from '../../src/node/import.ts';
import { ScriptWorkers, workerCount } from '../../src/node/script-workers.ts';
import { openDiskChain } from '../support/disk-chain.ts';
import { SHARED_FOLDER } from '../support/shared-folder.ts';
import type { Figure, Scenario } from './scenario.ts';

/** The newest of the chains is dated shortly before. */
const NOW = Date.UTC(2026, 10, 22);

const CHAINS = [
  {
    network: 'regtest',
    name: 'regtest-kernel-0-206',
    hash: '6f596a9fb79023e72ac6c2423e9dff4991f49994c0a55d1a2124ce03a98e9d74',
  },
  {
    network: 'main',
    name: 'mainnet-0-4312',
    hash: 'fa5670424a993c1c40c2ec80fdac5deaf80f14f3857ea2e16a1339ee7a596e62',
  },
  {
    network: 'regtest',
    name: 'regtest-100k-inputs-0-150',
    hash: '6ba5998420ef981c401de0c5f3c94dcdcff5f0261f98a4d5e5029de37b2f9b30',
  },
] as const;

export const importScenario: Scenario = {
  name: 'import',
  async run({ short }) {
    const verifier = await loadVerifier('auto');
    const workers = new ScriptWorkers({ verifier }, { workers: workerCount(0) });
    const folder = mkdtempSync(join(tmpdir(), 'hearsay-bench-'));
    const figures: Figure[] = [];
    try {
      for (const chain of short ? CHAINS.slice(0, 1) : CHAINS)
        figures.push(...(await importChain(chain, join(folder, chain.name), workers)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
      await workers.close();
    }
    return figures;
  },
};

async function importChain(
  { network, name, hash }: (typeof CHAINS)[number],
  directory: string,
  workers: ScriptWorkers,
): Promise<Figure[]> {
  const disk = await openDiskChain(networkParams(network), directory, {
    now: NOW,
    assumedValidBlock: null,
    checkScripts: checks => workers.check(checks),
  });
  const start = performance.now();
  const clock = { now: () => NOW };
  const file = join(SHARED_FOLDER, 'blocks/chains', `${name}.dat.gz`);
  const { problems, blocks, inputs } = await importFiles([file], { ...disk, clock });
  const seconds = (performance.now() - start) / 1_000;
  equal(problems.length, 0);
  const statistics = { hash: 'hash_serialized_3', now: NOW } as const;
  equal((await disk.host.coinStats(disk.chain, disk.writer, statistics)).hash, hash);
  await disk.stop();
  return [
    { name, value: blocks / seconds, unit: 'blocks/s' },
    { name, value: inputs / seconds, unit: 'inputs/s' },
  ];
}
