/** Block filters (Core: rpc/blockchain.cpp). */
import { type BlockHash, bytesToHex, hashToHex } from '../../../base/bytes.ts';
import { findHeader } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { FilterLookup } from '../../index-access.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';

const EXAMPLE_HASH = '00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09';

export const filterTypeParam: Param = {
  name: 'filtertype',
  type: 'string',
  default: 'basic',
  doc: 'The type of the filter',
};

/** Throws RpcError when there is no such type or no index of it. */
export function filtersOfType({ indexes }: NodeFacade, type: string): FilterLookup {
  if (type !== 'basic') throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Unknown filtertype');
  if (indexes.filters !== undefined) return indexes.filters;
  throw new RpcError(RpcCode.MISC_ERROR, `Index is not enabled for filtertype ${type}`);
}

export const getblockfilter: RpcMethod<NodeFacade> = {
  name: 'getblockfilter',
  category: 'blockchain',
  description: 'Gives the filter of a block (BIP157).',
  params: [{ name: 'blockhash', type: 'hex', doc: 'The hash of the block' }, filterTypeParam],
  results: [
    res.object('', '', [
      res.hex('filter', 'the encoded filter'),
      res.hex('header', 'the header of the filter'),
    ]),
  ],
  examples: [[EXAMPLE_HASH, 'basic']],
  async run(node, args) {
    const hash = args.hash<BlockHash>('blockhash');
    const filters = filtersOfType(node, args.string('filtertype'));
    const id = findHeader(node.chain, hash);
    const wasConnected = node.chain.headers.isFullyValid(id);
    const isReady = await filters.progress.caughtUp();
    const filter = filters.filter(id);
    const header = filters.header(id);
    if (filter !== undefined && header !== undefined) {
      return { filter: bytesToHex(filter), header: hashToHex(header) };
    }
    if (!wasConnected) {
      throw new RpcError(
        RpcCode.INVALID_ADDRESS_OR_KEY,
        'Filter not found. Block was not connected to active chain.',
      );
    }
    if (!isReady) {
      throw new RpcError(
        RpcCode.MISC_ERROR,
        'Filter not found. Block filters are still in the process of being indexed.',
      );
    }
    throw new RpcError(
      RpcCode.INTERNAL_ERROR,
      'Filter not found. This error is unexpected and indicates index corruption.',
    );
  },
};
