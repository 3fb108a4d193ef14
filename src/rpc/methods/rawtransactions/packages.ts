/** Several transactions that are looked at together (Core: rpc/mempool.cpp). */
import { hashToHex } from '../../../base/bytes.ts';
import { Reject } from '../../../consensus/reject.ts';
import { feeRateOf } from '../../../mempool/fee-rate.ts';
import type { PackageTxResult } from '../../../mempool/mempool-view.ts';
import { isChildWithParentsTree, PACKAGE_COUNT_MAX } from '../../../mempool/package.ts';
import type { Transaction } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexTx } from '../../decode.ts';
import { amount, expectType, JsonObject, type JsonOut, type JsonValue } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade, TestAcceptance } from '../../node-facade.ts';
import { res } from '../../result-doc.ts';
import { maxBurnParam, maxFeeFor, maxFeeRateParam, refuseBurns, toFeeRate } from './fee-limits.ts';

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
    checkCount(given);
    const maxFeeRate = toFeeRate(args.get('maxfeerate'));
    const txs = given.map(decodeMember);
    const { reject, results } = await node.pool.test(txs);
    let isFinished = true;
    return txs.map((tx, i) => {
      const ids = {
        txid: hashToHex(tx.txid),
        wtxid: hashToHex(tx.wtxid),
        ...(reject?.scope === 'package' && { 'package-error': reject.message }),
      };
      const result = results[i];
      if (!isFinished || result === undefined) return ids;
      const verdict = verdictToJson(tx, result, maxFeeRate);
      // What is too dear would not be sent, so that nothing can be said of those that may spend it.
      isFinished = verdict['reject-reason'] !== 'max-fee-exceeded';
      return { ...ids, ...verdict };
    });
  },
};

export const submitpackage: RpcMethod<NodeFacade> = {
  name: 'submitpackage',
  category: 'rawtransactions',
  description:
    'Puts a transaction and its parents into the mempool of this node, where the child may pay for parents that pay too\n' +
    'little alone, and sends them to all peers. What passes stays, even if others of the package do not.\n\n' +
    'Parents come before the child, which is the last, and do not spend from each other. Parents that are in the mempool\n' +
    'already need not be given.',
  params: [
    {
      name: 'package',
      type: 'array',
      doc: 'The encoded transactions.',
      fields: [{ name: 'rawtx', type: 'hex', optional: true }],
    },
    maxFeeRateParam,
    maxBurnParam,
  ],
  results: [
    res.object('', '', [
      res.string('package_msg', "'success', or why the package is refused"),
      res.userKeys('tx-results', 'by the hash with witnesses', [
        res.object('wtxid', '', [
          res.hex('txid', 'the id of the transaction'),
          res.hex('other-wtxid?', 'what is in the mempool with the same id and another witness'),
          res.number('vsize?', 'virtual bytes, adjusted for signature operations'),
          res.object('fees?', '', [
            res.amount('base', 'the fee in BTC'),
            res.amount(
              'effective-feerate?',
              'the fee rate that counted, in BTC/kvB, unless it was here before',
            ),
            res.array('effective-includes?', 'whose fees and sizes are in it', [
              res.hex('', 'the wtxid of a transaction'),
            ]),
          ]),
          res.string('error?', "why it is refused; 'package-not-validated' when it was not looked at"),
        ]),
      ]),
      res.array('replaced-transactions?', '', [res.hex('', 'the id of a transaction that had to leave')]),
    ]),
  ],
  examples: [[['raw-parent-tx-1', 'raw-parent-tx-2', 'raw-child-tx']]],
  async run({ mempool, pool }, args) {
    const given = args.array('package');
    checkCount(given);
    const maxFeeRate = toFeeRate(args.get('maxfeerate'));
    const maxBurn = args.amount('maxburnamount');
    const txs = given.map(value => {
      const tx = decodeMember(value);
      refuseBurns(tx, maxBurn);
      return tx;
    });
    if (txs.length > 1 && !isChildWithParentsTree(txs)) {
      throw new RpcError(
        RpcCode.VERIFY_ERROR,
        'package topology disallowed. not child-with-parents or parents depend on each other.',
      );
    }
    const { reject, results } = await pool.submitPackage(txs, {
      maxFeeRate: maxFeeRate === 0n ? undefined : Number(maxFeeRate),
    });
    for (const { txid } of txs) if (mempool.has(txid)) pool.announce(txid);
    const replaced = new Set(
      results.flatMap(result =>
        result?.status === 'accepted' ? result.replaced.map(entry => hashToHex(entry.tx.txid)) : [],
      ),
    );
    return {
      package_msg: reject?.message ?? 'success',
      'tx-results': new JsonObject(
        txs.map(tx => [
          hashToHex(tx.wtxid),
          { txid: hashToHex(tx.txid), ...memberToJson(results[txs.indexOf(tx)]) },
        ]),
      ),
      'replaced-transactions': [...replaced].sort(),
    };
  },
};

function memberToJson(result: PackageTxResult | undefined): { readonly [name: string]: JsonOut } {
  switch (result?.status) {
    case undefined:
      return { error: 'package-not-validated' };
    case 'rejected':
      return { error: result.reject.message };
    case 'other-witness':
      return { 'other-wtxid': hashToHex(result.wtxid) };
    case 'present':
      return { vsize: result.virtualSize, fees: { base: amount(result.fee) } };
    case 'accepted':
      return {
        vsize: result.virtualSize,
        fees: {
          base: amount(result.fee),
          'effective-feerate': amount(result.effectiveFeeRate),
          'effective-includes': result.effectiveIncludes.map(hashToHex),
        },
      };
  }
}

/** Throws RpcError −8. */
function checkCount(given: readonly JsonValue[]): void {
  if (given.length >= 1 && given.length <= PACKAGE_COUNT_MAX) return;
  throw new RpcError(
    RpcCode.INVALID_PARAMETER,
    `Array must contain between 1 and ${PACKAGE_COUNT_MAX} transactions.`,
  );
}

/** Throws RpcError −22. */
function decodeMember(value: JsonValue): Transaction {
  const hex = expectType(value, 'string');
  const tx = decodeHexTx(hex);
  if (tx !== undefined) return tx;
  throw new RpcError(
    RpcCode.DESERIALIZATION_ERROR,
    `TX decode failed: ${hex} Make sure the tx has at least one input.`,
  );
}

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
      'effective-feerate': amount(feeRateOf(result.modifiedFee, result.virtualSize)),
      'effective-includes': [hashToHex(tx.wtxid)],
    },
  };
}
