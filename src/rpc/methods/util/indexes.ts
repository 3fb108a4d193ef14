/** Indexes beside the chain (Core: rpc/node.cpp). */
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const getindexinfo: RpcMethod<NodeFacade> = {
  name: 'getindexinfo',
  category: 'util',
  description: 'Tells the state of the indexes that run in the node.',
  params: [{ name: 'index_name', type: 'string', optional: true, doc: 'Only of the index with this name.' }],
  results: [
    res.userKeys('', '', [
      res.object('name', 'the name of an index', [
        res.boolean('synced', 'whether it has caught up'),
        res.number('best_block_height', 'the height that it has reached'),
      ]),
    ]),
  ],
  examples: [[], ['txindex']],
  run({ indexes }, args) {
    const wanted = args.has('index_name') ? args.string('index_name') : '';
    const shown = indexes.summaries().filter(({ name }) => wanted === '' || name === wanted);
    return Object.fromEntries(
      shown.map(({ name, isSynced, bestHeight }) => [
        name,
        { synced: isSynced, best_block_height: bestHeight },
      ]),
    );
  },
};
