/** At which rate a transaction of the wallet pays (Core: src/wallet/fees.cpp), in satoshi per 1000 virtual bytes. */
import type { WalletOptions } from './options.ts';

/** Blocks; the longest time that estimates are made for. */
const PATIENT_TARGET = 1_008;

/** What the node demands and estimates. */
export interface FeeSource {
  readonly minRelayFeeRate: number;
  readonly dustRelayFeeRate: number;
  readonly incrementalRelayFeeRate: number;
  /** What the mempool demands because it is full; 0 while it is not. */
  mempoolMinFeeRate(): number;
  /** Undefined while there is too little data. */
  estimate(confirmTarget: number, mode: 'conservative' | 'economical'): FeeEstimate | undefined;
}

export interface FeeEstimate {
  readonly feeRate: number;
  /** Core's words for how it came about. */
  readonly reason: string;
}

export interface FeeWishes {
  /** Fixes the rate. */
  readonly feeRate?: number;
  readonly confirmTarget?: number;
  readonly estimateMode?: 'unset' | 'conservative' | 'economical';
  readonly signalsRbf?: boolean;
}

/** `-mintxfee` or the node's relay fee. */
export function requiredFeeRate(options: WalletOptions, source: FeeSource): number {
  return Math.max(options.minFeeRate, source.minRelayFeeRate);
}

/** The rate to pay; undefined when there is no estimate and the fallback is off. */
export function minimumFeeRate(
  options: WalletOptions,
  source: FeeSource,
  wishes: FeeWishes,
): FeeEstimate | undefined {
  let estimate: FeeEstimate;
  if (wishes.feeRate !== undefined) estimate = { feeRate: wishes.feeRate, reason: 'None' };
  else {
    const smart = source.estimate(wishes.confirmTarget ?? options.confirmTarget, modeOf(options, wishes));
    if (smart === undefined && options.fallbackFeeRate === 0) return undefined;
    estimate = smart ?? { feeRate: options.fallbackFeeRate, reason: 'Fallback fee' };
    const mempoolMin = source.mempoolMinFeeRate();
    if (estimate.feeRate < mempoolMin) estimate = { feeRate: mempoolMin, reason: 'Mempool Min Fee' };
  }
  const required = requiredFeeRate(options, source);
  return required > estimate.feeRate ? { feeRate: required, reason: 'Minimum Required Fee' } : estimate;
}

/** What `minimumFeeRate` being undefined means. */
export const NO_ESTIMATE =
  'Fee estimation failed. Fallbackfee is disabled. Wait a few blocks or enable -fallbackfee.';

/** Why the rate that was fixed is not taken. */
export function whyTooLow(
  options: WalletOptions,
  source: FeeSource,
  { feeRate }: FeeWishes,
): string | undefined {
  const required = requiredFeeRate(options, source);
  if (feeRate === undefined || feeRate >= required) return undefined;
  return (
    `Fee rate (${formatFeeRate(feeRate)}) is lower than the minimum fee rate setting (${formatFeeRate(required)}).` +
    `\nConsider modifying -mintxfee (${formatFeeRate(options.minFeeRate)}) or -minrelaytxfee (${formatFeeRate(source.minRelayFeeRate)}).`
  );
}

/** Change that costs more than this to spend goes to the miner: not more than what has time pays at the least. */
export function discardFeeRate(options: WalletOptions, source: FeeSource): number {
  const patient = source.estimate(PATIENT_TARGET, 'economical')?.feeRate ?? Number.POSITIVE_INFINITY;
  return Math.max(Math.min(options.discardFeeRate, patient), source.dustRelayFeeRate);
}

function modeOf(options: WalletOptions, wishes: FeeWishes): 'conservative' | 'economical' {
  const { estimateMode } = wishes;
  if (estimateMode === 'conservative' || estimateMode === 'economical') return estimateMode;
  return (wishes.signalsRbf ?? options.signalsRbf) ? 'economical' : 'conservative';
}

/** Bitcoin with at least two decimals, as Core's messages write amounts (FormatMoney). */
export function formatMoney(satoshi: number): string {
  const magnitude = BigInt(Math.abs(satoshi));
  const decimals = (magnitude % 100_000_000n)
    .toString()
    .padStart(8, '0')
    .replace(/0{1,6}$/, '');
  return `${satoshi < 0 ? '-' : ''}${magnitude / 100_000_000n}.${decimals}`;
}

/** `1.000 sat/vB` of a rate per 1000 virtual bytes. */
function formatFeeRate(feeRate: number): string {
  return `${Math.floor(feeRate / 1000)}.${(feeRate % 1000).toString().padStart(3, '0')} sat/vB`;
}
