/** New coins of a block (Core: GetBlockSubsidy in validation.cpp). */
import type { ChainParams } from './params.ts';

/** A right shift by 64 or more is not defined in C++; by then nothing is left anyway. */
const HALVINGS_MAX = 64;

/** Satoshi: the initial subsidy, halved and rounded down once an interval. */
export function blockSubsidy(
  height: number,
  { subsidyInitial, subsidyHalvingInterval }: Pick<ChainParams, 'subsidyInitial' | 'subsidyHalvingInterval'>,
): number {
  const halvings = Math.floor(height / subsidyHalvingInterval);
  return halvings >= HALVINGS_MAX ? 0 : Math.floor(subsidyInitial / 2 ** halvings);
}
