/**
 * One block without its chain: every rule that can be judged by what is known about the blocks before it and the coins
 * it spends. What is not known refuses nothing: an unknown coin height is older than any lock, an unknown median time
 * later than any, and the header is judged in context only where all it depends on is given.
 */
import { ZERO_HASH } from '../base/bytes.ts';
import type { UnixSeconds } from '../base/clock.ts';
import { decodeNumber } from '../script/number.ts';
import { ScriptCursor, smallNumber } from '../script/opcodes.ts';
import type { Block } from '../wire/block.ts';
import type { Transaction, TxOutput } from '../wire/transaction.ts';
import { checkBlock, contextualCheckBlock } from './block.ts';
import { type Coin, keyAt, keyOf, type OutPointKey } from './coin.ts';
import { type Connection, checkConnect } from './connect.ts';
import { contextualCheckBlockHeader } from './header.ts';
import type { HeaderContext } from './header-context.ts';
import type { ChainParams } from './params.ts';
import { difficultyInterval } from './pow.ts';

/** Block times that a median is taken of (Core: CBlockIndex::nMedianTimeSpan). */
const MEDIAN_TIMES = 11;
/** Later than any lock time, and small enough to be added to. */
const UNKNOWN_TIME = 2 ** 40;
/** No relative lock reaches so far back. */
const UNKNOWN_HEIGHT = -0x1_0000;

/** An output that the block spends. */
export interface SpentCoin extends TxOutput {
  readonly height?: number;
  readonly isCoinbase?: boolean;
}

export interface LoneBlock {
  readonly block: Block;
  readonly height: number;
  /** Times of the eleven blocks before it (or of all), oldest first. */
  readonly parentTimes?: readonly UnixSeconds[];
  readonly parentBits?: number;
  /** Of the first block of the parent's difficulty period. */
  readonly periodStartTime?: UnixSeconds;
  /** For locks, where the times before it are not given: no earlier than the median time past of its parent. */
  readonly medianTime?: UnixSeconds;
  /** `spent[i][j]`: what input j of transaction i + 1 spends, if it is a coin. The block's own outputs are found there. */
  readonly spent?: readonly (readonly (SpentCoin | undefined)[])[];
}

export interface LoneBlockResult {
  /** Whether bits, time and version were judged too. */
  readonly headerInContext: boolean;
  /** Fees, cost and the scripts that are left to run; undefined without coins. */
  readonly connection: Connection | undefined;
}

/** Throws Reject. Scripts are not run: they are in the result. `checkPow: false` is for blocks nobody has solved. */
export function checkLoneBlock(
  lone: LoneBlock,
  params: ChainParams,
  { checkPow = true }: { readonly checkPow?: boolean } = {},
): LoneBlockResult {
  const { block, height, spent } = lone;
  const parent = height - 1;
  const headers = knownHeaders(lone);
  checkBlock(block, params, { checkPow });
  const headerInContext = knowsHeaderContext(lone, params);
  if (headerInContext) {
    // No clock: the block may have waited for years.
    contextualCheckBlockHeader(block.header, parent, { headers, params, now: Number.MAX_SAFE_INTEGER });
  }
  contextualCheckBlock(block, parent, { headers, params });
  if (spent === undefined) return { headerInContext, connection: undefined };
  const coins = coinsOf(block, spent);
  const connection = checkConnect(block, parent, {
    headers,
    params,
    coinAt: (bytes, start) => coins.get(keyAt(bytes, start)),
  });
  return { headerInContext, connection };
}

/** The height that the coinbase begins with (BIP34), where it begins with a number. */
export function coinbaseHeight({ transactions }: Block): number | undefined {
  const script = transactions[0]?.inputs[0]?.scriptSig;
  if (script === undefined) return undefined;
  const cursor = new ScriptCursor(script);
  if (!cursor.advance()) return undefined;
  return smallNumber(cursor.opcode) ?? (cursor.dataLength > 4 ? undefined : decodeNumber(cursor.data()));
}

function coinsOf(block: Block, spent: NonNullable<LoneBlock['spent']>): Map<OutPointKey, Coin> {
  const own = new Set(block.transactions.map(tx => tx.txid));
  const coins = new Map<OutPointKey, Coin>();
  block.transactions.slice(1).forEach((tx: Transaction, i) => {
    tx.inputs.forEach(({ prevout }, j) => {
      const coin = spent[i]?.[j];
      if (coin === undefined || own.has(prevout.txid)) return;
      const { value, scriptPubKey, height = UNKNOWN_HEIGHT, isCoinbase = false } = coin;
      coins.set(keyOf(prevout), { value, scriptPubKey, height, isCoinbase });
    });
  });
  return coins;
}

function knowsHeaderContext(
  { height, parentTimes, parentBits, periodStartTime }: LoneBlock,
  params: ChainParams,
): boolean {
  // Where blocks of minimum difficulty are allowed, the bits may depend on any block before.
  if (parentBits === undefined || params.allowMinDifficultyBlocks) return false;
  const startsPeriod = height % difficultyInterval(params) === 0;
  if (startsPeriod && periodStartTime === undefined) return false;
  return (parentTimes?.length ?? 0) >= Math.min(height, MEDIAN_TIMES);
}

/** Headers are referred to by their heights. */
function knownHeaders(lone: LoneBlock): HeaderContext {
  const { block, height, parentTimes = [], parentBits, periodStartTime } = lone;
  const parent = height - 1;
  const times = parentTimes.slice(-MEDIAN_TIMES).sort((a, b) => a - b);
  const medianTime = times[times.length >> 1] ?? lone.medianTime ?? UNKNOWN_TIME;
  return {
    hashOf: ref => (ref === parent ? block.header.prevHash : ZERO_HASH),
    parentOf: ref => (ref === 0 ? undefined : ref - 1),
    heightOf: ref => ref,
    timeOf: ref => parentTimes[parentTimes.length - 1 - (parent - ref)] ?? periodStartTime ?? 0,
    bitsOf: () => parentBits ?? 0,
    versionOf: () => block.header.version,
    // Of older blocks: relative times of their coins are taken to have passed.
    medianTimePastOf: ref => (ref === parent ? medianTime : 0),
    ancestorOf: (_ref, at) => at,
  };
}
