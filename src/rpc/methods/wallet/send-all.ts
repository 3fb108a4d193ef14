/** `sendall`: everything that the wallet has, or that is named, to some recipients. */
import { keyOf } from '../../../chain/coin.ts';
import { createSendAll, SendAllError, type SendAllRequest } from '../../../wallet/send-all.ts';
import type { Arguments } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { expectType, type JsonValue, ParsedObject } from '../../json.ts';
import type { Param } from '../../param.ts';
import {
  checkReplaceable,
  createParams,
  lockTimeOf,
  toInputs,
  toOutputs,
  toVersion,
} from '../rawtransactions/create.ts';
import { walletMethod } from './common.ts';
import { fundTailParams, sendOnlyParams } from './fund.ts';
import { feeParams, feeRateParam, toFeeWishes } from './send.ts';
import { feeTailParams, finishTransaction, refuseOutdated, sentDocs, withFeeArguments } from './send-any.ts';

const CODES: Readonly<Record<SendAllError['kind'], RpcCode>> = {
  parameter: RpcCode.INVALID_PARAMETER,
  wallet: RpcCode.WALLET_ERROR,
  funds: RpcCode.WALLET_INSUFFICIENT_FUNDS,
};

const optionParams: readonly Param[] = [
  sendOnlyParams[0]!,
  { ...feeRateParam, alsoPositional: true },
  { name: 'include_watching', type: 'boolean', default: false, doc: '(DEPRECATED) Without effect.' },
  {
    ...createParams[0]!,
    doc: 'Spends exactly these coins; not together with send_max, minconf and maxconf.',
    optional: true,
  },
  sendOnlyParams[2]!,
  { name: 'lock_unspents', type: 'boolean', default: false, doc: 'Locks the coins that are spent' },
  sendOnlyParams[1]!,
  {
    name: 'send_max',
    type: 'boolean',
    default: false,
    doc: 'Leaves coins that are not worth the fee of their input, so that recipients get most; otherwise none is left.',
  },
  { name: 'minconf', type: 'number', default: 0, doc: 'Confirmations that coins have at least.' },
  { name: 'maxconf', type: 'number', optional: true, doc: 'Confirmations that coins have at most.' },
  createParams[4]!,
  ...feeTailParams(fundTailParams),
];

export const sendall = walletMethod({
  name: 'sendall',
  description:
    'Spends all coins that are confirmed, and unconfirmed change, or exactly the coins that are named. There is no change:\n' +
    'recipients without an amount share what is left. Coins that are locked stay.',
  params: [
    {
      name: 'recipients',
      type: 'array',
      doc: 'Whom it pays. No address may come twice, and at least one comes without an amount.',
      fields: [
        { name: 'address', type: 'string', doc: 'An address that gets an equal share of what is left' },
        {
          name: '',
          type: 'userKeys',
          optional: true,
          fields: [
            { name: 'address', type: 'amount', doc: 'The key is the address, the value the amount in BTC' },
          ],
        },
      ],
    },
    ...feeParams,
    feeRateParam,
    { name: 'options', type: 'namedOptions', optional: true, oneLine: 'options', fields: optionParams },
  ],
  results: sentDocs,
  examples: [[['bc1q09vm5lfy0j5reeulh4x5752q25uqqvz34hufdl']]],
  runs: 'exclusive',
  async run(wallet, args, host) {
    const given = withFeeArguments(args);
    refuseOutdated(given);
    const recipients = args.array('recipients');
    const isShared = recipients.map(recipient => typeof recipient === 'string');
    if (!isShared.includes(true)) {
      invalid('Must provide at least one address without a specified amount');
    }
    const options = args.optionsFrom('options', given);
    const signalsRbf = options.optionalBoolean('replaceable') ?? wallet.options.signalsRbf;
    const wishes = toFeeWishes(options, undefined);
    const depths = toDepths(options, given);
    const version = toVersion(options);
    const lockTime = lockTimeOf(options);
    const named = given.has('inputs') ? expectType(given.get('inputs'), 'array') : undefined;
    const inputs = named && toInputs(named, signalsRbf, lockTime);
    const pairs = recipients.map(asPair);
    const outputs = toOutputs(pairs, host.node.chain.params);
    if (inputs !== undefined && signalsRbf) checkReplaceable(inputs);
    if (inputs !== undefined && given.has('send_max')) {
      invalid('Cannot combine send_max with specific inputs.');
    }
    if (inputs !== undefined && (given.has('minconf') || given.has('maxconf'))) {
      invalid('Cannot combine minconf or maxconf with specific inputs.');
    }
    const request: SendAllRequest = {
      ...wishes,
      recipients: outputs.map(({ scriptPubKey, value }, i) => ({
        script: scriptPubKey,
        address: pairs[i]!.keys[0]!,
        amount: isShared[i] ? undefined : value,
      })),
      ...(inputs !== undefined && { inputs }),
      sendsMax: options.boolean('send_max'),
      ...depths,
      signalsRbf,
      version,
      lockTime: given.has('locktime') ? lockTime : undefined,
    };
    const tx = asRpcError(() => createSendAll(wallet, request, host.spendContext(wallet)));
    if (options.boolean('lock_unspents')) {
      for (const { prevout } of tx.inputs) wallet.locks.lock(keyOf(prevout), 'volatile');
    }
    return finishTransaction(wallet, host, tx, given);
  },
});

/** A recipient who shares what is left gets nothing yet. */
function asPair(recipient: JsonValue): ParsedObject {
  if (typeof recipient === 'string') return new ParsedObject([[recipient, '0']]);
  if (recipient instanceof ParsedObject) return recipient;
  return invalid('Invalid parameter, key-value pair not an object as expected');
}

function toDepths(options: Arguments, given: ParsedObject): { minDepth: number; maxDepth: number } {
  const minDepth = options.integer('minconf');
  if (minDepth < 0) invalid(`Invalid minconf (minconf cannot be negative): ${minDepth}`);
  const maxDepth = options.optionalInteger('maxconf') ?? Number.POSITIVE_INFINITY;
  if (given.has('maxconf') && maxDepth < minDepth) {
    invalid(`maxconf can't be lower than minconf: ${maxDepth} < ${minDepth}`);
  }
  return { minDepth, maxDepth };
}

function asRpcError<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SendAllError)) throw error;
    throw new RpcError(CODES[error.kind], error.message);
  }
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
