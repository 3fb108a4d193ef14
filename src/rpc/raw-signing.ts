/**
 * What the calls that sign raw transactions have in common (Core: rpc/rawtransaction_util.cpp): outputs that the caller
 * tells, hash types by name, and the shape of the result.
 */
import { bytesToHex, equalBytes, hashToHex, hexToBytes, isHex, type Txid } from '../base/bytes.ts';
import { keyOf, type OutPointKey, outPointKey } from '../chain/coin.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import {
  SIGHASH_ALL,
  SIGHASH_ANYONECANPAY,
  SIGHASH_DEFAULT,
  SIGHASH_NONE,
  SIGHASH_SINGLE,
} from '../script/encoding.ts';
import { scriptToAsm } from '../script/opcodes.ts';
import { signTransaction, UNKNOWN_AMOUNT } from '../script/sign-transaction.ts';
import type { KeyStore, SigningProvider } from '../script/signing-provider.ts';
import { isPayToScriptHash, wrapInScriptHash, wrapInWitnessScriptHash } from '../script/templates.ts';
import type { Transaction, TxOutput } from '../wire/transaction.ts';
import { type Arguments, checkFields, toAmount, toBytes, toHash } from './arguments.ts';
import { RpcCode, RpcError } from './codes.ts';
import { decodeHexTx } from './decode.ts';
import { expectType, type JsonOut, type JsonValue, ParsedObject, toInteger } from './json.ts';
import type { NodeFacade } from './node-facade.ts';
import type { Param } from './param.ts';
import { res } from './result-doc.ts';

const HASH_TYPES: ReadonlyMap<string, number> = new Map([
  ['DEFAULT', SIGHASH_DEFAULT],
  ['ALL', SIGHASH_ALL],
  ['ALL|ANYONECANPAY', SIGHASH_ALL | SIGHASH_ANYONECANPAY],
  ['NONE', SIGHASH_NONE],
  ['NONE|ANYONECANPAY', SIGHASH_NONE | SIGHASH_ANYONECANPAY],
  ['SINGLE', SIGHASH_SINGLE],
  ['SINGLE|ANYONECANPAY', SIGHASH_SINGLE | SIGHASH_ANYONECANPAY],
]);

export const prevTxsParam: Param = {
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
};

export const hashTypeParam: Param = {
  name: 'sighashtype',
  type: 'string',
  defaultHint: 'DEFAULT for Taproot, ALL otherwise',
  doc: `What signatures sign: ${[...HASH_TYPES.keys()].join(', ')}`,
};

export const signResultDoc = res.object('', '', [
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
]);

/** Throws RpcError −22. */
export function toTransaction(hex: string): Transaction {
  const tx = decodeHexTx(hex);
  if (tx !== undefined) return tx;
  throw new RpcError(
    RpcCode.DESERIALIZATION_ERROR,
    'TX decode failed. Make sure the tx has at least one input.',
  );
}

/** Undefined when it is absent; throws RpcError −8. */
export function toHashType(value: JsonValue | undefined): number | undefined {
  if (value === undefined) return undefined;
  const text = expectType(value, 'string');
  const hashType = HASH_TYPES.get(text);
  if (hashType === undefined) {
    throw new RpcError(RpcCode.INVALID_PARAMETER, `'${text}' is not a valid sighash parameter.`);
  }
  return hashType;
}

/** `hashType` by its name, as PSBTs show it; undefined for one that has none. */
export function hashTypeName(hashType: number): string | undefined {
  for (const [name, value] of HASH_TYPES) if (value === hashType) return name;
  return undefined;
}

/** What a transaction spends, as far as it is unspent in the chain or made in the mempool. */
export async function spendableOutputs(
  node: NodeFacade,
  tx: Pick<Transaction, 'inputs'>,
): Promise<Map<OutPointKey, TxOutput>> {
  const found = new Map<OutPointKey, TxOutput>();
  const coins = await Promise.all(tx.inputs.map(({ prevout }) => node.coins.coin(prevout)));
  for (const [i, { prevout }] of tx.inputs.entries()) {
    const output = coins[i] ?? node.mempool.get(prevout.txid)?.tx.outputs[prevout.index];
    if (output !== undefined) found.set(keyOf(prevout), output);
  }
  return found;
}

/**
 * What `tx` spends, with what the caller tells in `prevtxs`, and the hash type of `sighashtype`. Throws RpcError as
 * `addPrevTxs` and `toHashType` do.
 */
export async function signingInputs(
  node: NodeFacade,
  tx: Transaction,
  args: Arguments,
  keyStore?: KeyStore,
): Promise<{ readonly outputs: ReadonlyMap<OutPointKey, TxOutput>; readonly hashType: number }> {
  const outputs = await spendableOutputs(node, tx);
  addPrevTxs(args.has('prevtxs') ? args.array('prevtxs') : [], outputs, keyStore);
  return { outputs, hashType: toHashType(args.get('sighashtype')) ?? SIGHASH_DEFAULT };
}

/**
 * Adds the outputs that the caller tells to `outputs`; with a key store also their scripts, which are then asked for.
 * Throws RpcError −3, −8, −22 (Core: ParsePrevouts).
 */
function addPrevTxs(
  given: readonly JsonValue[],
  outputs: Map<OutPointKey, TxOutput>,
  keyStore: KeyStore | undefined,
): void {
  for (const value of given) {
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
      invalid(`scriptPubKey must be hexadecimal string (not '${script}')`);
    }
    const scriptPubKey = hexToBytes(script);
    const key = outPointKey(txid, index);
    const known = outputs.get(key);
    if (known !== undefined && !equalBytes(known.scriptPubKey, scriptPubKey)) {
      const scripts = [known.scriptPubKey, scriptPubKey].map(each => scriptToAsm(each)).join('\nvs:\n');
      throw new RpcError(RpcCode.DESERIALIZATION_ERROR, `Previous output scriptPubKey mismatch:\n${scripts}`);
    }
    const amount = value.has('amount') ? Number(toAmount(value.get('amount'))) : UNKNOWN_AMOUNT;
    outputs.set(key, { value: amount, scriptPubKey });
    if (keyStore !== undefined) addScripts(value, scriptPubKey, keyStore);
  }
}

/** The scripts behind a P2SH or P2WSH output. */
function addScripts(value: ParsedObject, scriptPubKey: Uint8Array, keyStore: KeyStore): void {
  const isP2sh = isPayToScriptHash(scriptPubKey);
  const isP2wsh = scriptPubKey.length === 34 && scriptPubKey[0] === 0 && scriptPubKey[1] === 32;
  if (!isP2sh && !isP2wsh) return;
  checkFields(value, { redeemScript: 'string', witnessScript: 'string' }, { nulls: 'allowed' });
  const redeem = value.get('redeemScript') ?? undefined;
  const witness = value.get('witnessScript') ?? undefined;
  if (redeem === undefined && witness === undefined) invalid('Missing redeemScript/witnessScript');
  const script = witness === undefined ? toBytes(redeem, 'redeemScript') : toBytes(witness, 'witnessScript');
  const program = wrapInWitnessScriptHash(script);
  keyStore.addScript(script);
  // A redeem script may be meant as the witness script behind one.
  keyStore.addScript(program);
  if (witness !== undefined && redeem !== undefined && witness !== redeem) {
    if (!equalBytes(toBytes(redeem, 'redeemScript'), program)) {
      invalid('redeemScript does not correspond to witnessScript');
    }
  }
  const fitting = isP2sh ? [wrapInScriptHash(script), wrapInScriptHash(program)] : [program];
  if (!fitting.some(each => equalBytes(each, scriptPubKey))) {
    invalid('redeemScript/witnessScript does not match scriptPubKey');
  }
}

/** Signs and shows the result; throws RpcError −3 for an amount that is missing. */
export function signToJson(request: {
  readonly tx: Transaction;
  readonly outputs: ReadonlyMap<OutPointKey, TxOutput>;
  readonly provider: SigningProvider;
  readonly hashType: number;
  readonly verifier: SignatureVerifier;
}): JsonOut {
  const { outputs, ...rest } = request;
  const spent = request.tx.inputs.map(({ prevout }) => outputs.get(keyOf(prevout)));
  const result = signTransaction({ ...rest, spent });
  const errors = [...result.errors].map(([index, error]) => {
    if (typeof error !== 'string') {
      const script = bytesToHex(error.missingAmountOf.scriptPubKey).slice(0, 30);
      throw new RpcError(
        RpcCode.TYPE_ERROR,
        `Missing amount for CTxOut(nValue=21000000.00000000, scriptPubKey=${script})`,
      );
    }
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
}

function invalid(message: string): never {
  throw new RpcError(RpcCode.INVALID_PARAMETER, message);
}
