/** The mempool on disk (Core: rpc/mempool.cpp). */
import { RpcCode, RpcError } from '../../codes.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const savemempool: RpcMethod<NodeFacade> = {
  name: 'savemempool',
  category: 'blockchain',
  description: 'Writes the mempool to disk. Fails until what the last run left has been read.',
  params: [],
  results: [res.object('', '', [res.string('filename', 'the file')])],
  examples: [[]],
  run({ pool }) {
    if (!pool.isLoaded) throw new RpcError(RpcCode.MISC_ERROR, 'The mempool was not loaded yet');
    const filename = pool.save();
    if (filename === undefined) throw new RpcError(RpcCode.MISC_ERROR, 'Unable to dump mempool to disk');
    return { filename };
  },
};

export const importmempool: RpcMethod<NodeFacade> = {
  name: 'importmempool',
  category: 'blockchain',
  description:
    'Reads a mempool.dat and puts what it holds into the mempool.\n' +
    'Files of others are dangerous, most of all if more than their transactions is taken over.',
  params: [
    { name: 'filepath', type: 'string', doc: 'The file' },
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      oneLine: 'options',
      fields: [
        {
          name: 'use_current_time',
          type: 'boolean',
          default: true,
          doc: 'Whether the transactions count as if they came now. What the file says of that may not be true.',
        },
        {
          name: 'apply_fee_delta_priority',
          type: 'boolean',
          default: false,
          doc: 'Whether what prioritisetransaction had added to fees is added here too.',
        },
        {
          name: 'apply_unbroadcast_set',
          type: 'boolean',
          default: false,
          doc: 'Whether those that no peer had asked for are announced until one does.',
        },
      ],
    },
  ],
  results: [res.object('', '', [])],
  examples: [['/path/to/mempool.dat']],
  async run({ chain, clock, pool }, args) {
    if (chain.isInitialBlockDownload(clock.now())) {
      throw new RpcError(
        RpcCode.CLIENT_IN_INITIAL_DOWNLOAD,
        'Can only import the mempool after the block download and sync is done.',
      );
    }
    const options = args.options('options');
    const isRead = await pool.import(args.string('filepath'), {
      useCurrentTime: options.boolean('use_current_time'),
      applyFeeDeltas: options.boolean('apply_fee_delta_priority'),
      applyUnbroadcast: options.boolean('apply_unbroadcast_set'),
    });
    if (!isRead) {
      throw new RpcError(RpcCode.MISC_ERROR, 'Unable to import mempool file, see debug log for details.');
    }
    return {};
  },
};
