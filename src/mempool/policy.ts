/**
 * What a node relays although more would be valid: standardness of transactions, of the inputs they spend, and of their
 * witnesses. All functions throw Reject with kind 'policy'. Source: Core src/policy/policy.cpp and policy.h.
 */
import { Reject } from '../consensus/reject.ts';
import { encodeNumber } from '../script/number.ts';
import { isPushOnly, isUnspendable, OPCODES, parseScript, smallNumber } from '../script/opcodes.ts';
import { countSigOps, countSpendSigOps } from '../script/sigops.ts';
import {
  isPayToAnchor,
  isPayToScriptHash,
  matchMultisig,
  scriptType,
  witnessVersion,
} from '../script/templates.ts';
import type { Transaction, TxInput, TxOutput } from '../wire/transaction.ts';
import { feeAt } from './fee-rate.ts';
import type { MempoolOptions } from './options.ts';

const STANDARD_VERSION_MIN = 1;
const STANDARD_VERSION_MAX = 3;
/** Weight units of a standard transaction (MAX_STANDARD_TX_WEIGHT). */
export const STANDARD_WEIGHT_MAX = 400_000;
const SCRIPT_SIG_BYTES_MAX = 1_650;
/** Dust outputs that a transaction without fee may have (MAX_DUST_OUTPUTS_PER_TX). */
const DUST_OUTPUTS_MAX = 1;
const BARE_MULTISIG_KEYS_MAX = 3;
const P2SH_SIGOPS_MAX = 15;
/** Signature operations outside of witnesses in one transaction (BIP54; MAX_TX_LEGACY_SIGOPS). */
const LEGACY_SIGOPS_MAX = 2_500;
const P2WSH_STACK_ITEMS_MAX = 100;
const P2WSH_ITEM_BYTES_MAX = 80;
const P2WSH_SCRIPT_BYTES_MAX = 3_600;
const TAPSCRIPT_ITEM_BYTES_MAX = 80;
const ANNEX_TAG = 0x50;
const TAPSCRIPT_LEAF = 0xc0;
const LEAF_MASK = 0xfe;
/** Items larger than this cannot be pushed (consensus). */
const PUSH_BYTES_MAX = 520;

/** Bytes of the input that will spend an output: outpoint, sequence, and a signature with its key. */
const SPEND_BYTES = 32 + 4 + 1 + 107 + 4;
const WITNESS_SPEND_BYTES = 32 + 4 + 1 + Math.floor(107 / 4) + 4;

/** Weight units, more for transactions with many signature operations (Core: GetSigOpsAdjustedWeight). */
export function weightWithSigOps(weight: number, sigopCost: number, bytesPerSigop: number): number {
  return Math.max(weight, sigopCost * bytesPerSigop);
}

/** The smallest amount that is worth its own spending at `rate`; 0 for what can never be spent. */
export function dustThreshold(output: TxOutput, rate: number): number {
  const { scriptPubKey } = output;
  if (isUnspendable(scriptPubKey)) return 0;
  const prefix = scriptPubKey.length < 0xfd ? 1 : 3;
  const spend = witnessVersion(scriptPubKey) === undefined ? SPEND_BYTES : WITNESS_SPEND_BYTES;
  return feeAt(rate, 8 + prefix + scriptPubKey.length + spend);
}

/** Indexes of outputs below their dust threshold. */
export function dustOutputs({ outputs }: Transaction, rate: number): readonly number[] {
  let dust: number[] | undefined;
  for (let index = 0; index < outputs.length; index += 1) {
    const output = outputs[index]!;
    if (output.value >= dustThreshold(output, rate)) continue;
    dust ??= [];
    dust.push(index);
  }
  return dust ?? NO_OUTPUTS;
}

const NO_OUTPUTS: readonly number[] = [];

/** What can be seen from the transaction alone (Core: IsStandardTx). */
export function checkStandard(tx: Transaction, options: MempoolOptions): void {
  if (tx.version < STANDARD_VERSION_MIN || tx.version > STANDARD_VERSION_MAX) throw new Reject('version');
  if (tx.weight > STANDARD_WEIGHT_MAX) throw new Reject('tx-size');
  for (const { scriptSig } of tx.inputs) {
    if (scriptSig.length > SCRIPT_SIG_BYTES_MAX) throw new Reject('scriptsig-size');
    if (!isPushOnly(scriptSig)) throw new Reject('scriptsig-not-pushonly');
  }
  let dataBytes = 0;
  for (const { scriptPubKey } of tx.outputs) {
    const type = scriptType(scriptPubKey);
    if (type === 'nonstandard') throw new Reject('scriptpubkey');
    if (type === 'multisig') {
      if (matchMultisig(scriptPubKey)!.keys.length > BARE_MULTISIG_KEYS_MAX) throw new Reject('scriptpubkey');
      if (!options.permitBareMultisig) throw new Reject('bare-multisig');
    }
    if (type === 'nulldata') {
      dataBytes += scriptPubKey.length;
      if (dataBytes > options.dataCarrierBytesMax) throw new Reject('datacarrier');
    }
  }
  if (dustOutputs(tx, options.dustRelayFeeRate).length > DUST_OUTPUTS_MAX) throw new Reject('dust');
}

/** Spent outputs are of known kinds and cheap to check (Core: ValidateInputsStandardness). */
export function checkInputsStandard({ inputs }: Transaction, spent: readonly TxOutput[]): void {
  let legacySigOps = 0;
  for (let i = 0; i < inputs.length; i += 1) {
    const { scriptSig } = inputs[i]!;
    legacySigOps += countSigOps(scriptSig, 'accurate');
    legacySigOps += countSpendSigOps(spent[i]!.scriptPubKey, scriptSig);
  }
  if (legacySigOps > LEGACY_SIGOPS_MAX) throw nonstandardInputs('non-witness sigops exceed bip54 limit');
  for (let i = 0; i < inputs.length; i += 1) {
    const type = scriptType(spent[i]!.scriptPubKey);
    if (type === 'nonstandard') throw nonstandardInputs(`input ${i} script unknown`);
    if (type === 'witness_unknown') throw nonstandardInputs(`input ${i} witness program is undefined`);
    if (type === 'scripthash') checkRevealed(inputs[i]!.scriptSig, i);
  }
}

/** The script that a P2SH input reveals. */
function checkRevealed(scriptSig: Uint8Array, i: number): void {
  const stack = pushedItems(scriptSig);
  if (stack === undefined)
    throw nonstandardInputs(`p2sh scriptsig malformed (input ${i}: Push value size limit exceeded)`);
  const redeemScript = stack.at(-1);
  if (redeemScript === undefined) throw nonstandardInputs(`input ${i} P2SH redeemscript missing`);
  const sigOps = countSigOps(redeemScript, 'accurate');
  if (sigOps <= P2SH_SIGOPS_MAX) return;
  throw nonstandardInputs(
    `p2sh redeemscript sigops exceed limit (input ${i}: ${sigOps} > ${P2SH_SIGOPS_MAX})`,
  );
}

function nonstandardInputs(detail: string): Reject {
  return new Reject('bad-txns-nonstandard-inputs', { detail });
}

/** Witnesses are not larger than they need to be (Core: IsWitnessStandard). */
export function checkWitnessStandard({ inputs }: Transaction, spent: readonly TxOutput[]): void {
  for (let i = 0; i < inputs.length; i += 1) {
    const input = inputs[i]!;
    if (input.witness.length > 0 && !isWitnessStandard(input, spent[i]!.scriptPubKey))
      throw new Reject('bad-witness-nonstandard', { kind: 'witness' });
  }
}

function isWitnessStandard({ scriptSig, witness }: TxInput, scriptPubKey: Uint8Array): boolean {
  if (isPayToAnchor(scriptPubKey)) return false;
  const isNested = isPayToScriptHash(scriptPubKey);
  const script = isNested ? pushedItems(scriptSig)?.at(-1) : scriptPubKey;
  const version = script && witnessVersion(script);
  if (script === undefined || version === undefined) return false;
  // Of the program, which stands behind its version and length.
  const is32Bytes = script.length === 2 + 32;
  if (version === 0 && is32Bytes) {
    const items = witness.slice(0, -1);
    return (
      witness.at(-1)!.length <= P2WSH_SCRIPT_BYTES_MAX &&
      items.length <= P2WSH_STACK_ITEMS_MAX &&
      items.every(item => item.length <= P2WSH_ITEM_BYTES_MAX)
    );
  }
  if (version === 1 && is32Bytes && !isNested) {
    // No meaning is defined for annexes yet.
    if (witness.length >= 2 && witness.at(-1)![0] === ANNEX_TAG) return false;
    if (witness.length === 1) return true;
    const controlBlock = witness.at(-1)!;
    if (controlBlock.length === 0) return false;
    if ((controlBlock[0]! & LEAF_MASK) !== TAPSCRIPT_LEAF) return true;
    return witness.slice(0, -2).every(item => item.length <= TAPSCRIPT_ITEM_BYTES_MAX);
  }
  return true;
}

/** Whether some input needs a witness to be valid: without any, one was probably stripped on the way. */
export function spendsWitnessProgram(tx: Transaction, spent: readonly TxOutput[]): boolean {
  return tx.inputs.some((input, i) => {
    const { scriptPubKey } = spent[i]!;
    if (witnessVersion(scriptPubKey) !== undefined) return !isPayToAnchor(scriptPubKey);
    const redeemScript = isPayToScriptHash(scriptPubKey) ? pushedItems(input.scriptSig)?.at(-1) : undefined;
    return redeemScript !== undefined && witnessVersion(redeemScript) !== undefined;
  });
}

/** What a script of pushes leaves on the stack; undefined when running it fails. */
function pushedItems(scriptSig: Uint8Array): Uint8Array[] | undefined {
  const items: Uint8Array[] = [];
  for (const { opcode, data } of parseScript(scriptSig)) {
    const item = data ?? pushedNumber(opcode);
    if (item === undefined || item.length > PUSH_BYTES_MAX) return undefined;
    items.push(item);
  }
  return items;
}

function pushedNumber(opcode: number): Uint8Array | undefined {
  const value = opcode === OPCODES.OP_1NEGATE ? -1 : smallNumber(opcode);
  return value === undefined ? undefined : encodeNumber(value);
}
