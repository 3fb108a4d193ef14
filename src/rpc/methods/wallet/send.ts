/** Paying (Core: sendtoaddress, sendmany in wallet/rpc/spend.cpp). */
import { hashToHex } from '../../../base/bytes.ts';
import { shuffle } from '../../../base/random.ts';
import type { FeeWishes } from '../../../wallet/fees.ts';
import { createSpend } from '../../../wallet/spend.ts';
import { type Recipient, SpendError, type SpendRequest } from '../../../wallet/spend-request.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import type { TxNotes } from '../../../wallet/wallet-tx.ts';
import { type Arguments, toAmount } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { toConfirmTarget, toEstimateMode } from '../../estimate-mode.ts';
import { JsonNumber, type JsonOut, type JsonValue, ParsedObject, toInteger } from '../../json.ts';
import type { Param } from '../../param.ts';
import { res, when } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { toOutputs } from '../rawtransactions/create.ts';
import { toAvoidReuse } from './coins.ts';
import { NEEDS_PASSPHRASE, requireUnlocked, walletMethod } from './common.ts';

/** Fee rates are given in satoshi per virtual byte with three decimals. */
const FEE_RATE_DECIMALS = 3;

export const replaceableParam: Param = {
  name: 'replaceable',
  type: 'boolean',
  defaultHint: 'wallet default',
  doc: 'Whether the transaction signals that it can be replaced (BIP125)',
};

export const feeParams: readonly Param[] = [
  {
    name: 'conf_target',
    type: 'number',
    defaultHint: 'wallet -txconfirmtarget',
    doc: 'In how many blocks it shall confirm',
  },
  {
    name: 'estimate_mode',
    type: 'string',
    default: 'unset',
    doc: 'How the fee is estimated: "unset", "economical" or "conservative".',
  },
];

export const feeRateParam: Param = {
  name: 'fee_rate',
  type: 'amount',
  defaultHint: 'not set, fall back to wallet fee estimation',
  doc: 'The fee rate in sat/vB.',
};

const verboseParam: Param = { name: 'verbose', type: 'boolean', default: false, doc: 'Tells more.' };

const sentDocs = [
  when('if verbose is not set or set to false', res.hex('txid', 'the id of the transaction')),
  when(
    'if verbose is set to true',
    res.object('', '', [
      res.hex('txid', 'the id of the transaction'),
      res.string('fee_reason', 'how its fee came about'),
    ]),
  ),
];

export const sendtoaddress = walletMethod({
  name: 'sendtoaddress',
  description: `Pays an amount to an address.\n${NEEDS_PASSPHRASE}`,
  params: [
    { name: 'address', type: 'string', doc: 'The address to pay to.' },
    { name: 'amount', type: 'amount', doc: 'The amount in BTC.' },
    { name: 'comment', type: 'string', optional: true, doc: 'What it is for: kept in the wallet only.' },
    { name: 'comment_to', type: 'string', optional: true, doc: 'Whom it pays: kept in the wallet only.' },
    {
      name: 'subtractfeefromamount',
      type: 'boolean',
      default: false,
      doc: 'The fee is taken from the amount.',
    },
    replaceableParam,
    ...feeParams,
    {
      name: 'avoid_reuse',
      type: 'boolean',
      defaultHint: 'true',
      doc: 'Spends no coins of addresses that were spent from before, and of others all coins or none; only in a wallet with that flag.',
    },
    feeRateParam,
    verboseParam,
  ],
  results: sentDocs,
  examples: [['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl', 0.1]],
  runs: 'exclusive',
  run(wallet, args, host) {
    const avoidReuse = toAvoidReuse(wallet, args.get('avoid_reuse'));
    const wishes = toFeeWishes(args, args.optionalBoolean('replaceable'));
    requireUnlocked(wallet);
    const amounts = new ParsedObject([[args.string('address'), args.get('amount') ?? null]]);
    const outputs = toOutputs(amounts, host.node.chain.params);
    const recipients = outputs.map(({ value, scriptPubKey }) => ({
      script: scriptPubKey,
      amount: value,
      subtractsFee: args.boolean('subtractfeefromamount'),
    }));
    const notes = {
      ...note('comment', args.optionalString('comment')),
      ...note('commentTo', args.optionalString('comment_to')),
    };
    // Who avoids to be known by addresses leaves none behind that was half spent.
    const avoids = avoidReuse ? { avoidReuse, avoidsPartialSpends: true } : {};
    return send(wallet, host, { ...wishes, ...avoids, recipients }, notes, args.boolean('verbose'));
  },
});

export const sendmany = walletMethod({
  name: 'sendmany',
  description: `Pays several addresses in one transaction.\n${NEEDS_PASSPHRASE}`,
  params: [
    { name: 'dummy', type: 'string', defaultHint: '""', oneLine: '""', doc: 'Must be "", for old clients.' },
    {
      name: 'amounts',
      type: 'userKeys',
      doc: 'Addresses and amounts',
      fields: [
        { name: 'address', type: 'amount', doc: 'The address is the key, the amount in BTC the value' },
      ],
    },
    { name: 'minconf', type: 'number', optional: true, doc: 'Without effect' },
    { name: 'comment', type: 'string', optional: true, doc: 'What it is for: kept in the wallet only.' },
    {
      name: 'subtractfeefrom',
      type: 'array',
      optional: true,
      doc: 'The fee is taken in equal parts from the amounts of these addresses.',
      fields: [{ name: 'address', type: 'string', optional: true, doc: 'One of the addresses' }],
    },
    replaceableParam,
    ...feeParams,
    feeRateParam,
    verboseParam,
  ],
  results: sentDocs,
  examples: [['', { bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl: 0.01 }]],
  runs: 'exclusive',
  run(wallet, args, host) {
    if ((args.optionalString('dummy') ?? '') !== '') {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Dummy value must be set to ""');
    }
    const amounts = args.object('amounts');
    const wishes = toFeeWishes(args, args.optionalBoolean('replaceable'));
    const outputs = toOutputs(amounts, host.node.chain.params);
    const subtracting = toSubtracting(
      args.has('subtractfeefrom') ? args.array('subtractfeefrom') : [],
      amounts.keys,
    );
    const recipients = outputs.map(({ value, scriptPubKey }, i) => ({
      script: scriptPubKey,
      amount: value,
      subtractsFee: subtracting.has(i),
    }));
    const notes = note('comment', args.optionalString('comment'));
    return send(wallet, host, { ...wishes, recipients }, notes, args.boolean('verbose'));
  },
});

/** `args` has the members conf_target, estimate_mode and fee_rate. Throws RpcError −3, −8. */
export function toFeeWishes(args: Arguments, signalsRbf: boolean | undefined): FeeWishes {
  const rbf = signalsRbf === undefined ? {} : { signalsRbf };
  const mode = args.optionalString('estimate_mode');
  if (args.has('fee_rate')) {
    if (args.has('conf_target')) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        'Cannot specify both conf_target and fee_rate. Please provide either a confirmation target in blocks for automatic fee estimation, or an explicit fee rate.',
      );
    }
    if (mode !== undefined && mode !== 'unset') {
      throw new RpcError(RpcCode.INVALID_PARAMETER, 'Cannot specify both estimate_mode and fee_rate');
    }
    const feeRate = Number(toAmount(args.get('fee_rate'), FEE_RATE_DECIMALS));
    return { feeRate, signalsRbf: signalsRbf ?? true };
  }
  const estimateMode = toEstimateMode(mode ?? 'unset');
  const confirmTarget = args.optionalInteger('conf_target');
  if (confirmTarget === undefined) return { estimateMode, ...rbf };
  return { estimateMode, confirmTarget: toConfirmTarget(confirmTarget), ...rbf };
}

/** Makes, keeps, stores and sends; the answer comes when the mempool has seen it. */
async function send(
  wallet: Wallet,
  host: WalletHost,
  request: SpendRequest,
  notes: TxNotes,
  verbose: boolean,
): Promise<JsonOut> {
  requireUnlocked(wallet);
  if (wallet.disablesPrivateKeys) {
    throw new RpcError(RpcCode.WALLET_ERROR, 'Error: Private keys are disabled for this wallet');
  }
  const context = host.spendContext(wallet);
  // The order of outputs shall not tell which one is change.
  const recipients: Recipient[] = shuffle(context.random, [...request.recipients]);
  const plan = asRpcError(() => createSpend(wallet, { ...request, recipients }, context));
  wallet.commit(plan.tx, notes, host.now());
  await host.save(wallet);
  await host.broadcast(wallet, plan.tx);
  const txid = hashToHex(plan.tx.txid);
  return verbose ? { txid, fee_reason: plan.feeReason } : txid;
}

function asRpcError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SpendError)) throw error;
    throw new RpcError(RpcCode.WALLET_INSUFFICIENT_FUNDS, error.message);
  }
}

/** Which recipients pay the fee: by address or by number. */
export function toSubtracting(given: readonly JsonValue[], addresses: readonly string[]): Set<number> {
  const found = new Set<number>();
  const refuse = (why: string): never => {
    throw new RpcError(RpcCode.INVALID_PARAMETER, `Invalid parameter 'subtract fee from output', ${why}`);
  };
  for (const each of given) {
    let position = -1;
    if (typeof each === 'string') {
      position = addresses.indexOf(each);
      if (position < 0) refuse(`destination ${each} not found in tx outputs`);
    } else if (each instanceof JsonNumber) position = toInteger(each);
    else refuse(`invalid value type: ${typeName(each)}`);
    if (found.has(position)) refuse(`duplicated position: ${position}`);
    if (position < 0) refuse(`negative position: ${position}`);
    if (position >= addresses.length) refuse(`position too large: ${position}`);
    found.add(position);
  }
  return found;
}

function typeName(value: JsonValue): string {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return 'bool';
  return value instanceof ParsedObject ? 'object' : 'array';
}

function note(name: 'comment' | 'commentTo', text: string | undefined): TxNotes {
  return text ? { [name]: text } : {};
}
