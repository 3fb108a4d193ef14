/** Deleting old blocks by hand (Core: rpc/blockchain.cpp). */
import type { ChainView } from '../../../chain/chain-view.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

/** A greater number is a time: there are no such heights, and no blocks of times that early. */
const HEIGHT_MAX = 1_000_000_000;
/** How far times of blocks may be off (Core: TIMESTAMP_WINDOW). */
const TIME_WINDOW_S = 2 * 60 * 60;
/** Core: MIN_BLOCKS_TO_KEEP. */
const BLOCKS_KEPT_MIN = 288;

export const pruneblockchain: RpcMethod<NodeFacade> = {
  name: 'pruneblockchain',
  category: 'blockchain',
  description:
    'Deletes block and undo data up to a height or a time, as far as they may go. Only with `-prune`.\n' +
    'The last 288 blocks stay. What was deleted can be had again from peers only, block by block.',
  params: [
    {
      name: 'height',
      type: 'number',
      doc: 'A height, or a UNIX epoch time to delete blocks that are at least 2 hours older than it.',
    },
  ],
  results: [res.number('', 'the height of the last block that is gone')],
  examples: [[1000]],
  async run({ chain, blocks }, args) {
    if (blocks.pruning === undefined) {
      throw new RpcError(RpcCode.MISC_ERROR, 'Cannot prune blocks because node is not in prune mode.');
    }
    const wanted = args.integer('height');
    if (wanted < 0) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Negative block height.');
    let height = wanted > HEIGHT_MAX ? earliestAtLeast(chain, wanted - TIME_WINDOW_S) : wanted;
    if (height === undefined) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Could not find block with at least the specified timestamp.',
      );
    }
    const tipHeight = chain.headers.heightOf(chain.tip());
    if (tipHeight < blocks.pruning.afterHeight) {
      throw new RpcError(RpcCode.MISC_ERROR, 'Blockchain is too short for pruning.');
    }
    if (height > tipHeight) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Blockchain is shorter than the attempted prune height.');
    }
    height = Math.min(height, Math.max(0, tipHeight - BLOCKS_KEPT_MIN));
    await blocks.pruneTo(height);
    return blocks.pruneHeight() ?? -1;
  },
};

/** The first block of the chain with a time of at least `time` among its ancestors and itself. */
function earliestAtLeast(chain: ChainView, time: number): number | undefined {
  const { headers } = chain;
  const tipHeight = headers.heightOf(chain.tip());
  for (let height = 0; height <= tipHeight; height += 1)
    if (headers.timeOf(chain.atHeight(height)!) >= time) return height;
  return undefined;
}
