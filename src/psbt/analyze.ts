/** Where a PSBT stands and who has to work on it next (Core: AnalyzePSBT in src/node/psbt.cpp). */
import { EMPTY_BYTES } from '../base/bytes.ts';
import { isMoney } from '../consensus/amount.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { isUnspendable } from '../script/opcodes.ts';
import { PrecomputedTx } from '../script/sighash.ts';
import type { SignatureData } from '../script/signature-data.ts';
import { NOTHING_KNOWN } from '../script/signing-provider.ts';
import { transactionSigOpCost } from '../script/sigops.ts';
import { type TxInput, type TxOutput, WITNESS_SCALE_FACTOR, withInputs } from '../wire/transaction.ts';
import type { PsbtInput } from './input-fields.ts';
import { type Psbt, PsbtError, spentOutput } from './psbt.ts';
import { isVerified, type PsbtContext, psbtContext, signPsbtInput } from './sign.ts';

/** In the order of work. */
const ROLES = ['creator', 'updater', 'signer', 'finalizer', 'extractor'] as const;
export type PsbtRole = (typeof ROLES)[number];

/** Bytes that a signature check counts for where there are many (Core: DEFAULT_BYTES_PER_SIGOP). */
const BYTES_PER_SIGOP = 20;
const ANY = { hashType: undefined, finalize: true } as const;

export interface InputAnalysis {
  readonly hasUtxo: boolean;
  readonly isFinal: boolean;
  readonly next: PsbtRole;
  readonly missing: SignatureData['missing'] | undefined;
}

export interface PsbtAnalysis {
  readonly inputs: readonly InputAnalysis[];
  readonly next: PsbtRole;
  /** Satoshi; undefined while not everything that is spent is known. */
  readonly fee?: bigint;
  readonly estimatedVirtualSize?: number;
  readonly error?: string;
}

export function analyzePsbt(psbt: Psbt, verifier: SignatureVerifier): PsbtAnalysis {
  let context: PsbtContext;
  try {
    context = psbtContext(psbt, verifier);
  } catch (error) {
    if (!(error instanceof PsbtError)) throw error;
    return invalid('PSBT cannot be made into a valid transaction');
  }
  let valueIn = 0n;
  const inputs: InputAnalysis[] = [];
  const signedInputs: PsbtInput[] = [];
  for (const [i, input] of psbt.inputs.entries()) {
    const output = spentOutput(input);
    if (output !== undefined) {
      valueIn += BigInt(output.value);
      if (!isMoney(output.value) || !isMoney(Number(valueIn))) {
        return invalid(`PSBT is not valid. Input ${i} has invalid value`);
      }
      if (isUnspendable(output.scriptPubKey)) {
        return invalid(`PSBT is not valid. Input ${i} spends unspendable output`);
      }
    }
    const [analysis, signed] = analyzeInput(input, i, context);
    inputs.push(analysis);
    signedInputs.push(signed);
  }
  const next = ROLES[Math.min(ROLES.length - 1, ...inputs.map(input => ROLES.indexOf(input.next)))]!;
  if (!inputs.every(({ hasUtxo }) => hasUtxo)) return { inputs, next };
  let valueOut = 0n;
  for (const { amount } of psbt.outputs) {
    valueOut += amount!;
    if (!isMoney(Number(amount)) || !isMoney(Number(valueOut))) {
      return invalid('PSBT is not valid. Output amount invalid');
    }
  }
  const fee = valueIn - valueOut;
  const estimatedVirtualSize = estimateSize(signedInputs, context);
  return { inputs, next, fee, ...(estimatedVirtualSize !== undefined && { estimatedVirtualSize }) };
}

/** And the input, finalized if that is all it needs. */
function analyzeInput(
  input: PsbtInput,
  index: number,
  context: PsbtContext,
): readonly [InputAnalysis, PsbtInput] {
  const hasUtxo = spentOutput(input) !== undefined;
  if (isVerified(input, index, context)) {
    return [{ hasUtxo, isFinal: true, next: 'extractor', missing: undefined }, input];
  }
  const signed = signPsbtInput(input, index, NOTHING_KNOWN, context, ANY);
  if (signed.problem === undefined) {
    return [{ hasUtxo, isFinal: false, next: 'finalizer', missing: undefined }, signed.input];
  }
  const { missing } = signed;
  const needsOnlySignatures =
    missing !== undefined &&
    missing.publicKeys.length === 0 &&
    missing.redeemScript === undefined &&
    missing.witnessScript === undefined &&
    missing.signatures.length > 0;
  const next = needsOnlySignatures ? 'signer' : 'updater';
  return [{ hasUtxo, isFinal: false, next, missing }, signed.input];
}

/** Of the transaction with dummy signatures; undefined when one input cannot be signed at all. */
function estimateSize(psbtInputs: readonly PsbtInput[], context: PsbtContext): number | undefined {
  const spent: TxOutput[] = [];
  const { tx } = context.precomputed;
  const inputs: TxInput[] = [];
  for (const [i, input] of psbtInputs.entries()) {
    const output = spentOutput(input);
    // As Core does it, without what the other inputs spend: a final taproot input of which only a witness UTXO is told
    // cannot be verified so, and then there is no estimate.
    const alone = new Array<TxOutput | undefined>(psbtInputs.length + 1).fill(undefined).with(i, output);
    const precomputed = new PrecomputedTx(tx, alone as TxOutput[]);
    const unsure = { ...context, precomputed, allSpentKnown: false };
    const signed = signPsbtInput(input, i, NOTHING_KNOWN, unsure, { ...ANY, signs: 'nothing' });
    if (signed.problem !== undefined || output === undefined) return undefined;
    spent.push(output);
    const { finalScriptSig: scriptSig = EMPTY_BYTES, finalWitness: witness = [] } = signed.input;
    inputs.push({ ...tx.inputs[i]!, scriptSig, witness });
  }
  const signedTx = withInputs(tx, inputs);
  const sigOps = transactionSigOpCost(signedTx, spent, STANDARD_SCRIPT_FLAGS);
  return Math.ceil(Math.max(signedTx.weight, sigOps * BYTES_PER_SIGOP) / WITNESS_SCALE_FACTOR);
}

function invalid(error: string): PsbtAnalysis {
  return { inputs: [], next: 'creator', error };
}
