/** Amounts in satoshi, and what is none (Core: consensus/amount.h, util/moneystr.cpp). */

/** Satoshi of one coin. */
export const COIN = 100_000_000;
/** No amount is larger: a check against overflow, not the number of coins there are (Core: MAX_MONEY). */
export const MONEY_MAX = 21_000_000 * COIN;

export function isMoney(value: number): boolean {
  return value >= 0 && value <= MONEY_MAX;
}

/** In coins, with two to eight decimals: '0.00', '-1.5' is '-1.50'. `value` is a safe integer. */
export function formatMoney(value: number): string {
  const size = Math.abs(value);
  const fraction = String(size % COIN).padStart(8, '0');
  const shown = fraction.slice(0, 2) + fraction.slice(2).replace(/0+$/, '');
  return `${value < 0 ? '-' : ''}${Math.floor(size / COIN)}.${shown}`;
}
