/**
 * Decoding a full block (mainnet 413567), and what stands before its coins are looked at: every transaction's hash,
 * the merkle root and the context-free rules. Short: a few rounds.
 */
import { equal } from 'node:assert/strict';
import { hashToHex } from '../../src/base/bytes.ts';
import { checkBlock } from '../../src/consensus/block.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { readShared } from '../support/shared.ts';
import { ratePerSecond, type Scenario } from './scenario.ts';

const FILE = 'blocks/single/main-413567.blk.gz';
const HASH = '0000000000000000025aff8be8a55df8f89c77296db6198f272d6577325d4069';
const MEGABYTE = 1_000_000;

export const blockScenario: Scenario = {
  name: 'block',
  async run({ short }) {
    const bytes = new Uint8Array(readShared(FILE));
    const params = networkParams('main');
    const block = decodeBlock(bytes);
    equal(hashToHex(block.header.hash), HASH);
    checkBlock(block, params);
    const milliseconds = short ? 50 : 2_000;
    const megabytes = bytes.length / MEGABYTE;
    const decoded = ratePerSecond(() => decodeBlock(bytes), milliseconds);
    const checked = ratePerSecond(() => checkBlock(decodeBlock(bytes), params), milliseconds);
    return [
      { name: 'block decoded', value: decoded * megabytes, unit: 'MB/s' },
      { name: 'block decoded and checked', value: checked * megabytes, unit: 'MB/s' },
    ];
  },
};
