/**
 * Whether a loose transaction may enter the mempool: Core's MemPoolAccept, in its order of checks, so that the same
 * transaction is refused for the same reason. Cheap checks come first; scripts are the last thing looked at.
 * Source: Core src/validation.cpp (PreChecks, AcceptSingleTransactionInternal, PolicyScriptChecks). What depends on who
 * else is in the mempool is decided in topology.ts and replace.ts.
 */
import { hashToHex } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import { type Coin, keyOf, type OutPointKey } from '../chain/coin.ts';
import type { ScriptFailure, WriterTask } from '../chain/effects.ts';
import { isFinalTx, sequenceLocks, sequenceLocksMet } from '../consensus/locktime.ts';
import { Reject } from '../consensus/reject.ts';
import { blockScriptFlags } from '../consensus/script-flags.ts';
import { checkTransaction, checkTxInputs } from '../consensus/tx.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { transactionSigOpCost } from '../script/sigops.ts';
import { type Transaction, type TxOutput, WITNESS_SCALE_FACTOR } from '../wire/transaction.ts';
import type { AcceptContext, Candidate } from './accept-context.ts';
import { feeAt } from './fee-rate.ts';
import {
  checkInputsStandard, checkStandard, checkWitnessStandard, dustOutputs, spendsWitnessProgram, weightWithSigOps,
} from './policy.ts'; // biome-ignore format: one list
import { checkReplacement, checkSpendsNoConflict } from './replace.ts';
import { areClustersWithinLimits, checkEphemeralSpends, checkTruc } from './topology.ts';
import type { EntryFacts, PoolEntry } from './tx-pool.ts';

/** Height that a coin made by a mempool transaction counts as having (Core: MEMPOOL_HEIGHT). */
const MEMPOOL_HEIGHT = 0x7fff_ffff;
/** Sigop cost of a standard transaction: a fifth of a block's. */
const STANDARD_SIGOPS_COST_MAX = 16_000;
/** Bytes without witness of the smallest standard transaction: a 64-byte one can pass for a merkle node. */
const STANDARD_STRIPPED_BYTES_MIN = 65;

export interface AcceptOptions {
  readonly now: Milliseconds;
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

export type AcceptRules = Omit<AcceptOptions, 'now'>;
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
  readonly conflicts: Set<PoolEntry>;
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
  options: AcceptOptions,
): WriterTask<Acceptance> {
  const checked = yield* preCheck(tx, context, options);
  const { conflicts, facts, modifiedFee, coins } = checked;
  const replaced = conflicts.size === 0 ? NOTHING : checkReplacement(checked, context);
  if (!areClustersWithinLimits([checked], replaced, context)) throw new Reject('too-large-cluster');
  checkSpendsNoConflict(tx, conflicts, context.pool);
  checkMaxFeeRate(checked, options);
  if (!options.bypassLimits && context.options.requireStandard) checkEphemeralSpends(tx, [], context);
  return { facts, modifiedFee, replaced, coins };
}

/** What can be told of a transaction before its replacements and its company are looked at. Throws Reject. */
export function* preCheck(
  tx: Transaction,
  context: AcceptContext,
  { now, bypassLimits, allowReplacement, allowSiblingEviction, feeRateOf }: AcceptOptions,
): WriterTask<Checked> {
  const { chain, pool, options } = context;
  const { headers } = chain;
  const tip = chain.tip();
  const height = headers.heightOf(tip) + 1;
  checkTransaction(tx);
  if (tx.isCoinbase) throw new Reject('coinbase');
  if (options.requireStandard) checkStandard(tx, options);
  if (tx.strippedSize < STANDARD_STRIPPED_BYTES_MIN) throw new Reject('tx-size-small');
  const medianTime = headers.medianTimePastOf(tip);
  if (!isFinalTx(tx, height, medianTime)) throw new Reject('non-final');
  if (pool.getByWtxid(tx.wtxid) !== undefined) throw new Reject('txn-already-in-mempool');
  if (pool.get(tx.txid) !== undefined) throw new Reject('txn-same-nonwitness-data-in-mempool');

  const conflicts = new Set<PoolEntry>();
  for (const { prevout } of tx.inputs) {
    const spender = pool.spenderOf(prevout);
    if (spender === undefined) continue;
    if (!allowReplacement) throw new Reject('bip125-replacement-disallowed');
    conflicts.add(spender);
  }
  const coins = yield* gatherCoins(tx, context);
  const confirmedHeights = coins.map(coin => Math.min(coin.height, height));
  const locks = sequenceLocks(tx, confirmedHeights, at =>
    headers.medianTimePastOf(headers.ancestorOf(tip, at)),
  );
  if (!sequenceLocksMet(locks, height, medianTime)) throw new Reject('non-BIP68-final');
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
  const candidate: Candidate = { tx, fee, modifiedFee, weight, virtualSize };
  let sibling: PoolEntry | undefined;
  if (!bypassLimits) {
    if (feeRateOf === 'transaction') checkFeeRate(modifiedFee, virtualSize, context);
    sibling = checkTruc(candidate, conflicts, context, { allowSiblingEviction });
    if (sibling !== undefined) conflicts.add(sibling);
  }
  const facts: EntryFacts = {
    tx,
    fee,
    weight,
    virtualSize,
    sigopCost,
    time: now,
    entryHeight: height - 1,
    // What a reorganisation gives back was here before everything else.
    sequence: bypassLimits ? 0 : context.sequence,
    spendsCoinbase: coins.some(coin => coin.isCoinbase),
  };
  return { ...candidate, facts, conflicts, isSiblingEviction: sibling !== undefined, coins };
}

/** The coins that the inputs spend, in order: of the mempool, of the package under test, of the chain. */
function* gatherCoins(tx: Transaction, { pool, coins, package: others }: AcceptContext): WriterTask<Coin[]> {
  const inMemory = tx.inputs.map(({ prevout }) => {
    const parent = pool.get(prevout.txid)?.tx ?? others.get(prevout.txid);
    const output = parent?.outputs[prevout.index];
    return output && { ...output, height: MEMPOOL_HEIGHT, isCoinbase: false };
  });
  const wanted = tx.inputs.filter((_, i) => inMemory[i] === undefined).map(input => input.prevout);
  const found = new Map<OutPointKey, Coin>();
  if (wanted.length > 0) {
    const fetched = yield* coins.fetchCoins(wanted);
    fetched.forEach((coin, i) => {
      if (coin !== undefined) found.set(keyOf(wanted[i]!), coin);
    });
  }
  const all: Coin[] = [];
  for (const [i, { prevout }] of tx.inputs.entries()) {
    const coin = inMemory[i] ?? found.get(keyOf(prevout));
    if (coin === undefined) {
      // Are the inputs gone because this very transaction spent them in a block?
      const own = yield* coins.fetchCoins(tx.outputs.map((_, index) => ({ txid: tx.txid, index })));
      throw new Reject(own.some(Boolean) ? 'txn-already-known' : 'bad-txns-inputs-missingorspent');
    }
    all.push(coin);
  }
  return all;
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
export function checkMaxFeeRate(
  { modifiedFee, virtualSize }: Candidate,
  { maxFeeRate }: AcceptOptions,
): void {
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
  { chain, scriptCache }: Pick<AcceptContext, 'chain' | 'scriptCache'>,
): WriterTask<void> {
  const { headers, params } = chain;
  const tip = chain.tip();
  const blockFlags = blockScriptFlags(params, headers.heightOf(tip), headers.hashOf(tip));
  yield* checkScriptsWith(STANDARD_SCRIPT_FLAGS, tx, spent);
  if (scriptCache?.has(tx.wtxid, blockFlags)) return;
  yield* checkScriptsWith(blockFlags, tx, spent);
  scriptCache?.add(tx.wtxid, blockFlags);
}

function* checkScriptsWith(flags: number, tx: Transaction, spent: readonly TxOutput[]): WriterTask<void> {
  const checks = [{ tx, spent, flags }];
  const failure = (yield { kind: 'checkScripts', checks, signatures: 'keeps' }) as ScriptFailure | undefined;
  if (failure === undefined) return;
  const { prevout } = tx.inputs[failure.input]!;
  const detail = `input ${failure.input} of ${hashToHex(tx.txid)} (wtxid ${hashToHex(tx.wtxid)}), spending ${hashToHex(prevout.txid)}:${prevout.index}`;
  const isStripped = !tx.hasWitness && spendsWitnessProgram(tx, spent);
  throw new Reject('mempool-script-verify-flag-failed', {
    scriptError: failure.error,
    detail,
    ...(isStripped && { kind: 'witness' as const }),
  });
}
