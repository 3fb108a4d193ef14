import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
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

/**
 * `hash` where the expected file's tip is further than the blocks, and `undo`, SHA-256 of rev00000.dat without the
 * zeros at its end: both from Bitcoin Core 31.99 after -loadblock of the same file.
 */
const CHAINS = [
  {
    network: 'main',
    name: 'mainnet-0-4312',
    hash: 'fa5670424a993c1c40c2ec80fdac5deaf80f14f3857ea2e16a1339ee7a596e62',
    undo: '199d38b7fbcb4effc33e65aca2ed20e19c90fb49b68c4abda1e3be6598461e24',
  },
  {
    network: 'test',
    name: 'testnet3-0-400',
    hash: '30cf3521f0f5ef4126ffc7a4592166bef52896655c098a0ac33facf19e663235',
    undo: '1ffbf0373e8d2bd0c59ee24163234116c8ae80bcacc762cacfb04d5cdad53b5d',
  },
  { network: 'signet', name: 'signet-0-120', hash: undefined, undo: undefined },
  {
    network: 'regtest',
    name: 'regtest-kernel-0-206',
    hash: undefined,
    undo: '5ec835382e6e87f27324f43394e422b61f4f73a3b09a1cb06eeb3ede337e1aea',
  },
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

  test.each(CHAINS)('$name ends where Core ends', async ({ network, name, hash, undo }) => {
    const expected = readSharedJson<Expected>(`blocks/chains/${name}.expected.json.gz`);
    const last = expected.blocks.at(-1)!;
    const directory = next();
    const options = { now: NOW, assumedValidBlock: null, blocksXor: false };
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
    if (undo !== undefined) expect(sha256OfFile(join(directory, 'blocks', 'rev00000.dat'))).toBe(undo);
    const unpacked = readShared(`blocks/chains/${name}.dat.gz`);
    expect(readFileSync(join(directory, 'blocks', 'blk00000.dat')).equals(unpacked)).toBe(true);
    // And it is all there after a restart.
    const again = await openDiskChain(networkParams(network), directory, options);
    expect(again.chain.height).toBe(last.height);
    const serialized = { hash: 'hash_serialized_3', now: NOW } as const;
    expect((await again.host.coinStats(again.chain, again.writer, serialized)).hash).toBe(
      hash ?? expected.tip.hash_serialized_3,
    );
    await again.stop();
  });

  // One flipped byte: whatever it hits, the blocks before it stay, and the report says where and why.
  test.each(CHAINS.slice(0, 3))(
    '$name with one flipped byte is refused from there on',
    async ({ network, name }) => {
      const whole = readShared(`blocks/chains/${name}.dat.gz`).subarray(0, 60_000);
      const offsets = recordOffsets(whole);
      const random = new SeededRandom(network.length);
      for (let round = 0; round < 8; round += 1) {
        // Not in the genesis block, which everybody has.
        const at = offsets[1]! + randomBelow(random, offsets.at(-1)! - offsets[1]!);
        const damaged = Buffer.from(whole.subarray(0, offsets.at(-1)!));
        damaged[at]! ^= 1 << randomBelow(random, 8);
        const file = join(folder, 'damaged.dat');
        writeFileSync(file, damaged);
        const disk = await openDiskChain(networkParams(network), next(), {
          now: NOW,
          assumedValidBlock: null,
        });
        const report = await importFiles([file], { ...disk, clock });
        const hit = offsets.findLastIndex(offset => offset <= at);
        const where = `byte ${at} in the record of block ${hit}`;
        expect(disk.chain.height, where).toBe(hit - 1);
        expect(report.problems[0], where).toMatchObject({ file, reason: expect.stringMatching(/./) });
        const offset = report.problems.map(problem => problem.offset).sort((a, b) => a - b)[0]!;
        expect(offset, where).toBeGreaterThanOrEqual(offsets[hit]!);
        expect(offset, where).toBeLessThanOrEqual(at);
        // The file as it should be completes the chain.
        writeFileSync(file, whole.subarray(0, offsets.at(-1)!));
        const healed = await importFiles([file], { ...disk, clock });
        expect(healed.problems, where).toEqual([]);
        expect(disk.chain.height, where).toBe(offsets.length - 2);
        await disk.kill();
      }
    },
  );

  test('blocks out of order, garbage, zeros, a cut end and a damaged gzip', async () => {
    const whole = readShared('blocks/chains/regtest-kernel-0-206.dat.gz');
    const offsets = recordOffsets(whole);
    const record = (i: number) => whole.subarray(offsets[i]!, offsets[i + 1]!);
    const params = networkParams('regtest');
    const file = join(folder, 'mixed.dat');
    const pieces = [
      record(0),
      record(3),
      record(2),
      Buffer.alloc(100),
      record(1),
      Buffer.from('garbage'),
      params.magic,
    ];
    writeFileSync(file, Buffer.concat([...pieces, record(4), record(5).subarray(0, 60)]));
    const zipped = gzipSync(whole);
    zipped.fill(0xff, Math.floor(zipped.length / 2), Math.floor(zipped.length / 2) + 50);
    const damagedGzip = join(folder, 'damaged.gz');
    writeFileSync(damagedGzip, zipped);
    const disk = await openDiskChain(params, next(), { now: NOW });
    const report = await importFiles([file], { ...disk, clock });
    expect(disk.chain.height).toBe(4);
    expect(report.problems.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^no whole block \(a length of \d+ bytes\); 11 bytes passed over$/),
      expect.stringMatching(/^no whole block \(cut short: 52 of \d+ bytes\); 60 bytes passed over$/),
    ]);
    const second = await importFiles([damagedGzip], { ...disk, clock });
    expect(second.problems.map(({ reason }) => reason)).toContainEqual(
      expect.stringMatching(/^not readable as gzip/),
    );
    expect(disk.chain.height).toBeGreaterThan(20);
    await expect(importFiles([join(folder, 'absent.dat')], { ...disk, clock })).rejects.toThrow(/ENOENT/);
    await disk.kill();
  });
});

/** Where each record starts, and the end of the last whole one. */
function recordOffsets(bytes: Buffer): number[] {
  const offsets = [0];
  for (let at = 0; at + 8 <= bytes.length; ) {
    at += 8 + bytes.readUInt32LE(at + 4);
    if (at <= bytes.length) offsets.push(at);
  }
  return offsets;
}

function sha256OfFile(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}
