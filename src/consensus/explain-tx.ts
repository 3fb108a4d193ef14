/**
 * Why a transaction is refused, in words and as JSON: what is wrong with it by itself, with the amounts it moves, and
 * with each input's scripts.
 */
import { bytesToHex, hashToHex } from '../base/bytes.ts';
import type { SignatureVerifier } from '../crypto/verifier.ts';
import { scriptErrorText } from '../script/errors.ts';
import { explainInput, type InputExplanation } from '../script/explain.ts';
import { PrecomputedTx } from '../script/sighash.ts';
import { DecodeError } from '../wire/codec.ts';
import type { Transaction, TxOutput } from '../wire/transaction.ts';
import { Reject } from './reject.ts';
import { checkTransaction, checkTxInputs } from './tx.ts';

/** Older than any rule of age asks. */
const OLD_HEIGHT = 0;
const LATE_HEIGHT = 0x7fff_ffff;
/** Characters of a stack item shown in words; all of it is in the JSON. */
const ITEM_SHOWN = 80;

/** Who refuses: everybody, or nodes as this one. */
export type RefusedBy = 'consensus' | 'policy';

/** One input that fails, as JSON. */
export interface InputReport {
  readonly input: number;
  readonly refused_by: RefusedBy;
  readonly error: string;
  readonly error_text: string;
  readonly flag?: string;
  /** What blocks' rules alone say, where that is another error. */
  readonly consensus_error?: string;
  readonly script?: string;
  readonly opcode?: string;
  readonly position?: number;
  readonly instruction?: number;
  readonly stack: readonly string[];
  readonly alt_stack: readonly string[];
  readonly explanation: string;
}

export interface TxReport {
  readonly txid: string;
  readonly wtxid: string;
  readonly valid: boolean;
  readonly refused_by?: RefusedBy;
  /** Core's reason. */
  readonly reason?: string;
  readonly details?: string;
  readonly explanation: string;
  readonly inputs: readonly InputReport[];
}

export interface ExplainOptions {
  readonly flags: number;
  readonly verifier: SignatureVerifier;
  /** Only this one's scripts. Throws DecodeError when there is none. */
  readonly input?: number | undefined;
}

/** `spent[i]` is the output that input i spends; throws DecodeError where they are not as many. Ages and locks are not judged: they depend on where it would be. */
export function explainTransaction(
  tx: Transaction,
  spent: readonly TxOutput[],
  { flags, verifier, input }: ExplainOptions,
): TxReport {
  if (spent.length !== tx.inputs.length) {
    throw new DecodeError(
      `${tx.inputs.length} inputs spend ${tx.inputs.length} outputs, not ${spent.length}`,
    );
  }
  if (input !== undefined && !(input < tx.inputs.length)) {
    throw new DecodeError(`There is no input ${input}: the transaction has ${tx.inputs.length}`);
  }
  const faults = faultOf(tx, spent);
  const precomputed = new PrecomputedTx(tx, spent);
  const inputs = tx.inputs.flatMap((_, i) => {
    if (tx.isCoinbase || (input !== undefined && i !== input)) return [];
    const failure = explainInput(precomputed, i, flags, verifier);
    return failure === undefined ? [] : [reportInput(failure)];
  });
  return report(tx, faults, inputs);
}

/** What is wrong besides scripts, by the rules of blocks. */
function faultOf(tx: Transaction, spent: readonly TxOutput[]): Reject | undefined {
  try {
    checkTransaction(tx);
    if (tx.isCoinbase) return new Reject('coinbase');
    const coins = spent.map(output => ({ ...output, height: OLD_HEIGHT, isCoinbase: false }));
    checkTxInputs(tx, coins, LATE_HEIGHT);
    return undefined;
  } catch (error) {
    if (error instanceof Reject) return error;
    throw error;
  }
}

function report(tx: Transaction, fault: Reject | undefined, inputs: readonly InputReport[]): TxReport {
  const base = { txid: hashToHex(tx.txid), wtxid: hashToHex(tx.wtxid), inputs };
  if (fault !== undefined) {
    return {
      ...base,
      valid: false,
      refused_by: 'consensus',
      ...reasonOf(fault),
      explanation: `No block may hold it: ${fault.message}.`,
    };
  }
  const first = inputs.find(each => each.refused_by === 'consensus') ?? inputs[0];
  if (first === undefined) return { ...base, valid: true, explanation: 'Nothing is wrong with it.' };
  const name = first.refused_by === 'consensus' ? 'block' : 'mempool';
  const reject = new Reject(`${name}-script-verify-flag-failed`, { scriptError: first.error_text });
  return {
    ...base,
    valid: false,
    refused_by: first.refused_by,
    ...reasonOf(reject),
    explanation: first.explanation,
  };
}

function reasonOf({ text, detail }: Reject): Pick<TxReport, 'reason' | 'details'> {
  return { reason: text, ...(detail !== '' && { details: detail }) };
}

function reportInput(failure: InputExplanation): InputReport {
  const { input, error, consensusError, flag, script, at, stack, altStack } = failure;
  return {
    input,
    refused_by: consensusError === undefined ? 'policy' : 'consensus',
    error,
    error_text: scriptErrorText(error),
    ...(flag !== undefined && { flag }),
    ...(consensusError !== undefined && consensusError !== error && { consensus_error: consensusError }),
    ...(script !== undefined && { script }),
    ...(at !== undefined && { opcode: at.opcode, position: at.position, instruction: at.index }),
    stack: stack.map(bytesToHex),
    alt_stack: altStack.map(bytesToHex),
    explanation: inWords(failure),
  };
}

function inWords({ input, error, consensusError, flag, script, at, stack }: InputExplanation): string {
  const where =
    at !== undefined
      ? `at ${at.opcode} (instruction ${at.index}, byte ${at.position}) of its ${script}`
      : script === undefined
        ? 'before any script ran'
        : `after its ${script} had run`;
  const rule = flag === undefined ? 'a rule of every script' : `the rule ${flag}`;
  const who =
    consensusError === undefined
      ? 'Only policy minds: a block may hold it'
      : consensusError === error
        ? 'No block may hold it'
        : `No block may hold it either: there the error is "${scriptErrorText(consensusError)}"`;
  const shown = stack.length === 0 ? 'empty' : stack.map(showItem).join(' ');
  return `Input ${input} fails ${where}: ${scriptErrorText(error)} (${error}, ${rule}). ${who}. Stack, top last: ${shown}.`;
}

function showItem(item: Uint8Array): string {
  const hex = bytesToHex(item);
  return hex.length > ITEM_SHOWN ? `<${hex.slice(0, ITEM_SHOWN)}… ${item.length} bytes>` : `<${hex}>`;
}
