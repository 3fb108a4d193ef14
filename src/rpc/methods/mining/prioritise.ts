/** Fees that count as if they were others (Core: rpc/mining.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import { dustOutputs } from '../../../mempool/policy.ts';
import { toHash } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { JsonObject } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';

export const prioritisetransaction: RpcMethod<NodeFacade> = {
  name: 'prioritisetransaction',
  category: 'mining',
  description:
    'Lets a transaction come into blocks that are mined here as if it paid more, or less.\n' +
    'It need not be in the mempool yet. Several calls add up.',
  params: [
    { name: 'txid', type: 'hex', doc: 'The id of the transaction.' },
    {
      name: 'dummy',
      type: 'number',
      optional: true,
      doc: 'For callers of old: zero or null. Named arguments can leave it out.',
    },
    {
      name: 'fee_delta',
      type: 'number',
      doc: 'What is added to its fee, in satoshi (taken away, if negative). Nobody pays it: it only counts.',
    },
  ],
  results: [res.boolean('', 'true')],
  examples: [['txid', 0, 10_000]],
  run({ mempool, pool }, args) {
    const txid = toHash<Txid>(args.get('txid'), 'txid');
    const dummy = args.has('dummy') ? args.real('dummy') : undefined;
    const delta = args.integer('fee_delta', 'i64');
    if (dummy !== undefined && dummy !== 0) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Priority is no longer supported, dummy argument to prioritisetransaction must be 0.',
      );
    }
    const tx = mempool.get(txid)?.tx;
    const { requireStandard, dustRelayFeeRate } = pool.options;
    // Dust may enter only with a transaction that nobody has a reason to mine alone.
    if (requireStandard && tx !== undefined && dustOutputs(tx, dustRelayFeeRate).length > 0) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Priority is not supported for transactions with dust outputs.',
      );
    }
    pool.prioritise(txid, delta);
    return true;
  },
};

export const getprioritisedtransactions: RpcMethod<NodeFacade> = {
  name: 'getprioritisedtransactions',
  category: 'mining',
  description:
    'Lists what prioritisetransaction has added to fees, and whether those transactions are in the mempool.',
  params: [],
  results: [
    res.userKeys('', 'by the id of the transaction', [
      res.object('transactionid', '', [
        res.number('fee_delta', 'satoshi that were added'),
        res.boolean('in_mempool', 'whether the transaction is in the mempool'),
        res.number('modified_fee?', 'the fee as it counts, in satoshi; only if it is in the mempool'),
      ]),
    ]),
  ],
  examples: [[]],
  run({ mempool, pool }) {
    const deltas = [...pool.feeDeltas()].sort(([a], [b]) => (a < b ? -1 : 1));
    return new JsonObject(
      deltas.map(([txid, delta]) => {
        const entry = mempool.get(txid);
        const modified = entry && { modified_fee: entry.modifiedFee };
        return [hashToHex(txid), { fee_delta: delta, in_mempool: entry !== undefined, ...modified }];
      }),
    );
  },
};
