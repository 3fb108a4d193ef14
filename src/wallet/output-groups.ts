/**
 * Coins as they are chosen together (Core: GroupOutputs in src/wallet/spend.cpp): each alone, or, where partial spends are
 * avoided, all of one script, so that spending some of them does not leave others behind that are known to be the same
 * owner's.
 */
import { bytesToBinary } from '../base/bytes.ts';
import { type Random, shuffle } from '../base/random.ts';
import type { AvailableCoin } from './available.ts';
import { amountOf, type CoinGroup, type SelectionParams } from './coin-candidate.ts';
import type { CoinPools } from './coin-select.ts';

/** Coins of one script that are spent together at most: more would surprise with their fee (Core: OUTPUT_GROUP_MAX_ENTRIES). */
const GROUP_COINS_MAX = 100;

export interface Eligibility {
  /** Confirmations of coins that are ours, and of others'. */
  readonly mine: number;
  readonly others: number;
  /** Unconfirmed ancestors, and members of the cluster, at most; with the coin's own transaction. */
  readonly ancestors: number;
  readonly clusterCount: number;
  /** What is left of a script's coins after groups of the largest size, without those. */
  readonly includesPartialGroups?: true;
}

interface OutputGroup extends CoinGroup<AvailableCoin> {
  readonly outputType: AvailableCoin['outputType'];
  /** Of the youngest; whether all are from us. */
  readonly depth: number;
  readonly isFromMe: boolean;
  /** In sum, which counts too many where some are shared; the largest cluster. */
  readonly ancestors: number;
  readonly clusterCount: number;
  readonly isPartial: boolean;
}

export class OutputGroups {
  /** Of coins that bring more than they cost, and of all. */
  readonly #positive: readonly OutputGroup[];
  readonly #mixed: readonly OutputGroup[];

  constructor(
    coins: readonly AvailableCoin[],
    params: Pick<SelectionParams, 'subtractsFee'>,
    avoidsPartialSpends: boolean,
    random: Random,
  ) {
    if (avoidsPartialSpends) {
      // Which coins share a group shall tell nothing where there are more groups than one of a script.
      const ordered = coins.length > GROUP_COINS_MAX ? shuffle(random, [...coins]) : coins;
      this.#mixed = groupByScript(ordered);
      this.#positive = groupByScript(ordered.filter(({ value, fee }) => value > fee));
    } else {
      this.#mixed = coins.map(coin => toGroup([coin], false));
      this.#positive = this.#mixed.filter(group => amountOf(group, params) > 0);
    }
  }

  /** By type of address. */
  eligible(filter: Eligibility): Map<AvailableCoin['outputType'], CoinPools<AvailableCoin>> {
    const pools = new Map<
      AvailableCoin['outputType'],
      { readonly positive: OutputGroup[]; readonly mixed: OutputGroup[] }
    >();
    for (const kind of ['positive', 'mixed'] as const) {
      for (const group of kind === 'positive' ? this.#positive : this.#mixed) {
        if (!isEligible(group, filter)) continue;
        let pool = pools.get(group.outputType);
        if (pool === undefined) {
          pool = { positive: [], mixed: [] };
          pools.set(group.outputType, pool);
        }
        pool[kind].push(group);
      }
    }
    return pools;
  }

  /** What no filter lets through. */
  discarded(filters: readonly Eligibility[]): readonly OutputGroup[] {
    return this.#mixed.filter(group => !filters.some(filter => isEligible(group, filter)));
  }
}

function isEligible(group: OutputGroup, filter: Eligibility): boolean {
  return (
    group.depth >= (group.isFromMe ? filter.mine : filter.others) &&
    group.ancestors <= filter.ancestors &&
    group.clusterCount <= filter.clusterCount &&
    (!group.isPartial || filter.includesPartialGroups === true)
  );
}

function groupByScript(coins: readonly AvailableCoin[]): OutputGroup[] {
  const byScript = new Map<string, AvailableCoin[][]>();
  for (const coin of coins) {
    const script = bytesToBinary(coin.coin.output.scriptPubKey);
    const groups = byScript.get(script);
    const last = groups?.at(-1);
    if (groups === undefined) byScript.set(script, [[coin]]);
    else if (last!.length === GROUP_COINS_MAX) groups.push([coin]);
    else last!.push(coin);
  }
  return [...byScript.values()].flatMap(groups =>
    groups.map((group, i) => toGroup(group, groups.length > 1 && i === groups.length - 1)),
  );
}

function toGroup(coins: readonly AvailableCoin[], isPartial: boolean): OutputGroup {
  const total = (of: (coin: AvailableCoin) => number) => coins.reduce((sum, coin) => sum + of(coin), 0);
  return {
    coins,
    value: total(({ value }) => value),
    fee: total(({ fee }) => fee),
    longTermFee: total(({ longTermFee }) => longTermFee),
    weight: total(({ weight }) => weight),
    outputType: coins[0]!.outputType,
    depth: Math.min(...coins.map(({ depth }) => depth)),
    isFromMe: coins.every(({ isFromMe }) => isFromMe),
    ancestors: total(({ ancestors }) => ancestors),
    clusterCount: Math.max(...coins.map(({ clusterCount }) => clusterCount)),
    isPartial,
  };
}
