/** Making, showing and putting together PSBTs (Core: rpc/rawtransaction.cpp). */
import { randomInt } from 'node:crypto';
import { bytesToHex, EMPTY_BYTES, hashToHex } from '../../../base/bytes.ts';
import { loadVerifierSync } from '../../../crypto/verifier.ts';
import { analyzePsbt } from '../../../psbt/analyze.ts';
import { combinePsbts, joinPsbts } from '../../../psbt/combine.ts';
import { createPsbt, outPointOf } from '../../../psbt/psbt.ts';
import { extractTransaction, finalizePsbt } from '../../../psbt/sign.ts';
import { withInputs } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { BOTH_TX_FORMATS, decodeHexTx } from '../../decode.ts';
import { amount, expectType, type JsonOut } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import type { Param } from '../../param.ts';
import { answeringPsbt, psbtToText, toPsbt, toPsbtVersion } from '../../psbt-argument.ts';
import { psbtDoc } from '../../psbt-doc.ts';
import { psbtToJson } from '../../psbt-json.ts';
import { res } from '../../result-doc.ts';
import { constructTransaction, createParams } from './create.ts';

export const psbtParam: Param = { name: 'psbt', type: 'string', doc: 'The PSBT in base64' };
export const psbtVersionParam: Param = {
  name: 'psbt_version',
  type: 'number',
  default: 2,
  doc: 'The version of the PSBT: 0 or 2.',
};
const psbtsParam: Param = {
  name: 'txs',
  type: 'array',
  doc: 'The PSBTs in base64',
  fields: [{ name: 'psbt', type: 'string', optional: true, doc: 'A PSBT' }],
};
const psbtResult = res.string('', 'the PSBT in base64');

export const createpsbt: RpcMethod<NodeFacade> = {
  name: 'createpsbt',
  category: 'rawtransactions',
  description:
    'Makes a PSBT: a transaction that spends the given inputs and pays to addresses or carries data.\n' +
    'It is not signed, not stored and not sent. This is the role of the creator.',
  params: [...createParams, psbtVersionParam],
  results: [psbtResult],
  examples: [[[{ txid: 'myid', vout: 0 }], [{ data: '00010203' }]]],
  run({ chain }, args) {
    const tx = constructTransaction(args, chain.params);
    return psbtToText(createPsbt(tx, toPsbtVersion(args)));
  },
};

export const converttopsbt: RpcMethod<NodeFacade> = {
  name: 'converttopsbt',
  category: 'rawtransactions',
  description:
    'Makes a PSBT of an encoded transaction, of createrawtransaction or fundrawtransaction for instance.\n' +
    'New programs better call createpsbt and walletcreatefundedpsbt.',
  params: [
    { name: 'hexstring', type: 'hex', doc: 'The encoded transaction' },
    {
      name: 'permitsigdata',
      type: 'boolean',
      default: false,
      doc: 'Whether signatures are left out; otherwise they are an error.',
    },
    {
      name: 'iswitness',
      type: 'boolean',
      defaultHint: 'depends on heuristic tests',
      doc:
        'Whether it is encoded with witnesses. If absent, both are tried; if true, only with; if false, only without.\n' +
        'It matters for transactions without inputs, which can be read both ways.',
    },
    psbtVersionParam,
  ],
  results: [psbtResult],
  examples: [['rawtransaction']],
  run(_node, args) {
    const isWitness = args.optionalBoolean('iswitness');
    const formats = isWitness === undefined ? BOTH_TX_FORMATS : ([isWitness ? 'witness' : 'basic'] as const);
    const tx = decodeHexTx(args.string('hexstring'), formats);
    if (tx === undefined) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'TX decode failed');
    const isSigned = tx.inputs.some(({ scriptSig, witness }) => scriptSig.length > 0 || witness.length > 0);
    if (isSigned && !args.boolean('permitsigdata')) {
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        'Inputs must not have scriptSigs and scriptWitnesses',
      );
    }
    const inputs = tx.inputs.map(input => ({ ...input, scriptSig: EMPTY_BYTES, witness: [] }));
    return psbtToText(createPsbt(withInputs(tx, inputs), toPsbtVersion(args)));
  },
};

export const decodepsbt: RpcMethod<NodeFacade> = {
  name: 'decodepsbt',
  category: 'rawtransactions',
  description: 'Shows a PSBT as an object.',
  params: [psbtParam],
  results: [psbtDoc],
  examples: [['psbt']],
  run: ({ chain }, args) => psbtToJson(toPsbt(args.string('psbt')), chain.params),
};

export const combinepsbt: RpcMethod<NodeFacade> = {
  name: 'combinepsbt',
  category: 'rawtransactions',
  description: 'Puts PSBTs of the same transaction together. This is the role of the combiner.',
  params: [psbtsParam],
  results: [psbtResult],
  examples: [[['mybase64_1', 'mybase64_2', 'mybase64_3']]],
  run(_node, args) {
    const given = args.array('txs');
    if (given.length === 0) invalid("Parameter 'txs' cannot be empty");
    const [first, ...others] = given.map(text => toPsbt(expectType(text, 'string')));
    const combined = combinePsbts([first!, ...others]);
    if (combined === undefined) return invalid('PSBTs not compatible (different transactions)');
    return psbtToText(combined);
  },
};

export const joinpsbts: RpcMethod<NodeFacade> = {
  name: 'joinpsbts',
  category: 'rawtransactions',
  description:
    'Makes one PSBT with the inputs and outputs of several, shuffled, all of version 0.\n' +
    'No input may be in two of them.',
  params: [psbtsParam],
  results: [psbtResult],
  examples: [[['mybase64_1', 'mybase64_2']]],
  run(_node, args) {
    const given = args.array('txs');
    if (given.length <= 1) invalid('At least two PSBTs are required to join PSBTs.');
    const psbts = given.map(text => {
      const psbt = toPsbt(expectType(text, 'string'));
      if (psbt.version !== 0) invalid('joinpsbts only operates on version 0 PSBTs');
      return psbt;
    });
    const joined = joinPsbts(psbts);
    if ('duplicate' in joined) {
      const { txid, index } = outPointOf(joined.duplicate);
      return invalid(`Input ${hashToHex(txid)}:${index} exists in multiple PSBTs`);
    }
    return psbtToText({ ...joined, inputs: shuffled(joined.inputs), outputs: shuffled(joined.outputs) });
  },
};

export const finalizepsbt: RpcMethod<NodeFacade> = {
  name: 'finalizepsbt',
  category: 'rawtransactions',
  description:
    'Makes scriptSigs and witnesses of the signatures in a PSBT. When all inputs are complete, it gives the transaction,\n' +
    'which can be sent with sendrawtransaction. These are the roles of the finalizer and of the extractor.',
  params: [
    psbtParam,
    {
      name: 'extract',
      type: 'boolean',
      default: true,
      doc: 'Whether a complete transaction is given as such and not as a PSBT.',
    },
  ],
  results: [
    res.object('', '', [
      res.string('psbt?', 'the PSBT in base64, if it is not extracted'),
      res.hex('hex?', 'the encoded transaction, if it is extracted'),
      res.boolean('complete', 'whether it has all signatures'),
    ]),
  ],
  examples: [['psbt']],
  run(_node, args) {
    const psbt = toPsbt(args.string('psbt'));
    const verifier = loadVerifierSync('auto');
    return answeringPsbt(() => {
      const final = finalizePsbt(psbt, verifier);
      if (!final.isComplete || !args.boolean('extract')) {
        return { psbt: psbtToText(final.psbt), complete: final.isComplete };
      }
      return { hex: bytesToHex(extractTransaction(final.psbt, verifier)!.raw), complete: true };
    });
  },
};

export const analyzepsbt: RpcMethod<NodeFacade> = {
  name: 'analyzepsbt',
  category: 'rawtransactions',
  description: 'Tells where a PSBT stands, input by input, and who has to work on it next.',
  params: [psbtParam],
  results: [
    res.object('', '', [
      res.array('inputs?', '', [
        res.object('', '', [
          res.boolean('has_utxo', 'whether it tells what it spends'),
          res.boolean('is_final', 'whether it is finalized'),
          res.object('missing?', 'what is missing', [
            res.array('pubkeys?', '', [res.hex('keyid', 'HASH160 of a public key')]),
            res.array('signatures?', '', [res.hex('keyid', 'HASH160 of a key whose signature is missing')]),
            res.hex('redeemscript?', 'HASH160 of the redeem script'),
            res.hex('witnessscript?', 'SHA256 of the witness script'),
          ]),
          res.string('next?', 'the role that works on the input next'),
        ]),
      ]),
      res.number('estimated_vsize?', 'virtual bytes of the complete transaction, estimated'),
      res.amount('estimated_feerate?', 'its fee rate in BTC/kvB, if everything that is spent is known'),
      res.amount('fee?', 'its fee, if everything that is spent is known'),
      res.string('next', 'the role that works on the PSBT next'),
      res.string('error?', 'what is wrong with it'),
    ]),
  ],
  examples: [['psbt']],
  run(_node, args) {
    const analysis = analyzePsbt(toPsbt(args.string('psbt')), loadVerifierSync('auto'));
    const { inputs, estimatedVirtualSize, fee, next, error } = analysis;
    return {
      inputs: inputs.length === 0 ? undefined : inputs.map(inputToJson),
      estimated_vsize: estimatedVirtualSize,
      estimated_feerate:
        estimatedVirtualSize === undefined ? undefined : amount(feeRateOf(fee!, estimatedVirtualSize)),
      fee: fee === undefined ? undefined : amount(fee),
      next,
      error,
    };
  },
};

function inputToJson(input: ReturnType<typeof analyzePsbt>['inputs'][number]): JsonOut {
  const { hasUtxo, isFinal, next, missing } = input;
  const hexes = (list: readonly Uint8Array[] | undefined) =>
    list === undefined || list.length === 0 ? undefined : list.map(bytesToHex);
  const shown = {
    pubkeys: hexes(missing?.publicKeys),
    redeemscript: missing?.redeemScript && bytesToHex(missing.redeemScript),
    witnessscript: missing?.witnessScript && bytesToHex(missing.witnessScript),
    signatures: hexes(missing?.signatures),
  };
  const isNothing = Object.values(shown).every(value => value === undefined);
  return { has_utxo: hasUtxo, is_final: isFinal, next, missing: isNothing ? undefined : shown };
}

/** Satoshi per 1000 virtual bytes, rounded down: a fee below zero, which can be asked about, has a lower rate then. */
function feeRateOf(fee: bigint, virtualSize: number): bigint {
  const [product, size] = [fee * 1000n, BigInt(virtualSize)];
  const rate = product / size;
  return product % size < 0n ? rate - 1n : rate;
}

function shuffled<T>(items: readonly T[]): T[] {
  const list = [...items];
  for (let i = list.length - 1; i > 0; i -= 1) {
    const j = randomInt(i + 1);
    [list[i], list[j]] = [list[j]!, list[i]!];
  }
  return list;
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
