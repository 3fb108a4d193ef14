/**
 * Making a transaction (Core: CreateTransaction in src/wallet/spend.cpp): recipients and a fee rate in, coins chosen,
 * change made or dropped, inputs signed. Everything that can be wrong is a `SpendError` with Core's text. The wallet is
 * not changed but for the change address, which counts as used.
 */
import { assert } from '../base/assert.ts';
import { randomBelow, shuffle } from '../base/random.ts';
import { feeAt } from '../mempool/fee-rate.ts';
import { dustThreshold, STANDARD_WEIGHT_MAX } from '../mempool/policy.ts';
import { TRUC_CHILD_SIZE_MAX, TRUC_SIZE_MAX, TRUC_VERSION } from '../mempool/topology.ts';
import { SIGHASH_DEFAULT } from '../script/encoding.ts';
import { signTransaction } from '../script/sign-transaction.ts';
import { solveScript } from '../script/templates.ts';
import { compactSizeBytes } from '../wire/codec.ts';
import {
  createTransaction,
  type Transaction,
  type TxInput,
  type TxOutput,
  WITNESS_SCALE_FACTOR,
} from '../wire/transaction.ts';
import { valueOut } from './balance.ts';
import { changeOf, type SelectionParams } from './coin-candidate.ts';
import { drawChangeTarget } from './coin-draw.ts';
import type { OutputType } from './descriptor-keeper.ts';
import {
  discardFeeRate,
  type FeeEstimate,
  type FeeSource,
  minimumFeeRate,
  NO_ESTIMATE,
  whyTooLow,
} from './fees.ts';
import { outputBytes, ownInput, signedInputWeight, signedTxWeight } from './input-size.ts';
import { KeyRingError } from './key-ring.ts';
import {
  type PresetInput,
  type Recipient,
  type SpendContext,
  SpendError,
  type SpendRequest,
  TX_VERSION,
} from './spend-request.ts';
import { chooseCoins, type SelectedCoin, sizedInput } from './spend-select.ts';
import type { Wallet } from './wallet.ts';

/** Highest sequences that signal replaceability (BIP125), and that leave lock times in force without it. */
export const SEQUENCE_RBF = 0xffff_fffd;
export const SEQUENCE_NONFINAL = 0xffff_fffe;
/** Weight of the smallest transaction that nodes relay: 65 bytes without witness (Core: MIN_STANDARD_TX_NONWITNESS_SIZE). */
const STANDARD_WEIGHT_MIN = 65 * WITNESS_SCALE_FACTOR;
/** Version, lock time, count of inputs, and a guess for marker and flag, in virtual bytes. */
const TX_OVERHEAD_BYTES = 10;
/** Virtual bytes that spending a nested P2WPKH output takes: the guess for change that the wallet does not own. */
const UNKNOWN_CHANGE_SPEND_BYTES = 91;
/** Fees are high above so many times the rate of the long term (Core: ChooseSelectionResult). */
const HIGH_FEE_FACTOR = 3;
/** A tip older than this tells nothing about the next block's height (Core: MAX_ANTI_FEE_SNIPING_TIP_AGE). */
const ANTI_FEE_SNIPING_TIP_AGE_S = 8 * 60 * 60;

export interface SpendPlan {
  readonly tx: Transaction;
  readonly fee: number;
  readonly feeReason: string;
  readonly changePosition: number | undefined;
}

/** Signed. Throws SpendError. The wallet must be unlocked. */
export function createSpend(wallet: Wallet, request: SpendRequest, context: SpendContext): SpendPlan {
  return makeSpend(wallet, request, context, ({ tx, coins }) => {
    const signed = signTransaction({
      tx,
      spent: coins.map(({ output }) => output),
      provider: wallet.keys.providerFor(coins.map(({ output }) => output.scriptPubKey)),
      hashType: SIGHASH_DEFAULT,
      verifier: context.verifier,
    });
    if (signed.errors.size > 0) throw new SpendError('Signing transaction failed');
    return signed.tx;
  });
}

/** Not signed, for others to sign; its change address counts as used. Throws SpendError. */
export function fundTransaction(wallet: Wallet, request: SpendRequest, context: SpendContext): SpendPlan {
  return makeSpend(wallet, request, context, ({ tx }) => tx);
}

/** As asked for, and once more without partial spends: that one counts where it costs no more than `-maxapsfee` allows. */
function makeSpend(
  wallet: Wallet,
  request: SpendRequest,
  context: SpendContext,
  finish: (plan: UnsignedPlan) => Transaction,
): SpendPlan {
  const make = (asked: SpendRequest): SpendPlan => {
    const plan = planSpend(wallet, asked, context);
    const tx = finish(plan);
    checkChainLimits(wallet, tx, context);
    plan.change.keep();
    const { fee, feeReason, changePosition } = plan;
    return { tx, fee, feeReason, changePosition };
  };
  const { maxApsFee, avoidsPartialSpends } = wallet.options;
  const plan = make(request);
  if (plan.fee === 0 || maxApsFee < 0 || (request.avoidsPartialSpends ?? avoidsPartialSpends)) return plan;
  // To the same address, so that none is skipped.
  const change = plan.changePosition === undefined ? undefined : plan.tx.outputs[plan.changePosition];
  try {
    const grouped = make({
      ...request,
      ...(change && { changeScript: change.scriptPubKey }),
      avoidsPartialSpends: true,
    });
    if (grouped.fee <= plan.fee + maxApsFee) return grouped;
  } catch (error) {
    if (!(error instanceof SpendError)) throw error;
  }
  return plan;
}

/** What the mempool would refuse for its cluster is not made, unless the user wants it. */
function checkChainLimits({ options }: Wallet, tx: Transaction, { mempool }: SpendContext): void {
  if (!options.rejectsLongChains || mempool.keepsClusterLimits(tx)) return;
  throw new SpendError('too many unconfirmed transactions in cluster');
}

interface UnsignedPlan extends SpendPlan {
  readonly coins: readonly PresetInput[];
  readonly change: ChangeTarget;
}

function planSpend(wallet: Wallet, request: SpendRequest, context: SpendContext): UnsignedPlan {
  const { recipients } = request;
  if (recipients.length === 0) throw new SpendError('Transaction must have at least one recipient');
  const subtracting = recipients.filter(recipient => recipient.subtractsFee).length;
  for (const { script, amount } of recipients) {
    const output = { value: amount, scriptPubKey: script };
    if (amount < dustThreshold(output, context.fees.dustRelayFeeRate)) {
      throw new SpendError('Transaction amount too small');
    }
  }
  const change = changeFor(wallet, request);
  const estimate = rateFor(wallet, request, context.fees);
  const { feeRate } = estimate;
  const params = selectionParams(wallet, request, context, change.script, feeRate);

  const sum = recipients.reduce((total, { amount }) => total + amount, 0);
  const fixedBytes = fixedSize(recipients);
  const target = sum + (params.subtractsFee ? 0 : feeAt(feeRate, fixedBytes));
  if (target === 0 && !request.preset?.length) {
    throw new SpendError(
      'Transaction requires one destination of non-zero value, a non-zero feerate, or a pre-selected input',
    );
  }
  const selected = chooseCoins(wallet, request, context, { target, sum, feeRate, params });

  const outputs: TxOutput[] = recipients.map(({ script, amount }) => ({
    value: amount,
    scriptPubKey: script,
  }));
  const changeAmount = changeOf(selected, target, params);
  let changePosition: number | undefined;
  if (changeAmount > 0) {
    if (change.script === undefined) throw new SpendError(change.error);
    changePosition = request.changePosition ?? randomBelow(context.random, outputs.length + 1);
    outputs.splice(changePosition, 0, { value: changeAmount, scriptPubKey: change.script });
  }
  const coins = inputOrder(selected.coins, request, context).map(({ coin }) => coin);
  const weight = signedTxWeight(
    coins.map(coin => sizedInput(wallet, coin, request.solving)),
    outputs,
  );
  if (weight === undefined) throw new SpendError('Missing solving data for estimating transaction size');
  const parents = coins.map(({ outPoint }) => outPoint.txid);
  const feeNeeded =
    feeAt(feeRate, Math.ceil(weight / WITNESS_SCALE_FACTOR)) +
    context.mempool.combinedBumpFee(parents, feeRate);
  const valueIn = coins.reduce((total, { output }) => total + output.value, 0);
  // What was paid too much goes to the change; where recipients pay, that is what they pay less.
  const surplus = valueIn - valueOut(outputs) - feeNeeded;
  if (changePosition !== undefined && (surplus > 0 || !params.subtractsFee)) {
    addToOutput(outputs, changePosition, surplus);
  }
  if (params.subtractsFee) {
    subtractFee(outputs, request, {
      changePosition,
      subtracting,
      missing: feeNeeded - (valueIn - valueOut(outputs)),
    });
    checkReduced(outputs, request, changePosition, context.fees.dustRelayFeeRate);
  }
  const fee = valueIn - valueOut(outputs);
  assert(fee >= feeNeeded, 'a transaction pays what its rate asks for');

  const signalsRbf = request.signalsRbf ?? wallet.options.signalsRbf;
  const sequence = signalsRbf ? SEQUENCE_RBF : SEQUENCE_NONFINAL;
  if (weight > weightMaxOf(request)) throw new SpendError('Transaction too large');
  if (fee > wallet.options.maxTxFee) {
    throw new SpendError('Fee exceeds maximum configured by user (e.g. -maxtxfee, maxfeerate)');
  }
  const inputs = coins.map(({ outPoint, input }) => ({
    prevout: outPoint,
    scriptSig: new Uint8Array(0),
    witness: [],
    sequence,
    ...input,
  }));
  const tx = createTransaction({
    version: request.version ?? TX_VERSION,
    inputs,
    outputs,
    lockTime: request.lockTime ?? lockTimeFor(wallet, inputs, context),
  });
  return { tx, fee, feeReason: estimate.reason, changePosition, coins, change };
}

/** At random, so that the order tells nothing; or what was asked for first. */
function inputOrder(
  selected: readonly SelectedCoin[],
  { keepsOrder, preset = [] }: SpendRequest,
  { random }: SpendContext,
): readonly SelectedCoin[] {
  const shuffled = shuffle(random, [...selected]);
  if (!keepsOrder) return shuffled;
  const places = new Map(preset.map(({ key }, i) => [key, i]));
  const place = ({ coin }: SelectedCoin) => places.get(coin.key) ?? places.size;
  return shuffled.sort((a, b) => place(a) - place(b));
}

/** Where change goes: like the recipients, so that it does not stand out. */
function changeTypeFor(wallet: Wallet, recipients: readonly Recipient[]): OutputType {
  const { changeType, addressType } = wallet.options;
  if (changeType !== undefined) return changeType;
  if (addressType === 'legacy') return 'legacy';
  const types = new Set(recipients.map(({ script }) => solveScript(script).type));
  const has = (type: OutputType) => wallet.keys.active(type, 'change') !== undefined;
  if (has('bech32m') && types.has('witness_v1_taproot')) return 'bech32m';
  if (has('bech32') && types.has('witness_v0_keyhash')) return 'bech32';
  if (has('p2sh-segwit') && types.has('scripthash')) return 'p2sh-segwit';
  if (has('legacy') && types.has('pubkeyhash')) return 'legacy';
  if (has('bech32m')) return 'bech32m';
  return has('bech32') ? 'bech32' : addressType;
}

interface ChangeTarget {
  /** Undefined when the wallet has no address for it: `error` says why. */
  readonly script: Uint8Array | undefined;
  readonly error: string;
  keep(): void;
}

function changeFor(wallet: Wallet, request: SpendRequest): ChangeTarget {
  if (request.changeScript !== undefined) return { script: request.changeScript, error: '', keep() {} };
  try {
    const { script, keep } = wallet.keys.reserve(
      request.changeType ?? changeTypeFor(wallet, request.recipients),
      'change',
    );
    return { script, error: '', keep };
  } catch (error) {
    if (!(error instanceof KeyRingError)) throw error;
    const message = `Transaction needs a change address, but we can't generate it. ${error.message}`;
    return { script: undefined, error: message, keep() {} };
  }
}

function rateFor(wallet: Wallet, request: SpendRequest, fees: FeeSource): FeeEstimate {
  const { options } = wallet;
  if (request.feeRate !== undefined && request.overridesMinFeeRate) {
    return { feeRate: request.feeRate, reason: 'None' };
  }
  const estimate = minimumFeeRate(options, fees, request);
  if (estimate === undefined) throw new SpendError(NO_ESTIMATE);
  const tooLow = whyTooLow(options, fees, request);
  if (tooLow !== undefined) throw new SpendError(tooLow);
  return estimate;
}

/** Virtual bytes of everything but inputs and change. */
function fixedSize(recipients: readonly Recipient[]): number {
  const outputs = recipients.reduce((total, { script }) => total + outputBytes({ scriptPubKey: script }), 0);
  return TX_OVERHEAD_BYTES + compactSizeBytes(recipients.length) + outputs;
}

function selectionParams(
  wallet: Wallet,
  request: SpendRequest,
  { fees, random }: SpendContext,
  changeScript: Uint8Array | undefined,
  feeRate: number,
): SelectionParams {
  const output: TxOutput = { value: 0, scriptPubKey: changeScript ?? new Uint8Array(0) };
  const bytes = outputBytes(output);
  const spendWeight = signedInputWeight(ownInput(wallet, output), { txHasWitness: true });
  const spendBytes =
    spendWeight === undefined ? UNKNOWN_CHANGE_SPEND_BYTES : Math.ceil(spendWeight / WITNESS_SCALE_FACTOR);
  const discardRate = discardFeeRate(wallet.options, fees);
  const changeFee = feeAt(feeRate, bytes);
  const spendFee = feeAt(discardRate, spendBytes);
  const weightMax = weightMaxOf(request);
  if (weightMax < STANDARD_WEIGHT_MIN || weightMax > STANDARD_WEIGHT_MAX) {
    throw new SpendError(
      `Maximum transaction weight must be between ${STANDARD_WEIGHT_MIN} and ${STANDARD_WEIGHT_MAX}`,
    );
  }
  const fixedWeight = fixedSize(request.recipients) * WITNESS_SCALE_FACTOR;
  const childWeightMax =
    request.version === TRUC_VERSION
      ? Math.min(weightMax, TRUC_CHILD_SIZE_MAX * WITNESS_SCALE_FACTOR)
      : weightMax;
  if (weightMax <= fixedWeight) {
    throw new SpendError('Maximum transaction weight is less than transaction weight without inputs');
  }
  const sum = request.recipients.reduce((total, { amount }) => total + amount, 0);
  const payment = Math.floor(sum / request.recipients.length);
  return {
    subtractsFee: request.recipients.some(recipient => recipient.subtractsFee),
    changeFee,
    costOfChange: spendFee + changeFee,
    minViableChange: Math.max(spendFee + 1, dustThreshold(output, discardRate)),
    minChangeTarget: drawChangeTarget(payment, changeFee, random),
    savesWeight: feeRate > HIGH_FEE_FACTOR * wallet.options.consolidateFeeRate,
    maxInputsWeight: weightMax - fixedWeight,
    maxChildInputsWeight: childWeightMax - fixedWeight,
    changeWeight: bytes * WITNESS_SCALE_FACTOR,
  };
}

function weightMaxOf({ version, weightMax = STANDARD_WEIGHT_MAX }: SpendRequest): number {
  return version === TRUC_VERSION ? Math.min(weightMax, TRUC_SIZE_MAX * WITNESS_SCALE_FACTOR) : weightMax;
}

function addToOutput(outputs: TxOutput[], index: number, satoshi: number): void {
  const output = outputs[index]!;
  outputs[index] = { value: output.value + satoshi, scriptPubKey: output.scriptPubKey };
}

/** Equal shares; the first recipient who pays takes what does not divide. */
function subtractFee(
  outputs: TxOutput[],
  { recipients }: SpendRequest,
  fee: {
    readonly changePosition: number | undefined;
    readonly subtracting: number;
    readonly missing: number;
  },
): void {
  let extra = fee.missing % fee.subtracting;
  for (const [i, recipient] of recipients.entries()) {
    if (!recipient.subtractsFee) continue;
    const share = Math.trunc(fee.missing / fee.subtracting);
    addToOutput(outputs, outputIndex(i, fee.changePosition), -(share + extra));
    extra = 0;
  }
}

function checkReduced(
  outputs: readonly TxOutput[],
  { recipients }: SpendRequest,
  changePosition: number | undefined,
  dustRate: number,
): void {
  for (const [i, recipient] of recipients.entries()) {
    const output = outputs[outputIndex(i, changePosition)]!;
    if (!recipient.subtractsFee || output.value >= dustThreshold(output, dustRate)) continue;
    throw new SpendError(
      output.value < 0
        ? 'The transaction amount is too small to pay the fee'
        : 'The transaction amount is too small to send after the fee has been deducted',
    );
  }
}

function outputIndex(recipient: number, changePosition: number | undefined): number {
  return changePosition !== undefined && recipient >= changePosition ? recipient + 1 : recipient;
}

/**
 * The lock time: this transaction goes into the next block or a later one, so that nobody gains by mining the last block
 * again for its fees. Sometimes further back, for the privacy of those that are sent late. None where an input has a sequence
 * of its own.
 */
export function lockTimeFor(
  wallet: Wallet,
  inputs: readonly Pick<TxInput, 'sequence'>[],
  context: SpendContext,
): number {
  if (inputs.some(({ sequence }) => sequence !== SEQUENCE_NONFINAL && sequence !== SEQUENCE_RBF)) return 0;
  const isCurrent = context.tipTime >= context.now - ANTI_FEE_SNIPING_TIP_AGE_S;
  if (context.isInitialBlockDownload || !isCurrent) return 0;
  const { height } = wallet.position;
  return randomBelow(context.random, 10) === 0
    ? Math.max(0, height - randomBelow(context.random, 100))
    : height;
}
