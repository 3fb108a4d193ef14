/** What fee rates get transactions confirmed (Core: rpc/fees.cpp). */

import type { RateRange } from '../../../mempool/confirm-stats.ts';
import { HORIZONS } from '../../../mempool/fee-estimator.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { toConfirmTarget, toEstimateMode } from '../../estimate-mode.ts';
import { amount, type JsonOut } from '../../json.ts';
import type { ResultDoc, RpcMethod } from '../../method.ts';
import type { FeeAccess, NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';

const targetParam: Param = {
  name: 'conf_target',
  type: 'number',
  doc: 'In how many blocks it shall confirm (1 – 1008).',
};

export const estimatesmartfee: RpcMethod<NodeFacade> = {
  name: 'estimatesmartfee',
  category: 'util',
  description:
    'Estimates the fee rate with which a transaction is confirmed within so many blocks.\n' +
    'It is learned from what came into the mempool and was mined while the node ran.',
  params: [
    targetParam,
    {
      name: 'estimate_mode',
      type: 'string',
      default: 'economical',
      doc: 'economical, or conservative: not led lower by what the last hours were like.',
    },
  ],
  results: [
    res.object('', '', [
      res.amount('feerate?', 'the fee rate in BTC/kvB; only if there is an estimate'),
      res.array('errors?', 'why there is none', [res.string('', 'an error')]),
      res.number(
        'blocks',
        'for how many blocks the estimate is: 2 at least, and not more than half of the blocks that were seen',
      ),
    ]),
  ],
  examples: [[6]],
  async run({ blocks, clock, fees, mempool }, args) {
    const estimator = requireEstimator(fees);
    await blocks.settled();
    const target = toConfirmTarget(args.integer('conf_target'));
    const mode = toEstimateMode(args.optionalString('estimate_mode') ?? 'economical');
    const estimate = estimator.estimateSmart(target, { conservative: mode === 'conservative' });
    if (estimate.feeRate === undefined)
      return { errors: ['Insufficient data or no feerate found'], blocks: estimate.blocks };
    const feeRate = Math.max(estimate.feeRate, mempool.minFeeRate(clock.now()));
    return { feerate: amount(feeRate), blocks: estimate.blocks };
  },
};

const rangeDocs: readonly ResultDoc[] = [
  res.number('startrange', 'fee rates above this'),
  res.number('endrange', 'and up to this'),
  res.number('withintarget', 'transactions that were confirmed within the target'),
  res.number('totalconfirmed', 'transactions that were confirmed at all'),
  res.number('inmempool', 'transactions that wait in the mempool for as long as the target or longer'),
  res.number('leftmempool', 'transactions that left the mempool unconfirmed after the target'),
];

const horizonDocs: readonly ResultDoc[] = [
  res.amount('feerate?', 'the fee rate in BTC/kvB'),
  res.number('decay', 'by which averages fade with each block'),
  res.number('scale', 'blocks of a period of time'),
  res.object('pass?', 'the lowest range of fee rates that meets the threshold', rangeDocs),
  res.object('fail?', 'the highest range that does not', rangeDocs),
  res.array('errors?', 'why there is no estimate', [res.string('', 'an error')]),
];

export const estimaterawfee: RpcMethod<NodeFacade> = {
  name: 'estimaterawfee',
  category: 'hidden',
  description:
    'Tells what the estimates of fees are made of, over each horizon that knows such a target.\n' +
    'Close to how they are made: it may change with that.',
  params: [
    targetParam,
    {
      name: 'threshold',
      type: 'number',
      default: 0.95,
      doc: 'Share of the transactions of a range that must have been confirmed within the target.',
    },
  ],
  results: [
    res.object(
      '',
      '',
      HORIZONS.map(horizon => res.object(`${horizon}?`, `over the ${horizon} horizon`, horizonDocs)),
    ),
  ],
  examples: [[6, 0.9]],
  async run({ blocks, fees }, args) {
    const estimator = requireEstimator(fees);
    await blocks.settled();
    const target = toConfirmTarget(args.integer('conf_target'));
    const threshold = args.has('threshold') ? args.real('threshold') : 0.95;
    if (!(threshold >= 0 && threshold <= 1))
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Invalid threshold');
    const known = HORIZONS.filter(horizon => target <= estimator.highestTarget(horizon));
    return Object.fromEntries(
      known.map(horizon => {
        const { feeRate, decay, scale, pass, fail } = estimator.estimateRaw(target, threshold, horizon);
        const failed = rangeToJson(fail);
        if (feeRate === undefined)
          return [horizon, { decay, scale, fail: failed, errors: ['Insufficient data or no feerate found which meets threshold'] }]; // biome-ignore format: one object
        const hasFailed = fail.start !== -1 && { fail: failed };
        return [horizon, { feerate: amount(feeRate), decay, scale, pass: rangeToJson(pass), ...hasFailed }];
      }),
    );
  },
};

function rangeToJson(range: RateRange): JsonOut {
  const hundredths = (value: number) => Math.round(value * 100) / 100;
  return {
    startrange: Math.round(range.start),
    endrange: Math.round(range.end),
    withintarget: hundredths(range.withinTarget),
    totalconfirmed: hundredths(range.totalConfirmed),
    inmempool: hundredths(range.inMempool),
    leftmempool: hundredths(range.leftMempool),
  };
}

/** Throws RpcError −32603 when nothing is estimated, as with `-blocksonly`. */
function requireEstimator(fees: FeeAccess | undefined): FeeAccess {
  if (fees === undefined) throw new RpcError(RpcCode.INTERNAL_ERROR, 'Fee estimation disabled');
  return fees;
}
