/**
 * What a block does to the coins, and whether it may: Core's ConnectBlock (validation.cpp) without reading, writing
 * and script checks. It is pure: the coins come in, and what is spent, the fees and the scripts to run go out.
 */
import { assert } from '../base/assert.ts';
import { type BlockHash, hashToHex } from '../base/bytes.ts';
import { isUnspendable } from '../script/opcodes.ts';
import { transactionSigOpCost } from '../script/sigops.ts';

import type { TxCheck } from '../script/verify.ts';
import type { Block } from '../wire/block.ts';
import type { Transaction } from '../wire/transaction.ts';
import { OUTPOINT_BYTES, outPointIndexAt, putIndex, putOutPoint } from '../wire/tx-cursors.ts';
import { MONEY_MAX } from './amount.ts';
import { BlockTxids } from './block-txids.ts';
import type { Coin } from './coin.ts';
import type { HeaderContext, HeaderRef } from './header-context.ts';
import { BLOCK_SIGOPS_COST_MAX } from './limits.ts';
import { relativeLocksMet } from './locktime.ts';
import { OutPointSet } from './out-point-set.ts';
import type { ChainParams } from './params.ts';
import { Reject } from './reject.ts';
import { blockScriptFlags } from './script-flags.ts';
import { blockSubsidy } from './subsidy.ts';
import { checkTxInputs, outputTotal } from './tx.ts';

/**
 * From this height on a coinbase of before BIP34 might be repeated, since its script happens to begin with that
 * height (Core: BIP34_IMPLIES_BIP30_LIMIT).
 */
const BIP34_IMPLIES_BIP30_HEIGHT_MAX = 1_983_702;

export interface ConnectContext {
  readonly headers: HeaderContext;
  readonly params: ChainParams;
  /** The coin there before this block; undefined when there is none. The outpoint starts at `start`, as it goes over the wire. */
  coinAt(bytes: Uint8Array, start: number): Coin | undefined;
}

export interface Connection {
  /** Satoshi that the transactions leave to the miner. */
  readonly fees: number;
  /** `spent[i][j]`: the coin of input j of transaction i + 1. */
  readonly spent: readonly (readonly Coin[])[];
  readonly sigOpCost: number;
  /** Script rules of this block. */
  readonly flags: number;
  /** What is left to do: one entry a transaction after the coinbase. */
  readonly scriptChecks: readonly TxCheck[];
}

/**
 * Connects a block that passed `checkBlock` and `contextualCheckBlock` to its parent's coins. Throws Reject, always of
 * kind 'consensus'.
 */
export function checkConnect(
  block: Block,
  parent: HeaderRef,
  context: ConnectContext,
  txids: BlockTxids = new BlockTxids(block),
): Connection {
  const { headers, params } = context;
  const { hash } = block.header;
  const height = headers.heightOf(parent) + 1;
  if (needsOverwriteCheck(hash, parent, context)) checkNoOverwrite(block, context);
  const flags = blockScriptFlags(params, height, hash);
  const finder = new CoinFinder(block, txids, height, context);
  const spent: (readonly Coin[])[] = [];
  const scriptChecks: TxCheck[] = [];
  let fees = 0;
  let sigOpCost = 0;
  block.transactions.forEach((tx, i) => {
    let coins: readonly Coin[] = [];
    if (i > 0) {
      const found = finder.take(tx, i);
      fees += feeOf(tx, found, height);
      if (fees > MONEY_MAX) {
        const detail = 'accumulated fee in the block out of range';
        throw new Reject('bad-txns-accumulated-fee-outofrange', { detail });
      }
      coins = found as readonly Coin[];
      if (height >= params.buried.csv) checkSequenceLocks(tx, coins, parent, headers);
      spent.push(coins);
      scriptChecks.push({ tx, spent: coins, flags });
    }
    sigOpCost += transactionSigOpCost(tx, coins, flags);
    if (sigOpCost > BLOCK_SIGOPS_COST_MAX) throw new Reject('bad-blk-sigops', { detail: 'too many sigops' });
  });
  const reward = fees + blockSubsidy(height, params);
  const claimed = outputTotal(block.transactions[0]!);
  if (claimed > reward) {
    const detail = `coinbase pays too much (actual=${claimed} vs limit=${reward})`;
    throw new Reject('bad-cb-amount', { detail });
  }
  return { fees, spent, sigOpCost, flags, scriptChecks };
}

/**
 * Whether outputs of the block with `hash` after `parent` could overwrite coins, so that `coinAt` must know about them
 * (BIP30). Two coinbases of 2010 repeat earlier ones; since BIP34 no coinbase can, on the chain that has its block.
 */
export function needsOverwriteCheck(
  hash: BlockHash,
  parent: HeaderRef,
  { headers, params }: Pick<ConnectContext, 'headers' | 'params'>,
): boolean {
  const parentHeight = headers.heightOf(parent);
  const height = parentHeight + 1;
  if (height >= BIP34_IMPLIES_BIP30_HEIGHT_MAX) return true;
  if (params.bip30Exceptions.get(height) === hash) return false;
  const { bip34 } = params.buried;
  return parentHeight < bip34 || headers.hashOf(headers.ancestorOf(parent, bip34)) !== params.bip34Hash;
}

function checkNoOverwrite(block: Block, { coinAt }: ConnectContext): void {
  const outPoint = new Uint8Array(OUTPOINT_BYTES);
  for (const tx of block.transactions) {
    putOutPoint(outPoint, 0, tx.txid, 0);
    for (let index = 0; index < tx.outputCount; index += 1) {
      putIndex(outPoint, 0, index);
      if (coinAt(outPoint, 0) !== undefined) {
        throw new Reject('bad-txns-BIP30', { detail: 'tried to overwrite transaction' });
      }
    }
  }
}

/** A transaction's fault is the block's when it is found while connecting. */
function feeOf(tx: Transaction, coins: readonly (Coin | undefined)[], height: number): number {
  try {
    return checkTxInputs(tx, coins, height);
  } catch (error) {
    if (!(error instanceof Reject)) throw error;
    const detail = `${error.detail} in transaction ${hashToHex(tx.txid)}`;
    throw new Reject(error.reason, { detail, kind: 'consensus' });
  }
}

function checkSequenceLocks(
  tx: Transaction,
  coins: readonly Coin[],
  parent: HeaderRef,
  headers: HeaderContext,
): void {
  if (relativeLocksMet(tx, coins, parent, headers)) return;
  const detail = `contains a non-BIP68-final transaction ${hashToHex(tx.txid)}`;
  throw new Reject('bad-txns-nonfinal', { detail });
}

/** Coins as they stand in the middle of a block: earlier transactions have made some and spent some. */
class CoinFinder {
  readonly #txids: BlockTxids;
  readonly #spent: OutPointSet;
  readonly #block: Block;
  readonly #height: number;
  readonly #coinAt: ConnectContext['coinAt'];

  constructor(block: Block, txids: BlockTxids, height: number, context: ConnectContext) {
    this.#block = block;
    this.#txids = txids;
    this.#height = height;
    this.#coinAt = (bytes, start) => context.coinAt(bytes, start);
    const inputCount = block.transactions.reduce((sum, tx) => sum + tx.inputCount, 0);
    this.#spent = new OutPointSet(inputCount, block.header.hash);
  }

  /** What the inputs of transaction number `position` spend; they are spent from now on. */
  take(tx: Transaction, position: number): (Coin | undefined)[] {
    const coins: (Coin | undefined)[] = [];
    for (const input = tx.inputCursor(); input.next(); )
      coins.push(this.#takeOne(input.bytes, input.start, position));
    return coins;
  }

  #takeOne(bytes: Uint8Array, start: number, position: number): Coin | undefined {
    if (!this.#spent.add(bytes, start)) return undefined;
    // Of one that stands here twice the first makes the coins; the second finds its own spent.
    const madeBy = this.#txids.find(bytes, start);
    if (madeBy < 0 || madeBy >= position) return this.#coinAt(bytes, start);
    return this.#made(madeBy, outPointIndexAt(bytes, start));
  }

  #made(position: number, index: number): Coin | undefined {
    const tx = this.#block.transactions[position];
    assert(tx !== undefined, 'positions are of the block');
    const output = tx.outputAt(index);
    if (output === undefined || isUnspendable(output.scriptPubKey)) return undefined;
    const { value, scriptPubKey } = output;
    return { value, scriptPubKey, height: this.#height, isCoinbase: position === 0 };
  }
}
