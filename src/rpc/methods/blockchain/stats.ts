/** Figures of blocks and of the chain's transactions (Core: rpc/blockchain.cpp). */
import { type BlockHash, hashToHex } from '../../../base/bytes.ts';
import type { HeaderId } from '../../../chain/chain-view.ts';
import { blockSubsidy } from '../../../consensus/subsidy.ts';
import { transactionStats } from '../../block-stats.ts';
import { findHeader, findHeightOrHash } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, type JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { requireBlock, requireUndo } from '../../stored-blocks.ts';

const EXAMPLE_HASH = '00000000c937983704a73af28acdec37b049d214adbda81d7e2a3dd146f6ed09';
const MONTH_SECONDS = 30 * 24 * 60 * 60;

export const getblockstats: RpcMethod<NodeFacade> = {
  name: 'getblockstats',
  category: 'blockchain',
  description: 'Tells figures of one block. Amounts are in satoshi.\nNot of blocks that were pruned.',
  params: [
    {
      name: 'hash_or_height',
      type: 'number',
      skipTypeCheck: true,
      typeText: ['', 'string or numeric'],
      doc: 'The block, by hash or height',
    },
    {
      name: 'stats',
      type: 'array',
      defaultHint: 'all values',
      oneLine: 'stats',
      doc: 'Which figures to tell',
      fields: [
        { name: 'height', type: 'string', optional: true, doc: 'A figure' },
        { name: 'time', type: 'string', optional: true, doc: 'Another' },
      ],
    },
  ],
  results: [
    res.object('', '', [
      res.number('avgfee?', 'the average fee'),
      res.number('avgfeerate?', 'the average fee rate, in satoshi per virtual byte'),
      res.number('avgtxsize?', 'the average size of a transaction'),
      res.hex('blockhash?', 'the hash of the block'),
      res.fixedArray(
        'feerate_percentiles?',
        'fee rates at parts of the weight, in satoshi per virtual byte',
        [
          res.number('10th_percentile_feerate', 'at a tenth'),
          res.number('25th_percentile_feerate', 'at a quarter'),
          res.number('50th_percentile_feerate', 'at a half'),
          res.number('75th_percentile_feerate', 'at three quarters'),
          res.number('90th_percentile_feerate', 'at nine tenths'),
        ],
      ),
      res.number('height?', 'the height of the block'),
      res.number('ins?', 'the number of inputs, without the coinbase'),
      res.number('maxfee?', 'the highest fee'),
      res.number('maxfeerate?', 'the highest fee rate, in satoshi per virtual byte'),
      res.number('maxtxsize?', 'the size of the largest transaction'),
      res.number('medianfee?', 'the median fee, rounded down'),
      res.number('mediantime?', 'the median time past'),
      res.number('mediantxsize?', 'the median size of a transaction, rounded down'),
      res.number('minfee?', 'the lowest fee'),
      res.number('minfeerate?', 'the lowest fee rate, in satoshi per virtual byte'),
      res.number('mintxsize?', 'the size of the smallest transaction'),
      res.number('outs?', 'the number of outputs'),
      res.number('subsidy?', 'the subsidy'),
      res.number('swtotal_size?', 'the size of all transactions with witnesses'),
      res.number('swtotal_weight?', 'the weight of all transactions with witnesses'),
      res.number('swtxs?', 'the number of transactions with witnesses'),
      res.number('time?', 'the time of the block'),
      res.number('total_out?', 'the value of all outputs but those of the coinbase'),
      res.number('total_size?', 'the size of all transactions but the coinbase'),
      res.number('total_weight?', 'the weight of all transactions but the coinbase'),
      res.number('totalfee?', 'all fees'),
      res.number('txs?', 'the number of transactions, with the coinbase'),
      res.number('utxo_increase?', 'by how many coins there are more, unspendable outputs counted'),
      res.number('utxo_size_inc?', 'by how many bytes the coins are more, unspendable outputs counted'),
      res.number('utxo_increase_actual?', 'by how many coins there are more'),
      res.number('utxo_size_inc_actual?', 'by how many bytes the coins are more'),
    ]),
  ],
  examples: [
    [EXAMPLE_HASH, ['minfeerate', 'avgfeerate']],
    [1000, ['minfeerate', 'avgfeerate']],
  ],
  async run(node, args) {
    const id = findHeightOrHash(node.chain, args.get('hash_or_height'));
    const wanted = args.has('stats') ? args.array('stats').map(name => expectType(name, 'string')) : [];
    const all = await blockStats(node, id);
    if (wanted.length === 0) return all;
    return Object.fromEntries(
      [...new Set(wanted)].sort().map(name => {
        if (Object.hasOwn(all, name)) return [name, all[name]];
        throw new RpcError(RpcCode.INVALID_PARAMETER, `Invalid selected statistic '${name}'`);
      }),
    );
  },
};

async function blockStats(node: NodeFacade, id: HeaderId): Promise<{ readonly [name: string]: JsonOut }> {
  const { headers, params } = node.chain;
  const height = headers.heightOf(id);
  const hash = headers.hashOf(id);
  const block = await requireBlock(node, id);
  const undo = await requireUndo(node, id);
  const isRepeat = params.bip30Exceptions.get(height) === hash;
  const stats = transactionStats({ block, undo, makesNoCoinbaseCoins: id === 0 || isRepeat });
  const blockFields = {
    blockhash: hashToHex(hash),
    height,
    mediantime: headers.medianTimePastOf(id),
    subsidy: blockSubsidy(height, params),
    time: headers.timeOf(id),
  };
  return Object.fromEntries(
    Object.entries({ ...stats, ...blockFields }).sort(([a], [b]) => compareNames(a, b)),
  );
}

/** As Core tells them: by the alphabet, but the last two as they came. */
function compareNames(a: string, b: string): number {
  const rank = (name: string): string => (name.endsWith('_actual') ? `~${name}` : name);
  return rank(a) < rank(b) ? -1 : 1;
}

export const getchaintxstats: RpcMethod<NodeFacade> = {
  name: 'getchaintxstats',
  category: 'blockchain',
  description: 'Tells how many transactions the chain has and how fast they come.',
  params: [
    { name: 'nblocks', type: 'number', defaultHint: 'one month', doc: 'How many blocks to look at' },
    { name: 'blockhash', type: 'hex', defaultHint: 'chain tip', doc: 'The last one of them' },
  ],
  results: [
    res.object('', '', [
      res.time('time', 'the time of the last block in UNIX epoch time'),
      res.number('txcount?', 'all transactions up to there, if that is known'),
      res.hex('window_final_block_hash', 'the hash of the last block'),
      res.number('window_final_block_height', 'the height of the last block'),
      res.number('window_block_count', 'how many blocks were looked at'),
      res.number('window_interval?', 'seconds from first to last, if there are blocks'),
      res.number('window_tx_count?', 'transactions in them, if that is known'),
      res.number('txrate?', 'transactions a second'),
    ]),
  ],
  examples: [[], [2016]],
  run({ chain }, args) {
    const { headers, params } = chain;
    const last = args.has('blockhash') ? findHeader(chain, args.hash<BlockHash>('blockhash')) : chain.tip();
    if (!chain.isActive(last)) throw new RpcError(RpcCode.INVALID_PARAMETER, 'Block is not in main chain');
    const height = headers.heightOf(last);
    const count = args.has('nblocks')
      ? args.integer('nblocks')
      : Math.max(0, Math.min(Math.floor(MONTH_SECONDS / params.powTargetSpacing), height - 1));
    if (args.has('nblocks') && (count < 0 || (count > 0 && count >= height))) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        "Invalid block count: should be between 0 and the block's height - 1",
      );
    }
    const first = headers.ancestorOf(last, height - count);
    const interval = headers.medianTimePastOf(last) - headers.medianTimePastOf(first);
    const [before, after] = [headers.chainTxCountOf(first), headers.chainTxCountOf(last)];
    const txCount = count > 0 && before > 0 && after > 0 ? after - before : undefined;
    return {
      time: headers.timeOf(last),
      txcount: after > 0 ? after : undefined,
      window_final_block_hash: hashToHex(headers.hashOf(last)),
      window_final_block_height: height,
      window_block_count: count,
      window_interval: count > 0 ? interval : undefined,
      window_tx_count: txCount,
      txrate: txCount !== undefined && interval > 0 ? txCount / interval : undefined,
    };
  },
};
