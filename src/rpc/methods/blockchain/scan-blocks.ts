/** The search through block filters (Core: rpc/blockchain.cpp scanblocks). */
import { bytesToBinary, hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import { type Arguments, checkFields } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { Call, RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
import { scanActionParam, scanObjectsParam, scriptsOf } from '../../scan-objects.ts';
import { requireBlock, requireUndo } from '../../stored-blocks.ts';
import { filtersOfType, filterTypeParam } from './filters.ts';

const EXAMPLE = 'addr(bcrt1q4u4nsgk6ug0sqz7r3rj9tykjxrsl0yy4d0wwte)';

export const scanblocks: RpcMethod<NodeFacade> = {
  name: 'scanblocks',
  category: 'blockchain',
  description:
    'Finds the blocks that may have to do with descriptors; needs blockfilterindex.\n' +
    'This may take minutes. The client should wait without a time-out of its own.',
  params: [
    scanActionParam,
    scanObjectsParam,
    { name: 'start_height', type: 'number', default: 0, doc: 'The height to begin at' },
    { name: 'stop_height', type: 'number', defaultHint: 'chain tip', doc: 'The height to end at' },
    filterTypeParam,
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      oneLine: 'options',
      fields: [
        {
          name: 'filter_false_positives',
          type: 'boolean',
          default: false,
          doc: 'Whether to look into the blocks found, which must be on disk. Else one in 784,931 is found by chance.',
        },
      ],
    },
  ],
  results: [
    when("when action=='status' and no scan is in progress - possibly already completed", res.null('', '')),
    when(
      "When action=='start'; only returns after scan completes",
      res.object('', '', [
        res.number('from_height', 'the height at which the scan began'),
        res.number('to_height', 'the height at which it ended'),
        res.array('relevant_blocks', 'blocks that may match', [res.hex('blockhash', 'the hash of a block')]),
        res.boolean('completed', 'whether the scan went to the end'),
      ]),
    ),
    when(
      "when action=='status' and a scan is currently in progress",
      res.object('', '', [
        res.number('progress', 'percent that are done, about'),
        res.number('current_height', 'the height of the block at hand'),
      ]),
    ),
    when("when action=='abort'", res.boolean('success', 'whether there was a scan to abort')),
  ],
  examples: [['start', [EXAMPLE], 300000], ['start', [EXAMPLE], 100, 150, 'basic'], ['status']],
  async run(node, args, call) {
    const { filterScans } = node.indexes;
    const action = args.string('action');
    switch (action) {
      case 'status': {
        const { progress } = filterScans;
        return progress === undefined
          ? null
          : { progress: progress.percent, current_height: progress.height };
      }
      case 'abort': {
        const isRunning = filterScans.progress !== undefined;
        if (isRunning) filterScans.abort();
        return isRunning;
      }
      case 'start':
        if (filterScans.progress !== undefined) {
          throw new RpcError(
            RpcCode.INVALID_PARAMETER,
            'Scan already in progress, use action "abort" or "status"',
          );
        }
        return await scan(node, args, call);
      default:
        throw new RpcError(RpcCode.INVALID_PARAMETER, `Invalid action '${action}'`);
    }
  },
};

async function scan(node: NodeFacade, args: Arguments, { stopping }: Call): Promise<JsonOut> {
  const { chain, indexes } = node;
  const { headers, params } = chain;
  const filters = filtersOfType(node, args.string('filtertype'));
  if (args.has('options')) {
    checkFields(args.object('options'), { filter_false_positives: 'bool' }, { nulls: 'allowed' });
  }
  const isVerified = args.options('options').boolean('filter_false_positives');
  const [start, stop] = rangeOf(node, args);
  const scripts = scriptsOf(args.array('scanobjects'), params);
  const abort = () => indexes.filterScans.abort();
  stopping.addEventListener('abort', abort);
  try {
    const result = await indexes.filterScans.scan(filters, {
      startHeight: headers.heightOf(start),
      stop,
      scripts,
      ...(isVerified && { verify: id => touches(node, id, scripts) }),
    });
    return {
      from_height: headers.heightOf(start),
      to_height: result.height,
      relevant_blocks: result.found.map(id => hashToHex(headers.hashOf(id))),
      completed: result.isComplete,
    };
  } finally {
    stopping.removeEventListener('abort', abort);
  }
}

function rangeOf({ chain }: NodeFacade, args: Arguments): readonly [start: HeaderId, stop: HeaderId] {
  const start = chain.atHeight(args.integer('start_height'));
  if (start === undefined) throw new RpcError(RpcCode.MISC_ERROR, 'Invalid start_height');
  const stop = args.has('stop_height') ? chain.atHeight(args.integer('stop_height')) : chain.tip();
  if (stop === undefined || chain.headers.heightOf(stop) < chain.headers.heightOf(start)) {
    throw new RpcError(RpcCode.MISC_ERROR, 'Invalid stop_height');
  }
  return [start, stop];
}

/** Whether the block makes or spends an output with one of the scripts. */
async function touches(node: NodeFacade, id: HeaderId, scripts: ReadonlySet<string>): Promise<boolean> {
  const { transactions } = await requireBlock(node, id);
  const { spent } = await requireUndo(node, id);
  const isWanted = ({ scriptPubKey }: { readonly scriptPubKey: Uint8Array }) =>
    scripts.has(bytesToBinary(scriptPubKey));
  return transactions.some(tx => tx.outputs.some(isWanted)) || spent.some(coins => coins.some(isWanted));
}
