/** Signing a transaction made by hand with the wallet's keys (Core: signrawtransactionwithwallet). */
import { bytesToHex, equalBytes, hashToHex, hexToBytes, isHex, type Txid } from '../../../base/bytes.ts';
import { keyOf, outPointKey } from '../../../chain/coin.ts';
import {
  SIGHASH_ALL,
  SIGHASH_ANYONECANPAY,
  SIGHASH_DEFAULT,
  SIGHASH_NONE,
  SIGHASH_SINGLE,
} from '../../../script/encoding.ts';
import { scriptToAsm } from '../../../script/opcodes.ts';
import { signTransaction } from '../../../wallet/sign.ts';
import type { TxOutput } from '../../../wire/transaction.ts';
import { checkFields, toAmount, toHash } from '../../arguments.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexTx } from '../../decode.ts';
import { expectType, type JsonValue, ParsedObject, toInteger } from '../../json.ts';
import { res } from '../../result-doc.ts';
import { spendableOutputs } from './bump-fee.ts';
import { NEEDS_PASSPHRASE, requireUnlocked, walletMethod } from './common.ts';

/** Stands for an amount that was not given (Core: MAX_MONEY). */
const UNKNOWN_AMOUNT = 2_100_000_000_000_000;

const HASH_TYPES: ReadonlyMap<string, number> = new Map([
  ['DEFAULT', SIGHASH_DEFAULT],
  ['ALL', SIGHASH_ALL],
  ['ALL|ANYONECANPAY', SIGHASH_ALL | SIGHASH_ANYONECANPAY],
  ['NONE', SIGHASH_NONE],
  ['NONE|ANYONECANPAY', SIGHASH_NONE | SIGHASH_ANYONECANPAY],
  ['SINGLE', SIGHASH_SINGLE],
  ['SINGLE|ANYONECANPAY', SIGHASH_SINGLE | SIGHASH_ANYONECANPAY],
]);

export const signrawtransactionwithwallet = walletMethod({
  name: 'signrawtransactionwithwallet',
  description:
    'Signs the inputs of a transaction that are of this wallet. What the inputs spend is looked up in the chain\n' +
    `and the mempool; what is in neither can be given.\n${NEEDS_PASSPHRASE}`,
  params: [
    { name: 'hexstring', type: 'string', doc: 'The encoded transaction' },
    {
      name: 'prevtxs',
      type: 'array',
      optional: true,
      doc: 'Outputs that it spends',
      fields: [
        {
          name: '',
          type: 'object',
          optional: true,
          fields: [
            { name: 'txid', type: 'hex', doc: 'The id of the transaction' },
            { name: 'vout', type: 'number', doc: 'The number of the output' },
            { name: 'scriptPubKey', type: 'hex', doc: 'The output script' },
            { name: 'redeemScript', type: 'hex', optional: true, doc: 'The redeem script of P2SH' },
            { name: 'witnessScript', type: 'hex', optional: true, doc: 'The witness script of P2WSH' },
            { name: 'amount', type: 'amount', optional: true, doc: 'The value: needed for segwit' },
          ],
        },
      ],
    },
    {
      name: 'sighashtype',
      type: 'string',
      defaultHint: 'DEFAULT for Taproot, ALL otherwise',
      doc: `What signatures sign: ${[...HASH_TYPES.keys()].join(', ')}`,
    },
  ],
  results: [
    res.object('', '', [
      res.hex('hex', 'the transaction with signatures'),
      res.boolean('complete', 'whether all inputs are valid'),
      res.array('errors?', 'the inputs that are not', [
        res.object('', '', [
          res.hex('txid', 'the transaction that it spends from'),
          res.number('vout', 'the number of the output'),
          res.array('witness', '', [res.hex('witness', '')]),
          res.hex('scriptSig', 'the signature script'),
          res.number('sequence', 'the sequence number'),
          res.string('error', 'what is wrong'),
        ]),
      ]),
    ]),
  ],
  examples: [['myhex']],
  runs: 'freely',
  async run(wallet, args, host) {
    const tx = decodeHexTx(args.string('hexstring'));
    if (tx === undefined) {
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        'TX decode failed. Make sure the tx has at least one input.',
      );
    }
    requireUnlocked(wallet);
    const outputs = await spendableOutputs(host.node, tx);
    for (const [key, output] of toPrevouts(args.has('prevtxs') ? args.array('prevtxs') : [])) {
      const known = outputs.get(key);
      if (known !== undefined && !equalBytes(known.scriptPubKey, output.scriptPubKey)) {
        const scripts = [known, output].map(({ scriptPubKey }) => scriptToAsm(scriptPubKey)).join('\nvs:\n');
        throw new RpcError(
          RpcCode.DESERIALIZATION_ERROR,
          `Previous output scriptPubKey mismatch:\n${scripts}`,
        );
      }
      outputs.set(key, output);
    }
    const hashType = toHashType(args.get('sighashtype'));
    const spent = tx.inputs.map(({ prevout }) => outputs.get(keyOf(prevout)));
    const { verifier } = host.spendContext(wallet);
    const spendData = (script: Uint8Array) => wallet.keys.spendData(script);
    const result = signTransaction({ tx, spent, spendData, hashType, verifier });
    for (const [index, { witness }] of result.tx.inputs.entries()) {
      const output = spent[index];
      if (output?.value !== UNKNOWN_AMOUNT || witness.length === 0) continue;
      const script = bytesToHex(output.scriptPubKey).slice(0, 30);
      throw new RpcError(
        RpcCode.TYPE_ERROR,
        `Missing amount for CTxOut(nValue=21000000.00000000, scriptPubKey=${script})`,
      );
    }
    const errors = [...result.errors].map(([index, error]) => {
      const { prevout, witness, scriptSig, sequence } = result.tx.inputs[index]!;
      return {
        txid: hashToHex(prevout.txid),
        vout: prevout.index,
        witness: witness.map(bytesToHex),
        scriptSig: bytesToHex(scriptSig),
        sequence,
        error,
      };
    });
    return {
      hex: bytesToHex(result.tx.raw),
      complete: errors.length === 0,
      errors: errors.length === 0 ? undefined : errors,
    };
  },
});

function toPrevouts(given: readonly JsonValue[]) {
  return given.map(value => {
    if (!(value instanceof ParsedObject)) {
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        'expected object with {"txid\'","vout","scriptPubKey"}',
      );
    }
    checkFields(value, { txid: 'string', vout: 'number', scriptPubKey: 'string' });
    const txid = toHash<Txid>(value.get('txid'), 'txid');
    const index = toInteger(value.get('vout'));
    if (index < 0) throw new RpcError(RpcCode.DESERIALIZATION_ERROR, 'vout cannot be negative');
    const script = expectType(value.get('scriptPubKey'), 'string');
    if (script === '' || !isHex(script)) {
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        `scriptPubKey must be hexadecimal string (not '${script}')`,
      );
    }
    const output: TxOutput = {
      value: value.has('amount') ? Number(toAmount(value.get('amount'))) : UNKNOWN_AMOUNT,
      scriptPubKey: hexToBytes(script),
    };
    return [outPointKey(txid, index), output] as const;
  });
}

function toHashType(value: JsonValue | undefined): number {
  if (value === undefined) return SIGHASH_DEFAULT;
  const text = expectType(value, 'string');
  const hashType = HASH_TYPES.get(text);
  if (hashType === undefined) {
    throw new RpcError(RpcCode.INVALID_PARAMETER, `'${text}' is not a valid sighash parameter.`);
  }
  return hashType;
}
