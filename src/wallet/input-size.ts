/**
 * How large an input will be once it is signed, before it is (Core: CalculateMaximumSignedTxSize in
 * src/wallet/spend.cpp). Our ECDSA signatures have a small r, so they are never longer than 71 bytes with hash type; those of
 * others may have 72.
 */
import { ripemd160 } from '../crypto/hashes.ts';
import type { SigningProvider } from '../script/signing-provider.ts';
import { solveScript, witnessProgram } from '../script/templates.ts';
import { compactSizeBytes } from '../wire/codec.ts';
import { type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';

/** With their length byte, as stack items; those of others may have a large r. */
const ECDSA_ITEM_BYTES = { ours: 1 + 71, others: 1 + 72 } as const;
const SCHNORR_ITEM_BYTES = 1 + 65;
/** Outpoint and sequence. */
const INPUT_BASE_BYTES = 36 + 4;

/** What the hashes in a script stand for, as far as its size depends on that. */
export interface SolvingData {
  readonly keys: readonly { readonly publicKey: Uint8Array }[];
  readonly redeemScript?: Uint8Array;
  readonly witnessScript?: Uint8Array;
}

export interface SizedInput {
  readonly output: TxOutput;
  readonly data: SolvingData | undefined;
  /** As somebody has told it, whatever the script needs. */
  readonly weight?: number | undefined;
  readonly signer?: keyof typeof ECDSA_ITEM_BYTES;
}

/** What a wallet must tell of itself. */
interface Owner {
  readonly keys: { spendData(script: Uint8Array): SolvingData | undefined };
  readonly disablesPrivateKeys: boolean;
}

/** An output of the wallet. Without private keys others sign for it, who may take any r (Core: CanGrindR). */
export function ownInput({ keys, disablesPrivateKeys }: Owner, output: TxOutput): SizedInput {
  const signer = disablesPrivateKeys ? 'others' : 'ours';
  return { output, data: keys.spendData(output.scriptPubKey), signer };
}

/** What `provider` knows of an output of somebody else; undefined when that does not suffice (Core: InferDescriptor, IsSolvable). */
export function solvingDataOf(
  script: Uint8Array,
  provider: Pick<SigningProvider, 'publicKeyOf' | 'scriptOf'>,
): SolvingData | undefined {
  const template = solveScript(script);
  switch (template.type) {
    case 'pubkey':
    case 'multisig':
    case 'witness_v1_taproot':
      return { keys: [] };
    case 'pubkeyhash':
    case 'witness_v0_keyhash': {
      const publicKey = provider.publicKeyOf(template.hash);
      return publicKey && { keys: [{ publicKey }] };
    }
    case 'scripthash': {
      const redeemScript = provider.scriptOf(template.hash);
      const inner = redeemScript && solvingDataOf(redeemScript, provider);
      return inner && { ...inner, redeemScript };
    }
    case 'witness_v0_scripthash': {
      const witnessScript = provider.scriptOf(ripemd160(template.hash));
      const inner = witnessScript && solvingDataOf(witnessScript, provider);
      return inner && { ...inner, witnessScript };
    }
    default:
      return undefined;
  }
}

interface Satisfaction {
  /** Bytes of the scriptSig without its length. */
  readonly scriptSig: number;
  /** Bytes of the witness without its count of items; undefined outside segwit. */
  readonly witness?: { readonly bytes: number; readonly items: number };
}

/** Weight of the signed input; undefined when nobody can tell how its output is spent. */
export function signedInputWeight(
  input: SizedInput,
  context: { readonly txHasWitness: boolean },
): number | undefined {
  if (input.weight !== undefined) return input.weight;
  const satisfaction = satisfy(input);
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
  inputs: readonly SizedInput[],
  outputs: readonly TxOutput[],
): number | undefined {
  const txHasWitness = inputs.some(
    input => witnessProgram(input.output.scriptPubKey) || satisfy(input)?.witness !== undefined,
  );
  let weight =
    (8 + compactSizeBytes(inputs.length) + compactSizeBytes(outputs.length)) * WITNESS_SCALE_FACTOR;
  if (txHasWitness) weight += 2;
  for (const output of outputs) weight += outputBytes(output) * WITNESS_SCALE_FACTOR;
  for (const input of inputs) {
    const inputWeight = signedInputWeight(input, { txHasWitness });
    if (inputWeight === undefined) return undefined;
    weight += inputWeight;
  }
  return weight;
}

export function outputBytes({ scriptPubKey }: Pick<TxOutput, 'scriptPubKey'>): number {
  return 8 + compactSizeBytes(scriptPubKey.length) + scriptPubKey.length;
}

function satisfy({ output, data, signer = 'ours' }: SizedInput): Satisfaction | undefined {
  return data && satisfactionOf(output.scriptPubKey, data, ECDSA_ITEM_BYTES[signer]);
}

function satisfactionOf(
  script: Uint8Array,
  data: SolvingData,
  signatureBytes: number,
): Satisfaction | undefined {
  const template = solveScript(script);
  switch (template.type) {
    case 'scripthash': {
      const { redeemScript } = data;
      if (redeemScript === undefined) return undefined;
      const inner = satisfactionOf(redeemScript, data, signatureBytes);
      return inner && { ...inner, scriptSig: inner.scriptSig + pushBytes(redeemScript.length) };
    }
    case 'witness_v0_keyhash':
      return { scriptSig: 0, witness: { bytes: signatureBytes + 34, items: 2 } };
    case 'witness_v0_scripthash': {
      const { witnessScript } = data;
      const inner = witnessScript && keyScriptItems(witnessScript, data, signatureBytes);
      if (inner === undefined) return undefined;
      const bytes = inner.bytes + compactSizeBytes(witnessScript!.length) + witnessScript!.length;
      return { scriptSig: 0, witness: { bytes, items: inner.items + 1 } };
    }
    case 'witness_v1_taproot':
      return { scriptSig: 0, witness: { bytes: SCHNORR_ITEM_BYTES, items: 1 } };
    default: {
      const items = keyScriptItems(script, data, signatureBytes);
      return items && { scriptSig: items.bytes };
    }
  }
}

/** What a script of keys takes: bytes with a length byte for each item, and items. */
function keyScriptItems(
  script: Uint8Array,
  data: SolvingData,
  signatureBytes: number,
): { bytes: number; items: number } | undefined {
  const template = solveScript(script);
  if (template.type === 'pubkey') return { bytes: signatureBytes, items: 1 };
  if (template.type === 'pubkeyhash') {
    return { bytes: signatureBytes + 1 + (data.keys[0]?.publicKey.length ?? 33), items: 2 };
  }
  if (template.type !== 'multisig') return undefined;
  return { bytes: 1 + template.required * signatureBytes, items: 1 + template.required };
}

function pushBytes(length: number): number {
  if (length <= 75) return 1 + length;
  return length <= 0xff ? 2 + length : 3 + length;
}
