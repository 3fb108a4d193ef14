/** Which of the wallet's coins a transaction spends (Core: SelectCoins, AutomaticCoinSelection in src/wallet/spend.cpp). */
import type { Random } from '../base/random.ts';
import { type AvailableCoin, availableCoins, describeCoin } from './available.ts';
import {
  amountOf,
  leastWaste,
  type Selection,
  type SelectionParams,
  selectCoins,
  TooHeavyError,
} from './coin-select.ts';
import { formatMoney } from './fees.ts';
import { type SpendContext, SpendError, type SpendRequest } from './spend-request.ts';
import type { Wallet } from './wallet.ts';

/** Unconfirmed ancestors and descendants that other nodes allow (Core: DEFAULT_ANCESTOR_LIMIT, DEFAULT_DESCENDANT_LIMIT). */
const RELATIVES_MAX = 25;

export interface SpendGoal {
  /** Satoshi that the coins must reach, and what recipients get of that. */
  readonly target: number;
  readonly sum: number;
  readonly feeRate: number;
  readonly params: SelectionParams;
}

/** Coins that reach the goal, those that must be spent first. Throws SpendError when the wallet has none. */
export function chooseCoins(
  wallet: Wallet,
  request: SpendRequest,
  context: SpendContext,
  { target, sum, feeRate, params }: SpendGoal,
): readonly AvailableCoin[] {
  const rates = { feeRate, longTermFeeRate: wallet.options.consolidateFeeRate };
  const preset = (request.preset ?? []).map(coin => describeCoin(wallet, context.mempool, rates, coin, true));
  const total = (coins: readonly AvailableCoin[]) =>
    coins.reduce((all, coin) => all + amountOf(coin, params), 0);
  const rest = target - total(preset);
  if (rest <= 0) return preset;
  if (request.onlyPreset) {
    throw new SpendError(
      'The preselected coins total amount does not cover the transaction target. Please allow other inputs to be automatically selected or include more coins manually',
    );
  }
  const available = availableCoins(wallet, context.mempool, rates, {
    minDepth: request.minDepth ?? 0,
    ...(request.maxDepth !== undefined && { maxDepth: request.maxDepth }),
    ...(request.includeUnsafe !== undefined && { includeUnsafe: request.includeUnsafe }),
    includeUsed: request.avoidReuse === false,
    except: new Set(preset.map(({ coin }) => coin.key)),
  }).filter(coin => coin.weight > 0);
  let selection: Selection<AvailableCoin> | undefined;
  if (rest <= total(available)) {
    try {
      selection = selectByEligibility(wallet, available, rest, params, request, context.random);
    } catch (error) {
      if (!(error instanceof TooHeavyError)) throw error;
      if (error.what === 'change') {
        throw new SpendError('Maximum transaction weight is too low, can not accommodate change output');
      }
      throw new SpendError(
        "The inputs size exceeds the maximum weight. Please try sending a smaller amount or manually consolidating your wallet's UTXOs",
      );
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
    return chosen;
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

/** Confirmations that coins need, ours and others', and how many relatives in the mempool they may have. */
const ELIGIBILITY = [
  { mine: 1, others: 6, relatives: 0, mixed: false },
  { mine: 1, others: 1, relatives: 0, mixed: true },
  { mine: 0, others: 1, relatives: 2, mixed: true },
  { mine: 0, others: 1, relatives: 4, mixed: true },
  { mine: 0, others: 1, relatives: RELATIVES_MAX >> 1, mixed: true },
  { mine: 0, others: 1, relatives: RELATIVES_MAX - 1, mixed: true },
] as const;

/** From the surest coins to less sure ones; of one type of address if that is possible, so that types tell nothing. */
function selectByEligibility(
  wallet: Wallet,
  available: readonly AvailableCoin[],
  target: number,
  params: SelectionParams,
  { includeUnsafe }: SpendRequest,
  random: Random,
): Selection<AvailableCoin> | undefined {
  let failure: TooHeavyError | undefined;
  const attempt = (coins: readonly AvailableCoin[]) => {
    try {
      return selectCoins(coins, target, params, random);
    } catch (error) {
      if (!(error instanceof TooHeavyError)) throw error;
      failure = error;
      return undefined;
    }
  };
  const unlimited = { ...ELIGIBILITY[5], relatives: Number.POSITIVE_INFINITY };
  const steps = [
    ...ELIGIBILITY,
    ...(includeUnsafe ? [{ ...ELIGIBILITY[5], others: 0 }] : []),
    ...(wallet.options.rejectsLongChains ? [] : [unlimited]),
  ];
  for (const { mine, others, relatives, mixed } of steps) {
    if (mine === 0 && !wallet.options.spendsZeroConfChange) break;
    const eligible = available.filter(
      coin =>
        coin.depth >= (coin.isFromMe ? mine : others) &&
        Math.max(coin.ancestors, coin.relatives) <= relatives,
    );
    const byType = groupByType(eligible);
    const found = [...byType.values()].map(attempt).filter(selection => selection !== undefined);
    const best = leastWaste(found) ?? (mixed && byType.size > 1 ? attempt(eligible) : undefined);
    if (best !== undefined) return best;
  }
  if (failure !== undefined) throw failure;
  const tooLong = available.filter(coin => Math.max(coin.ancestors, coin.relatives) >= RELATIVES_MAX);
  if (tooLong.length > 0 && wallet.options.rejectsLongChains) {
    throw new SpendError(
      'Unconfirmed UTXOs are available, but spending them creates a chain of transactions that will be rejected by the mempool',
    );
  }
  return undefined;
}

function groupByType(coins: readonly AvailableCoin[]): Map<string, AvailableCoin[]> {
  const groups = new Map<string, AvailableCoin[]>();
  for (const coin of coins) {
    const group = groups.get(coin.outputType);
    if (group === undefined) groups.set(coin.outputType, [coin]);
    else group.push(coin);
  }
  return groups;
}
