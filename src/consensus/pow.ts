/**
 * Proof of work: compact targets, whether a hash meets one, how much work it stands for, and which target the next
 * block must have (Core: pow.cpp, arith_uint256.cpp, chain.cpp GetBlockProof; BIP94 for testnet4).
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, hashToHex, hexToHash } from '../base/bytes.ts';
import type { HeaderContext, HeaderRef } from './header-context.ts';
import type { ChainParams } from './params.ts';

const HASH_BYTES = 32;
const UINT256_MASK = (1n << 256n) - 1n;
const MANTISSA_MASK = 0x007f_ffff;
const SIGN_BIT = 0x0080_0000;
/** A period lasts at least a quarter and at most four times of what it should, as far as the target is concerned. */
const ADJUSTMENT_MAX = 4;

export interface CompactTarget {
  /** Below 2^256: higher bits are lost, as in 256-bit arithmetic. */
  readonly target: bigint;
  readonly isNegative: boolean;
  readonly isOverflow: boolean;
}

/** Reads a compact number: eight bits of size in bytes, a sign, 23 bits of mantissa. */
export function decodeCompact(bits: number): CompactTarget {
  const size = bits >>> 24;
  const word = bits & MANTISSA_MASK;
  const mantissa = size <= 3 ? word >>> (8 * (3 - size)) : word;
  const target = size <= 3 ? BigInt(mantissa) : (BigInt(word) << BigInt(8 * (size - 3))) & UINT256_MASK;
  return {
    target,
    isNegative: mantissa !== 0 && (bits & SIGN_BIT) !== 0,
    isOverflow:
      mantissa !== 0 && (size > 34 || (mantissa > 0xff && size > 33) || (mantissa > 0xffff && size > 32)),
  };
}

/** The largest compact number that is not above `target`, which is 0 … 2^256 − 1. */
export function encodeCompact(target: bigint): number {
  let size = target === 0n ? 0 : Math.ceil(target.toString(2).length / 8);
  let word = size <= 3 ? Number(target) << (8 * (3 - size)) : Number(target >> BigInt(8 * (size - 3)));
  // That bit is the sign, so the mantissa moves out of its way.
  if ((word & SIGN_BIT) !== 0) {
    word >>>= 8;
    size += 1;
  }
  return ((size << 24) | word) >>> 0;
}

/** The target that `bits` stand for; undefined when no block may have them on this chain. */
export function deriveTarget(bits: number, powLimit: bigint): bigint | undefined {
  const { target, isNegative, isOverflow } = decodeCompact(bits);
  return isNegative || isOverflow || target === 0n || target > powLimit ? undefined : target;
}

/** A hash as the number that targets are compared with. */
export function hashToNumber(hash: BlockHash): bigint {
  return BigInt(`0x${hashToHex(hash)}`);
}

function numberToHash(value: bigint): BlockHash {
  return hexToHash(value.toString(16).padStart(2 * HASH_BYTES, '0'));
}

export function checkProofOfWork(
  hash: BlockHash,
  bits: number,
  { powLimit }: Pick<ChainParams, 'powLimit'>,
): boolean {
  // Neighbours mostly have the same bits, and numbers of 256 bits are dear.
  if (lastTarget.bits !== bits || lastTarget.powLimit !== powLimit) {
    const target = deriveTarget(bits, powLimit);
    lastTarget.bits = bits;
    lastTarget.powLimit = powLimit;
    lastTarget.hash = target === undefined ? undefined : numberToHash(target);
  }
  return lastTarget.hash !== undefined && isAtMost(hash, lastTarget.hash);
}

/** What was asked for last, as the highest hash that meets it. */
const lastTarget: { bits: number; powLimit: bigint; hash: BlockHash | undefined } = {
  bits: -1,
  powLimit: 0n,
  hash: undefined,
};

/** As numbers, whose last byte is the highest. */
function isAtMost(hash: BlockHash, limit: BlockHash): boolean {
  for (let i = HASH_BYTES - 1; i >= 0; i -= 1) {
    const difference = hash.charCodeAt(i) - limit.charCodeAt(i);
    if (difference !== 0) return difference < 0;
  }
  return true;
}

/** Hashes that have to be tried for such a block on average: 2^256 / (target + 1). Zero for bits without meaning. */
export function blockProof(bits: number): bigint {
  const { target, isNegative, isOverflow } = decodeCompact(bits);
  if (isNegative || isOverflow || target === 0n) return 0n;
  return (1n << 256n) / (target + 1n);
}

type RetargetParams = Pick<ChainParams, 'powTargetSpacing' | 'powTargetTimespan' | 'powLimit'>;

/** Blocks of one difficulty. */
export function difficultyInterval({
  powTargetSpacing,
  powTargetTimespan,
}: Pick<ChainParams, 'powTargetSpacing' | 'powTargetTimespan'>): number {
  return Math.floor(powTargetTimespan / powTargetSpacing);
}

/** The bits that a block after `parent` must have, if its time is `time`. */
export function nextWorkRequired(
  parent: HeaderRef,
  time: number,
  headers: HeaderContext,
  params: ChainParams,
): number {
  const interval = difficultyInterval(params);
  const height = headers.heightOf(parent) + 1;
  if (height % interval !== 0) {
    if (!params.allowMinDifficultyBlocks) return headers.bitsOf(parent);
    const limit = limitBits(params);
    // A test chain goes on when its miners have left: after twice the spacing anybody may find a block.
    if (time > headers.timeOf(parent) + params.powTargetSpacing * 2) return limit;
    // Else the difficulty is that of the last block which made no use of this.
    let at = parent;
    for (let back = (height - 1) % interval; back > 0 && headers.bitsOf(at) === limit; back -= 1) {
      const above = headers.parentOf(at);
      if (above === undefined) break;
      at = above;
    }
    return headers.bitsOf(at);
  }
  if (params.noRetargeting) return headers.bitsOf(parent);
  // One block less than the period is measured: a slip of 2009, now a rule.
  const first = headers.ancestorOf(parent, height - interval);
  // Under BIP94 the first block of a period keeps the real difficulty, since that one cannot be a minimum one.
  const bits = headers.bitsOf(params.enforceBip94 ? first : parent);
  const actualTimespan = headers.timeOf(parent) - headers.timeOf(first);
  return retarget(bits, actualTimespan, params);
}

/** The easiest bits there are. */
function limitBits({ powLimit }: Pick<ChainParams, 'powLimit'>): number {
  if (lastLimit.powLimit !== powLimit) Object.assign(lastLimit, { powLimit, bits: encodeCompact(powLimit) });
  return lastLimit.bits;
}

const lastLimit = { powLimit: 0n, bits: 0 };

/** The bits after a period of `bits` that lasted `actualTimespan` seconds (Core: CalculateNextWorkRequired). */
export function retarget(bits: number, actualTimespan: number, params: RetargetParams): number {
  const { powTargetTimespan } = params;
  const shortest = Math.floor(powTargetTimespan / ADJUSTMENT_MAX);
  const timespan = Math.min(Math.max(actualTimespan, shortest), powTargetTimespan * ADJUSTMENT_MAX);
  return encodeCompact(scaledTarget(bits, timespan, params));
}

/**
 * Whether bits may follow each other at `height`, times being unknown (Core: PermittedDifficultyTransition): what a
 * presync of headers can check.
 */
export function permittedDifficultyTransition(
  params: ChainParams,
  height: number,
  oldBits: number,
  newBits: number,
): boolean {
  if (params.allowMinDifficultyBlocks) return true;
  if (height % difficultyInterval(params) !== 0) return oldBits === newBits;
  const { powTargetTimespan } = params;
  const observed = decodeCompact(newBits).target;
  const longest = powTargetTimespan * ADJUSTMENT_MAX;
  const shortest = Math.floor(powTargetTimespan / ADJUSTMENT_MAX);
  return (
    observed <= rounded(scaledTarget(oldBits, longest, params)) &&
    observed >= rounded(scaledTarget(oldBits, shortest, params))
  );
}

function scaledTarget(
  bits: number,
  timespan: number,
  { powTargetTimespan, powLimit }: RetargetParams,
): bigint {
  assert(Number.isSafeInteger(timespan) && timespan > 0, 'timespans are positive');
  const product = (decodeCompact(bits).target * BigInt(timespan)) & UINT256_MASK;
  const scaled = product / BigInt(powTargetTimespan);
  return scaled > powLimit ? powLimit : scaled;
}

function rounded(target: bigint): bigint {
  return decodeCompact(encodeCompact(target)).target;
}
