/** Handing transactions to the mempool and the network (Core: rpc/mempool.cpp, node/transaction.cpp). */
import { hashToHex } from '../../../base/bytes.ts';
import { Reject } from '../../../consensus/reject.ts';
import { isUnspendable } from '../../../script/opcodes.ts';
import { exactValue, type Transaction } from '../../../wire/transaction.ts';
import { toAmount } from '../../arguments.ts';
import { RpcCode, RpcError, transactionError } from '../../codes.ts';
import { decodeHexTx, hasValidOps } from '../../decode.ts';
import { amount, expectType, type JsonOut, type JsonValue } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade, TestAcceptance } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';

/** Transactions of a package at most (Core: MAX_PACKAGE_COUNT). */
const PACKAGE_COUNT_MAX = 25;
const SATOSHI_PER_BITCOIN = 100_000_000n;

const maxFeeRateParam: Param = {
  name: 'maxfeerate',
  type: 'amount',
  default: '0.10',
  doc:
    'Refuses transactions with a greater fee rate, in BTC/kvB. At most 1 BTC/kvB can be given.\n' +
    '0 accepts any fee rate.',
};

export const sendrawtransaction: RpcMethod<NodeFacade> = {
  name: 'sendrawtransaction',
  category: 'rawtransactions',
  description:
    'Puts a transaction into the mempool of this node and sends it to all peers.\n\n' +
    'Peers learn from that where it comes from: nodes do not send on again what they already had.',
  params: [
    { name: 'hexstring', type: 'hex', doc: 'The encoded transaction' },
    maxFeeRateParam,
    {
      name: 'maxburnamount',
      type: 'amount',
      default: '0.00',
      doc: 'Refuses transactions with an output that nobody can ever spend (OP_RETURN for instance) of more than this, in BTC.',
    },
  ],
  results: [res.hex('', 'the id of the transaction')],
  examples: [['signedhex']],
  async run(node, args) {
    const maxBurn = args.amount('maxburnamount');
    const tx = decodeHexTx(args.string('hexstring'));
    if (tx === undefined) {
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        'TX decode failed. Make sure the tx has at least one input.',
      );
    }
    const burns = tx.outputs.some(
      output =>
        (isUnspendable(output.scriptPubKey) || !hasValidOps(output.scriptPubKey)) &&
        exactValue(output) > maxBurn,
    );
    if (burns) {
      throw new RpcError(
        RpcCode.VERIFY_ERROR,
        'Unspendable output exceeds maximum configured by user (maxburnamount)',
      );
    }
    const maxFee = maxFeeFor(toFeeRate(args.get('maxfeerate')), tx.virtualSize);
    await refuseConfirmed(node, tx);
    if (node.mempool.has(tx.txid)) {
      node.pool.announce(tx.txid);
      return hashToHex(tx.txid);
    }
    const result = await node.pool.submit(tx, { maxFee });
    if (result.status === 'rejected') {
      if (result.reject.reason === 'max-fee-exceeded') {
        throw new RpcError(
          RpcCode.VERIFY_ERROR,
          'Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)',
        );
      }
      throw transactionError(result.reject);
    }
    return hashToHex(tx.txid);
  },
};

/** Throws RpcError −27 when one of its outputs is unspent in the chain: then it is in a block. */
async function refuseConfirmed(node: NodeFacade, tx: Transaction): Promise<void> {
  const coins = await Promise.all(tx.outputs.map((_, index) => node.coins.coin({ txid: tx.txid, index })));
  if (coins.some(coin => coin !== undefined)) {
    throw new RpcError(RpcCode.VERIFY_ALREADY_IN_UTXO_SET, 'Transaction outputs already in utxo set');
  }
}

export const testmempoolaccept: RpcMethod<NodeFacade> = {
  name: 'testmempoolaccept',
  category: 'rawtransactions',
  description:
    'Tells whether the mempool would accept transactions.\n\n' +
    'Of several, parents come before children, and none may conflict with the mempool or another one.\n' +
    `When one is refused, those after it may not be checked ('allowed' is then absent). At most ${PACKAGE_COUNT_MAX} can be given.`,
  params: [
    {
      name: 'rawtxs',
      type: 'array',
      doc: 'The encoded transactions.',
      fields: [{ name: 'rawtx', type: 'hex', optional: true }],
    },
    maxFeeRateParam,
  ],
  results: [
    res.array('', 'one entry a transaction, in the order given', [
      res.object('', '', [
        res.hex('txid', 'the id of the transaction'),
        res.hex('wtxid', 'the hash with witnesses'),
        res.string('package-error?', 'why the package as a whole is refused'),
        res.boolean('allowed?', 'whether it would be accepted'),
        res.number('vsize?', 'virtual bytes, if it is allowed'),
        res.object('fees?', 'fees, if it is allowed', [
          res.amount('base', 'the fee in BTC'),
          res.amount('effective-feerate', 'the fee rate that counts, in BTC/kvB'),
          res.array('effective-includes', 'whose fees and sizes are in it', [
            res.hex('', 'the wtxid of a transaction'),
          ]),
        ]),
        res.string('reject-reason?', 'why it is refused'),
        res.string('reject-details?', 'more about that'),
      ]),
    ]),
  ],
  examples: [[['signedhex']]],
  async run(node, args) {
    const given = args.array('rawtxs');
    if (given.length < 1 || given.length > PACKAGE_COUNT_MAX) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        `Array must contain between 1 and ${PACKAGE_COUNT_MAX} transactions.`,
      );
    }
    const maxFeeRate = toFeeRate(args.get('maxfeerate'));
    const txs = given.map(value => {
      const hex = expectType(value, 'string');
      const tx = decodeHexTx(hex);
      if (tx !== undefined) return tx;
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        `TX decode failed: ${hex} Make sure the tx has at least one input.`,
      );
    });
    const results = await node.pool.test(txs);
    let isFinished = true;
    return txs.map((tx, i) => {
      const ids = { txid: hashToHex(tx.txid), wtxid: hashToHex(tx.wtxid) };
      const result = results[i];
      if (!isFinished || result === undefined) return ids;
      const verdict = verdictToJson(tx, result, maxFeeRate);
      // What is too dear would not be sent, so that nothing can be said of those that may spend it.
      isFinished = verdict['reject-reason'] !== 'max-fee-exceeded';
      return { ...ids, ...verdict };
    });
  },
};

function verdictToJson(
  tx: Transaction,
  result: TestAcceptance | Reject,
  maxFeeRate: bigint,
): { readonly [name: string]: JsonOut } {
  if (result instanceof Reject) {
    return result.kind === 'missing-inputs'
      ? { allowed: false, 'reject-reason': 'missing-inputs' }
      : { allowed: false, 'reject-reason': result.text, 'reject-details': result.message };
  }
  const maxFee = maxFeeFor(maxFeeRate, result.virtualSize);
  if (maxFee !== undefined && result.fee > maxFee) {
    return { allowed: false, 'reject-reason': 'max-fee-exceeded' };
  }
  return {
    allowed: true,
    vsize: result.virtualSize,
    fees: {
      base: amount(result.fee),
      'effective-feerate': amount(Math.trunc((result.fee * 1000) / result.virtualSize)),
      'effective-includes': [hashToHex(tx.wtxid)],
    },
  };
}

/** Satoshi per 1000 virtual bytes; throws RpcError −3 and −8 (Core: ParseFeeRate). */
function toFeeRate(value: JsonValue | undefined): bigint {
  const rate = toAmount(value);
  if (rate >= SATOSHI_PER_BITCOIN) {
    throw new RpcError(
      RpcCode.INVALID_PARAMETER,
      'Fee rates larger than or equal to 1BTC/kvB are not accepted',
    );
  }
  return rate;
}

/** The fee at that rate, rounded up; undefined for rate 0: no limit. */
function maxFeeFor(rate: bigint, virtualSize: number): number | undefined {
  return rate === 0n ? undefined : Math.ceil((Number(rate) * virtualSize) / 1000);
}
