/**
 * Whether a loose transaction may enter the mempool: Core's MemPoolAccept, in its order of checks, so that the same
 * transaction is refused for the same reason. Cheap checks come first; scripts are the last thing looked at.
 * Source: Core src/validation.cpp (PreChecks, AcceptSingleTransactionInternal, PolicyScriptChecks). What depends on who
 * else is in the mempool is decided in topology.ts and replace.ts.
 */
import { hashToHex } from '../base/bytes.ts';
import type { Coin } from '../chain/coin.ts';
import type { ScriptFailure, WriterEffect, WriterTask } from '../chain/effects.ts';
import type { ScriptCache } from '../chain/script-cache.ts';
import { isFinalTx, relativeLocksMet } from '../consensus/locktime.ts';
import { Reject } from '../consensus/reject.ts';
import { checkTransaction, checkTxInputs } from '../consensus/tx.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { transactionSigOpCost } from '../script/sigops.ts';
import { type OutPoint, type Transaction, type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import type { AcceptContext, Candidate } from './accept-context.ts';
import { feeAt } from './fee-rate.ts';
import {
  checkInputsStandard, checkStandard, checkWitnessStandard, dustOutputs, spendsWitnessProgram, weightWithSigOps,
} from './policy.ts'; // biome-ignore format: one list
import { checkReplacement, checkSpendsNoConflict } from './replace.ts';
import { areClustersWithinLimits, checkEphemeralSpends, checkTruc } from './topology.ts';
import type { EntryFacts, PoolEntry, TxPool } from './tx-pool.ts';

/** Height that a coin made by a mempool transaction counts as having (Core: MEMPOOL_HEIGHT). */
const MEMPOOL_HEIGHT = 0x7fff_ffff;
/** Sigop cost of a standard transaction: a fifth of a block's. */
const STANDARD_SIGOPS_COST_MAX = 16_000;
/** Bytes without witness of the smallest standard transaction: a 64-byte one can pass for a merkle node. */
const STANDARD_STRIPPED_BYTES_MIN = 65;

export interface AcceptRules {
  /** Given back by a reorganisation: neither its fee nor the rules of TRUC and dust are a reason to refuse it. */
  readonly bypassLimits: boolean;
  /** Not for members of a package that is only tested. */
  readonly allowReplacement: boolean;
  /** Only for one that is looked at alone (BIP431). */
  readonly allowSiblingEviction: boolean;
  /** Whether its own fee must be enough, or that of the package that it belongs to. */
  readonly feeRateOf: 'transaction' | 'package';
  /** Satoshi per 1000 virtual bytes; a higher one is taken for a mistake of the user. */
  readonly maxFeeRate?: number;
}

/** For a transaction that is looked at alone. */
export const ALONE: AcceptRules = {
  bypassLimits: false,
  allowReplacement: true,
  allowSiblingEviction: true,
  feeRateOf: 'transaction',
};

const NOTHING: ReadonlySet<PoolEntry> = new Set();

/** A transaction that nothing speaks against but what it would replace, and its scripts. */
export interface Checked extends Candidate {
  readonly facts: EntryFacts;
  /** What spends the same coins; a sibling to be evicted too. */
  readonly conflicts: ReadonlySet<PoolEntry>;
  readonly isSiblingEviction: boolean;
  /** What the inputs spend, in order. */
  readonly coins: readonly Coin[];
}

/** What may be added, and what it replaces. */
export interface Acceptance {
  readonly facts: EntryFacts;
  readonly modifiedFee: number;
  readonly replaced: ReadonlySet<PoolEntry>;
  readonly coins: readonly Coin[];
}

/** All but the scripts, of a transaction alone. Throws Reject. Changes nothing. */
export function* checkAcceptance(
  tx: Transaction,
  context: AcceptContext,
  rules: AcceptRules,
): WriterTask<Acceptance> {
  const checked = yield* preCheck(tx, context, rules);
  const { conflicts, facts, modifiedFee, coins } = checked;
  const replaced = conflicts.size === 0 ? NOTHING : checkReplacement(checked, context);
  if (!areClustersWithinLimits([checked], replaced, context)) throw new Reject('too-large-cluster');
  checkSpendsNoConflict(checked);
  checkMaxFeeRate(checked, rules);
  if (!rules.bypassLimits && context.options.requireStandard) checkEphemeralSpends(checked, [], context);
  return { facts, modifiedFee, replaced, coins };
}

/** What can be told of a transaction before its replacements and its company are looked at. Throws Reject. */
export function* preCheck(tx: Transaction, context: AcceptContext, rules: AcceptRules): WriterTask<Checked> {
  checkAlone(tx, context);
  const conflicts = conflictsOf(tx, context.pool);
  if (conflicts.size > 0 && !rules.allowReplacement) throw new Reject('bip125-replacement-disallowed');
  const coins = yield* gatherCoins(tx, context);
  return checkSpending(tx, { coins, conflicts }, context, rules);
}

/** What needs no coins. */
function checkAlone(tx: Transaction, { chain, pool, options }: AcceptContext): void {
  const { headers } = chain;
  const tip = chain.tip();
  checkTransaction(tx);
  if (tx.isCoinbase) throw new Reject('coinbase');
  if (options.requireStandard) checkStandard(tx, options);
  if (tx.strippedSize < STANDARD_STRIPPED_BYTES_MIN) throw new Reject('tx-size-small');
  if (!isFinalTx(tx, headers.heightOf(tip) + 1, headers.medianTimePastOf(tip))) throw new Reject('non-final');
  if (pool.getByWtxid(tx.wtxid) !== undefined) throw new Reject('txn-already-in-mempool');
  if (pool.get(tx.txid) !== undefined) throw new Reject('txn-same-nonwitness-data-in-mempool');
}

/** What spends the same coins. */
function conflictsOf(tx: Transaction, pool: TxPool): ReadonlySet<PoolEntry> {
  let conflicts: Set<PoolEntry> | undefined;
  for (const key of tx.prevoutKeys) {
    const spender = pool.spenderOf(key);
    if (spender === undefined) continue;
    conflicts ??= new Set();
    conflicts.add(spender);
  }
  return conflicts ?? NOTHING;
}

/** What needs the coins. */
function checkSpending(
  tx: Transaction,
  spends: { readonly coins: readonly Coin[]; readonly conflicts: ReadonlySet<PoolEntry> },
  context: AcceptContext,
  rules: AcceptRules,
): Checked {
  const { coins } = spends;
  const { chain, pool, options } = context;
  const { headers } = chain;
  const tip = chain.tip();
  const height = headers.heightOf(tip) + 1;
  if (!relativeLocksMet(tx, coins, tip, headers)) throw new Reject('non-BIP68-final');
  const fee = checkTxInputs(tx, coins, height);
  if (options.requireStandard) {
    checkInputsStandard(tx, coins);
    if (tx.hasWitness) checkWitnessStandard(tx, coins);
  }
  const sigopCost = transactionSigOpCost(tx, coins, STANDARD_SCRIPT_FLAGS);
  const weight = weightWithSigOps(tx.weight, sigopCost, options.bytesPerSigop);
  const virtualSize = Math.ceil(weight / WITNESS_SCALE_FACTOR);
  const modifiedFee = fee + (context.feeDeltas.get(tx.txid) ?? 0);
  const paysAlone = fee !== 0 || modifiedFee !== 0;
  if (options.requireStandard && paysAlone && dustOutputs(tx, options.dustRelayFeeRate).length > 0) {
    throw new Reject('dust', { detail: 'tx with dust output must be 0-fee' });
  }
  if (sigopCost > STANDARD_SIGOPS_COST_MAX)
    throw new Reject('bad-txns-too-many-sigops', { detail: `${sigopCost}` });
  const { bypassLimits, feeRateOf } = rules;
  const parents = pool.parentsOf(tx);
  let { conflicts } = spends;
  let sibling: PoolEntry | undefined;
  if (!bypassLimits) {
    if (feeRateOf === 'transaction') checkFeeRate(modifiedFee, virtualSize, context);
    sibling = checkTruc({ tx, virtualSize, parents }, conflicts, rules);
    if (sibling !== undefined) conflicts = new Set([...conflicts, sibling]);
  }
  const facts: EntryFacts = {
    tx,
    fee,
    weight,
    virtualSize,
    sigopCost,
    time: context.now,
    entryHeight: height - 1,
    // What a reorganisation gives back was here before everything else.
    sequence: bypassLimits ? 0 : context.sequence,
    spendsCoinbase: spendsCoinbase(coins),
    cameBack: bypassLimits,
  };
  const isSiblingEviction = sibling !== undefined;
  return { tx, fee, modifiedFee, weight, virtualSize, parents, facts, conflicts, isSiblingEviction, coins };
}

function spendsCoinbase(coins: readonly Coin[]): boolean {
  for (const coin of coins) if (coin.isCoinbase) return true;
  return false;
}

/** The coins that the inputs spend, in order: of the mempool, of the package under test, of the chain. */
function* gatherCoins(tx: Transaction, context: AcceptContext): WriterTask<Coin[]> {
  const gathered: (Coin | undefined)[] = [];
  const wanted: OutPoint[] = [];
  for (const { prevout } of tx.inputs) {
    const coin = unconfirmedCoin(prevout, context);
    gathered.push(coin);
    if (coin === undefined) wanted.push(prevout);
  }
  const { coins } = context;
  const fetched = wanted.length === 0 ? [] : yield* coins.fetchCoins(wanted);
  let next = 0;
  for (let i = 0; i < gathered.length; i += 1) {
    if (gathered[i] !== undefined) continue;
    const coin = fetched[next];
    next += 1;
    if (coin === undefined) {
      // Are the inputs gone because this very transaction spent them in a block?
      const own = yield* coins.fetchCoins(tx.outputs.map((_, index) => ({ txid: tx.txid, index })));
      throw new Reject(own.some(Boolean) ? 'txn-already-known' : 'bad-txns-inputs-missingorspent');
    }
    gathered[i] = coin;
  }
  return gathered as Coin[];
}

function unconfirmedCoin(
  { txid, index }: OutPoint,
  { pool, package: others }: AcceptContext,
): Coin | undefined {
  const parent = pool.get(txid)?.tx ?? others.get(txid);
  const output = parent?.outputs[index];
  if (output === undefined) return undefined;
  const { value, scriptPubKey } = output;
  return { value, scriptPubKey, height: MEMPOOL_HEIGHT, isCoinbase: false };
}

/** Throws Reject unless the fee of a transaction, or of a whole package, is enough for this pool. */
export function checkFeeRate(
  fee: number,
  virtualSize: number,
  { poolMinFeeRate, options }: AcceptContext,
): void {
  const poolFee = feeAt(poolMinFeeRate, virtualSize);
  if (poolFee > 0 && fee < poolFee)
    throw new Reject('mempool min fee not met', { detail: `${fee} < ${poolFee}` });
  const relayFee = feeAt(options.minRelayFeeRate, virtualSize);
  if (fee < relayFee) throw new Reject('min relay fee not met', { detail: `${fee} < ${relayFee}` });
}

/** Throws Reject when a transaction alone pays a higher rate than its sender meant. */
export function checkMaxFeeRate({ modifiedFee, virtualSize }: Candidate, { maxFeeRate }: AcceptRules): void {
  if (maxFeeRate !== undefined && modifiedFee * 1000 > maxFeeRate * virtualSize)
    throw new Reject('max feerate exceeded');
}

/**
 * The last and dearest check. Throws Reject.
 *
 * First under the standard flags, which contain those of every block, then under those of the tip's: that answer is kept
 * for the block that brings the transaction. It costs little, since the signatures are known by then, and is a net under
 * a standard flag that would let something pass (Core: PolicyScriptChecks, ConsensusScriptChecks).
 */
export function* checkScripts(
  tx: Transaction,
  spent: readonly TxOutput[],
  { blockFlags, scriptCache }: ScriptRules,
): WriterTask<void> {
  const standard = yield scriptCheck(tx, spent, STANDARD_SCRIPT_FLAGS);
  if (standard !== undefined) throw scriptReject(tx, spent, standard as ScriptFailure);
  if (scriptCache?.has(tx.wtxid, blockFlags)) return;
  const block = yield scriptCheck(tx, spent, blockFlags);
  if (block !== undefined) throw scriptReject(tx, spent, block as ScriptFailure);
  scriptCache?.add(tx.wtxid, blockFlags);
}

export interface ScriptRules {
  /** Of the tip's block. */
  readonly blockFlags: number;
  /** Told what blocks need not run again. */
  readonly scriptCache: ScriptCache | undefined;
}

function scriptCheck(tx: Transaction, spent: readonly TxOutput[], flags: number): WriterEffect {
  return { kind: 'checkScripts', checks: [{ tx, spent, flags }], signatures: 'keeps' };
}

function scriptReject(tx: Transaction, spent: readonly TxOutput[], failure: ScriptFailure): Reject {
  const { prevout } = tx.inputs[failure.input]!;
  const detail = `input ${failure.input} of ${hashToHex(tx.txid)} (wtxid ${hashToHex(tx.wtxid)}), spending ${hashToHex(prevout.txid)}:${prevout.index}`;
  const isStripped = !tx.hasWitness && spendsWitnessProgram(tx, spent);
  return new Reject('mempool-script-verify-flag-failed', {
    scriptError: failure.error,
    detail,
    ...(isStripped && { kind: 'witness' as const }),
  });
}
