/**
 * How large an input will be once it is signed, before it is (Core: CalculateMaximumSignedTxSize in
 * src/wallet/spend.cpp). Our ECDSA signatures have a small r, so they are never longer than 71 bytes with hash type.
 */
import { solveScript } from '../script/templates.ts';
import { compactSizeBytes } from '../wire/codec.ts';
import { type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import type { SpendData } from './key-ring.ts';

/** With their length byte, as stack items. */
const ECDSA_ITEM_BYTES = 1 + 71;
const SCHNORR_ITEM_BYTES = 1 + 65;
/** Outpoint and sequence. */
const INPUT_BASE_BYTES = 36 + 4;

interface Satisfaction {
  /** Bytes of the scriptSig without its length. */
  readonly scriptSig: number;
  /** Bytes of the witness without its count of items; undefined outside segwit. */
  readonly witness?: { readonly bytes: number; readonly items: number };
}

/** Weight of the signed input; undefined when the wallet cannot tell how its output is spent. */
export function signedInputWeight(
  output: TxOutput,
  data: SpendData | undefined,
  context: { readonly txHasWitness: boolean },
): number | undefined {
  const satisfaction = data && satisfactionOf(output.scriptPubKey, data);
  if (satisfaction === undefined) return undefined;
  const { scriptSig, witness } = satisfaction;
  const bytes = INPUT_BASE_BYTES + compactSizeBytes(scriptSig) + scriptSig;
  if (witness !== undefined)
    return bytes * WITNESS_SCALE_FACTOR + compactSizeBytes(witness.items) + witness.bytes;
  // In a transaction with witnesses an input without one still says so.
  return bytes * WITNESS_SCALE_FACTOR + (context.txHasWitness ? 1 : 0);
}

/** Weight of the transaction once all inputs are signed; undefined when one cannot be told. */
export function signedTxWeight(
  inputs: readonly { readonly output: TxOutput; readonly data: SpendData | undefined }[],
  outputs: readonly TxOutput[],
): number | undefined {
  const txHasWitness = inputs.some(
    ({ output, data }) =>
      data !== undefined && satisfactionOf(output.scriptPubKey, data)?.witness !== undefined,
  );
  let weight =
    (8 + compactSizeBytes(inputs.length) + compactSizeBytes(outputs.length)) * WITNESS_SCALE_FACTOR;
  if (txHasWitness) weight += 2;
  for (const output of outputs) weight += outputBytes(output) * WITNESS_SCALE_FACTOR;
  for (const { output, data } of inputs) {
    const inputWeight = signedInputWeight(output, data, { txHasWitness });
    if (inputWeight === undefined) return undefined;
    weight += inputWeight;
  }
  return weight;
}

export function outputBytes({ scriptPubKey }: Pick<TxOutput, 'scriptPubKey'>): number {
  return 8 + compactSizeBytes(scriptPubKey.length) + scriptPubKey.length;
}

function satisfactionOf(script: Uint8Array, data: SpendData): Satisfaction | undefined {
  const template = solveScript(script);
  switch (template.type) {
    case 'scripthash': {
      const { redeemScript } = data;
      if (redeemScript === undefined) return undefined;
      const inner = satisfactionOf(redeemScript, data);
      return inner && { ...inner, scriptSig: inner.scriptSig + pushBytes(redeemScript.length) };
    }
    case 'witness_v0_keyhash':
      return { scriptSig: 0, witness: { bytes: ECDSA_ITEM_BYTES + 34, items: 2 } };
    case 'witness_v0_scripthash': {
      const { witnessScript } = data;
      const inner = witnessScript && keyScriptItems(witnessScript, data);
      if (inner === undefined) return undefined;
      const bytes = inner.bytes + compactSizeBytes(witnessScript!.length) + witnessScript!.length;
      return { scriptSig: 0, witness: { bytes, items: inner.items + 1 } };
    }
    case 'witness_v1_taproot':
      return { scriptSig: 0, witness: { bytes: SCHNORR_ITEM_BYTES, items: 1 } };
    default: {
      const items = keyScriptItems(script, data);
      return items && { scriptSig: items.bytes };
    }
  }
}

/** What a script of keys takes: bytes with a length byte for each item, and items. */
function keyScriptItems(script: Uint8Array, data: SpendData): { bytes: number; items: number } | undefined {
  const template = solveScript(script);
  if (template.type === 'pubkey') return { bytes: ECDSA_ITEM_BYTES, items: 1 };
  if (template.type === 'pubkeyhash') {
    return { bytes: ECDSA_ITEM_BYTES + 1 + (data.keys[0]?.publicKey.length ?? 33), items: 2 };
  }
  if (template.type !== 'multisig') return undefined;
  return { bytes: 1 + template.required * ECDSA_ITEM_BYTES, items: 1 + template.required };
}

function pushBytes(length: number): number {
  if (length <= 75) return 1 + length;
  return length <= 0xff ? 2 + length : 3 + length;
}
