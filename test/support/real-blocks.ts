/** The 18 real blocks of 2009 to 2024 that lie in `../shared` with the coins they spend. */

import type { LoneBlock, SpentCoin } from '../../src/consensus/lone-block.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import type { ChainParams } from '../../src/consensus/params.ts';
import { readBlockContext } from '../../src/node/block-file.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { readShared, readSharedJson } from './shared.ts';

/** Height after the name of the network; inputs; whether the header's context is known; cost that others counted too. */
export const REAL_BLOCKS: readonly {
  readonly name: string;
  readonly inputs: number;
  readonly headerInContext: boolean;
  readonly sigOpCost?: number;
}[] = [
  { name: 'main-170', inputs: 1, headerInContext: true },
  { name: 'main-2016', inputs: 0, headerInContext: true },
  { name: 'main-24835', inputs: 74, headerInContext: true },
  { name: 'main-57043', inputs: 131, headerInContext: true },
  { name: 'main-91722', inputs: 0, headerInContext: true },
  { name: 'main-116928', inputs: 12, headerInContext: true },
  { name: 'main-150013', inputs: 94, headerInContext: true },
  { name: 'main-210000', inputs: 899, headerInContext: true },
  { name: 'main-277647', inputs: 732, headerInContext: false },
  { name: 'main-300025', inputs: 1_427, headerInContext: false, sigOpCost: 5_284 },
  { name: 'main-361582', inputs: 918, headerInContext: false },
  { name: 'main-403200', inputs: 1_036, headerInContext: true },
  { name: 'main-739990', inputs: 2_169, headerInContext: false },
  { name: 'main-757739', inputs: 91, headerInContext: true },
  { name: 'main-866342', inputs: 7_972, headerInContext: false },
  { name: 'test3-928816', inputs: 8_692, headerInContext: false, sigOpCost: 9_109 },
  { name: 'test3-928831', inputs: 9_984, headerInContext: false, sigOpCost: 10_035 },
  { name: 'test3-1087400', inputs: 205, headerInContext: false, sigOpCost: 1_298 },
]; // biome-ignore format: a table

export interface RealBlock extends LoneBlock {
  /** Also of what the block spends of its own outputs. */
  readonly spent: readonly (readonly SpentCoin[])[];
  readonly params: ChainParams;
  readonly fees: number;
  readonly coinbaseOut: number;
  /** Chain work before and after it, where it is known. */
  readonly work: readonly [before: bigint, after: bigint] | undefined;
}

export function readRealBlock(name: string): RealBlock {
  const block = decodeBlock(new Uint8Array(readShared(`blocks/with-prevouts/${name}.blk.gz`)));
  const file = readSharedJson<{
    fees: number;
    coinbase_out: number;
    prev_state?: { total_work: string };
    after_state?: { total_work: string };
  }>(`blocks/with-prevouts/${name}.prevouts.json.gz`);
  const { prev_state: before, after_state: after } = file;
  const lone = readBlockContext(block, file);
  return {
    ...lone,
    spent: lone.spent as RealBlock['spent'],
    params: networkParams(name.startsWith('main') ? 'main' : 'test'),
    fees: file.fees,
    coinbaseOut: file.coinbase_out,
    work: before && after && [BigInt(before.total_work), BigInt(after.total_work)],
  };
}
