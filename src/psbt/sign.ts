/**
 * The roles of updater, signer, finalizer and extractor (BIP174; Core: SignPSBTInput, UpdatePSBTOutput, FinalizePSBT in
 * src/psbt.cpp). A provider without secrets updates; one with secrets signs too.
 */
import { EMPTY_BYTES } from '../base/bytes.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { checkerOfPartlyKnown } from '../script/checker.ts';
import { SIGHASH_ALL, SIGHASH_ANYONECANPAY, SIGHASH_DEFAULT } from '../script/encoding.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { PrecomputedTx } from '../script/sighash.ts';
import { produceSignature } from '../script/sign.ts';
import { DUMMY_SIGNER, type SignatureCreator, transactionSigner } from '../script/signature-creator.ts';
import type { SignatureData } from '../script/signature-data.ts';
import { hiding, NOTHING_KNOWN, type SigningProvider } from '../script/signing-provider.ts';
import { solveScript, witnessProgram } from '../script/templates.ts';
import { verifyScript } from '../script/verify.ts';
import { type Transaction, type TxOutput, withInputs } from '../wire/transaction.ts';
import type { PsbtInput } from './input-fields.ts';
import { isFinalInput, type Psbt, type PsbtProblem, spentOutput, unsignedTxOf } from './psbt.ts';
import { dataFromInput, dataFromOutput, inputWith, outputWith } from './signature-fields.ts';

const SCHNORR_SIGNATURE_BYTES = 64;

/** The transaction that a PSBT is about, with what it spends, hashed once for all inputs. */
export interface PsbtContext {
  readonly precomputed: PrecomputedTx;
  readonly allSpentKnown: boolean;
  readonly verifier: SignatureVerifier;
}

export interface SignOptions {
  /** Undefined: the default for what the input spends. */
  readonly hashType: number | undefined;
  /** Whether a complete input becomes final. */
  readonly finalize: boolean;
}

export interface SignedInput {
  readonly input: PsbtInput;
  /** Undefined when the input is valid, or will be once it is finalized. */
  readonly problem: PsbtProblem | undefined;
  readonly missing: SignatureData['missing'] | undefined;
}

/** Throws PsbtError when the PSBT can be no transaction. */
export function psbtContext(psbt: Psbt, verifier: SignatureVerifier): PsbtContext {
  const spent = psbt.inputs.map(spentOutput);
  return {
    precomputed: new PrecomputedTx(unsignedTxOf(psbt), spent as readonly TxOutput[]),
    allSpentKnown: spent.every(output => output !== undefined),
    verifier,
  };
}

/** Whether the final fields of the input are valid. */
export function isVerified(input: PsbtInput, index: number, context: PsbtContext): boolean {
  const output = spentOutput(input);
  if (output === undefined) return false;
  const { precomputed, verifier } = context;
  return (
    verifyScript({
      scriptSig: input.finalScriptSig ?? EMPTY_BYTES,
      witness: input.finalWitness ?? [],
      scriptPubKey: output.scriptPubKey,
      flags: STANDARD_SCRIPT_FLAGS,
      checker: checkerOfPartlyKnown(precomputed, index, verifier),
    }) === undefined
  );
}

/** `signs: 'nothing'` only finds out what a signed input would look like, with dummy signatures. */
export function signPsbtInput(
  input: PsbtInput,
  index: number,
  provider: SigningProvider,
  context: PsbtContext,
  options: SignOptions & { readonly signs?: 'nothing' },
): SignedInput {
  const failed = (problem: PsbtProblem): SignedInput => ({ input, problem, missing: undefined });
  if (isVerified(input, index, context)) return { input, problem: undefined, missing: undefined };
  const output = spentOutput(input);
  if (output === undefined) return failed('missingInputs');
  // A witness UTXO may be a lie; a witness signature commits to it and so is worth nothing then, others would be.
  const needsWitness = input.nonWitnessUtxo === undefined;
  const isTaproot = solveScript(output.scriptPubKey).type === 'witness_v1_taproot';
  const hashType = options.hashType ?? (isTaproot ? SIGHASH_DEFAULT : SIGHASH_ALL);
  if (input.hashType !== undefined && input.hashType !== hashType) return failed('sighashMismatch');
  const isDefault = hashType === SIGHASH_DEFAULT || (!isTaproot && hashType === SIGHASH_ALL);
  const told = isDefault ? input : { ...input, hashType };
  if (!allSignWith(told, hashType)) return { input: told, problem: 'sighashMismatch', missing: undefined };

  const data = dataFromInput(told);
  data.hasWitness = false;
  const { precomputed, allSpentKnown, verifier } = context;
  const creator: SignatureCreator =
    options.signs === 'nothing'
      ? DUMMY_SIGNER
      : transactionSigner({ precomputed, index, hashType, verifier, allSpentKnown });
  const isComplete = produceSignature(provider, creator, output.scriptPubKey, data);
  if (needsWitness && !data.hasWitness) return { input: told, problem: 'incomplete', missing: undefined };
  if (!options.finalize) data.isComplete = false;
  const signed = inputWith(told, data);
  return {
    input: data.hasWitness ? { ...signed, witnessUtxo: output } : signed,
    problem: isComplete ? undefined : 'incomplete',
    missing: data.missing,
  };
}

/** Adds what the provider knows of the scripts that outputs pay to. */
export function updateOutputs(psbt: Psbt, provider: SigningProvider, verifier: SignatureVerifier): Psbt {
  const tx = unsignedTxOf(psbt);
  return {
    ...psbt,
    outputs: psbt.outputs.map((output, i) => {
      const spent = [tx.outputs[i]!];
      const data = dataFromOutput(output);
      const creator = transactionSigner({
        precomputed: new PrecomputedTx(tx, spent),
        index: 0,
        hashType: SIGHASH_ALL,
        verifier,
        allSpentKnown: false,
      });
      // Signing a would-be spend of it finds scripts and keys; nothing is known that could sign.
      produceSignature(
        hiding(provider, { secrets: true, origins: false }),
        creator,
        spent[0]!.scriptPubKey,
        data,
      );
      return outputWith(output, data);
    }),
  };
}

/** Makes final what has all signatures; `isComplete` when that is every input. */
export function finalizePsbt(
  psbt: Psbt,
  verifier: SignatureVerifier,
): { readonly psbt: Psbt; readonly isComplete: boolean } {
  const context = psbtContext(psbt, verifier);
  const signed = psbt.inputs.map((input, index) =>
    signPsbtInput(input, index, NOTHING_KNOWN, context, { hashType: input.hashType, finalize: true }),
  );
  return {
    psbt: { ...psbt, inputs: signed.map(({ input }) => input) },
    isComplete: signed.every(({ problem }) => problem === undefined),
  };
}

/** The transaction with signatures; undefined when it is not complete. */
export function extractTransaction(psbt: Psbt, verifier: SignatureVerifier): Transaction | undefined {
  const final = finalizePsbt(psbt, verifier);
  if (!final.isComplete) return undefined;
  const tx = unsignedTxOf(final.psbt);
  const inputs = tx.inputs.map((input, i) => ({
    ...input,
    scriptSig: final.psbt.inputs[i]!.finalScriptSig ?? EMPTY_BYTES,
    witness: final.psbt.inputs[i]!.finalWitness ?? [],
  }));
  return withInputs(tx, inputs);
}

/** Whole previous transactions are of no use where all inputs commit to what they spend (BIP371). */
export function withoutUnnecessaryTransactions(psbt: Psbt): Psbt {
  const isNeedless = psbt.inputs.every(({ witnessUtxo, hashType }) => {
    const program = witnessUtxo && witnessProgram(witnessUtxo.scriptPubKey);
    if (program === undefined || program.version === 0) return false;
    return hashType === undefined || (hashType & SIGHASH_ANYONECANPAY) === 0;
  });
  if (!isNeedless) return psbt;
  return { ...psbt, inputs: psbt.inputs.map(input => ({ ...input, nonWitnessUtxo: undefined })) };
}

export function isAllFinal(psbt: Psbt): boolean {
  return psbt.inputs.every(isFinalInput);
}

/** Whether the signatures that are there have that hash type. */
function allSignWith(input: PsbtInput, hashType: number): boolean {
  const { tapKeySignature, tapScriptSignatures, partialSignatures } = input;
  const schnorr = [
    ...tapScriptSignatures.values(),
    ...(tapKeySignature === undefined ? [] : [tapKeySignature]),
  ];
  if (hashType === SIGHASH_DEFAULT) {
    return schnorr.every(signature => signature.length === SCHNORR_SIGNATURE_BYTES);
  }
  return (
    schnorr.every(({ length }, i) => length > SCHNORR_SIGNATURE_BYTES && schnorr[i]!.at(-1) === hashType) &&
    [...partialSignatures.values()].every(({ signature }) => signature.at(-1) === hashType)
  );
}
