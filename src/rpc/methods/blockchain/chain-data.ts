/** Methods that look into the chain as a whole: indexes, statistics, the set of coins. */
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { getrawtransaction } from '../rawtransactions/get.ts';
import { getindexinfo } from '../util/indexes.ts';
import { getdescriptoractivity } from './activity.ts';
import { gettxoutsetinfo } from './coin-set.ts';
import { getblockfrompeer } from './fetch.ts';
import { getblockfilter } from './filters.ts';
import { gettxoutproof, verifytxoutproof } from './proofs.ts';
import { scanblocks } from './scan-blocks.ts';
import { dumptxoutset, getchainstates, loadtxoutset } from './snapshots.ts';
import { gettxspendingprevout } from './spending.ts';
import { getblockstats, getchaintxstats } from './stats.ts';

export const CHAIN_DATA: readonly RpcMethod<NodeFacade>[] = [
  dumptxoutset,
  getblockfilter,
  getblockfrompeer,
  getblockstats,
  getchainstates,
  getchaintxstats,
  getdescriptoractivity,
  getindexinfo,
  getrawtransaction,
  gettxoutsetinfo,
  gettxoutproof,
  gettxspendingprevout,
  loadtxoutset,
  scanblocks,
  verifytxoutproof,
];
