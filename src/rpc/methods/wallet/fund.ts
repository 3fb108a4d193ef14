/** Adding coins and change to a transaction (Core: FundTransaction in wallet/rpc/spend.cpp). */
import { bytesToHex, hashToHex } from '../../../base/bytes.ts';
import { keyOf, type OutPointKey } from '../../../chain/coin.ts';
import { encodeAddress } from '../../../script/address.ts';
import { OUTPUT_TYPES } from '../../../wallet/descriptor-keeper.ts';
import { fundTransaction, type SpendPlan } from '../../../wallet/spend.ts';
import { SpendError, type SpendRequest } from '../../../wallet/spend-request.ts';
import type { OwnCoin } from '../../../wallet/tx-history.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import type { TxInput, TxOutput } from '../../../wire/transaction.ts';
import { Arguments, checkFields, type FieldTypes, toAmount } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { BOTH_TX_FORMATS, decodeHexTx } from '../../decode.ts';
import { requireScriptOfAddress } from '../../destinations.ts';
import { amount, expectType, type JsonValue, ParsedObject, toInteger } from '../../json.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { walletMethod } from './common.ts';
import { feeParams, feeRateParam, replaceableParam, toFeeWishes, toSubtracting } from './send.ts';

const OPTION_TYPES: FieldTypes = {
  add_inputs: 'bool',
  include_unsafe: 'bool',
  add_to_wallet: 'bool',
  changeAddress: 'string',
  change_address: 'string',
  changePosition: 'number',
  change_position: 'number',
  change_type: 'string',
  includeWatching: 'bool',
  include_watching: 'bool',
  inputs: 'array',
  lockUnspents: 'bool',
  lock_unspents: 'bool',
  locktime: 'number',
  fee_rate: 'any',
  feeRate: 'any',
  psbt: 'bool',
  solving_data: 'object',
  subtractFeeFromOutputs: 'array',
  subtract_fee_from_outputs: 'array',
  replaceable: 'bool',
  conf_target: 'number',
  estimate_mode: 'string',
  minconf: 'number',
  maxconf: 'number',
  input_weights: 'array',
  max_tx_weight: 'number',
};

const solvingDataParam: Param = {
  name: 'solving_data',
  type: 'object',
  optional: true,
  doc: 'Keys and scripts of inputs that are not of the wallet. Such inputs are not supported: they are refused.',
  fields: [
    {
      name: 'pubkeys',
      type: 'array',
      optional: true,
      fields: [{ name: 'pubkey', type: 'hex', optional: true }],
    },
    {
      name: 'scripts',
      type: 'array',
      optional: true,
      fields: [{ name: 'script', type: 'hex', optional: true }],
    },
    {
      name: 'descriptors',
      type: 'array',
      optional: true,
      fields: [{ name: 'descriptor', type: 'string', optional: true }],
    },
  ],
};

export const fundParams: readonly Param[] = [
  { name: 'add_inputs', type: 'boolean', defaultHint: 'false when "inputs" are specified, true otherwise', doc: 'Adds coins of the wallet as needed.' },
  { name: 'include_unsafe', type: 'boolean', default: false, doc: 'Also coins that may vanish: unconfirmed ones of others, and replacements.' },
  { name: 'minconf', type: 'number', default: 0, doc: 'Confirmations that added coins have at least.' },
  { name: 'maxconf', type: 'number', optional: true, doc: 'Confirmations that added coins have at most.' },
  { name: 'changeAddress', type: 'string', defaultHint: 'automatic', doc: 'The address that change goes to' },
  { name: 'changePosition', type: 'number', defaultHint: 'random', doc: 'The index of the change among the outputs' },
  { name: 'change_type', type: 'string', defaultHint: 'set by -changetype', doc: 'The type of the change address; not together with changeAddress.' },
  { name: 'includeWatching', type: 'boolean', default: false, doc: '(DEPRECATED) Without effect.' },
  { name: 'lockUnspents', type: 'boolean', default: false, doc: 'Locks the coins that are spent' },
  { ...feeRateParam, doc: 'The fee rate in sat/vB.' },
  { name: 'feeRate', type: 'amount', defaultHint: 'not set, fall back to wallet fee estimation', doc: 'The fee rate in BTC/kvB.' },
  {
    name: 'subtractFeeFromOutputs',
    type: 'array',
    defaultHint: '[]',
    doc: 'The fee is taken in equal parts from these outputs.',
    fields: [{ name: 'vout_index', type: 'number', optional: true, doc: 'The index of an output, before change is added.' }],
  },
  { name: 'max_tx_weight', type: 'number', defaultHint: '400000', doc: 'The greatest weight of the transaction' },
]; // biome-ignore format: a table

export const fundTailParams: readonly Param[] = [...feeParams, replaceableParam, solvingDataParam];

/** Of `send`, beside those of funding. */
export const sendOnlyParams: readonly Param[] = [
  {
    name: 'add_to_wallet',
    type: 'boolean',
    default: true,
    doc: 'If false, the transaction is given and neither kept nor sent.',
  },
  {
    name: 'psbt',
    type: 'boolean',
    defaultHint: 'automatic',
    doc: 'Always gives a PSBT; nothing is sent then.',
  },
  {
    name: 'locktime',
    type: 'number',
    defaultHint: 'locktime close to block height to prevent fee sniping',
    doc: 'The lock time. If it is not 0, it is made effective through the inputs.',
  },
];

export interface FundRequest {
  readonly inputs: readonly TxInput[];
  readonly outputs: readonly TxOutput[];
  /** Undefined: one that discourages fee sniping. */
  readonly lockTime: number | undefined;
  readonly version: number;
  /** `any`: also those that nodes do not take. */
  readonly feeRates: 'any' | 'sufficient';
  /** As given, checked here. */
  readonly options: ParsedObject;
  /** The same by name. */
  readonly args: Arguments;
}

/** Throws RpcError −3, −4, −5, −8. The wallet is not asked to sign. */
export function fund(wallet: Wallet, host: WalletHost, request: FundRequest): SpendPlan {
  const { inputs, outputs, options, args } = request;
  checkFields(options, OPTION_TYPES, { nulls: 'allowed', strict: true });
  const given = (...names: readonly string[]): JsonValue | undefined => {
    for (const name of names) if (options.has(name)) return options.get(name)!;
    return undefined;
  };
  const { params } = host.node.chain;
  const changeAddress = given('change_address', 'changeAddress') as string | undefined;
  const changeScript =
    changeAddress === undefined
      ? undefined
      : requireScriptOfAddress(changeAddress, params, 'Change address must be a valid bitcoin address');
  const position = given('change_position', 'changePosition');
  const changePosition = position === undefined ? undefined : toInteger(position);
  if (changePosition !== undefined && (changePosition < 0 || changePosition > outputs.length)) {
    invalid('changePosition out of bounds');
  }
  const changeType = toChangeType(given('change_type') as string | undefined, changeScript);
  const minDepth = args.optionalInteger('minconf') ?? 0;
  if (minDepth < 0) invalid('Negative minconf');
  const maxDepth = args.optionalInteger('maxconf');
  if (maxDepth !== undefined && maxDepth < minDepth) {
    invalid(`maxconf can't be lower than minconf: ${maxDepth} < ${minDepth}`);
  }
  const wishes = toFundWishes(options, args);
  if (outputs.length === 0) invalid('TX must have at least one output');
  const subtracting = toSubtracting(
    expectType(given('subtract_fee_from_outputs', 'subtractFeeFromOutputs') ?? [], 'array'),
    outputs.map(output => encodeAddress(output.scriptPubKey, params.address) ?? ''),
  );
  const weightMax = args.optionalInteger('max_tx_weight');
  const preset = inputs.map(input => ownCoin(wallet, input));
  const addsInputs = args.optionalBoolean('add_inputs') ?? inputs.length === 0;
  const spend: SpendRequest = {
    ...wishes,
    recipients: outputs.map(({ scriptPubKey, value }, i) => ({
      script: scriptPubKey,
      amount: value,
      subtractsFee: subtracting.has(i),
    })),
    preset,
    keepsOrder: true,
    ...(request.feeRates === 'any' && { overridesMinFeeRate: true as const }),
    ...(!addsInputs && { onlyPreset: true as const }),
    minDepth,
    ...(maxDepth !== undefined && { maxDepth }),
    includeUnsafe: args.optionalBoolean('include_unsafe') ?? false,
    ...(changeScript !== undefined && { changeScript }),
    ...(changeType !== undefined && { changeType }),
    ...(changePosition !== undefined && { changePosition }),
    version: request.version,
    ...(request.lockTime !== undefined && { lockTime: request.lockTime }),
    ...(weightMax !== undefined && { weightMax }),
    sequences: new Map(inputs.map(({ prevout, sequence }) => [keyOf(prevout), sequence])),
  };
  const plan = planOrFail(() => fundTransaction(wallet, spend, host.spendContext(wallet)));
  if (given('lock_unspents', 'lockUnspents') === true) {
    for (const { prevout } of plan.tx.inputs) wallet.locks.lock(keyOf(prevout), 'volatile');
  }
  return plan;
}

export const fundrawtransaction = walletMethod({
  name: 'fundrawtransaction',
  description:
    'Adds coins of the wallet to a transaction until its inputs pay for its outputs, and change where something is left.\n' +
    'What it has stays. The new inputs are not signed: signrawtransactionwithwallet does that.',
  params: [
    { name: 'hexstring', type: 'hex', doc: 'The encoded transaction' },
    {
      name: 'options',
      type: 'namedOptions',
      optional: true,
      skipTypeCheck: true,
      oneLine: 'options',
      doc: 'For old clients true or false is taken, too.',
      fields: [
        ...fundParams.slice(0, 11),
        fundParams[11]!,
        {
          name: 'input_weights',
          type: 'array',
          optional: true,
          doc: 'Weights of inputs that are not of the wallet. Such inputs are not supported: they are refused.',
          fields: [
            {
              name: '',
              type: 'object',
              optional: true,
              fields: [
                { name: 'txid', type: 'hex' },
                { name: 'vout', type: 'number' },
                { name: 'weight', type: 'number' },
              ],
            },
          ],
        },
        fundParams[12]!,
        ...fundTailParams,
      ],
    },
    {
      name: 'iswitness',
      type: 'boolean',
      defaultHint: 'depends on heuristic tests',
      doc: 'Whether it is encoded with witnesses. If absent, both are tried.',
    },
  ],
  results: [
    res.object('', '', [
      res.hex('hex', 'the encoded transaction'),
      res.amount('fee', 'its fee in BTC'),
      res.number('changepos', 'the index of the change, or -1'),
    ]),
  ],
  examples: [['rawtransactionhex']],
  runs: 'exclusive',
  run(wallet, args, host) {
    const isWitness = args.optionalBoolean('iswitness');
    const formats = isWitness === undefined ? BOTH_TX_FORMATS : ([isWitness ? 'witness' : 'basic'] as const);
    const tx = decodeHexTx(args.string('hexstring'), formats);
    if (tx === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'TX decode failed');
    const options = args.get('options');
    const isObject = options instanceof ParsedObject;
    const plan = fund(wallet, host, {
      inputs: tx.inputs,
      outputs: tx.outputs,
      lockTime: tx.lockTime,
      version: tx.version,
      feeRates: 'any',
      options: isObject ? options : new ParsedObject([]),
      args: optionsOf(isObject ? options : new ParsedObject([])),
    });
    return {
      hex: bytesToHex(plan.tx.raw),
      fee: amount(plan.fee),
      changepos: plan.changePosition ?? -1,
    };
  },
});

/** Read by the names of their declarations. */
export function optionsOf(given: ParsedObject): Arguments {
  return new Arguments(
    [
      {
        name: 'options',
        type: 'namedOptions',
        fields: [...fundParams, ...fundTailParams, ...sendOnlyParams],
      },
    ],
    [given],
  ).options('options');
}

function ownCoin(wallet: Wallet, { prevout }: TxInput): OwnCoin {
  const key: OutPointKey = keyOf(prevout);
  const coin = wallet.history.coin(key);
  if (coin !== undefined) return coin;
  throw new RpcError(
    RpcCode.WALLET_ERROR,
    `Not solvable pre-selected input COutPoint(${hashToHex(prevout.txid).slice(0, 10)}, ${prevout.index})`,
  );
}

function toChangeType(text: string | undefined, changeScript: Uint8Array | undefined) {
  if (text === undefined) return undefined;
  if (changeScript !== undefined) invalid('Cannot specify both change address and address type options');
  const type = OUTPUT_TYPES.find(known => known === text);
  if (type === undefined) {
    throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, `Unknown change type '${text}'`);
  }
  return type;
}

function toFundWishes(options: ParsedObject, args: Arguments) {
  const replaceable = args.optionalBoolean('replaceable');
  if (!options.has('feeRate')) return toFeeWishes(args, replaceable);
  if (options.has('fee_rate')) {
    invalid('Cannot specify both fee_rate (sat/vB) and feeRate (BTC/kvB)');
  }
  if (options.has('conf_target')) {
    invalid(
      'Cannot specify both conf_target and feeRate. Please provide either a confirmation target in blocks for automatic fee estimation, or an explicit fee rate.',
    );
  }
  if (options.has('estimate_mode')) invalid('Cannot specify both estimate_mode and feeRate');
  const feeRate = Number(toAmount(args.get('feeRate')));
  return { feeRate, ...(replaceable !== undefined && { signalsRbf: replaceable }) };
}

function planOrFail(work: () => SpendPlan): SpendPlan {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SpendError)) throw error;
    throw new RpcError(RpcCode.WALLET_ERROR, error.message);
  }
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
