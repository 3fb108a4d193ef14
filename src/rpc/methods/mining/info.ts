/** Figures about mining (Core: rpc/mining.cpp). */
import { bytesToHex } from '../../../base/bytes.ts';
import type { ChainView } from '../../../chain/chain-view.ts';
import { bitsText, difficultyOf, targetText } from '../../chain-json.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { warningsDoc } from '../blockchain/chain-info.ts';

/** Blocks that the estimate of the network's hash rate looks back. */
const HASH_RATE_BLOCKS = 120;

export const getnetworkhashps: RpcMethod<NodeFacade> = {
  name: 'getnetworkhashps',
  category: 'mining',
  description: 'Estimates the hashes per second of the network from the last blocks.',
  params: [
    {
      name: 'nblocks',
      type: 'number',
      default: HASH_RATE_BLOCKS,
      doc: 'How many blocks to look back, or -1 for those since the last change of difficulty.',
    },
    { name: 'height', type: 'number', default: -1, doc: 'To estimate as of this height.' },
  ],
  results: [res.number('', 'hashes per second, by estimate')],
  examples: [[]],
  run: ({ chain }, args) => hashRateOf(chain, args.integer('nblocks'), args.integer('height')),
};

export const getmininginfo: RpcMethod<NodeFacade> = {
  name: 'getmininginfo',
  category: 'mining',
  description: 'Tells about mining: the difficulty now and next, and the last template.',
  params: [],
  results: [
    res.object('', '', [
      res.number('blocks', 'the height of the tip'),
      res.number('currentblockweight?', 'the weight of the last template'),
      res.number('currentblocktx?', 'the number of transactions in the last template, without the coinbase'),
      res.hex('bits', 'the target of the tip in compact form'),
      res.number('difficulty', 'the difficulty of the tip'),
      res.hex('target', 'the target of the tip'),
      res.number('networkhashps', 'hashes per second of the network, by estimate'),
      res.number('pooledtx', 'the number of transactions in the mempool'),
      res.amount('blockmintxfee', 'the least fee rate that goes into a block, in BTC/kvB'),
      res.string('chain', 'the name of the network (main, test, testnet4, signet, regtest)'),
      res.object('next', 'the next block', [
        res.number('height', 'its height'),
        res.hex('bits', 'its target in compact form'),
        res.number('difficulty', 'its difficulty'),
        res.hex('target', 'its target'),
      ]),
      res.hex('signet_challenge?', 'the script that blocks of a signet satisfy'),
      warningsDoc,
    ]),
  ],
  examples: [[]],
  run({ chain, mining, mempool, process }) {
    const tip = chain.tip();
    const height = chain.headers.heightOf(tip);
    const bits = chain.headers.bitsOf(tip);
    const nextBits = mining.nextBits();
    const { signetChallenge, name } = chain.params;
    return {
      blocks: height,
      currentblockweight: mining.lastTemplate?.weight,
      currentblocktx: mining.lastTemplate?.txCount,
      bits: bitsText(bits),
      difficulty: difficultyOf(bits),
      target: targetText(bits),
      networkhashps: hashRateOf(chain, HASH_RATE_BLOCKS, -1),
      pooledtx: mempool.size,
      blockmintxfee: amount(mining.blockMinFeeRate),
      chain: name,
      next: {
        height: height + 1,
        bits: bitsText(nextBits),
        difficulty: difficultyOf(nextBits),
        target: targetText(nextBits),
      },
      signet_challenge: signetChallenge ? bytesToHex(signetChallenge) : undefined,
      warnings: process.warnings,
    };
  },
};

/** Work over time of the `lookBack` blocks that end at `height` (−1: the tip). Throws RpcError −8. */
function hashRateOf(chain: ChainView, lookBack: number, height: number): number {
  const { headers, params } = chain;
  if (lookBack < -1 || lookBack === 0) {
    throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid nblocks. Must be a positive number or -1.');
  }
  const tip = chain.tip();
  if (height < -1 || height > headers.heightOf(tip)) {
    throw new RpcError(RpcCode.INVALID_PARAMETER, 'Block does not exist at specified height');
  }
  const last = height < 0 ? tip : headers.ancestorOf(tip, height);
  const lastHeight = headers.heightOf(last);
  const interval = params.powTargetTimespan / params.powTargetSpacing;
  const wanted = lookBack === -1 ? (lastHeight % interval) + 1 : lookBack;
  const count = Math.min(wanted, lastHeight);
  if (count === 0) return 0;
  let first = last;
  let minTime = headers.timeOf(last);
  let maxTime = minTime;
  for (let i = 0; i < count; i += 1) {
    first = headers.parentOf(first)!;
    minTime = Math.min(minTime, headers.timeOf(first));
    maxTime = Math.max(maxTime, headers.timeOf(first));
  }
  if (minTime === maxTime) return 0;
  return Number(headers.chainWorkOf(last) - headers.chainWorkOf(first)) / (maxTime - minTime);
}
