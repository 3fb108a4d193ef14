/** Real headers, accepted one by one under the rules of their networks, and refused when a bit of them is changed. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes, ZERO_HASH } from '../../src/base/bytes.ts';
import { HeaderTree } from '../../src/chain/header-tree.ts';
import { checkBlock } from '../../src/consensus/block.ts';
import { checkBlockHeader, contextualCheckBlockHeader } from '../../src/consensus/header.ts';
import { blockMerkleRoot } from '../../src/consensus/merkle.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import {
  decodeCompact,
  nextWorkRequired,
  permittedDifficultyTransition,
  retarget,
} from '../../src/consensus/pow.ts';
import { Reject } from '../../src/consensus/reject.ts';
import { pushNumber } from '../../src/script/opcodes.ts';
import {
  type BlockHeader,
  blockHeader,
  createHeader,
  decodeBlock,
  HEADER_BYTES,
} from '../../src/wire/block.ts';
import { decodeAll } from '../../src/wire/codec.ts';
import { createTransaction, NULL_INDEX, SEQUENCE_FINAL } from '../../src/wire/transaction.ts';
import { mustBe } from '../support/must-be.ts';
import { describeShared, readShared, readSharedJson } from '../support/shared.ts';

/** After all of them. */
const NOW = Date.UTC(2026, 10, 22);

function readHeaders(name: string): BlockHeader[] {
  const bytes = new Uint8Array(readShared(`blocks/headers/${name}.bin.gz`));
  const headers: BlockHeader[] = [];
  for (let at = 0; at < bytes.length; at += HEADER_BYTES) {
    headers.push(decodeAll(blockHeader, bytes.subarray(at, at + HEADER_BYTES)));
  }
  return headers;
}

/** The whole run in a tree, each header under all rules. */
function accept(run: readonly BlockHeader[], params: ChainParams, now: number = NOW): HeaderTree {
  const tree = new HeaderTree();
  expect(run[0]!.hash).toBe(params.genesis.header.hash);
  tree.add(run[0]!);
  for (const header of run.slice(1)) {
    check(header, tree, params, now);
    tree.add(header);
  }
  return tree;
}

function check(header: BlockHeader, tree: HeaderTree, params: ChainParams, now: number = NOW): void {
  checkBlockHeader(header, params);
  const parent = tree.find(header.prevHash);
  if (parent === undefined) throw new Reject('prev-blk-not-found');
  contextualCheckBlockHeader(header, parent, { headers: tree, params, now });
}

const RUNS = [
  ['main', 'mainnet-0-32260', 32_260],
  ['test', 'testnet3-0-9999', 9_999],
  ['testnet4', 'testnet4-0-100', 100],
  ['signet', 'signet-0-2015', 2_015],
] as const;

describeShared('real headers', () => {
  test.each(RUNS)('%s: %s', (name, file, height) => {
    const params = networkParams(name);
    const run = readHeaders(file);
    const tree = accept(run, params);
    expect(tree.size - 1).toBe(height);
    // Every header's bits are what its parent asks for, found again in the finished tree.
    for (let id = 1; id <= height; id += 1) {
      mustBe(nextWorkRequired(id - 1, tree.timeOf(id), tree, params), tree.bitsOf(id), `height ${id}`);
      if (!params.allowMinDifficultyBlocks) {
        const permitted = permittedDifficultyTransition(params, id, tree.bitsOf(id - 1), tree.bitsOf(id));
        mustBe(permitted, true, `height ${id}`);
      }
    }
  });

  test("main: Core's chain work at each retarget", () => {
    const tree = accept(readHeaders('mainnet-0-32260'), networkParams('main'));
    const rows = readSharedJson<{ height: number; chainwork: string }[]>(
      'blocks/headers/mainnet-retarget-boundaries.json.gz',
    );
    const within = rows.filter(({ height }) => height < tree.size);
    for (const { height, chainwork } of within) {
      // Written with the lowest byte first there.
      const work = BigInt(`0x${bytesToHex(hexToBytes(chainwork).reverse())}`);
      expect(tree.chainWorkOf(height), `height ${height}`).toBe(work);
    }
    expect(within).toHaveLength(33);
  });

  test('testnet3 makes use of the minimum difficulty', () => {
    const run = readHeaders('testnet3-0-9999');
    const bits = new Set(run.map(header => header.bits));
    expect(bits.size).toBeGreaterThan(2);
  });

  test.each(RUNS)('%s: no header survives a flipped bit', (name, file) => {
    const params = networkParams(name);
    const run = readHeaders(file);
    const tree = accept(run.slice(0, 101), params);
    // Each bit of link, merkle root, time, bits and nonce, over a spread of headers.
    let flips = 0;
    for (let height = 1; height <= 100; height += 1) {
      const header = run[height]!;
      for (let bit = height % 7; bit < HEADER_BYTES * 8; bit += 7) {
        const bytes = new Uint8Array(readHeaderBytes(header));
        bytes[bit >> 3]! ^= 1 << (bit & 7);
        expect(() => check(decodeAll(blockHeader, bytes), tree, params)).toThrow(Reject);
        flips += 1;
      }
    }
    expect(flips).toBeGreaterThan(9_000);
  });
});

function readHeaderBytes(header: BlockHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, header.version, true);
  for (let i = 0; i < 32; i += 1) {
    bytes[4 + i] = header.prevHash.charCodeAt(i);
    bytes[36 + i] = header.merkleRoot.charCodeAt(i);
  }
  view.setUint32(68, header.time, true);
  view.setUint32(72, header.bits, true);
  view.setUint32(76, header.nonce, true);
  return bytes;
}

describeShared("mainnet's retargets up to height 832,608", () => {
  test('give the bits that were used', () => {
    const params = networkParams('main');
    const rows = readSharedJson<{ height: number; header: string }[]>(
      'blocks/headers/mainnet-retarget-boundaries.json.gz',
    );
    const byHeight = new Map(rows.map(row => [row.height, decodeAll(blockHeader, hexToBytes(row.header))]));
    let retargets = 0;
    for (const [height, header] of byHeight) {
      if (height === 0 || height % 2016 !== 0) continue;
      const first = byHeight.get(height - 2016)!;
      const last = byHeight.get(height - 1)!;
      expect(retarget(last.bits, last.time - first.time, params), `height ${height}`).toBe(header.bits);
      expect(permittedDifficultyTransition(params, height, last.bits, header.bits)).toBe(true);
      retargets += 1;
    }
    expect(retargets).toBe(413);
  });
});

describeShared("Core's alternate mainnet", () => {
  test('2,016 low-work blocks are accepted, and the difficulty rises by four', () => {
    const { timestamps, nonces } = readSharedJson<{ timestamps: number[]; nonces: number[] }>(
      'vectors/core/mainnet_alt.json',
    );
    const params = networkParams('main');
    const tree = new HeaderTree();
    tree.add(params.genesis.header);
    let prevHash = params.genesis.header.hash;
    for (let height = 1; height <= 2016; height += 1) {
      const header = alternateHeader(height, prevHash, timestamps[height - 1]!, nonces[height - 1]!);
      check(header, tree, params);
      tree.add(header);
      prevHash = header.hash;
    }
    expect(decodeCompact(tree.bitsOf(2015)).target).toBe(decodeCompact(0x1d00_ffff).target);
    expect(tree.bitsOf(2016)).toBe(0x1c3f_ffc0);
  });
});

/** As Core's test/functional/mining_mainnet.py builds it: a coinbase to one key, without lock time. */
function alternateHeader(
  height: number,
  prevHash: typeof ZERO_HASH | BlockHeader['hash'],
  time: number,
  nonce: number,
) {
  const heightPush = pushNumber(height);
  const coinbase = createTransaction({
    version: 2,
    inputs: [
      {
        prevout: { txid: ZERO_HASH, index: NULL_INDEX },
        scriptSig: height <= 16 ? Uint8Array.of(...heightPush, 0) : heightPush,
        sequence: SEQUENCE_FINAL,
        witness: [],
      },
    ],
    outputs: [
      {
        value: 5_000_000_000,
        scriptPubKey: hexToBytes('76a914eadbac7f36c37e39361168b7aaee3cb24a25312d88ac'),
      },
    ],
    lockTime: 0,
  });
  const merkleRoot = blockMerkleRoot({ transactions: [coinbase] }).root;
  const bits = height < 2016 ? 0x1d00_ffff : 0x1c3f_ffc0;
  return createHeader({ version: 0x2000_0000, prevHash, merkleRoot, time, bits, nonce });
}

describeShared('real blocks of signet', () => {
  test('signet: 120 solutions are right, and wrong under another challenge (BIP325)', () => {
    const params = networkParams('signet');
    const file = new Uint8Array(readShared('blocks/chains/signet-0-120.dat.gz'));
    const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
    const other = { ...params, signetChallenge: Uint8Array.of(0x51, 0x75, 0x00) };
    let blocks = 0;
    for (let at = 0; at < file.length; ) {
      const length = view.getUint32(at + 4, true);
      const block = decodeBlock(file.subarray(at + 8, at + 8 + length));
      checkBlock(block, params);
      if (blocks > 0) expect(() => checkBlock(block, other)).toThrow('bad-signet-blksig');
      blocks += 1;
      at += 8 + length;
    }
    expect(blocks).toBe(121);
  });
});
