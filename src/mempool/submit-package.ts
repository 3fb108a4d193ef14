/**
 * Lets a child and its parents into the mempool (Core: src/validation.cpp, AcceptPackage). Each member is tried alone
 * first, so that its fee is used once: only those that fail for their fee, or for a parent that failed for its own, are
 * looked at together. A member that fails for another reason would fail with the others too: then nobody else is tried
 * together, but who passed alone stays.
 */
import { assert } from '../base/assert.ts';
import type { Milliseconds } from '../base/clock.ts';
import { Reject } from '../consensus/reject.ts';
import type { Transaction } from '../wire/transaction.ts';
import { type Acceptance, type AcceptRules, ALONE } from './accept.ts';
import type { MempoolTask } from './effects.ts';
import { feeRateOf } from './fee-rate.ts';
import type { MempoolEntry, PackageResult, PackageTxResult } from './mempool-view.ts';
import { asFailureOf, checkWellFormed, isChildWithParents, type PackageAcceptance } from './package.ts';
import { PackageReject } from './package-reject.ts';

/** What the writer of the pool does for packages. */
export interface PackagePool {
  getByWtxid(wtxid: Transaction['wtxid']): MempoolEntry | undefined;
  get(txid: Transaction['txid']): MempoolEntry | undefined;
  /** Throw Reject and PackageReject; change nothing. */
  check(tx: Transaction, rules: AcceptRules): MempoolTask<Acceptance>;
  checkTogether(txs: readonly Transaction[], rules: AcceptRules): MempoolTask<PackageAcceptance>;
  checkScripts(tx: Transaction, spent: Acceptance['coins']): MempoolTask<void>;
  /** Returns what was replaced. */
  add(members: readonly Acceptance[]): MempoolTask<readonly MempoolEntry[]>;
  /** Drops what no longer fits. */
  limit(): MempoolTask<void>;
}

export interface SubmitPackageOptions {
  readonly now: Milliseconds;
  /** Satoshi per 1000 virtual bytes; a transaction with a higher rate is taken for a mistake of the user. */
  readonly maxFeeRate?: number;
}

const TOGETHER: AcceptRules = { ...ALONE, allowSiblingEviction: false, feeRateOf: 'package' };

export function* submitPackage(
  txs: readonly Transaction[],
  pool: PackagePool,
  { maxFeeRate }: SubmitPackageOptions,
): MempoolTask<PackageResult> {
  const limit = maxFeeRate === undefined ? {} : { maxFeeRate };
  assert(txs.length > 0, 'a package has members');
  try {
    checkWellFormed(txs);
    if (txs.length > 1 && !isChildWithParents(txs)) throw new PackageReject('package-not-child-with-parents');
  } catch (error) {
    if (error instanceof PackageReject) return { reject: error, results: txs.map(() => undefined) };
    throw error;
  }

  let reject: PackageReject | undefined;
  const results = new Map<Transaction, PackageTxResult>();
  const together: Transaction[] = [];
  for (const tx of txs) {
    const known = resultOfKnown(tx, pool) ?? (yield* tryAlone(tx, pool, { ...ALONE, ...limit }));
    results.set(tx, known);
    if (known.status !== 'rejected') continue;
    const { kind } = known.reject;
    if (txs.length > 1 && (kind === 'reconsiderable' || kind === 'missing-inputs')) together.push(tx);
    else reject = new PackageReject('transaction failed', { wtxid: tx.wtxid, reject: known.reject });
  }
  if (reject === undefined && together.length > 0) {
    const outcome = yield* tryTogether(together, pool, { ...TOGETHER, ...limit });
    reject = outcome.reject;
    for (const [tx, result] of outcome.results) results.set(tx, result);
  }
  yield* pool.limit();
  // What entered or was here may have had to go.
  for (const [tx, result] of results) {
    if (result.status === 'rejected' || pool.get(tx.txid) !== undefined) continue;
    const full = new Reject('mempool full', { kind: 'policy' });
    results.set(tx, { status: 'rejected', reject: full });
    reject = new PackageReject('transaction failed', { wtxid: tx.wtxid, reject: full });
  }
  return { reject, results: txs.map(tx => results.get(tx)) };
}

function resultOfKnown(tx: Transaction, pool: PackagePool): PackageTxResult | undefined {
  const same = pool.getByWtxid(tx.wtxid);
  if (same !== undefined) return { status: 'present', fee: same.fee, virtualSize: same.virtualSize };
  const twin = pool.get(tx.txid);
  return twin && { status: 'other-witness', wtxid: twin.tx.wtxid };
}

function* tryAlone(tx: Transaction, pool: PackagePool, rules: AcceptRules): MempoolTask<PackageTxResult> {
  try {
    const acceptance = yield* pool.check(tx.detached(), rules);
    yield* pool.checkScripts(tx, acceptance.coins);
    const replaced = yield* pool.add([acceptance]);
    return accepted(acceptance, replaced, [acceptance]);
  } catch (error) {
    if (error instanceof Reject) return { status: 'rejected', reject: error };
    throw error;
  }
}

function* tryTogether(
  txs: readonly Transaction[],
  pool: PackagePool,
  rules: AcceptRules,
): MempoolTask<{ reject: PackageReject | undefined; results: [Transaction, PackageTxResult][] }> {
  try {
    // What is left of a package may be a child whose parents are in.
    if (txs.length === 1) {
      const result = yield* tryAlone(txs[0]!, pool, { ...rules, ...ALONE });
      const failure = result.status === 'rejected' && { wtxid: txs[0]!.wtxid, reject: result.reject };
      const reject = failure ? new PackageReject('transaction failed', failure) : undefined;
      return { reject, results: [[txs[0]!, result]] };
    }
    checkWellFormed(txs);
    const { members, replaced } = yield* pool.checkTogether(
      txs.map(tx => tx.detached()),
      rules,
    );
    for (const { facts, coins } of members) {
      try {
        yield* pool.checkScripts(facts.tx, coins);
      } catch (error) {
        throw asFailureOf(facts.tx.wtxid, error);
      }
    }
    yield* pool.add(members);
    const results = members.map((member, i): [Transaction, PackageTxResult] => [
      txs[i]!,
      // What was replaced is told once.
      accepted(member, i === 0 ? [...replaced] : [], members),
    ]);
    return { reject: undefined, results };
  } catch (error) {
    if (!(error instanceof PackageReject)) throw error;
    const failed = txs.find(tx => tx.wtxid === error.failure?.wtxid);
    const results: [Transaction, PackageTxResult][] =
      failed === undefined ? [] : [[failed, { status: 'rejected', reject: error.failure!.reject }]];
    return { reject: error, results };
  }
}

function accepted(
  { facts }: Acceptance,
  replaced: readonly MempoolEntry[],
  payers: readonly Acceptance[],
): PackageTxResult {
  const fee = payers.reduce((sum, payer) => sum + payer.modifiedFee, 0);
  const size = payers.reduce((sum, payer) => sum + payer.facts.virtualSize, 0);
  return {
    status: 'accepted',
    fee: facts.fee,
    virtualSize: facts.virtualSize,
    effectiveFeeRate: feeRateOf(fee, size),
    effectiveIncludes: payers.map(payer => payer.facts.tx.wtxid),
    replaced,
  };
}
