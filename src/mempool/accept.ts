/**
 * Whether a loose transaction may enter the mempool: Core's MemPoolAccept, in its order of checks, so that the same
 * transaction is refused for the same reason. Cheap checks come first; scripts are the last thing looked at.
 * Source: Core src/validation.cpp (PreChecks, ReplacementChecks, PolicyScriptChecks), policy/rbf.cpp, truc_policy.cpp,
 * ephemeral_policy.cpp. Not here yet: packages other than in `testPackage`.
 */
import { hashToHex, type Txid } from '../base/bytes.ts';
import type { Milliseconds } from '../base/clock.ts';
import type { ChainView } from '../chain/chain-view.ts';
import { type Coin, keyOf, type OutPointKey, outPointKey } from '../chain/coin.ts';
import type { WriterTask } from '../chain/effects.ts';
import { formatMoney } from '../consensus/amount.ts';
import { isFinalTx, sequenceLocks, sequenceLocksMet } from '../consensus/locktime.ts';
import { Reject } from '../consensus/reject.ts';
import { checkTransaction, checkTxInputs } from '../consensus/tx.ts';
import { STANDARD_SCRIPT_FLAGS } from '../script/flags.ts';
import { transactionSigOpCost } from '../script/sigops.ts';
import type { OutPoint, Transaction, TxOutput } from '../wire/transaction.ts';
import { type Chunk, chunksOf, clusterOf, improvesDiagram } from './cluster.ts';
import { feeAt } from './fee-rate.ts';
import type { MempoolOptions } from './options.ts';
import {
  checkInputsStandard, checkStandard, checkWitnessStandard, dustOutputs, spendsWitnessProgram, virtualSizeWithSigOps,
} from './policy.ts'; // biome-ignore format: one list
import { ancestorsOf, type EntryFacts, type PoolEntry, type TxPool, withDescendants } from './tx-pool.ts';

/** Height that a coin made by a mempool transaction counts as having (Core: MEMPOOL_HEIGHT). */
const MEMPOOL_HEIGHT = 0x7fff_ffff;
/** Clusters that one replacement may touch (Core: MAX_REPLACEMENT_CANDIDATES). */
const REPLACEMENT_CLUSTERS_MAX = 100;
/** Sigop cost of a standard transaction: a fifth of a block's. */
const STANDARD_SIGOPS_COST_MAX = 16_000;
/** Bytes without witness of the smallest standard transaction: a 64-byte one can pass for a merkle node. */
const STANDARD_STRIPPED_BYTES_MIN = 65;

const TRUC_VERSION = 3;
/** Virtual bytes of a version 3 transaction, and of one with an unconfirmed parent (BIP431). */
const TRUC_SIZE_MAX = 10_000;
const TRUC_CHILD_SIZE_MAX = 1_000;

/** Reads coins of the active chain; undefined where spent or never made. */
export interface CoinReader {
  fetchCoins(outPoints: readonly OutPoint[]): WriterTask<(Coin | undefined)[]>;
}

export interface AcceptContext {
  readonly chain: ChainView;
  readonly coins: CoinReader;
  readonly pool: TxPool;
  readonly options: MempoolOptions;
  /** Satoshi per 1000 virtual bytes that a full pool demands. */
  readonly poolMinFeeRate: number;
  readonly sequence: number;
  /** Transactions that count as being here too: earlier members of a package that is being tested. */
  readonly package: ReadonlyMap<Txid, Transaction>;
}

export interface AcceptOptions {
  readonly now: Milliseconds;
  /** Given back by a reorganisation: fees and size of the pool are no reason to refuse it. */
  readonly bypassLimits: boolean;
}

/** What may be added, and what it replaces. */
export interface Acceptance {
  readonly facts: EntryFacts;
  readonly replaced: ReadonlySet<PoolEntry>;
}

/** Throws Reject. Changes nothing. */
export function* checkAcceptance(
  tx: Transaction,
  context: AcceptContext,
  { now, bypassLimits }: AcceptOptions,
): WriterTask<Acceptance> {
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
    if (spender !== undefined) conflicts.add(spender);
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
  const virtualSize = virtualSizeWithSigOps(tx.weight, sigopCost);
  if (options.requireStandard && fee !== 0 && dustOutputs(tx, options.dustRelayFeeRate).length > 0) {
    throw new Reject('dust', { detail: 'tx with dust output must be 0-fee' });
  }
  if (sigopCost > STANDARD_SIGOPS_COST_MAX)
    throw new Reject('bad-txns-too-many-sigops', { detail: `${sigopCost}` });
  if (!bypassLimits) {
    checkFeeRate(fee, virtualSize, context);
    checkTruc(tx, virtualSize, pool, conflicts);
  }
  const replaced =
    conflicts.size === 0 ? new Set<PoolEntry>() : checkReplacement(tx, fee, virtualSize, conflicts, context);
  if (!bypassLimits) checkCluster(tx, virtualSize, replaced, context);
  checkSpendsNoConflict(tx, conflicts, pool);
  if (!bypassLimits && options.requireStandard) checkEphemeralSpends(tx, context);
  yield* checkScripts(tx, coins);

  const facts: EntryFacts = {
    tx,
    fee,
    virtualSize,
    sigopCost,
    time: now,
    entryHeight: height - 1,
    // What a reorganisation gives back was here before everything else.
    sequence: bypassLimits ? 0 : context.sequence,
    spendsCoinbase: coins.some(coin => coin.isCoinbase),
  };
  return { facts, replaced };
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

function checkFeeRate(fee: number, virtualSize: number, { poolMinFeeRate, options }: AcceptContext): void {
  const poolFee = feeAt(poolMinFeeRate, virtualSize);
  if (poolFee > 0 && fee < poolFee)
    throw new Reject('mempool min fee not met', { detail: `${fee} < ${poolFee}` });
  const relayFee = feeAt(options.minRelayFeeRate, virtualSize);
  if (fee < relayFee) throw new Reject('min relay fee not met', { detail: `${fee} < ${relayFee}` });
}

/** BIP431: version 3 transactions stay in families of one parent and one child. */
function checkTruc(tx: Transaction, virtualSize: number, pool: TxPool, conflicts: Set<PoolEntry>): void {
  const fail = (detail: string) => new Reject('TRUC-violation', { detail });
  const name = (t: Transaction) => `tx ${hashToHex(t.txid)} (wtxid=${hashToHex(t.wtxid)})`;
  const parents = [...pool.parentsOf(tx)];
  for (const parent of parents) {
    const isTruc = parent.tx.version === TRUC_VERSION;
    if (isTruc && tx.version !== TRUC_VERSION) {
      throw fail(`non-version=3 ${name(tx)} cannot spend from version=3 ${name(parent.tx)}`);
    }
    if (!isTruc && tx.version === TRUC_VERSION) {
      throw fail(`version=3 ${name(tx)} cannot spend from non-version=3 ${name(parent.tx)}`);
    }
  }
  if (tx.version !== TRUC_VERSION) return;
  if (virtualSize > TRUC_SIZE_MAX) {
    throw fail(`version=3 ${name(tx)} is too big: ${virtualSize} > ${TRUC_SIZE_MAX} virtual bytes`);
  }
  const [parent] = parents;
  if (parent === undefined) return;
  if (parents.length > 1 || parent.parents.size > 0) throw fail(`${name(tx)} would have too many ancestors`);
  if (virtualSize > TRUC_CHILD_SIZE_MAX) {
    throw fail(
      `version=3 child ${name(tx)} is too big: ${virtualSize} > ${TRUC_CHILD_SIZE_MAX} virtual bytes`,
    );
  }
  const siblings = [...parent.children].filter(child => !conflicts.has(child));
  if (siblings.length === 0) return;
  // A lone sibling may be replaced as if it conflicted (sibling eviction).
  if (siblings.length === 1 && siblings[0]!.children.size === 0) conflicts.add(siblings[0]!);
  else throw fail(`${name(parent.tx)} would exceed descendant count limit`);
}

/** Rules of replacement; returns everything that leaves. */
function checkReplacement(
  tx: Transaction,
  fee: number,
  virtualSize: number,
  conflicts: ReadonlySet<PoolEntry>,
  context: AcceptContext,
): Set<PoolEntry> {
  const { options } = context;
  const txid = hashToHex(tx.txid);
  const clusters = new Set([...conflicts].map(conflict => conflict.place.cluster));
  if (clusters.size > REPLACEMENT_CLUSTERS_MAX) {
    const detail = `rejecting replacement ${txid}; too many conflicting clusters (${clusters.size} > ${REPLACEMENT_CLUSTERS_MAX})`;
    throw new Reject('too many potential replacements', { detail });
  }
  const replaced = withDescendants(conflicts);
  let oldFee = 0;
  for (const entry of replaced) oldFee += entry.modifiedFee;
  if (fee < oldFee) {
    const detail = `rejecting replacement ${txid}, less fees than conflicting txs; ${formatMoney(fee)} < ${formatMoney(oldFee)}`;
    throw new Reject('insufficient fee', { detail });
  }
  const relayFee = feeAt(options.incrementalRelayFeeRate, virtualSize);
  if (fee - oldFee < relayFee) {
    const detail = `rejecting replacement ${txid}, not enough additional fees to relay; ${formatMoney(fee - oldFee)} < ${formatMoney(relayFee)}`;
    throw new Reject('insufficient fee', { detail });
  }
  checkCluster(tx, virtualSize, replaced, context);
  const { before, after } = diagramsOfReplacement(tx, fee, virtualSize, replaced, context.pool);
  if (!improvesDiagram(before, after)) {
    throw new Reject('replacement-failed', {
      detail: 'insufficient feerate: does not improve feerate diagram',
    });
  }
  return replaced;
}

/** A stand-in graph for "what if": nodes that copy the entries concerned. */
interface Node {
  readonly modifiedFee: number;
  readonly virtualSize: number;
  readonly parents: Set<Node>;
  readonly children: Set<Node>;
}

/** The chunks of all clusters that the replacement touches, before and after it. */
function diagramsOfReplacement(
  tx: Transaction,
  fee: number,
  virtualSize: number,
  replaced: ReadonlySet<PoolEntry>,
  pool: TxPool,
): { before: Chunk<unknown>[]; after: Chunk<unknown>[] } {
  const parents = pool.parentsOf(tx);
  const touched = new Set([...replaced, ...parents].flatMap(entry => clusterOf<PoolEntry>(entry)));
  const before = [...new Set([...touched].map(entry => entry.place.chunk))];
  const nodes = new Map<PoolEntry, Node>();
  for (const entry of touched) {
    if (replaced.has(entry)) continue;
    nodes.set(entry, {
      modifiedFee: entry.modifiedFee,
      virtualSize: entry.virtualSize,
      parents: new Set(),
      children: new Set(),
    });
  }
  for (const [entry, node] of nodes) {
    for (const child of entry.children) {
      const childNode = nodes.get(child);
      if (childNode === undefined) continue;
      node.children.add(childNode);
      childNode.parents.add(node);
    }
  }
  const added: Node = { modifiedFee: fee, virtualSize, parents: new Set(), children: new Set() };
  for (const parent of parents) {
    const node = nodes.get(parent);
    if (node === undefined) continue;
    added.parents.add(node);
    node.children.add(added);
  }
  const after: Chunk<unknown>[] = [];
  const done = new Set<Node>();
  for (const node of [...nodes.values(), added]) {
    if (done.has(node)) continue;
    const cluster = clusterOf<Node>(node);
    for (const member of cluster) done.add(member);
    after.push(...chunksOf(cluster));
  }
  return { before, after };
}

/** The cluster that the transaction would join stays within its limits. */
function checkCluster(
  tx: Transaction,
  virtualSize: number,
  replaced: ReadonlySet<PoolEntry>,
  { pool, options }: AcceptContext,
): void {
  const members = new Set<PoolEntry>();
  for (const parent of pool.parentsOf(tx)) if (!replaced.has(parent)) members.add(parent);
  for (const member of members) {
    for (const next of [...member.parents, ...member.children]) if (!replaced.has(next)) members.add(next);
  }
  let size = virtualSize;
  for (const member of members) size += member.virtualSize;
  if (members.size + 1 > options.clusterCountMax || size > options.clusterSizeMax)
    throw new Reject('too-large-cluster');
}

/** A transaction that spends what it would replace contradicts itself. */
function checkSpendsNoConflict(tx: Transaction, conflicts: ReadonlySet<PoolEntry>, pool: TxPool): void {
  if (conflicts.size === 0) return;
  for (const parent of pool.parentsOf(tx)) {
    for (const ancestor of [parent, ...ancestorsOf(parent)]) {
      if (!conflicts.has(ancestor)) continue;
      const detail = `${hashToHex(tx.txid)} spends conflicting transaction ${hashToHex(ancestor.tx.txid)}`;
      throw new Reject('bad-txns-spends-conflicting-tx', { detail });
    }
  }
}

/** Dust of an unconfirmed parent must be spent by whoever spends the parent. */
function checkEphemeralSpends(tx: Transaction, { pool, options }: AcceptContext): void {
  const spent = new Set(tx.inputs.map(input => keyOf(input.prevout)));
  for (const parent of pool.parentsOf(tx)) {
    for (const index of dustOutputs(parent.tx, options.dustRelayFeeRate)) {
      if (spent.has(outPointKey(parent.tx.txid, index))) continue;
      const detail = `tx ${hashToHex(tx.txid)} (wtxid=${hashToHex(tx.wtxid)}) did not spend parent's ephemeral dust`;
      throw new Reject('missing-ephemeral-spends', { detail });
    }
  }
}

function* checkScripts(tx: Transaction, spent: readonly TxOutput[]): WriterTask<void> {
  // The standard flags contain those of every block, so that what passes here passes in a block too.
  const checks = [{ tx, spent, flags: STANDARD_SCRIPT_FLAGS }];
  const failure = (yield { kind: 'checkScripts', checks }) as { input: number; error: string } | undefined;
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
