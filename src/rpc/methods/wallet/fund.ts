/** Adding coins and change to a transaction (Core: FundTransaction in wallet/rpc/spend.cpp). */
import { bytesToHex, hashToHex, hexToBytes, isHex, type Txid } from '../../../base/bytes.ts';
import { keyOf, type OutPointKey, outPointKey } from '../../../chain/coin.ts';
import type { ChainParams } from '../../../consensus/params.ts';
import { hash160 } from '../../../crypto/hashes.ts';
import { STANDARD_WEIGHT_MAX } from '../../../mempool/policy.ts';
import { encodeAddress } from '../../../script/address.ts';
import type { Descriptor } from '../../../script/descriptor.ts';
import { KeyStore } from '../../../script/signing-provider.ts';
import { payToWitness } from '../../../script/templates.ts';
import { OUTPUT_TYPES } from '../../../wallet/descriptor-keeper.ts';
import { fundTransaction, type SpendPlan } from '../../../wallet/spend.ts';
import { type PresetInput, SpendError, type SpendRequest } from '../../../wallet/spend-request.ts';
import type { Wallet } from '../../../wallet/wallet.ts';
import type { OutPoint, TxInput, TxOutput } from '../../../wire/transaction.ts';
import { Arguments, checkFields, type FieldTypes, toAmount, toHash } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { BOTH_TX_FORMATS, decodeHexTx } from '../../decode.ts';
import { requireScriptOfAddress, toDescriptors } from '../../destinations.ts';
import { amount, expectType, JsonNumber, type JsonValue, ParsedObject, toInteger } from '../../json.ts';
import type { Param } from '../../param.ts';
import { spendableOutputs } from '../../raw-signing.ts';
import { res } from '../../result-doc.ts';
import type { WalletHost } from '../../wallet-host.ts';
import { createParams } from '../rawtransactions/create.ts';
import { toPublicKey } from '../util/multisig.ts';
import { walletMethod } from './common.ts';
import { feeParams, feeRateParam, replaceableParam, toFeeWishes, toSubtracting } from './send.ts';

/** Outpoint, sequence, and lengths of an empty scriptSig and witness. */
const INPUT_WEIGHT_MIN = 165;

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
  doc: 'Keys and scripts of inputs that are not of the wallet, so that their size can be told.',
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

export const fundInputsParam: Param = {
  ...createParams[0]!,
  optional: true,
  doc: 'Coins to spend; without any, coins of the wallet are added. See add_inputs.',
  fields: [
    {
      name: '',
      type: 'object',
      optional: true,
      fields: [
        ...createParams[0]!.fields![0]!.fields!.slice(0, 2),
        {
          name: 'sequence',
          type: 'number',
          defaultHint: "depends on the value of the 'locktime' and 'options.replaceable' arguments",
          doc: 'The sequence number',
        },
        {
          name: 'weight',
          type: 'number',
          defaultHint: 'Calculated from wallet and solving data',
          doc: 'The weight of the signed input',
        },
      ],
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
  /** Whether coins are added when the caller does not say: always, or only where no inputs are given. */
  readonly addsInputs: 'always' | 'withoutInputs';
  /** Objects with txid, vout and weight. */
  readonly inputWeights: readonly JsonValue[];
  /** `any`: also those that nodes do not take. */
  readonly feeRates: 'any' | 'sufficient';
  /** As given, checked here. */
  readonly options: ParsedObject;
  /** The same by name. */
  readonly args: Arguments;
}

/** Throws RpcError −3, −4, −5, −8. The wallet is not asked to sign. */
export async function fund(wallet: Wallet, host: WalletHost, request: FundRequest): Promise<SpendPlan> {
  const { inputs, outputs, options, args } = request;
  checkFields(options, OPTION_TYPES, { nulls: 'allowed', strict: true });
  const given = (...names: readonly string[]): JsonValue | undefined => {
    for (const name of names) if (options.has(name)) return options.get(name)!;
    return undefined;
  };
  const { params } = host.node.chain;
  /** A null was given, and is no text. */
  const text = (...names: readonly string[]): string | undefined => {
    const value = given(...names);
    return value === undefined ? undefined : expectType(value, 'string');
  };
  const changeAddress = text('change_address', 'changeAddress');
  const changeScript =
    changeAddress === undefined
      ? undefined
      : requireScriptOfAddress(changeAddress, params, 'Change address must be a valid bitcoin address');
  const position = given('change_position', 'changePosition');
  const changePosition = position === undefined ? undefined : toInteger(position);
  if (changePosition !== undefined && (changePosition < 0 || changePosition > outputs.length)) {
    invalid('changePosition out of bounds');
  }
  const changeType = toChangeType(text('change_type'), changeScript);
  const minDepth = args.optionalInteger('minconf') ?? 0;
  if (minDepth < 0) invalid('Negative minconf');
  const maxDepth = args.optionalInteger('maxconf');
  if (maxDepth !== undefined && maxDepth < minDepth) {
    invalid(`maxconf can't be lower than minconf: ${maxDepth} < ${minDepth}`);
  }
  const wishes = toFundWishes(options, args);
  const solving = toSolvingData(given('solving_data'), params);
  const weights = toInputWeights(request.inputWeights);
  if (outputs.length === 0) invalid('TX must have at least one output');
  const subtracting = toSubtracting(
    expectType(given('subtract_fee_from_outputs', 'subtractFeeFromOutputs') ?? [], 'array'),
    outputs.map(output => encodeAddress(output.scriptPubKey, params.address) ?? ''),
  );
  const weightMax = args.optionalInteger('max_tx_weight');
  const preset = await toPreset(wallet, host, inputs, weights);
  const addsInputs =
    args.optionalBoolean('add_inputs') ?? (request.addsInputs === 'always' || inputs.length === 0);
  const spend: SpendRequest = {
    ...wishes,
    recipients: outputs.map(({ scriptPubKey, value }, i) => ({
      script: scriptPubKey,
      amount: value,
      subtractsFee: subtracting.has(i),
    })),
    preset,
    solving,
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
          doc: 'Weights of signed inputs, where they cannot be told or are known better. They are spent in any case.',
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
  async run(wallet, args, host) {
    const isWitness = args.optionalBoolean('iswitness');
    const formats = isWitness === undefined ? BOTH_TX_FORMATS : ([isWitness ? 'witness' : 'basic'] as const);
    const tx = decodeHexTx(args.string('hexstring'), formats);
    if (tx === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'TX decode failed');
    const options = args.get('options');
    const isObject = options instanceof ParsedObject;
    const weights = isObject ? (options.get('input_weights') ?? []) : [];
    const plan = await fund(wallet, host, {
      inputs: tx.inputs,
      outputs: tx.outputs,
      lockTime: tx.lockTime,
      version: tx.version,
      feeRates: 'any',
      addsInputs: 'always',
      inputWeights: expectType(weights, 'array'),
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

/** What the inputs spend: coins of the wallet, else outputs that anybody can see; and coins of which a weight is told. */
async function toPreset(
  wallet: Wallet,
  { node }: WalletHost,
  inputs: readonly TxInput[],
  weights: ReadonlyMap<OutPointKey, InputWeight>,
): Promise<PresetInput[]> {
  const outputs = await spendableOutputs(node, { inputs });
  const preset = inputs.map(input => {
    const { prevout, sequence, scriptSig, witness } = input;
    const key = keyOf(prevout);
    const own = wallet.history.coin(key);
    const output = own?.output ?? outputs.get(key);
    if (output === undefined) {
      throw new RpcError(RpcCode.WALLET_ERROR, 'Unable to find UTXO for external input');
    }
    const given = { sequence, scriptSig, witness };
    return { key, outPoint: prevout, output, wtx: own?.wtx, weight: weights.get(key)?.weight, input: given };
  });
  const known = new Set<OutPointKey>(preset.map(({ key }) => key));
  const weighed = [...weights].flatMap(([key, { outPoint, weight }]): PresetInput[] => {
    if (known.has(key)) return [];
    const own = wallet.history.coin(key);
    if (own !== undefined) return [{ ...own, weight }];
    const name = `COutPoint(${hashToHex(outPoint.txid).slice(0, 10)}, ${outPoint.index})`;
    throw new RpcError(RpcCode.WALLET_ERROR, `Not found pre-selected input ${name}`);
  });
  return [...preset, ...weighed];
}

/** Throws RpcError −5, −8. */
function toSolvingData(given: JsonValue | undefined, params: ChainParams): KeyStore {
  const store = new KeyStore();
  if (given === undefined) return store;
  const data = expectType(given, 'object');
  const list = (name: string) => expectType(data.get(name) ?? [], 'array');
  for (const value of list('pubkeys')) {
    const publicKey = toPublicKey(value);
    store.addKey(publicKey);
    // It may lie behind P2SH.
    store.addScript(payToWitness(0, hash160(publicKey)));
  }
  for (const value of list('scripts')) {
    const text = expectType(value, 'string');
    if (text === '' || !isHex(text)) {
      throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, `'${text}' is not hex`);
    }
    store.addScript(hexToBytes(text));
  }
  for (const value of list('descriptors')) {
    for (const descriptor of toSolvingDescriptors(expectType(value, 'string'), params)) {
      const expansion = descriptor.expand(0);
      if (expansion !== undefined) store.addExpansion(expansion);
    }
  }
  return store;
}

function toSolvingDescriptors(text: string, params: ChainParams): readonly Descriptor[] {
  try {
    return toDescriptors(text, params, { requireChecksum: true });
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    invalid(`Unable to parse descriptor '${text}': ${error.message}`);
  }
}

interface InputWeight {
  readonly outPoint: OutPoint;
  readonly weight: number;
}

/** Throws RpcError −8. */
function toInputWeights(given: readonly JsonValue[]): Map<OutPointKey, InputWeight> {
  const weights = new Map<OutPointKey, InputWeight>();
  for (const value of given) {
    const input = expectType(value, 'object');
    const txid = toHash<Txid>(input.get('txid'), 'txid');
    const integer = (name: string) => {
      const number = input.get(name);
      if (!(number instanceof JsonNumber)) invalid(`Invalid parameter, missing ${name} key`);
      return toInteger(number);
    };
    const index = integer('vout');
    if (index < 0) invalid('Invalid parameter, vout cannot be negative');
    const weight = integer('weight');
    if (weight < INPUT_WEIGHT_MIN) {
      invalid(
        `Invalid parameter, weight cannot be less than ${INPUT_WEIGHT_MIN} (41 bytes (size of outpoint + sequence + empty scriptSig) * 4 (witness scaling factor)) + 1 (empty witness)`,
      );
    }
    if (weight > STANDARD_WEIGHT_MAX) {
      invalid(
        `Invalid parameter, weight cannot be greater than the maximum standard tx weight of ${STANDARD_WEIGHT_MAX}`,
      );
    }
    weights.set(outPointKey(txid, index), { outPoint: { txid, index }, weight });
  }
  return weights;
}

/** Of calls whose inputs are objects: those that have a weight. */
export function weightsInInputs(
  inputs: readonly JsonValue[],
  options: ParsedObject | undefined,
): readonly JsonValue[] {
  if (options?.has('input_weights')) {
    invalid('Input weights should be specified in inputs rather than in options.');
  }
  return inputs.filter(input => input instanceof ParsedObject && input.has('weight'));
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
