import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hashToHex } from '../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { importFiles } from '../../src/node/import.ts';
import { openDiskChain } from '../support/disk-chain.ts';
import { describeShared, readShared, readSharedJson, sharedPath } from '../support/shared.ts';

/** The shared chains are dated up to then. */
const NOW = Date.UTC(2026, 10, 22);

interface Expected {
  readonly tip: { readonly height: number; readonly hash_serialized_3: string };
  readonly blocks: readonly {
    readonly height: number;
    readonly hash: string;
    readonly chainwork: string;
    readonly mediantime: number;
    readonly nTx: number;
    readonly muhash: string;
    readonly txouts: number;
    readonly total_amount: string;
    readonly bogosize: number;
  }[];
}

/** `hash` where the expected file's tip is further than the blocks: from Bitcoin Core 31.99 at that height. */
const CHAINS = [
  {
    network: 'main',
    name: 'mainnet-0-4312',
    hash: 'fa5670424a993c1c40c2ec80fdac5deaf80f14f3857ea2e16a1339ee7a596e62',
  },
  {
    network: 'test',
    name: 'testnet3-0-400',
    hash: '30cf3521f0f5ef4126ffc7a4592166bef52896655c098a0ac33facf19e663235',
  },
  { network: 'signet', name: 'signet-0-120', hash: undefined },
  { network: 'regtest', name: 'regtest-kernel-0-206', hash: undefined },
] as const;

describeShared('import of real chains', () => {
  let folder = '';
  let made = 0;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hearsay-import-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const next = () => join(folder, String(made++));

  const clock = { now: () => NOW };

  test.each(CHAINS)('$name ends where Core ends', async ({ network, name, hash }) => {
    const expected = readSharedJson<Expected>(`blocks/chains/${name}.expected.json.gz`);
    const last = expected.blocks.at(-1)!;
    const directory = next();
    const options = { now: NOW, assumedValidBlock: null };
    const disk = await openDiskChain(networkParams(network), directory, options);
    const report = await importFiles([sharedPath(`blocks/chains/${name}.dat.gz`)], { ...disk, clock });
    expect(report.problems).toEqual([]);
    expect(report.blocks).toBe(last.height);
    expect(report.bytesRead).toBe(report.bytesTotal);
    const { chain } = disk;
    for (const block of expected.blocks) {
      const id = chain.atHeight(block.height)!;
      expect(hashToHex(chain.headers.hashOf(id))).toBe(block.hash);
      expect(chain.headers.chainWorkOf(id)).toBe(BigInt(`0x${block.chainwork}`));
      expect(chain.headers.medianTimePastOf(id)).toBe(block.mediantime);
      expect(chain.headers.txCountOf(id)).toBe(block.nTx);
    }
    const stats = await disk.host.coinStats(chain, disk.writer, { hash: 'muhash', now: NOW });
    expect(stats).toMatchObject({ height: last.height, outputs: last.txouts, bogoSize: last.bogosize });
    expect(stats.hash).toBe(last.muhash);
    expect(Number(stats.totalAmount) / 1e8).toBe(Number(last.total_amount));
    await disk.stop();
    // And it is all there after a restart.
    const again = await openDiskChain(networkParams(network), directory, options);
    expect(again.chain.height).toBe(last.height);
    const serialized = { hash: 'hash_serialized_3', now: NOW } as const;
    expect((await again.host.coinStats(again.chain, again.writer, serialized)).hash).toBe(
      hash ?? expected.tip.hash_serialized_3,
    );
    await again.stop();
  });
});
