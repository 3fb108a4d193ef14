/** Signing transactions with keys that the caller gives, and putting signatures together (Core: rpc/rawtransaction.cpp). */
import { bytesToHex, EMPTY_BYTES } from '../../../base/bytes.ts';
import { keyOf } from '../../../chain/coin.ts';
import { publicKeyOf } from '../../../crypto/keys.ts';
import { loadVerifierSync } from '../../../crypto/verifier.ts';
import { decodeSecretKey } from '../../../script/address.ts';
import { SIGHASH_ALL } from '../../../script/encoding.ts';
import { PrecomputedTx } from '../../../script/sighash.ts';
import { produceSignature } from '../../../script/sign.ts';
import { dataFromInput, mergeSignatureData } from '../../../script/sign-transaction.ts';
import { transactionSigner } from '../../../script/signature-creator.ts';
import { emptySignatureData } from '../../../script/signature-data.ts';
import { KeyStore, NOTHING_KNOWN } from '../../../script/signing-provider.ts';
import { createTransaction, type Transaction, withInputs } from '../../../wire/transaction.ts';
import { RpcCode, RpcError } from '../../codes.ts';
import { decodeHexTx } from '../../decode.ts';
import { expectType } from '../../json.ts';
import type { RpcMethod } from '../../method.ts';
import type { NodeFacade } from '../../node-facade.ts';
import {
  hashTypeParam,
  prevTxsParam,
  signingInputs,
  signResultDoc,
  signToJson,
  spendableOutputs,
  toTransaction,
} from '../../raw-signing.ts';
import { res } from '../../result-doc.ts';

export const signrawtransactionwithkey: RpcMethod<NodeFacade> = {
  name: 'signrawtransactionwithkey',
  category: 'rawtransactions',
  description:
    'Signs the inputs of a transaction with the private keys that are given, and with no others.\n' +
    'What the inputs spend is looked up in the chain and the mempool; what is in neither can be given.',
  params: [
    { name: 'hexstring', type: 'string', doc: 'The encoded transaction' },
    {
      name: 'privkeys',
      type: 'array',
      doc: 'The private keys',
      fields: [{ name: 'privatekey', type: 'hex', optional: true, doc: 'a private key in base58' }],
    },
    prevTxsParam,
    hashTypeParam,
  ],
  results: [signResultDoc],
  examples: [['myhex', ['key1', 'key2']]],
  async run(node, args) {
    const tx = toTransaction(args.string('hexstring'));
    const provider = new KeyStore();
    for (const text of args.array('privkeys')) {
      const secret = decodeSecretKey(expectType(text, 'string'), node.chain.params.address);
      if (secret === undefined) throw new RpcError(RpcCode.INVALID_ADDRESS_OR_KEY, 'Invalid private key');
      const { secretKey, compressed } = secret;
      provider.addKey(publicKeyOf(secretKey, { compressed }), { secretKey });
    }
    const inputs = await signingInputs(node, tx, args, provider);
    return signToJson({ tx, ...inputs, provider, verifier: loadVerifierSync('auto') });
  },
};

export const combinerawtransaction: RpcMethod<NodeFacade> = {
  name: 'combinerawtransaction',
  category: 'rawtransactions',
  description:
    'Puts several partly signed versions of one transaction together.\n' +
    'The result may be partly signed in turn, or complete.',
  params: [
    {
      name: 'txs',
      type: 'array',
      doc: 'The partly signed transactions',
      fields: [{ name: 'hexstring', type: 'hex', optional: true, doc: 'An encoded transaction' }],
    },
  ],
  results: [res.string('', 'the encoded transaction with all signatures')],
  examples: [[['myhex1', 'myhex2', 'myhex3']]],
  async run(node, args) {
    const given = args.array('txs');
    if (given.length < 2) {
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        'Missing transactions. At least two transactions required.',
      );
    }
    const variants = given.map((value, i) => {
      const tx = decodeHexTx(expectType(value, 'string'));
      if (tx !== undefined) return tx;
      throw new RpcError(
        RpcCode.DESERIALIZATION_ERROR,
        `TX decode failed for tx ${i}. Make sure the tx has at least one input.`,
      );
    });
    const first = withoutSignatures(variants[0]!);
    for (const [i, variant] of variants.entries()) {
      if (withoutSignatures(variant).txid === first.txid) continue;
      throw new RpcError(
        RpcCode.INVALID_PARAMETER,
        `Transaction number ${i + 1} not compatible with first transaction`,
      );
    }
    const outputs = await spendableOutputs(node, first);
    const spent = first.inputs.map(({ prevout }) => {
      const output = outputs.get(keyOf(prevout));
      if (output === undefined) throw new RpcError(RpcCode.VERIFY_ERROR, 'Input not found or already spent');
      return output;
    });
    const verifier = loadVerifierSync('auto');
    const precomputed = new PrecomputedTx(first, spent);
    const inputs = first.inputs.map((input, index) => {
      const data = emptySignatureData();
      for (const variant of variants) {
        mergeSignatureData(data, dataFromInput(new PrecomputedTx(variant, spent), index, verifier));
      }
      const creator = transactionSigner({
        precomputed,
        index,
        hashType: SIGHASH_ALL,
        verifier,
        allSpentKnown: true,
      });
      produceSignature(NOTHING_KNOWN, creator, spent[index]!.scriptPubKey, data);
      return { ...input, scriptSig: data.scriptSig, witness: data.witness };
    });
    return bytesToHex(withInputs(first, inputs).raw);
  },
};

function withoutSignatures(tx: Transaction): Transaction {
  const { version, outputs, lockTime } = tx;
  const inputs = tx.inputs.map(({ prevout, sequence }) => ({
    prevout,
    sequence,
    scriptSig: EMPTY_BYTES,
    witness: [],
  }));
  return createTransaction({ version, inputs, outputs, lockTime });
}
