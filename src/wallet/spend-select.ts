/** Which of the wallet's coins a transaction spends (Core: SelectCoins, AutomaticCoinSelection in src/wallet/spend.cpp). */
import { hashToHex } from '../base/bytes.ts';
import { feeAt } from '../mempool/fee-rate.ts';
import { TRUC_VERSION } from '../mempool/topology.ts';
import type { SigningProvider } from '../script/signing-provider.ts';
import { WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import { type AvailableCoin, availableCoins, type CoinRates } from './available.ts';
import {
  amountOf,
  type Candidate,
  type ChosenCoins,
  type SelectionParams,
  TooHeavyError,
} from './coin-candidate.ts';
import { type CoinPools, leastWaste, type Selection, selectCoins } from './coin-select.ts';
import { formatMoney } from './fees.ts';
import { ownInput, type SizedInput, signedInputWeight, solvingDataOf } from './input-size.ts';
import { type Eligibility, OutputGroups } from './output-groups.ts';
import {
  type PresetInput,
  type SpendContext,
  SpendError,
  type SpendRequest,
  TX_VERSION,
} from './spend-request.ts';
import type { Wallet } from './wallet.ts';

const TOO_HEAVY: Readonly<Record<TooHeavyError['what'], string>> = {
  inputs:
    "The inputs size exceeds the maximum weight. Please try sending a smaller amount or manually consolidating your wallet's UTXOs",
  change: 'Maximum transaction weight is too low, can not accommodate change output',
  outputs: 'Maximum transaction weight is less than transaction weight without inputs',
};

export interface SpendGoal {
  /** Satoshi that the coins must reach, and what recipients get of that. */
  readonly target: number;
  readonly sum: number;
  readonly feeRate: number;
  readonly params: SelectionParams;
}

/** A coin that was chosen, be it by the user. */
export interface SelectedCoin extends Candidate {
  readonly coin: PresetInput;
}

export interface SelectedCoins extends ChosenCoins {
  readonly coins: readonly SelectedCoin[];
}

/** What tells the size of an input, of ours or of others. */
export function sizedInput(
  wallet: Wallet,
  { wtx, output, weight }: PresetInput,
  solving: SigningProvider | undefined,
): SizedInput {
  if (wtx !== undefined) return { ...ownInput(wallet, output), weight };
  const data = solving && solvingDataOf(output.scriptPubKey, solving);
  return { output, weight, data, signer: 'others' };
}

/** Throws SpendError when its size cannot be told, or when it must not be spent by this version (BIP431). */
function describePreset(
  wallet: Wallet,
  { solving, version = TX_VERSION }: SpendRequest,
  { feeRate, longTermFeeRate }: CoinRates,
  coin: PresetInput,
  { mempool }: SpendContext,
): SelectedCoin {
  const { wtx, outPoint, output } = coin;
  if (wtx !== undefined && wallet.history.depthOf(wtx) === 0) {
    const made = wtx.tx.version;
    if ((made === TRUC_VERSION) !== (version === TRUC_VERSION)) {
      throw new SpendError(
        `Can't spend unconfirmed version ${made} pre-selected input with a version ${version} tx`,
      );
    }
  }
  const weight = signedInputWeight(sizedInput(wallet, coin, solving), { txHasWitness: true });
  if (weight === undefined) {
    const txid = hashToHex(outPoint.txid).slice(0, 10);
    throw new SpendError(`Not solvable pre-selected input COutPoint(${txid}, ${outPoint.index})`);
  }
  const bytes = Math.ceil(weight / WITNESS_SCALE_FACTOR);
  return {
    coin,
    value: output.value,
    fee: feeAt(feeRate, bytes) + mempool.combinedBumpFee([outPoint.txid], feeRate),
    longTermFee: feeAt(longTermFeeRate, bytes),
    weight: bytes * WITNESS_SCALE_FACTOR,
  };
}

/** Coins that reach the goal, those that must be spent first. Throws SpendError when the wallet has none. */
export function chooseCoins(
  wallet: Wallet,
  request: SpendRequest,
  context: SpendContext,
  { target, sum, feeRate, params }: SpendGoal,
): SelectedCoins {
  const rates = { feeRate, longTermFeeRate: wallet.options.consolidateFeeRate };
  const preset = (request.preset ?? []).map(coin => describePreset(wallet, request, rates, coin, context));
  const total = (coins: readonly SelectedCoin[]) =>
    coins.reduce((all, coin) => all + amountOf(coin, params), 0);
  const rest = target - total(preset);
  if (rest <= 0) return { coins: preset, bumpFeeDiscount: 0 };
  if (request.onlyPreset) {
    throw new SpendError(
      'The preselected coins total amount does not cover the transaction target. Please allow other inputs to be automatically selected or include more coins manually',
    );
  }
  const available = availableCoins(wallet, context.mempool, rates, {
    minDepth: request.minDepth ?? 0,
    ...(request.maxDepth !== undefined && { maxDepth: request.maxDepth }),
    ...(request.includeUnsafe !== undefined && { includeUnsafe: request.includeUnsafe }),
    includeUsed: request.avoidReuse !== true,
    spenderVersion: request.version ?? TX_VERSION,
    except: new Set(preset.map(({ coin }) => coin.key)),
  }).filter(coin => coin.weight > 0);
  let selection: Selection<AvailableCoin> | undefined;
  if (rest <= total(available)) {
    try {
      selection = selectByEligibility(wallet, available, { target: rest, feeRate, params }, request, context);
    } catch (error) {
      if (!(error instanceof TooHeavyError)) throw error;
      throw new SpendError(TOO_HEAVY[error.what]);
    }
  }
  if (selection !== undefined) {
    const chosen = [...preset, ...selection.coins];
    if (
      preset.length > 0 &&
      chosen.reduce((weight, coin) => weight + coin.weight, 0) > params.maxInputsWeight
    ) {
      throw new SpendError(
        "The combination of the pre-selected inputs and the wallet automatic inputs selection exceeds the transaction maximum weight. Please try sending a smaller amount or manually consolidating your wallet's UTXOs",
      );
    }
    return { coins: chosen, bumpFeeDiscount: selection.bumpFeeDiscount };
  }
  const all = [...preset, ...available];
  const value = all.reduce((whole, coin) => whole + coin.value, 0);
  if (value >= sum && total(all) < target) {
    throw new SpendError(
      `The total exceeds your balance when the ${formatMoney(target - sum)} transaction fee is included.`,
    );
  }
  throw new SpendError('Insufficient funds');
}

interface EligibilityStep extends Eligibility {
  /** Types of addresses together. */
  readonly mixed: boolean;
}

/** From the surest coins to less sure ones (Core: the filters of AutomaticCoinSelection). */
function eligibilitySteps(
  { options }: Wallet,
  { includeUnsafe }: SpendRequest,
  limits: { readonly ancestors: number; readonly clusterCount: number },
): EligibilityStep[] {
  const confirmed = { mine: 1, ancestors: 0, clusterCount: 0 };
  const steps = [
    { ...confirmed, others: 6, mixed: false },
    { ...confirmed, others: 1, mixed: true },
  ];
  if (!options.spendsZeroConfChange) return steps;
  const ours = { mine: 0, others: 1, mixed: true };
  const { ancestors, clusterCount } = limits;
  const partial = { includesPartialGroups: true } as const;
  const most = { ...ours, ...partial, ancestors: ancestors - 1, clusterCount: clusterCount - 1 };
  const third = (limit: number) => Math.min(4, Math.trunc(limit / 3));
  steps.push(
    { ...ours, ancestors: 2, clusterCount: 2 },
    { ...ours, ancestors: third(ancestors), clusterCount: third(clusterCount) },
    { ...ours, ancestors: ancestors >> 1, clusterCount: clusterCount >> 1 },
    most,
  );
  if (includeUnsafe) steps.push({ ...most, others: 0 });
  // Other nodes, or our own, may refuse it then: the user wants to see.
  const unlimited = Number.POSITIVE_INFINITY;
  if (!options.rejectsLongChains) {
    steps.push({ ...ours, ...partial, ancestors: unlimited, clusterCount: unlimited });
  }
  return steps;
}

/** Of one type of address if that is possible, so that types tell nothing. */
function selectByEligibility(
  wallet: Wallet,
  available: readonly AvailableCoin[],
  { target, feeRate, params }: Pick<SpendGoal, 'target' | 'feeRate' | 'params'>,
  request: SpendRequest,
  { random, mempool }: SpendContext,
): Selection<AvailableCoin> | undefined {
  const limits = {
    ancestors: Math.max(1, mempool.options.ancestorCountMax),
    clusterCount: Math.max(1, mempool.options.descendantCountMax),
  };
  const steps = eligibilitySteps(wallet, request, limits);
  const avoidsPartialSpends = request.avoidsPartialSpends ?? wallet.options.avoidsPartialSpends;
  const groups = new OutputGroups(available, params, avoidsPartialSpends, random);
  const discarded = groups.discarded(steps);
  checkEligible(available, discarded, limits, target, params);
  const bumpFeeDiscount = (coins: readonly AvailableCoin[]) => {
    const alone = coins.reduce((sum, { bumpFee }) => sum + bumpFee, 0);
    if (alone === 0) return 0;
    const parents = coins.map(({ coin }) => coin.outPoint.txid);
    return Math.max(0, alone - mempool.combinedBumpFee(parents, feeRate));
  };
  let failure: TooHeavyError | undefined;
  const attempt = (pools: CoinPools<AvailableCoin>, maxInputsWeight: number) => {
    try {
      return selectCoins(pools, target, { ...params, maxInputsWeight }, { random, bumpFeeDiscount });
    } catch (error) {
      if (!(error instanceof TooHeavyError)) throw error;
      failure ??= error;
      return undefined;
    }
  };
  for (const step of steps) {
    const byType = [...groups.eligible(step).values()];
    const isChild = step.mine === 0 || step.others === 0;
    const maxWeight = isChild ? params.maxChildInputsWeight : params.maxInputsWeight;
    const found = byType.map(pools => attempt(pools, maxWeight)).filter(selection => selection !== undefined);
    const best =
      leastWaste(found) ?? (step.mixed && byType.length > 1 ? attempt(joined(byType), maxWeight) : undefined);
    if (best !== undefined) return best;
  }
  if (failure !== undefined) throw failure;
  return undefined;
}

function joined(pools: readonly CoinPools<AvailableCoin>[]): CoinPools<AvailableCoin> {
  return {
    positive: pools.flatMap(({ positive }) => positive),
    mixed: pools.flatMap(({ mixed }) => mixed),
  };
}

/** Throws SpendError when it is for the length of their chains alone that coins do not suffice. */
function checkEligible(
  available: readonly AvailableCoin[],
  discarded: readonly (Candidate & Pick<Eligibility, 'ancestors' | 'clusterCount'>)[],
  limits: { readonly ancestors: number; readonly clusterCount: number },
  target: number,
  params: SelectionParams,
): void {
  const total = (groups: readonly Candidate[]) =>
    groups.reduce((sum, group) => sum + amountOf(group, params), 0);
  const eligible = available.reduce((sum, { value }) => sum + value, 0) - total(discarded);
  if (eligible >= target) return;
  const inLongChains = discarded.filter(
    group => group.ancestors >= limits.ancestors || group.clusterCount >= limits.clusterCount,
  );
  if (eligible + total(inLongChains) <= target) return;
  throw new SpendError(
    'Unconfirmed UTXOs are available, but spending them creates a chain of transactions that will be rejected by the mempool',
  );
}
