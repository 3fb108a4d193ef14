/** The mempool as miners see it: clusters, cut into chunks (Core: rpc/mempool.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const getmempoolcluster: RpcMethod<NodeFacade> = {
  name: 'getmempoolcluster',
  category: 'blockchain',
  description: 'Tells about the transactions of the mempool that depend on each other in any way.',
  params: [{ name: 'txid', type: 'hex', doc: 'The id of one of them' }],
  results: [
    res.object('', '', [
      res.number('clusterweight', 'the weight of all, with respect to signature operations'),
      res.number('txcount', 'how many they are'),
      res.array('chunks', 'what would be mined together, best first', [
        res.object('chunk', '', [
          res.number('chunkfee', 'the fees, as they count, in BTC'),
          res.number('chunkweight', 'the weight, with respect to signature operations'),
          res.array('txs', 'in the order of mining', [res.hex('txid', 'the id of a transaction')]),
        ]),
      ]),
    ]),
  ],
  examples: [['txid']],
  run({ mempool, pool }, args) {
    const txid = args.hash<Txid>('txid');
    if (!mempool.has(txid)) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Transaction not in mempool');
    }
    const chunks = pool.clusterOf(txid);
    return {
      clusterweight: chunks.reduce((sum, chunk) => sum + chunk.weight, 0),
      txcount: chunks.reduce((sum, chunk) => sum + chunk.txids.length, 0),
      chunks: chunks.map(({ fee, weight, txids }) => ({
        chunkfee: amount(fee),
        chunkweight: weight,
        txs: txids.map(hashToHex),
      })),
    };
  },
};

export const getmempoolfeeratediagram: RpcMethod<NodeFacade> = {
  name: 'getmempoolfeeratediagram',
  category: 'hidden',
  description: 'Tells how much fee the best of the mempool pay together, chunk by chunk.',
  params: [],
  results: [
    res.array('', '', [
      res.object('', '', [
        res.number('weight', 'the weight so far, with respect to signature operations'),
        res.number('fee', 'the fees so far, as they count, in BTC'),
      ]),
    ]),
  ],
  examples: [[]],
  run({ mempool, pool }) {
    const txids = Array.from(mempool.entries(), entry => entry.tx.txid);
    txids.sort((a, b) => mempool.compareMiningOrder(a, b));
    const points = [{ weight: 0, fee: 0 }];
    for (let i = 0; i < txids.length; ) {
      const { fee, weight, count } = pool.chunkOf(txids[i]!);
      const last = points.at(-1)!;
      points.push({ weight: last.weight + weight, fee: last.fee + fee });
      i += count;
    }
    return points.map(({ weight, fee }) => ({ weight, fee: amount(fee) }));
  },
};
