/** The set of unspent outputs (Core: rpc/blockchain.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import type { Coin } from '../../../chain/coin.ts';
import { exactValue, type OutPoint } from '../../../wire/transaction.ts';
import { amount } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
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
