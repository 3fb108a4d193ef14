/** Looking through what is stored (Core: rpc/blockchain.cpp). */
import { CHECK_BLOCKS_DEFAULT, CHECK_LEVEL_DEFAULT } from '../../../chain/verify-chain.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const verifychain: RpcMethod<NodeFacade> = {
  name: 'verifychain',
  category: 'blockchain',
  description: 'Looks through the last blocks of the chain, and what is stored about them, once more.',
  params: [
    {
      name: 'checklevel',
      type: 'number',
      defaultHint: `${CHECK_LEVEL_DEFAULT}, range=0-4`,
      doc:
        'How thorough it is, each level with those below it: 0 reads the blocks, 1 checks what they say, 2 reads their undo\n' +
        'data, 3 takes them off the coins, 4 connects them again',
    },
    {
      name: 'nblocks',
      type: 'number',
      defaultHint: `${CHECK_BLOCKS_DEFAULT}, 0=all`,
      doc: 'How many blocks',
    },
  ],
  results: [res.boolean('', 'whether all was well; if not, the log tells why')],
  examples: [[], [4, 100]],
  run({ blocks }, args) {
    const level = args.has('checklevel') ? args.integer('checklevel') : CHECK_LEVEL_DEFAULT;
    const count = args.has('nblocks') ? args.integer('nblocks') : CHECK_BLOCKS_DEFAULT;
    return blocks.verify({ level, blocks: count });
  },
};
