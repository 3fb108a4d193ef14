/**
 * Packages: transactions that are looked at together, so that a child can pay for parents that pay too little alone.
 * Source: Core src/policy/packages.cpp, validation.cpp (AcceptMultipleTransactionsInternal). Which members are looked at
 * together when a package is submitted, submit-package.ts decides.
 */
import { binaryToBytes, bytesToHash, type Hash256, type Txid, type Wtxid } from '../base/bytes.ts';
import type { OutPointKey } from '../chain/coin.ts';
import type { WriterTask } from '../chain/effects.ts';
import { Reject } from '../consensus/reject.ts';
import { sha256 } from '../crypto/sha256.ts';
import type { Transaction } from '../wire/transaction.ts';
import {
  type Acceptance, type AcceptRules, type Checked, checkFeeRate, checkMaxFeeRate, preCheck,
} from './accept.ts'; // biome-ignore format: one list
import type { AcceptContext } from './accept-context.ts';
import { PackageReject } from './package-reject.ts';
import { checkPackageReplacement } from './replace.ts';
import { areClustersWithinLimits, checkEphemeralSpends, checkTrucPackage } from './topology.ts';
import type { PoolEntry } from './tx-pool.ts';

/** Transactions of a package, and weight units of them all (Core: MAX_PACKAGE_COUNT, MAX_PACKAGE_WEIGHT). */
export const PACKAGE_COUNT_MAX = 25;
const PACKAGE_WEIGHT_MAX = 404_000;

const NOTHING: ReadonlySet<PoolEntry> = new Set();

/** Rules that need no context. Throws PackageReject. */
export function checkWellFormed(txs: readonly Transaction[]): void {
  if (txs.length > PACKAGE_COUNT_MAX) throw new PackageReject('package-too-many-transactions');
  const weight = txs.reduce((sum, tx) => sum + tx.weight, 0);
  // Of one alone, the rule for transactions says more.
  if (txs.length > 1 && weight > PACKAGE_WEIGHT_MAX) throw new PackageReject('package-too-large');
  const later = new Set(txs.map(tx => tx.txid));
  if (later.size !== txs.length) throw new PackageReject('package-contains-duplicates');
  for (const tx of txs) {
    if (tx.inputs.some(input => later.has(input.prevout.txid))) throw new PackageReject('package-not-sorted');
    later.delete(tx.txid);
  }
  const spent = new Set<OutPointKey>();
  for (const tx of txs) {
    const keys = tx.prevoutKeys;
    // Two inputs of one transaction that spend the same are its own mistake, which it is refused for.
    if (keys.length === 0 || keys.some(key => spent.has(key))) throw new PackageReject('conflict-in-package');
    for (const key of keys) spent.add(key);
  }
}

/** The last spends from each of the others. */
export function isChildWithParents(txs: readonly Transaction[]): boolean {
  const child = txs.at(-1);
  if (child === undefined || txs.length < 2) return false;
  const spent = new Set(child.inputs.map(input => input.prevout.txid));
  return txs.slice(0, -1).every(tx => spent.has(tx.txid));
}

/** And the parents do not spend from each other. */
export function isChildWithParentsTree(txs: readonly Transaction[]): boolean {
  if (!isChildWithParents(txs)) return false;
  const parents = txs.slice(0, -1);
  const txids = new Set(parents.map(tx => tx.txid));
  return parents.every(tx => tx.inputs.every(input => !txids.has(input.prevout.txid)));
}

/** Names a package, whatever the order of its members (Core: GetPackageHash). */
export function packageHash(txs: readonly Transaction[]): Hash256 {
  // As numbers, which are written with the last byte first.
  const reversed = txs.map(tx => [...tx.wtxid].reverse().join('')).sort();
  const wtxids = reversed.map(wtxid => [...wtxid].reverse().join(''));
  return bytesToHash(sha256(binaryToBytes(wtxids.join(''))));
}

/** Members that may enter together, parents first, and what they replace. */
export interface PackageAcceptance {
  readonly members: readonly Acceptance[];
  readonly replaced: ReadonlySet<PoolEntry>;
  /** Of all together. */
  readonly modifiedFee: number;
  readonly virtualSize: number;
}

/** All but the scripts, of several well-formed transactions. Throws PackageReject. Changes nothing. */
export function* checkPackage(
  txs: readonly Transaction[],
  context: AcceptContext,
  rules: AcceptRules,
): WriterTask<PackageAcceptance> {
  const checked: Checked[] = [];
  const earlier = new Map<Txid, Transaction>();
  for (const tx of txs) {
    try {
      const member = yield* preCheck(tx, { ...context, package: earlier }, rules);
      checkMaxFeeRate(member, rules);
      checked.push(member);
    } catch (error) {
      throw asFailureOf(tx.wtxid, error);
    }
    earlier.set(tx.txid, tx);
  }
  asPackageRule(() => checkTrucPackage(checked));
  const modifiedFee = checked.reduce((sum, member) => sum + member.modifiedFee, 0);
  const virtualSize = checked.reduce((sum, member) => sum + member.virtualSize, 0);
  if (rules.feeRateOf === 'package')
    asRuleFor(txs.at(-1)!.wtxid, () => checkFeeRate(modifiedFee, virtualSize, context));
  const replaces = checked.some(member => member.conflicts.size > 0);
  const replaced = replaces ? checkPackageReplacement(checked, context) : NOTHING;
  if (!areClustersWithinLimits(checked, replaced, context)) throw new PackageReject('too-large-cluster');
  if (context.options.requireStandard)
    for (const member of checked)
      asRuleFor(member.tx.wtxid, () => checkEphemeralSpends(member, txs, context), 'unspent-dust');
  const members = checked.map(({ facts, coins, modifiedFee: own }) => ({
    facts,
    coins,
    modifiedFee: own,
    replaced,
  }));
  return { members, replaced, modifiedFee, virtualSize };
}

/** What refuses the package because one of its members is refused; another error as it is. */
export function asFailureOf(wtxid: Wtxid, error: unknown, message = 'transaction failed'): unknown {
  return error instanceof Reject ? new PackageReject(message, { wtxid, reject: error }) : error;
}

function asRuleFor(wtxid: Wtxid, check: () => void, message?: string): void {
  try {
    check();
  } catch (error) {
    throw asFailureOf(wtxid, error, message);
  }
}

function asPackageRule(check: () => void): void {
  try {
    check();
  } catch (error) {
    throw error instanceof Reject ? new PackageReject(error.message) : error;
  }
}
