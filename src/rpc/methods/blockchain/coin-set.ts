/** Figures about the set of unspent outputs, counted or out of the index (Core: rpc/blockchain.cpp gettxoutsetinfo). */
import { hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import type { CoinTotalsSoFar } from '../../../chain/indexes/coin-stats-index.ts';
import type { Arguments } from '../../arguments.ts';
import { findHeightOrHash } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import type { CoinStatsLookup } from '../../index-access.ts';
import { amount, type JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { CoinStatsHash, NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

const HASH_TYPES: readonly CoinStatsHash[] = ['hash_serialized_3', 'muhash', 'none'];
const EXAMPLE_HASH = '00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09';

export const gettxoutsetinfo: RpcMethod<NodeFacade> = {
  name: 'gettxoutsetinfo',
  category: 'blockchain',
  description:
    'Tells figures about the set of unspent outputs.\nWithout coinstatsindex it walks all of them, which takes a while.',
  params: [
    {
      name: 'hash_type',
      type: 'string',
      default: 'hash_serialized_3',
      doc: "Which hash of the set to give: 'hash_serialized_3', 'muhash' or 'none'.",
    },
    {
      name: 'hash_or_height',
      type: 'number',
      defaultHint: 'the current best block',
      skipTypeCheck: true,
      typeText: ['', 'string or numeric'],
      doc: 'The block to look at, by hash or height; only with coinstatsindex.',
    },
    {
      name: 'use_index',
      type: 'boolean',
      default: true,
      doc: 'Whether to use coinstatsindex, if there is one.',
    },
  ],
  results: [
    res.object('', '', [
      res.number('height', 'the height of the block'),
      res.hex('bestblock', 'the hash of the block'),
      res.number('txouts', 'the number of unspent outputs'),
      res.number('bogosize', 'a size of the set that does not depend on how it is stored'),
      res.hex('hash_serialized_3?', 'the hash of the set, if it was asked for'),
      res.hex('muhash?', 'the hash of the set, if it was asked for'),
      res.number('transactions?', 'the number of transactions with unspent outputs; not from the index'),
      res.number('disk_size?', 'bytes of the set on disk, by estimate; not from the index'),
      res.amount('total_amount', 'the sum of all values in BTC'),
      res.amount('total_unspendable_amount?', 'what was mined and can never be spent; only from the index'),
      res.object('block_info?', 'amounts of this block; only from the index', [
        res.amount('prevout_spent', 'what its transactions spent'),
        res.amount('coinbase', 'what its coinbase made'),
        res.amount('new_outputs_ex_coinbase', 'what its other transactions made'),
        res.amount('unspendable', 'what it made that can never be spent'),
        res.object('unspendables', 'the same by kind', [
          res.amount('genesis_block', 'the subsidy of genesis'),
          res.amount('bip30', 'coinbases that later ones repeat (BIP30)'),
          res.amount('scripts', 'outputs with scripts that nothing satisfies'),
          res.amount('unclaimed_rewards', 'subsidy and fees that the miner did not take'),
        ]),
      ]),
    ]),
  ],
  examples: [[], ['none'], ['none', 1000], ['none', EXAMPLE_HASH]],
  async run(node, args) {
    const text = args.string('hash_type');
    const hashType = HASH_TYPES.find(known => known === text);
    if (hashType === undefined) invalid(`'${text}' is not a valid hash_type`);
    const { coinStats } = node.indexes;
    // The chain goes on while the index catches up to this.
    const block = blockAsked(node, args, hashType) ?? node.chain.tip();
    if (coinStats === undefined || !args.boolean('use_index')) return await counted(node, hashType);
    if (!(await coinStats.progress.caughtUp())) {
      const height = coinStats.progress.bestHeight;
      // What was asked for may be there although the rest is not.
      if (node.chain.headers.heightOf(block) > height) {
        throw new RpcError(
          RpcCode.INTERNAL_ERROR,
          `Unable to get data because coinstatsindex is still syncing. Current height: ${height}`,
        );
      }
    }
    // The index knows nothing of this hash.
    if (hashType === 'hash_serialized_3') return await counted(node, hashType);
    return fromIndex(node, coinStats, block, hashType);
  },
};

function blockAsked(node: NodeFacade, args: Arguments, hashType: CoinStatsHash): HeaderId | undefined {
  if (!args.has('hash_or_height')) return undefined;
  if (node.indexes.coinStats === undefined)
    invalid('Querying specific block heights requires coinstatsindex');
  if (hashType === 'hash_serialized_3')
    invalid('hash_serialized_3 hash type cannot be queried for a specific block');
  if (!args.boolean('use_index')) invalid('Cannot set use_index to false when querying for a specific block');
  return findHeightOrHash(node.chain, args.get('hash_or_height'));
}

async function counted({ coins }: NodeFacade, hashType: CoinStatsHash): Promise<JsonOut> {
  const stats = await coins.stats(hashType);
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
}

function fromIndex(
  { chain: { headers } }: NodeFacade,
  index: CoinStatsLookup,
  id: HeaderId,
  hashType: CoinStatsHash,
): JsonOut {
  const parent = headers.parentOf(id);
  const after = index.find(id);
  const before = parent === undefined ? undefined : index.find(parent);
  if (after === undefined || (before === undefined && parent !== undefined)) {
    throw new RpcError(RpcCode.INTERNAL_ERROR, 'Unable to read UTXO set');
  }
  const total = (name: Exclude<keyof CoinTotalsSoFar, 'muhash'>) => after[name];
  const ofBlock = (name: Exclude<keyof CoinTotalsSoFar, 'muhash'>) => after[name] - (before?.[name] ?? 0n);
  const sum = (of: typeof total): bigint => UNSPENDABLES.reduce((all, name) => all + of(name), 0n);
  return {
    height: headers.heightOf(id),
    bestblock: hashToHex(headers.hashOf(id)),
    txouts: after.outputs,
    bogosize: after.bogoSize,
    muhash: hashType === 'muhash' ? hashToHex(after.muhash) : undefined,
    total_amount: amount(after.amount),
    total_unspendable_amount: amount(sum(total)),
    block_info: {
      prevout_spent: amount(ofBlock('prevoutSpent')),
      coinbase: amount(ofBlock('coinbase')),
      new_outputs_ex_coinbase: amount(ofBlock('newOutputsExCoinbase')),
      unspendable: amount(sum(ofBlock)),
      unspendables: {
        genesis_block: amount(ofBlock('unspendableGenesis')),
        bip30: amount(ofBlock('unspendableBip30')),
        scripts: amount(ofBlock('unspendableScripts')),
        unclaimed_rewards: amount(ofBlock('unclaimedRewards')),
      },
    },
  };
}

const UNSPENDABLES = [
  'unspendableGenesis',
  'unspendableBip30',
  'unspendableScripts',
  'unclaimedRewards',
] as const;

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
