/**
 * Searching a nonce. The search is cut into slices by whoever runs it: a worker looks for news between two slices,
 * and a test just takes the first.
 */
import type { BlockHash } from '../base/bytes.ts';
import type { ChainParams } from '../consensus/params.ts';
import { deriveTarget, hashToNumber } from '../consensus/pow.ts';
import { sha256d } from '../crypto/sha256.ts';
import {
  type Block,
  createBlock,
  createHeader,
  encodeHeader,
  HEADER_BYTES,
  type HeaderParts,
} from '../wire/block.ts';

/** Nonces are unsigned 32-bit numbers. */
const NONCE_END = 0x1_0000_0000;
const NONCE_OFFSET = HEADER_BYTES - 4;
/** The four highest bytes of a hash decide nearly always. */
const HIGH_SHIFT = 224n;

export interface NonceRange {
  readonly first: number;
  /** Nonces to try at most. */
  readonly count: number;
}

/** The first nonce of the range that gives a hash of at most `target`; undefined when none does. */
export function searchNonce(
  parts: HeaderParts,
  target: bigint,
  { first, count }: NonceRange,
): number | undefined {
  const bytes = Buffer.from(encodeHeader(parts));
  const high = Number(target >> HIGH_SHIFT);
  const end = Math.min(first + count, NONCE_END);
  for (let nonce = first; nonce < end; nonce += 1) {
    bytes.writeUInt32LE(nonce, NONCE_OFFSET);
    const hash = sha256d<BlockHash>(bytes);
    const hashHigh =
      hash.charCodeAt(31) * 0x100_0000 +
      ((hash.charCodeAt(30) << 16) | (hash.charCodeAt(29) << 8) | hash.charCodeAt(28));
    if (hashHigh > high) continue;
    if (hashHigh < high || hashToNumber(hash) <= target) return nonce;
  }
  return undefined;
}

/**
 * `block` with a nonce that solves it, tried upwards from the one it has; undefined when `maxTries` or the nonces end
 * first, or its bits cannot be met on this chain.
 */
export function solveBlock(
  block: Block,
  maxTries: number,
  { powLimit }: Pick<ChainParams, 'powLimit'>,
): Block | undefined {
  const target = deriveTarget(block.header.bits, powLimit);
  if (target === undefined) return undefined;
  const nonce = searchNonce(block.header, target, { first: block.header.nonce, count: maxTries });
  return nonce === undefined ? undefined : withNonce(block, nonce);
}

export function withNonce(block: Block, nonce: number): Block {
  return createBlock(createHeader({ ...block.header, nonce }), block.transactions);
}
