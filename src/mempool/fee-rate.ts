/** Fee rates are satoshi per 1000 virtual bytes, as Core's CFeeRate. */

/** The fee that `rate` asks for `virtualSize` bytes, rounded up (Core: CFeeRate::GetFee). */
export function feeAt(rate: number, virtualSize: number): number {
  return Math.ceil((rate * virtualSize) / 1000);
}

/** The rate that `fee` gives, rounded down. */
export function feeRateOf(fee: number, virtualSize: number): number {
  return virtualSize === 0 ? 0 : Math.floor((fee * 1000) / virtualSize);
}
