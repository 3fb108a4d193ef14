/** Paying more for a transaction that does not confirm (Core: bumpfee, psbtbumpfee in wallet/rpc/spend.cpp). */
import { hashToHex, type Txid } from '../../../base/bytes.ts';
import { createPsbt } from '../../../psbt/psbt.ts';
import {
  type Bump, type BumpContext, BumpError, type BumpErrorKind, type BumpRequest, createBump,
} from '../../../wallet/bump-fee.ts'; // biome-ignore format: one list
import { fillPsbt } from '../../../wallet/psbt.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import { type Arguments, checkFields, type FieldTypes } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { amount, ParsedObject } from '../../json.ts';
import type { Param } from '../../param.ts';
import { answeringPsbt, psbtToText, toPsbtVersion } from '../../psbt-argument.ts';
import { spendableOutputs } from '../../raw-signing.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { toOutputs } from '../rawtransactions/create.ts';
import { psbtVersionParam } from '../rawtransactions/psbt.ts';
import { requireUnlocked, walletMethod } from './common.ts';
import { feeParams, feeRateParam, replaceableParam, toFeeWishes } from './send.ts';

const BUMP_CODES: Readonly<Record<BumpErrorKind, RpcCode>> = {
  unknownTransaction: RpcCode.INVALID_ADDRESS_OR_KEY,
  parameter: RpcCode.INVALID_PARAMETER,
  wallet: RpcCode.WALLET_ERROR,
  other: RpcCode.MISC_ERROR,
};

const optionParams: readonly Param[] = [
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
];

const OPTION_TYPES: FieldTypes = {
  confTarget: 'number',
  conf_target: 'number',
  fee_rate: 'any',
  replaceable: 'bool',
  estimate_mode: 'string',
  outputs: 'any',
  original_change_index: 'number',
  psbt_version: 'number',
};

const feeDocs = [
  res.amount('origfee', 'the fee of the old one'),
  res.amount('fee', 'the fee of the new one'),
  res.array('errors', 'what went wrong on the way', [res.string('', '')]),
];

export const bumpfee = walletMethod({
  name: 'bumpfee',
  description:
    'Replaces an unconfirmed transaction of the wallet by one that pays a higher fee. The difference comes from\n' +
    'its change, and from further confirmed coins if need be. It spends the same coins, so only one of the two\n' +
    'can confirm. It fails when something already spends what the transaction made.',
  params: [
    { name: 'txid', type: 'hex', doc: 'The transaction to replace' },
    { name: 'options', type: 'namedOptions', optional: true, oneLine: 'options', fields: optionParams },
  ],
  results: [res.object('', '', [res.hex('txid', 'the id of the new transaction'), ...feeDocs])],
  examples: [['1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d']],
  runs: 'exclusive',
  async run(wallet, args, host) {
    if (wallet.disablesPrivateKeys) {
      throw new RpcError(
        RpcCode.WALLET_ERROR,
        'bumpfee is not available with wallets that have private keys disabled. Use psbtbumpfee instead.',
      );
    }
    const request = toBumpRequest(wallet, args, host);
    const { txid } = request;
    const context = await bumpContext(wallet, host, txid);
    const bump = asRpcError(() => createBump(wallet, request, context));
    const old = wallet.history.get(txid);
    const notes = { comment: old?.comment, commentTo: old?.commentTo, replaces: txid };
    wallet.commit(bump.tx, notes, host.now());
    wallet.history.markReplaced(txid, bump.tx.txid);
    await host.save(wallet);
    await host.broadcast(wallet, bump.tx);
    return { txid: hashToHex(bump.tx.txid), ...feesOf(bump) };
  },
});

export const psbtbumpfee = walletMethod({
  name: 'psbtbumpfee',
  description:
    'As bumpfee, but gives the new transaction as a PSBT that is not signed and not sent. Inputs may be of others.',
  params: [
    { name: 'txid', type: 'hex', doc: 'The transaction to replace' },
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      oneLine: 'options',
      fields: [...optionParams, psbtVersionParam],
    },
  ],
  results: [res.object('', '', [res.string('psbt', 'the PSBT in base64'), ...feeDocs])],
  examples: [['1075db55d416d3ca199f55b6084e2115b9345e16c5cf302fc80e9d5fbf5d48d']],
  runs: 'exclusive',
  async run(wallet, args, host) {
    const request = toBumpRequest(wallet, args, host);
    const version = toPsbtVersion(args.options('options'));
    const context = await bumpContext(wallet, host, request.txid);
    const bump = asRpcError(() => createBump(wallet, { ...request, isForOthers: true }, context));
    return answeringPsbt(() => {
      const fill = { role: 'updater', hashType: undefined, finalize: true, origins: 'shown' } as const;
      const { psbt } = fillPsbt(wallet, createPsbt(bump.tx, version), fill, context.verifier);
      return { psbt: psbtToText(psbt), ...feesOf(bump) };
    });
  },
});

/** Throws RpcError −3, −8, −13. */
function toBumpRequest(wallet: Wallet, args: Arguments, host: WalletHost): BumpRequest {
  const txid = args.hash<Txid>('txid');
  const given = args.has('options') ? args.object('options') : new ParsedObject([]);
  checkFields(given, OPTION_TYPES, { nulls: 'allowed', strict: true });
  const options = args.optionsFrom('options', withConfTarget(given));
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
  return {
    ...wishes,
    txid,
    ...(outputs === undefined ? {} : { outputs }),
    ...(changeIndex === undefined ? {} : { changeIndex }),
  };
}

/** Old clients say confTarget. */
function withConfTarget(given: ParsedObject): ParsedObject {
  if (!given.has('confTarget')) return given;
  if (given.has('conf_target')) {
    throw new RpcError(
      RpcCode.INVALID_PARAMETER,
      'confTarget and conf_target options should not both be set. Use conf_target (confTarget is deprecated).',
    );
  }
  return new ParsedObject([...given.members, ['conf_target', given.get('confTarget')!]]);
}

async function bumpContext(wallet: Wallet, host: WalletHost, txid: Txid): Promise<BumpContext> {
  const old = wallet.history.get(txid);
  const { mempool } = host.node;
  return {
    spendable: old === undefined ? new Map() : await spendableOutputs(host.node, old.tx),
    ...host.spendContext(wallet),
    hasMempoolDescendants: id => mempool.has(id) && mempool.descendantsOf(id).length > 0,
  };
}

function feesOf({ oldFee, fee }: Bump) {
  return { origfee: amount(oldFee), fee: amount(fee), errors: [] };
}

function asRpcError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof BumpError)) throw error;
    throw new RpcError(BUMP_CODES[error.kind], error.message);
  }
}
