/** Transactions and scripts as results show them (Core: core_io.cpp TxToUniv, ScriptToUniv). */
import { bytesToHex, hashToHex } from '../base/bytes.ts';
import type { Coin } from '../chain/coin.ts';
import type { ChainParams } from '../consensus/params.ts';
import { encodeAddress } from '../script/address.ts';
import { inferDescriptor, type ScriptKnowledge } from '../script/descriptor-infer.ts';
import { scriptToAsm } from '../script/opcodes.ts';
import { solveScript } from '../script/templates.ts';
import { exactValue, type Transaction, type TxInput } from '../wire/transaction.ts';
import { amount, type JsonOut } from './json.ts';
import type { ResultDoc } from './method.ts';
import { res } from './result-doc.ts';

type Members = { readonly [name: string]: JsonOut };

export interface TxJsonOptions {
  /** Of what the inputs spend: adds the fee. */
  readonly spent?: readonly Coin[] | undefined;
  /** 'prevouts' shows each spent output too. */
  readonly details?: 'prevouts';
  /** 'hex' adds the encoding as last member. */
  readonly encoding?: 'hex';
  /** Marks outputs with such scripts as change. */
  readonly isChange?: (scriptPubKey: Uint8Array) => boolean;
}

export function txToJson(tx: Transaction, params: ChainParams, options: TxJsonOptions = {}): Members {
  const { spent } = options;
  const vin = tx.inputs.map((input, i) =>
    inputToJson(input, tx, params, options.details === 'prevouts' ? spent?.[i] : undefined),
  );
  const vout = tx.outputs.map((output, n) => ({
    value: amount(exactValue(output)),
    n,
    scriptPubKey: scriptToJson(output.scriptPubKey, params),
    ischange: options.isChange?.(output.scriptPubKey) ? true : undefined,
  }));
  return {
    txid: hashToHex(tx.txid),
    hash: hashToHex(tx.wtxid),
    version: tx.version,
    size: tx.size,
    vsize: tx.virtualSize,
    weight: tx.weight,
    locktime: tx.lockTime,
    vin,
    vout,
    fee: spent === undefined ? undefined : amount(feeOf(tx, spent)),
    hex: options.encoding === 'hex' ? bytesToHex(tx.raw) : undefined,
  };
}

/** `asm`, `desc`, `hex`, `address`, `type`, in this order. */
export function scriptToJson(
  script: Uint8Array,
  params: ChainParams,
  options: { readonly hex?: 'omitted'; readonly knowledge?: ScriptKnowledge } = {},
): Members {
  const { type } = solveScript(script);
  return {
    asm: scriptToAsm(script),
    desc: inferDescriptor(script, params.address, options.knowledge),
    hex: options.hex === 'omitted' ? undefined : bytesToHex(script),
    address: encodeAddress(script, params.address),
    type,
  };
}

function inputToJson(
  input: TxInput,
  tx: Transaction,
  params: ChainParams,
  prevout: Coin | undefined,
): Members {
  const source: Members = tx.isCoinbase
    ? { coinbase: bytesToHex(input.scriptSig) }
    : {
        txid: hashToHex(input.prevout.txid),
        vout: input.prevout.index,
        scriptSig: { asm: scriptToAsm(input.scriptSig, 'scriptSig'), hex: bytesToHex(input.scriptSig) },
      };
  return {
    ...source,
    txinwitness: input.witness.length > 0 ? input.witness.map(bytesToHex) : undefined,
    prevout: prevout && {
      generated: prevout.isCoinbase,
      height: prevout.height,
      value: amount(exactValue(prevout)),
      scriptPubKey: scriptToJson(prevout.scriptPubKey, params),
    },
    sequence: input.sequence,
  };
}

function feeOf(tx: Transaction, spent: readonly Coin[]): bigint {
  const input = spent.reduce((sum, coin) => sum + exactValue(coin), 0n);
  return tx.outputs.reduce((sum, output) => sum - exactValue(output), input);
}

export const scriptFields: readonly ResultDoc[] = [
  res.string('asm', 'the script, disassembled'),
  res.string('desc', 'a descriptor of the script'),
  res.hex('hex', 'the bytes of the script'),
  res.string('address?', 'the Bitcoin address, if the script has one'),
  res.string('type', 'the type of the script, such as pubkeyhash'),
];

const prevoutDoc = res.object('prevout?', 'the output that is spent', [
  res.boolean('generated', 'whether it is of a coinbase'),
  res.number('height', 'the height of the block that made it'),
  res.amount('value', 'the value in BTC'),
  res.object('scriptPubKey', '', scriptFields),
]);

/** What `txToJson` gives; `details` and `encoding` as there. */
export function txFields(
  options: Pick<TxJsonOptions, 'details' | 'encoding'> & {
    readonly fee?: true;
    readonly change?: true;
  } = {},
) {
  const fields: ResultDoc[] = [
    res.hex('txid', 'the id of the transaction'),
    res.hex('hash', 'the hash with witnesses, which differs from txid when there are some'),
    res.number('version', 'the version'),
    res.number('size', 'bytes with witnesses'),
    res.number('vsize', 'virtual bytes'),
    res.number('weight', 'the weight, between vsize*4-3 and vsize*4'),
    res.number('locktime', 'the lock time'),
    res.array('vin', '', [
      res.object('', '', [
        res.hex('coinbase?', 'the script of a coinbase'),
        res.hex('txid?', 'the id of the transaction that is spent from'),
        res.number('vout?', 'the number of the output'),
        res.object('scriptSig?', 'the script', [
          res.string('asm', 'the script, disassembled'),
          res.hex('hex', 'the bytes of the script'),
        ]),
        res.array('txinwitness?', '', [res.hex('hex', 'an item of the witness')]),
        ...(options.details === 'prevouts' ? [prevoutDoc] : []),
        res.number('sequence', 'the sequence number'),
      ]),
    ]),
    res.array('vout', '', [
      res.object('', '', [
        res.amount('value', 'the value in BTC'),
        res.number('n', 'the number of the output'),
        res.object('scriptPubKey', '', scriptFields),
        ...(options.change ? [res.boolean('ischange?', 'true for change, absent otherwise')] : []),
      ]),
    ]),
  ];
  if (options.fee) fields.push(res.amount('fee?', 'the fee in BTC, if what is spent is known'));
  if (options.encoding === 'hex') fields.push(res.hex('hex', 'the encoded transaction'));
  return fields;
}
