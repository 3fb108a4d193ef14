/** A block from one peer, asked for by hand (Core: rpc/blockchain.cpp). */
import type { BlockHash } from '../../../base/bytes.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { toInteger } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

const EXAMPLE_HASH = '00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09';

export const getblockfrompeer: RpcMethod<NodeFacade> = {
  name: 'getblockfrompeer',
  category: 'blockchain',
  description:
    'Asks one peer for a block whose header is known, from submitheader for instance.\n\n' +
    'The block comes without undo data. Asking another peer for it again forgets the first one’s answer. Peers mostly\n' +
    'refuse blocks off the main chain that are old or were never valid; one that does not answer is disconnected.\n' +
    'A node that prunes may delete the block again at once.\n\n' +
    'Answers with an empty object when the block was asked for.',
  params: [
    { name: 'blockhash', type: 'hex', doc: 'The hash of the block' },
    { name: 'peer_id', type: 'number', doc: 'The peer, by its id in getpeerinfo' },
  ],
  results: [res.object('', '', [])],
  examples: [[EXAMPLE_HASH, 0]],
  run({ chain, blocks, network }, args) {
    const hash = args.hash<BlockHash>('blockhash');
    const peer = toInteger(args.get('peer_id'), 'i64');
    const { headers } = chain;
    const id = headers.find(hash);
    if (id === undefined) throw failed('Block header missing');
    // What lies above the tip would keep its file from being deleted.
    if (blocks.pruning !== undefined && headers.heightOf(id) > headers.heightOf(chain.tip())) {
      throw failed(
        'In prune mode, only blocks that the node has already synced previously can be fetched from a peer',
      );
    }
    if (headers.hasData(id)) throw failed('Block already downloaded');
    const refusal = network.fetchBlock(peer, id);
    if (refusal !== undefined) throw failed(refusal);
    return {};
  },
};

function failed(message: string): RpcError {
  return new RpcError(RpcCode.MISC_ERROR, message);
}
