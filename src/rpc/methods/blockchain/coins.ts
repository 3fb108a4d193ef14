/** The set of unspent outputs (Core: rpc/blockchain.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import type { Coin } from '../../../chain/coin.ts';
import { exactValue, type OutPoint } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { CoinStatsHash, NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
import { scriptFields, scriptToJson } from '../../tx-json.ts';

const EXAMPLE_TXID = 'd5b8d3cd24ec79fbc1c2fa1f24bcd7c5f1a2e0d2ab1d0e3bd3ffcf9f4cbb9b25';

export const gettxout: RpcMethod<NodeFacade> = {
  name: 'gettxout',
  category: 'blockchain',
  description: 'Tells about an unspent output.',
  params: [
    { name: 'txid', type: 'string', doc: 'The id of the transaction' },
    { name: 'n', type: 'number', doc: 'The number of the output' },
    {
      name: 'include_mempool',
      type: 'boolean',
      default: true,
      doc: 'Whether the mempool counts: an output that is spent there is not shown.',
    },
  ],
  results: [
    when('if there is no such unspent output', res.null('', '')),
    when(
      'otherwise',
      res.object('', '', [
        res.hex('bestblock', 'the hash of the tip'),
        res.number('confirmations', 'blocks from the one that made it to the tip, 0 in the mempool'),
        res.amount('value', 'the value in BTC'),
        res.object('scriptPubKey', '', scriptFields),
        res.boolean('coinbase', 'whether it is of a coinbase'),
      ]),
    ),
  ],
  examples: [[EXAMPLE_TXID, 1]],
  async run(node, args) {
    const { chain } = node;
    const outPoint: OutPoint = { txid: args.hash<Txid>('txid'), index: args.integer('n', 'u32') };
    const found = args.boolean('include_mempool')
      ? await findWithMempool(node, outPoint)
      : await node.coins.coin(outPoint);
    if (found === undefined) return null;
    const tip = chain.tip();
    return {
      bestblock: hashToHex(chain.headers.hashOf(tip)),
      confirmations: found.height === undefined ? 0 : chain.headers.heightOf(tip) - found.height + 1,
      value: amount(exactValue(found)),
      scriptPubKey: scriptToJson(found.scriptPubKey, chain.params),
      coinbase: found.isCoinbase,
    };
  },
};

/** `height` undefined: made in the mempool. */
async function findWithMempool(
  { mempool, coins }: NodeFacade,
  outPoint: OutPoint,
): Promise<(Omit<Coin, 'height'> & { readonly height: number | undefined }) | undefined> {
  if (mempool.spenderOf(outPoint) !== undefined) return undefined;
  const output = mempool.get(outPoint.txid)?.tx.outputs[outPoint.index];
  if (output !== undefined) return { ...output, height: undefined, isCoinbase: false };
  return await coins.coin(outPoint);
}

const HASH_TYPES: ReadonlySet<string> = new Set(['hash_serialized_3', 'muhash', 'none']);

export const gettxoutsetinfo: RpcMethod<NodeFacade> = {
  name: 'gettxoutsetinfo',
  category: 'blockchain',
  description: 'Counts the unspent outputs at the tip. It walks all of them, which takes a while.',
  params: [
    {
      name: 'hash_type',
      type: 'string',
      default: 'hash_serialized_3',
      doc: "Which hash of the set to compute: 'hash_serialized_3', 'muhash' or 'none'.",
    },
    {
      name: 'hash_or_height',
      type: 'number',
      defaultHint: 'the current best block',
      skipTypeCheck: true,
      typeText: ['', 'string or numeric'],
      doc: 'The block to count at; only with an index of statistics.',
    },
    { name: 'use_index', type: 'boolean', default: true, doc: 'Whether to use such an index.' },
  ],
  results: [
    res.object('', '', [
      res.number('height', 'the height of the tip'),
      res.hex('bestblock', 'the hash of the tip'),
      res.number('txouts', 'the number of unspent outputs'),
      res.number('bogosize', 'a size of the set that does not depend on how it is stored'),
      res.hex('hash_serialized_3?', 'the hash of the set, if it was asked for'),
      res.hex('muhash?', 'the hash of the set, if it was asked for'),
      res.amount('total_amount', 'the sum of all values in BTC'),
      res.number('transactions', 'the number of transactions with unspent outputs'),
      res.number('disk_size', 'bytes of the set on disk, by estimate'),
    ]),
  ],
  examples: [[], ['none']],
  async run({ coins }, args) {
    const hashType = args.string('hash_type');
    if (!HASH_TYPES.has(hashType)) {
      throw new RpcError(RpcCode.INVALID_PARAMETER, `'${hashType}' is not a valid hash_type`);
    }
    if (args.has('hash_or_height')) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Querying specific block heights requires coinstatsindex',
      );
    }
    const stats = await coins.stats(hashType as CoinStatsHash);
    return {
      height: stats.height,
      bestblock: hashToHex(stats.bestBlock),
      txouts: stats.outputs,
      bogosize: stats.bogoSize,
      hash_serialized_3: hashType === 'hash_serialized_3' ? stats.hash : undefined,
      muhash: hashType === 'muhash' ? stats.hash : undefined,
      total_amount: amount(stats.totalAmount),
      transactions: stats.transactions,
      disk_size: stats.diskSize,
    };
  },
};
