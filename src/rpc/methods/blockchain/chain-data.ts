/** Methods that look into the chain as a whole: indexes, statistics, the set of coins. */
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { getrawtransaction } from '../rawtransactions/get.ts';
import { getindexinfo } from '../util/indexes.ts';
import { gettxoutsetinfo } from './coin-set.ts';
import { getblockfilter } from './filters.ts';
import { gettxspendingprevout } from './spending.ts';

export const CHAIN_DATA: readonly RpcMethod<NodeFacade>[] = [
  getblockfilter,
  getindexinfo,
  getrawtransaction,
  gettxoutsetinfo,
  gettxspendingprevout,
];
