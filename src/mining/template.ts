/**
 * The next block, unsolved: transactions from the mempool in the order of their chunks' fee rates, a coinbase and a
 * header (Core: node/miner.cpp, BlockAssembler). Bit for bit what Core 31 would build, so that chains which tests
 * have hashes of come out the same.
 */

import { concatBytes, ZERO_HASH } from '../base/bytes.ts';
import { type Milliseconds, toUnixSeconds, type UnixSeconds } from '../base/clock.ts';
import type { Deployments } from '../consensus/deployments.ts';
import type { HeaderContext, HeaderRef } from '../consensus/header-context.ts';
import { BLOCK_SIGOPS_COST_MAX, BLOCK_WEIGHT_MAX, TIMEWARP_SECONDS_MAX } from '../consensus/limits.ts';
import { isFinalTx } from '../consensus/locktime.ts';
import { blockMerkleRoot } from '../consensus/merkle.ts';
import type { ChainParams } from '../consensus/params.ts';
import { difficultyInterval, nextWorkRequired } from '../consensus/pow.ts';
import { blockSubsidy } from '../consensus/subsidy.ts';
import { witnessCommitmentScript } from '../consensus/witness-commitment.ts';
import type { MempoolEntry } from '../mempool/mempool-view.ts';
import { pushNumber } from '../script/opcodes.ts';
import { type Block, createBlock, createHeader, type HeaderParts } from '../wire/block.ts';
import { createTransaction, NULL_INDEX, type Transaction } from '../wire/transaction.ts';
import { selectTransactions, type TemplatePool } from './selection.ts';

/** What header, counts and coinbase are expected to take at most (Core: DEFAULT_BLOCK_RESERVED_WEIGHT). */
export const BLOCK_RESERVED_WEIGHT = 8_000;
/** Signature operations that pools may add to the coinbase (Core: DEFAULT_COINBASE_OUTPUT_MAX_ADDITIONAL_SIGOPS). */
const COINBASE_SIGOPS_RESERVED = 400;
/** Satoshi per 1000 virtual bytes (Core: DEFAULT_BLOCK_MIN_TX_FEE). */
export const BLOCK_MIN_FEE_RATE = 1;
/** Not final, so that the lock time of the coinbase counts. */
const COINBASE_SEQUENCE = 0xffff_fffe;
const COINBASE_VERSION = 2;
/** Up to here the height takes one byte of the coinbase's script, which must have two. */
const SHORT_HEIGHT_MAX = 16;
const WITNESS_RESERVED_VALUE = new Uint8Array(32);

export interface TemplateContext {
  readonly params: ChainParams;
  readonly headers: HeaderContext;
  readonly deployments: Deployments;
  /** The tip. */
  readonly parent: HeaderRef;
  readonly now: Milliseconds;
  /** Where subsidy and fees go. */
  readonly scriptPubKey: Uint8Array;
}

export interface TemplateOptions {
  /** `-blockmaxweight`. */
  readonly maxWeight?: number;
  /** `-blockreservedweight`. */
  readonly reservedWeight?: number;
  /** `-blockmintxfee`, satoshi per 1000 virtual bytes. */
  readonly minFeeRate?: number;
  /** `-blockversion`, on test chains. */
  readonly version?: number;
}

export interface BlockTemplate {
  /** Coinbase first. */
  readonly block: Block;
  /** Satoshi and sigop cost of each transaction after the coinbase. */
  readonly fees: readonly number[];
  readonly sigopCosts: readonly number[];
  /** The least time that the block may have. */
  readonly minTime: UnixSeconds;
  readonly height: number;
  /** With what is reserved, without the coinbase itself: as `getmininginfo` tells it. */
  readonly weight: number;
}

/** `pool` undefined: a block without transactions. */
export function createTemplate(
  context: TemplateContext,
  pool: TemplatePool | undefined,
  options: TemplateOptions = {},
): BlockTemplate {
  const { headers, parent } = context;
  const height = headers.heightOf(parent) + 1;
  const reservedWeight = options.reservedWeight ?? BLOCK_RESERVED_WEIGHT;
  const medianTime = headers.medianTimePastOf(parent);
  const selected: readonly MempoolEntry[] =
    pool === undefined
      ? []
      : selectTransactions(pool, {
          maxWeight: Math.min(options.maxWeight ?? BLOCK_WEIGHT_MAX, BLOCK_WEIGHT_MAX),
          reservedWeight,
          maxSigOpCost: BLOCK_SIGOPS_COST_MAX,
          reservedSigOpCost: COINBASE_SIGOPS_RESERVED,
          minFeeRate: options.minFeeRate ?? BLOCK_MIN_FEE_RATE,
          isFinal: tx => isFinalTx(tx, height, medianTime),
        });
  const fees = selected.map(entry => entry.fee);
  const transactions = selected.map(entry => entry.tx);
  return {
    block: assembleBlock(context, transactions, { fees: sum(fees), ...options }),
    fees,
    sigopCosts: selected.map(entry => entry.sigopCost),
    minTime: minimumTime(context),
    height,
    weight: reservedWeight + sum(transactions.map(tx => tx.weight)),
  };
}

/** A block of exactly these transactions after the coinbase, unsolved, with nonce 0. `fees` go to the coinbase. */
export function assembleBlock(
  context: TemplateContext,
  transactions: readonly Transaction[],
  { fees = 0, version }: { readonly fees?: number; readonly version?: number } = {},
): Block {
  const { params, headers, deployments, parent } = context;
  const own = params.isTestChain ? version : undefined;
  const all = [createCoinbase(context, transactions, fees), ...transactions];
  const parts = {
    version: own ?? deployments.blockVersion(parent),
    prevHash: headers.hashOf(parent),
    merkleRoot: blockMerkleRoot({ transactions: all }).root,
    time: 0,
    bits: 0,
    nonce: 0,
  };
  return createBlock(createHeader(withTime(parts, context)), all);
}

/**
 * `parts` with the time that is now, never an earlier one than it has, and with the bits that belong to it: on chains
 * with minimum difficulty they depend on the time (Core: UpdateTime).
 */
function withTime(
  parts: HeaderParts,
  context: Pick<TemplateContext, 'params' | 'headers' | 'parent' | 'now'>,
): HeaderParts {
  const { params, headers, parent, now } = context;
  const time = Math.max(parts.time, minimumTime(context), toUnixSeconds(now));
  return { ...parts, time, bits: nextWorkRequired(parent, time, headers, params) };
}

/** BIP94's rule is kept on every chain, as Core does, so that it may be introduced one day. */
function minimumTime({
  params,
  headers,
  parent,
}: Pick<TemplateContext, 'params' | 'headers' | 'parent'>): UnixSeconds {
  const least = headers.medianTimePastOf(parent) + 1;
  const startsPeriod = (headers.heightOf(parent) + 1) % difficultyInterval(params) === 0;
  return startsPeriod ? Math.max(least, headers.timeOf(parent) - TIMEWARP_SECONDS_MAX) : least;
}

function createCoinbase(
  { params, headers, parent, scriptPubKey }: TemplateContext,
  transactions: readonly Transaction[],
  fees: number,
): Transaction {
  const height = headers.heightOf(parent) + 1;
  const heightPush = pushNumber(height);
  const scriptSig = height <= SHORT_HEIGHT_MAX ? concatBytes(heightPush, Uint8Array.of(0)) : heightPush;
  const hasSegwit = height >= params.buried.segwit;
  const prevout = { txid: ZERO_HASH, index: NULL_INDEX };
  const witness = hasSegwit ? [WITNESS_RESERVED_VALUE] : [];
  const input = { prevout, scriptSig, sequence: COINBASE_SEQUENCE, witness };
  const reward = { value: blockSubsidy(height, params) + fees, scriptPubKey };
  const lockTime = height - 1;
  const draft = { version: COINBASE_VERSION, inputs: [input], outputs: [reward], lockTime };
  // The coinbase counts as zero in what it commits to, so any transaction can stand in for it.
  const standIn = [createTransaction(draft), ...transactions];
  const commitment = {
    value: 0,
    scriptPubKey: witnessCommitmentScript({ transactions: standIn }, WITNESS_RESERVED_VALUE),
  };
  return createTransaction({ ...draft, outputs: [reward, commitment] });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
