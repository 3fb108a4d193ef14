/** Making transactions by hand (Core: rpc/rawtransaction_util.cpp). */
import { bytesToHex, concatBytes, EMPTY_BYTES, type Txid } from '../../../base/bytes.ts';
import type { ChainParams } from '../../../consensus/params.ts';
import { OPCODES, pushData } from '../../../script/opcodes.ts';
import {
  createTransaction,
  SEQUENCE_FINAL,
  type Transaction,
  type TxInput,
  type TxOutput,
} from '../../../wire/transaction.ts';
import { type Arguments, toAmount, toBytes, toHash } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { requireScriptOfAddress } from '../../destinations.ts';
import { expectType, JsonNumber, type JsonValue, ParsedObject, toBigInteger, toInteger } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { res } from '../../result-doc.ts';

/** Versions of standard transactions. */
const VERSION_MIN = 1;
const VERSION_MAX = 3;
const LOCK_TIME_MAX = 0xffff_ffffn;
/** The greatest sequence number that signals replaceability (BIP125). */
const SEQUENCE_REPLACEABLE = SEQUENCE_FINAL - 2;

export const createParams: readonly Param[] = [
  {
    name: 'inputs',
    type: 'array',
    doc: 'The inputs',
    fields: [
      {
        name: '',
        type: 'object',
        optional: true,
        fields: [
          { name: 'txid', type: 'hex', doc: 'The id of the transaction to spend from' },
          { name: 'vout', type: 'number', doc: 'The number of the output' },
          {
            name: 'sequence',
            type: 'number',
            defaultHint: "depends on the value of the 'replaceable' and 'locktime' arguments",
            doc: 'The sequence number',
          },
        ],
      },
    ],
  },
  {
    name: 'outputs',
    type: 'array',
    skipTypeCheck: true,
    doc:
      'The outputs, each an object of one key. No address may come twice, nor may data. At least one is needed.\n' +
      'One object with all keys is accepted too.',
    fields: [
      {
        name: '',
        type: 'userKeys',
        optional: true,
        fields: [
          { name: 'address', type: 'amount', doc: 'The key is the address, the value the amount in BTC' },
        ],
      },
      {
        name: '',
        type: 'object',
        optional: true,
        fields: [{ name: 'data', type: 'hex', doc: 'The key is "data", the value what OP_RETURN carries' }],
      },
    ],
  },
  {
    name: 'locktime',
    type: 'number',
    default: 0,
    doc: 'The lock time. If it is not 0, it is made effective through the inputs.',
  },
  {
    name: 'replaceable',
    type: 'boolean',
    default: true,
    doc: 'Signals that a transaction with a higher fee may replace it (BIP125); sequence numbers must not contradict.',
  },
  { name: 'version', type: 'number', default: 2, doc: 'The version' },
];

export const createrawtransaction: RpcMethod<NodeFacade> = {
  name: 'createrawtransaction',
  category: 'rawtransactions',
  description:
    'Makes a transaction that spends the given inputs and pays to addresses or carries data.\n' +
    'It is not signed, not stored and not sent.',
  params: createParams,
  results: [res.hex('transaction', 'the encoded transaction')],
  examples: [
    [[{ txid: 'myid', vout: 0 }], [{ address: new JsonNumber('0.01') }]],
    [[{ txid: 'myid', vout: 0 }], [{ data: '00010203' }]],
  ],
  run: ({ chain }, args) => bytesToHex(constructTransaction(args, chain.params).raw),
};

/** From arguments that `createParams` declares (Core: ConstructTransaction). */
export function constructTransaction(args: Arguments, params: ChainParams): Transaction {
  const lockTime = lockTimeOf(args);
  const version = toVersion(args);
  const isReplaceable = args.boolean('replaceable');
  const inputs = toInputs(args.array('inputs'), isReplaceable, lockTime);
  const outputs = toOutputs(args.get('outputs'), params);
  // Only what was asked for outright can be contradicted.
  if (isReplaceable && args.isGiven('replaceable')) checkReplaceable(inputs);
  return createTransaction({ version, inputs, outputs, lockTime });
}

export function toVersion(args: Arguments): number {
  const version = args.integer('version', 'u32');
  if (version >= VERSION_MIN && version <= VERSION_MAX) return version;
  invalid(`Invalid parameter, version out of range(${VERSION_MIN}~${VERSION_MAX})`);
}

/** One input that says so is enough. */
export function checkReplaceable(inputs: readonly TxInput[]): void {
  if (inputs.length === 0 || inputs.some(input => input.sequence <= SEQUENCE_REPLACEABLE)) return;
  invalid('Invalid parameter combination: Sequence number(s) contradict replaceable option');
}

export function lockTimeOf(args: Arguments): number {
  const lockTime = args.has('locktime') ? args.bigInteger('locktime', 'i64') : 0n;
  if (lockTime < 0n || lockTime > LOCK_TIME_MAX) invalid('Invalid parameter, locktime out of range');
  return Number(lockTime);
}

export function toInputs(inputs: readonly JsonValue[], isReplaceable: boolean, lockTime: number): TxInput[] {
  const sequenceByDefault = isReplaceable
    ? SEQUENCE_REPLACEABLE
    : lockTime > 0
      ? SEQUENCE_FINAL - 1
      : SEQUENCE_FINAL;
  return inputs.map(value => {
    const input = expectType(value, 'object');
    const txid = toHash<Txid>(input.get('txid'), 'txid');
    const vout = input.get('vout');
    if (!(vout instanceof JsonNumber)) invalid('Invalid parameter, missing vout key');
    const index = toInteger(vout);
    if (index < 0) invalid('Invalid parameter, vout cannot be negative');
    const given = input.get('sequence');
    let sequence = sequenceByDefault;
    if (given instanceof JsonNumber) {
      const exact = toBigInteger(given, 'i64');
      if (exact < 0n || exact > BigInt(SEQUENCE_FINAL)) {
        invalid('Invalid parameter, sequence number is out of range');
      }
      sequence = Number(exact);
    }
    return { prevout: { txid, index }, scriptSig: EMPTY_BYTES, sequence, witness: [] };
  });
}

/** One object, or an array of objects with one key each; throws RpcError −3, −5, −8. */
export function toOutputs(value: JsonValue | undefined, params: ChainParams): TxOutput[] {
  if (value === undefined || value === null) {
    invalid('Invalid parameter, output argument must be non-null');
  }
  const members = value instanceof ParsedObject ? value.members : membersOfArray(expectType(value, 'array'));
  const seen = new Set<string>();
  return members.map(([key, given]) => {
    const isSeen = seen.has(key);
    if (key === 'data') {
      if (isSeen) invalid('Invalid parameter, duplicate key: data');
      seen.add(key);
      const data = toBytes(given instanceof JsonNumber ? given.text : given, 'Data');
      return { value: 0, scriptPubKey: concatBytes(Uint8Array.of(OPCODES.OP_RETURN), pushData(data)) };
    }
    const amount = toAmount(given);
    const scriptPubKey = requireScriptOfAddress(key, params, `Invalid Bitcoin address: ${key}`);
    const script = bytesToHex(scriptPubKey);
    if (seen.has(script)) invalid(`Invalid parameter, duplicated address: ${key}`);
    seen.add(script);
    return { value: Number(amount), scriptPubKey };
  });
}

function membersOfArray(outputs: readonly JsonValue[]): (readonly [string, JsonValue])[] {
  return outputs.map(output => {
    if (!(output instanceof ParsedObject)) {
      invalid('Invalid parameter, key-value pair not an object as expected');
    }
    if (output.members.length !== 1) {
      invalid('Invalid parameter, key-value pair must contain exactly one key');
    }
    return output.members[0]!;
  });
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
