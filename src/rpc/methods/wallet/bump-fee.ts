/** Paying more for a transaction that does not confirm (Core: bumpfee in wallet/rpc/spend.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import { BumpError, type BumpErrorKind, createBump } from '../../../wallet/bump-fee.ts';
import { checkFields } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount } from '../../json.ts';
import { spendableOutputs } from '../../raw-signing.ts';
import { res } from '../../result-doc.ts';
import { toOutputs } from '../rawtransactions/create.ts';
import { requireUnlocked, walletMethod } from './common.ts';
import { feeParams, feeRateParam, replaceableParam, toFeeWishes } from './send.ts';

const BUMP_CODES: Readonly<Record<BumpErrorKind, RpcCode>> = {
  unknownTransaction: RpcCode.INVALID_ADDRESS_OR_KEY,
  parameter: RpcCode.INVALID_PARAMETER,
  wallet: RpcCode.WALLET_ERROR,
  other: RpcCode.MISC_ERROR,
};

export const bumpfee = walletMethod({
  name: 'bumpfee',
  description:
    'Replaces an unconfirmed transaction of the wallet by one that pays a higher fee. The difference comes from\n' +
    'its change, and from further confirmed coins if need be. It spends the same coins, so only one of the two\n' +
    'can confirm. It fails when something already spends what the transaction made.',
  params: [
    { name: 'txid', type: 'hex', doc: 'The transaction to replace' },
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      oneLine: 'options',
      fields: [
        feeParams[0]!,
        { ...feeRateParam, doc: 'The new fee rate in sat/vB.' },
        { ...replaceableParam, defaultHint: 'true', doc: 'Whether the new one can be replaced in turn.' },
        feeParams[1]!,
        {
          name: 'outputs',
          type: 'array',
          optional: true,
          skipTypeCheck: true,
          doc: 'Pays these instead of what the transaction pays; not together with original_change_index.',
        },
        {
          name: 'original_change_index',
          type: 'number',
          defaultHint: 'not set, detect change automatically',
          doc: 'Which output is change',
        },
      ],
    },
  ],
  results: [
    res.object('', '', [
      res.hex('txid', 'the id of the new transaction'),
      res.amount('origfee', 'the fee of the old one'),
      res.amount('fee', 'the fee of the new one'),
      res.array('errors', 'what went wrong on the way', [res.string('', '')]),
    ]),
  ],
  examples: [['1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d']],
  runs: 'exclusive',
  async run(wallet, args, host) {
    if (wallet.disablesPrivateKeys) {
      throw new RpcError(
        RpcCode.WALLET_ERROR,
        'bumpfee is not available with wallets that have private keys disabled. Use psbtbumpfee instead.',
      );
    }
    const txid = args.hash<Txid>('txid');
    const given = args.has('options') ? args.object('options') : undefined;
    if (given !== undefined) {
      checkFields(
        given,
        {
          conf_target: 'number',
          fee_rate: 'any',
          replaceable: 'bool',
          estimate_mode: 'string',
          outputs: 'any',
          original_change_index: 'number',
        },
        { nulls: 'allowed', strict: true },
      );
    }
    const options = args.options('options');
    const wishes = toFeeWishes(options, options.optionalBoolean('replaceable') ?? true);
    const wanted = options.get('outputs');
    if (Array.isArray(wanted) && wanted.length === 0) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Invalid parameter, output argument cannot be an empty array',
      );
    }
    const outputs = wanted === undefined ? undefined : toOutputs(wanted, host.node.chain.params);
    const changeIndex = options.optionalInteger('original_change_index', 'u32');
    requireUnlocked(wallet);

    const old = wallet.history.get(txid);
    const { mempool } = host.node;
    const spendable = old === undefined ? new Map() : await spendableOutputs(host.node, old.tx);
    const context = {
      ...host.spendContext(wallet),
      spendable,
      hasMempoolDescendants: (id: Txid) => mempool.has(id) && mempool.descendantsOf(id).length > 0,
    };
    const request = {
      ...wishes,
      txid,
      ...(outputs === undefined ? {} : { outputs }),
      ...(changeIndex === undefined ? {} : { changeIndex }),
    };
    const bump = asRpcError(() => createBump(wallet, request, context));
    const notes = { comment: old?.comment, commentTo: old?.commentTo, replaces: txid };
    wallet.commit(bump.tx, notes, host.now());
    wallet.history.markReplaced(txid, bump.tx.txid);
    await host.save(wallet);
    await host.broadcast(wallet, bump.tx);
    return {
      txid: hashToHex(bump.tx.txid),
      origfee: amount(bump.oldFee),
      fee: amount(bump.fee),
      errors: [],
    };
  },
});

function asRpcError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BumpError)) throw error;
    throw new RpcError(BUMP_CODES[error.kind], error.message);
  }
}
