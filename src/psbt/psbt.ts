/**
 * Partially signed transactions (BIP174, version 2: BIP370; Core: PartiallySignedTransaction in src/psbt.h): a
 * transaction without signatures, and what updaters and signers say about its inputs and outputs. Plain data; the roles
 * are functions that make a new one.
 */
import { assert } from '../base/assert.ts';
import { EMPTY_BYTES, equalBytes, type Txid } from '../base/bytes.ts';
import { DecodeError, Reader, Writer } from '../wire/codec.ts';
import {
  createTransaction,
  exactValue,
  type OutPoint,
  SEQUENCE_FINAL,
  type Transaction,
  type TxOutput,
  type TxParts,
} from '../wire/transaction.ts';
import { globalMap } from './global-fields.ts';
import { inputMap, type PsbtInput } from './input-fields.ts';
import { outputMap, type PsbtOutput } from './output-fields.ts';

type GlobalFields = ReturnType<typeof globalMap.empty>;

export interface Psbt extends Pick<GlobalFields, 'xpubs' | 'txModifiable' | 'proprietary' | 'unknown'> {
  readonly version: 0 | 2;
  readonly txVersion: number;
  readonly fallbackLockTime: number | undefined;
  /** With outpoint and sequence, whatever the version. */
  readonly inputs: readonly PsbtInput[];
  /** With amount and script, whatever the version. */
  readonly outputs: readonly PsbtOutput[];
}

const MAGIC = Uint8Array.of(0x70, 0x73, 0x62, 0x74, 0xff);

/** The creator's role: `tx` without signatures. */
export function createPsbt(tx: TxParts, version: 0 | 2): Psbt {
  const { xpubs, txModifiable, proprietary, unknown } = globalMap.empty();
  return {
    version,
    txVersion: tx.version,
    fallbackLockTime: tx.lockTime,
    xpubs,
    txModifiable,
    proprietary,
    unknown,
    inputs: tx.inputs.map(({ prevout, sequence }) => ({
      ...inputMap.empty(),
      ...placeOf(prevout, sequence),
    })),
    outputs: tx.outputs.map(output => ({ ...outputMap.empty(), ...paymentOf(output) })),
  };
}

/** Throws DecodeError with Core's texts. Bytes that follow stay in the reader. */
export function readPsbt(r: Reader): Psbt {
  if (!equalBytes(r.take(MAGIC.length), MAGIC)) throw new DecodeError('Invalid PSBT magic bytes');
  const global = globalMap.read(r, undefined);
  const version = versionOf(global);
  const tx = global.unsignedTx;
  const inputCount = tx?.inputs.length ?? global.inputCount!;
  const outputCount = tx?.outputs.length ?? global.outputCount!;
  const inputs: PsbtInput[] = [];
  while (r.remaining > 0 && inputs.length < inputCount) {
    const own = tx?.inputs[inputs.length];
    const input = inputMap.read(r, version, own && placeOf(own.prevout, own.sequence));
    if (version === 2) requirePlace(input);
    requireMatchingTx(input);
    inputs.push(input);
  }
  if (inputs.length !== inputCount) {
    throw new DecodeError('Inputs provided does not match the number of inputs in transaction.');
  }
  const outputs: PsbtOutput[] = [];
  while (r.remaining > 0 && outputs.length < outputCount) {
    const own = tx?.outputs[outputs.length];
    const output = outputMap.read(r, version, own && paymentOf(own));
    if (version === 2) requirePayment(output);
    outputs.push(output);
  }
  if (outputs.length !== outputCount) {
    throw new DecodeError('Outputs provided does not match the number of outputs in transaction.');
  }
  const { xpubs, txModifiable, proprietary, unknown } = global;
  return {
    version,
    txVersion: tx?.version ?? global.txVersion!,
    fallbackLockTime: tx?.lockTime ?? global.fallbackLockTime,
    xpubs,
    txModifiable,
    proprietary,
    unknown,
    inputs,
    outputs,
  };
}

/** All of `bytes`; throws DecodeError. */
export function decodePsbt(bytes: Uint8Array): Psbt {
  const reader = new Reader(bytes);
  const psbt = readPsbt(reader);
  if (reader.remaining > 0) throw new DecodeError('extra data after PSBT');
  return psbt;
}

export function encodePsbt(psbt: Psbt): Uint8Array {
  const { version, inputs, outputs, xpubs, txModifiable, proprietary, unknown } = psbt;
  const w = new Writer();
  w.put(MAGIC);
  const isV2 = version === 2;
  globalMap.write(
    w,
    {
      unsignedTx: isV2 ? undefined : unsignedTxOf(psbt),
      xpubs,
      txVersion: isV2 ? psbt.txVersion : undefined,
      fallbackLockTime: isV2 ? psbt.fallbackLockTime : undefined,
      inputCount: isV2 ? inputs.length : undefined,
      outputCount: isV2 ? outputs.length : undefined,
      txModifiable,
      version: isV2 ? version : undefined,
      proprietary,
      unknown,
    },
    () => false,
  );
  for (const input of inputs) {
    const isFinal = isFinalInput(input);
    inputMap.write(
      w,
      input,
      field => (isFinal && field.isOpenOnly) || (!isV2 && field.refusalInV0 !== undefined),
    );
  }
  for (const output of outputs) outputMap.write(w, output, field => !isV2 && field.refusalInV0 !== undefined);
  return w.finish();
}

/** Whether it has a scriptSig or witness, right or wrong (Core: PSBTInputSigned). */
export function isFinalInput(input: PsbtInput): boolean {
  return input.finalScriptSig !== undefined || input.finalWitness !== undefined;
}

export function outPointOf({ previousTxid, previousIndex }: PsbtInput): OutPoint {
  assert(previousTxid !== undefined && previousIndex !== undefined, 'every input has an outpoint');
  return { txid: previousTxid, index: previousIndex };
}

/** What the input spends, as far as the PSBT tells; the whole transaction is believed first (Core: GetUTXO). */
export function spentOutput(input: PsbtInput): TxOutput | undefined {
  const { nonWitnessUtxo, witnessUtxo } = input;
  if (nonWitnessUtxo === undefined) return witnessUtxo;
  const { txid, index } = outPointOf(input);
  return nonWitnessUtxo.txid === txid ? nonWitnessUtxo.outputs[index] : undefined;
}

/** Throws PsbtError when inputs want lock times that exclude each other. */
export function unsignedTxOf(psbt: Psbt): Transaction {
  const lockTime = lockTimeOf(psbt);
  if (lockTime === undefined) throw new PsbtError('invalidTx');
  return createTransaction({
    version: psbt.txVersion,
    inputs: psbt.inputs.map(input => ({
      prevout: outPointOf(input),
      scriptSig: EMPTY_BYTES,
      sequence: input.sequence ?? SEQUENCE_FINAL,
      witness: [],
    })),
    outputs: psbt.outputs.map(payment),
    lockTime,
  });
}

/** The transaction's id as far as it cannot change: of version 2 without sequences (BIP370). */
export function uniqueIdOf(psbt: Psbt): Txid {
  if (psbt.version === 0) return unsignedTxOf(psbt).txid;
  return unsignedTxOf({ ...psbt, inputs: psbt.inputs.map(input => ({ ...input, sequence: 0 })) }).txid;
}

export const PSBT_ERRORS = {
  missingInputs: 'Inputs missing or spent',
  sighashMismatch: 'Specified sighash value does not match value stored in PSBT',
  incomplete: 'Input needs additional signatures or other data',
  invalidTx: 'The transaction cannot be valid',
} as const;
export type PsbtProblem = keyof typeof PSBT_ERRORS;

/** A role cannot be played on this PSBT; the message is Core's. */
export class PsbtError extends Error {
  override readonly name = 'PsbtError';
  readonly problem: PsbtProblem;

  constructor(problem: PsbtProblem) {
    super(PSBT_ERRORS[problem]);
    this.problem = problem;
  }
}

/** Undefined when one input needs a height and another a time (BIP370). */
function lockTimeOf({ version, inputs, fallbackLockTime }: Psbt): number | undefined {
  if (version === 2) {
    const locked = inputs.filter(input => input.timeLock !== undefined || input.heightLock !== undefined);
    if (locked.length > 0) {
      const heights = locked.every(input => input.heightLock !== undefined);
      const times = locked.every(input => input.timeLock !== undefined);
      // Where both would do, the height.
      if (heights) return Math.max(...locked.map(input => input.heightLock!));
      return times ? Math.max(...locked.map(input => input.timeLock!)) : undefined;
    }
  }
  return fallbackLockTime ?? 0;
}

function placeOf(prevout: OutPoint, sequence: number) {
  return { previousTxid: prevout.txid, previousIndex: prevout.index, sequence };
}

function paymentOf(output: TxOutput) {
  return { amount: exactValue(output), script: output.scriptPubKey };
}

function payment({ amount, script }: PsbtOutput): TxOutput {
  assert(amount !== undefined && script !== undefined, 'every output has an amount and a script');
  const value = Number(amount);
  const output = { value, scriptPubKey: script };
  return Number.isSafeInteger(value) ? output : { ...output, exactValue: amount };
}

function versionOf(global: GlobalFields): 0 | 2 {
  const version = global.version ?? 0;
  const { unsignedTx, txVersion, fallbackLockTime, inputCount, outputCount, txModifiable } = global;
  const v2 = {
    PSBT_GLOBAL_TX_VERSION: txVersion,
    PSBT_GLOBAL_FALLBACK_LOCKTIME: fallbackLockTime,
    PSBT_GLOBAL_INPUT_COUNT: inputCount,
    PSBT_GLOBAL_OUTPUT_COUNT: outputCount,
    PSBT_GLOBAL_TX_MODIFIABLE: txModifiable,
  };
  if (version === 0) {
    if (unsignedTx === undefined) throw new DecodeError('No unsigned transaction was provided');
    for (const [name, value] of Object.entries(v2)) {
      if (value !== undefined) throw new DecodeError(`${name} is not allowed in PSBTv0`);
    }
    return 0;
  }
  if (version === 1) throw new DecodeError('There is no PSBT version 1');
  for (const name of [
    'PSBT_GLOBAL_TX_VERSION',
    'PSBT_GLOBAL_INPUT_COUNT',
    'PSBT_GLOBAL_OUTPUT_COUNT',
  ] as const) {
    if (v2[name] === undefined) throw new DecodeError(`${name} is required in PSBTv2`);
  }
  if (unsignedTx !== undefined) throw new DecodeError('PSBT_GLOBAL_UNSIGNED_TX is not allowed in PSBTv2');
  return 2;
}

function requirePlace(input: PsbtInput): void {
  if (input.previousTxid === undefined) throw new DecodeError('Previous TXID is required in PSBTv2');
  if (input.previousIndex === undefined) {
    throw new DecodeError("Previous output's index is required in PSBTv2");
  }
}

function requirePayment(output: PsbtOutput): void {
  if (output.amount === undefined) throw new DecodeError('Output amount is required in PSBTv2');
  if (output.script === undefined) throw new DecodeError('Output script is required in PSBTv2');
}

function requireMatchingTx(input: PsbtInput): void {
  const { nonWitnessUtxo } = input;
  if (nonWitnessUtxo === undefined) return;
  const { txid, index } = outPointOf(input);
  if (nonWitnessUtxo.txid !== txid) throw new DecodeError('Non-witness UTXO does not match outpoint hash');
  if (index >= nonWitnessUtxo.outputs.length) {
    throw new DecodeError('Input specifies output index that does not exist');
  }
}
