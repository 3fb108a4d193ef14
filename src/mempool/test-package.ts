/** What the mempool would say of transactions, without letting them in (Core: testmempoolaccept). */
import type { Reject } from '../consensus/reject.ts';
import type { Transaction } from '../wire/transaction.ts';
import { type Acceptance, type AcceptRules, ALONE } from './accept.ts';
import type { MempoolTask } from './effects.ts';
import { asFailureOf, checkWellFormed } from './package.ts';
import { PackageReject } from './package-reject.ts';
import type { PackagePool } from './submit-package.ts';

const TOGETHER: AcceptRules = { ...ALONE, allowReplacement: false, allowSiblingEviction: false };

/** By transaction; undefined where nothing is known because another one was refused. */
export interface PackageTest {
  readonly reject: PackageReject | undefined;
  readonly results: readonly (Acceptance | Reject | undefined)[];
}

/** Each as if those before it were in. Scripts come last. */
export function* testPackage(
  txs: readonly Transaction[],
  pool: Pick<PackagePool, 'check' | 'checkTogether' | 'checkScripts'>,
): MempoolTask<PackageTest> {
  const results: (Acceptance | Reject | undefined)[] = txs.map(() => undefined);
  try {
    const acceptances = yield* checkAll(txs, pool);
    for (const [i, acceptance] of acceptances.entries()) {
      try {
        yield* pool.checkScripts(txs[i]!, acceptance.coins);
      } catch (error) {
        throw asFailureOf(txs[i]!.wtxid, error);
      }
      results[i] = acceptance;
    }
  } catch (error) {
    if (!(error instanceof PackageReject)) throw error;
    const failed = txs.findIndex(tx => tx.wtxid === error.failure?.wtxid);
    if (failed !== -1) results[failed] = error.failure!.reject;
    return { reject: error, results };
  }
  return { reject: undefined, results };
}

function* checkAll(
  txs: readonly Transaction[],
  pool: Pick<PackagePool, 'check' | 'checkTogether'>,
): MempoolTask<readonly Acceptance[]> {
  if (txs.length > 1) {
    checkWellFormed(txs);
    return (yield* pool.checkTogether(txs, TOGETHER)).members;
  }
  try {
    return [yield* pool.check(txs[0]!, ALONE)];
  } catch (error) {
    throw asFailureOf(txs[0]!.wtxid, error);
  }
}
