/** All methods for PSBTs that need no wallet. */
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import {
  analyzepsbt, combinepsbt, converttopsbt, createpsbt, decodepsbt, finalizepsbt, joinpsbts,
} from './psbt.ts'; // biome-ignore format: one list
import { descriptorprocesspsbt, utxoupdatepsbt } from './psbt-process.ts';

export const PSBT_METHODS: readonly RpcMethod<NodeFacade>[] = [
  analyzepsbt, combinepsbt, converttopsbt, createpsbt, decodepsbt, descriptorprocesspsbt, finalizepsbt, joinpsbts,
  utxoupdatepsbt,
]; // biome-ignore format: one list
