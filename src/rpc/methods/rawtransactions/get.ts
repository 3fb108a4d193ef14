/** Transactions of the mempool, of a block, and of the whole chain by its index (Core: rpc/rawtransaction.cpp). */
import { type BlockHash, bytesToHex, hashToHex, type Txid } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import type { Coin } from '../../../chain/coin.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res, when } from '../../result-doc.ts';
import { txFields, txToJson } from '../../tx-json.ts';

const blockFields = [
  res.boolean('in_active_chain?', 'whether the given block is in the active chain'),
  ...txFields({ details: 'prevouts', encoding: 'hex', fee: true }),
  res.hex('blockhash?', 'the hash of the block'),
  res.number('confirmations?', 'blocks from this one to the tip'),
  res.time('time?', 'as blocktime'),
  res.time('blocktime?', 'the time of the block in UNIX epoch time'),
];

export const getrawtransaction: RpcMethod<NodeFacade> = {
  name: 'getrawtransaction',
  category: 'rawtransactions',
  description:
    'Gives a transaction of the mempool, or of a block that is named; with -txindex, of any block.\n\n' +
    'For transactions of a wallet use gettransaction.\n\n' +
    'Verbosity 0 gives it encoded, 1 as an object, 2 as an object with fee and what it spends.',
  params: [
    { name: 'txid', type: 'hex', doc: 'The id of the transaction' },
    {
      name: 'verbosity|verbose',
      type: 'number',
      default: 0,
      skipTypeCheck: true,
      doc: '0 for the encoding, 1 for an object, 2 for an object with fee and spent outputs',
    },
    { name: 'blockhash', type: 'hex', optional: true, doc: 'The block in which to look' },
  ],
  results: [
    when('for verbosity = 0', res.string('', 'the encoded transaction')),
    when('for verbosity = 1 and 2', res.object('', '', blockFields)),
  ],
  examples: [['mytxid'], ['mytxid', 1], ['mytxid', 2, 'myblockhash']],
  async run(node, args) {
    const { chain } = node;
    // The argument's number is what Core's message shows.
    const txid = args.hash<Txid>('txid', 'parameter 1');
    if (txid === chain.params.genesis.transactions[0]!.txid) {
      throw new RpcError(
        RpcCode.INVALID_ADDRESS_OR_KEY,
        'The genesis block coinbase is not considered an ordinary transaction and cannot be retrieved',
      );
    }
    const verbosity = args.verbosity('verbosity', { fallback: 0, booleans: 'allowed' });
    if (!args.has('blockhash')) return await fromAnywhere(node, txid, verbosity);
    const id = chain.headers.find(args.hash<BlockHash>('blockhash', 'parameter 3'));
    if (id === undefined) throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Block hash not found');
    const block = chain.headers.hasData(id) ? await node.blocks.readBlock(id) : undefined;
    if (block === undefined) throw new RpcError(RpcCode.MISC_ERROR, 'Block not available');
    const tx = block.transactions.find(candidate => candidate.txid === txid);
    if (tx === undefined) throw notFound('No such transaction found in the provided block');
    if (verbosity <= 0) return bytesToHex(tx.raw);
    return { in_active_chain: chain.isActive(id), ...(await confirmedToJson(node, tx, id, verbosity)) };
  },
};

async function fromAnywhere(node: NodeFacade, txid: Txid, verbosity: number): Promise<JsonOut> {
  const { chain, mempool, indexes } = node;
  const { transactions } = indexes;
  const isIndexed = transactions !== undefined && (await transactions.progress.caughtUp());
  const pooled = mempool.get(txid)?.tx;
  if (pooled !== undefined) {
    return verbosity <= 0 ? bytesToHex(pooled.raw) : txToJson(pooled, chain.params, { encoding: 'hex' });
  }
  const found = await transactions?.find(txid);
  if (found !== undefined) {
    return verbosity <= 0
      ? bytesToHex(found.tx.raw)
      : await confirmedToJson(node, found.tx, found.block, verbosity);
  }
  if (transactions === undefined) {
    throw notFound(
      'No such mempool transaction. Use -txindex or provide a block hash to enable blockchain transaction queries',
    );
  }
  throw notFound(
    isIndexed
      ? 'No such mempool or blockchain transaction'
      : 'No such mempool transaction. Blockchain transactions are still in the process of being indexed',
  );
}

async function confirmedToJson(
  node: NodeFacade,
  tx: Transaction,
  id: HeaderId,
  verbosity: number,
): Promise<{ readonly [name: string]: JsonOut }> {
  const { chain } = node;
  const { headers } = chain;
  const isActive = chain.isActive(id);
  return {
    ...txToJson(tx, chain.params, {
      encoding: 'hex',
      ...(verbosity >= 2 && !tx.isCoinbase && { spent: await spentBy(node, tx, id), details: 'prevouts' }),
    }),
    blockhash: hashToHex(headers.hashOf(id)),
    confirmations: isActive ? headers.heightOf(chain.tip()) - headers.heightOf(id) + 1 : 0,
    time: isActive ? headers.timeOf(id) : undefined,
    blocktime: isActive ? headers.timeOf(id) : undefined,
  };
}

/** What the transaction, of block `id`, spent. Throws RpcError for a block that was never connected or is not there. */
async function spentBy({ blocks }: NodeFacade, tx: Transaction, id: HeaderId): Promise<readonly Coin[]> {
  const undo = await blocks.readUndo(id);
  if (undo === undefined) throw unreadable('Undo');
  const block = await blocks.readBlock(id);
  if (block === undefined) throw unreadable('Block');
  const at = block.transactions.findIndex(({ wtxid }) => wtxid === tx.wtxid);
  return undo.spent[at - 1] ?? [];
}

function unreadable(what: string): RpcError {
  return new RpcError(
    RpcCode.INTERNAL_ERROR,
    `${what} data expected but can't be read. This could be due to disk corruption or a conflict with a pruning event.`,
  );
}

function notFound(message: string): RpcError {
  return new RpcError(
    RpcCode.INVALID_ADDRESS_OR_KEY,
    `${message}. Use gettransaction for wallet transactions.`,
  );
}
