/** Packages that are submitted: who is tried alone, who together, and what each is told. */
import { describe, expect, test } from 'vitest';
import { hashToHex } from '../../../src/base/bytes.ts';
import { checkWellFormed, isChildWithParentsTree, packageHash } from '../../../src/mempool/package.ts';
import { SEQUENCE_FINAL, type Transaction } from '../../../src/wire/transaction.ts';
import { build, change, coin, funds, input, output, pay, TestPool } from '../../support/test-pool.ts';

/** What each is told, and what the whole. */
function submit(pool: TestPool, txs: readonly Transaction[], maxFeeRate?: number) {
  const options = { now: pool.now, ...(maxFeeRate !== undefined && { maxFeeRate }) };
  const { reject, results } = pool.run(pool.mempool.submitPackage(txs, options));
  return {
    whole: reject?.message ?? 'ok',
    each: results.map(result => (result?.status === 'rejected' ? result.reject.message : result?.status)),
    results,
  };
}

const tooPoor = expect.stringMatching(/^min relay fee not met/);

describe('the form of a package', () => {
  const parents = [0, 1].map(i => pay([funds(i)], 0));
  const child = pay(
    parents.map(parent => change(parent)),
    10_000,
  );
  const formOf = (...txs: Transaction[]) => {
    try {
      checkWellFormed(txs);
      return isChildWithParentsTree(txs) ? 'tree' : 'well-formed';
    } catch (error) {
      return (error as Error).message;
    }
  };

  test.each([
    ['parents before their child', [...parents, child], 'tree'],
    ['some of the parents', [parents[1]!, child], 'tree'],
    ['strangers', [parents[0]!, pay([funds(5)], 1_000)], 'well-formed'],
    ['three generations', [parents[0]!, child, pay([change(child)], 1_000)], 'well-formed'],
    ['a child before its parents', [child, ...parents], 'package-not-sorted'],
    ['one twice', [parents[0]!, parents[0]!], 'package-contains-duplicates'],
    ['two that spend the same', [parents[0]!, pay([funds(0)], 5)], 'conflict-in-package'],
    ['too many', Array.from({ length: 26 }, (_, i) => pay([funds(i)], 1)), 'package-too-many-transactions'],
    ['too heavy together', [0, 1].map(i => pay([funds(i)], 1, { padding: 51_000 })), 'package-too-large'],
  ])('%s', (_, txs, form) => {
    expect(formOf(...txs)).toBe(form);
  });

  test('parents that depend on each other are no tree', () => {
    const parent = pay([funds(0)], 0, { count: 2 });
    const middle = pay([change(parent)], 0);
    expect(isChildWithParentsTree([parent, middle, pay([change(middle), change(parent, 1)], 9_000)])).toBe(
      false,
    );
  });

  test('its hash does not depend on the order', () => {
    expect(packageHash([...parents, child])).toBe(packageHash([child, parents[1]!, parents[0]!]));
    expect(hashToHex(packageHash([child]))).not.toBe(hashToHex(packageHash(parents)));
  });
});

describe('a package that is submitted', () => {
  test('a child pays for its parent, and both share one fee rate', () => {
    const pool = new TestPool();
    const parent = pay([funds(0)], 0);
    const child = pay([change(parent)], 5_000);
    expect(pool.submit(parent)).toMatch(/^min relay fee not met/);
    const { whole, results } = submit(pool, [parent, child]);
    expect(whole).toBe('ok');
    const rate = Math.floor((5_000 * 1000) / (parent.virtualSize + child.virtualSize));
    for (const result of results)
      expect(result).toMatchObject({
        status: 'accepted',
        effectiveFeeRate: rate,
        effectiveIncludes: [parent.wtxid, child.wtxid],
      });
    expect(pool.takeNotices({ parent, child })).toEqual(['+parent', '+child']);
    expect(submit(pool, [parent, child]).each).toEqual(['present', 'present']);
  });

  test('what passes alone enters alone: its fee is not used twice', () => {
    const pool = new TestPool();
    const rich = pay([funds(0)], 50_000);
    const poor = pay([funds(1)], 0);
    const child = pay([change(rich), change(poor)], 0);
    const { whole, each } = submit(pool, [rich, poor, child]);
    expect(whole).toBe('transaction failed');
    expect(each).toEqual(['accepted', tooPoor, tooPoor]);
    expect(pool.has(rich)).toBe(true);
  });

  test('a member that breaks another rule ends the attempt, and the others are told their own', () => {
    const pool = new TestPool();
    const poor = pay([funds(0)], 0);
    const wrong = build([input(coin(1), { scriptSig: Uint8Array.of(1, 0x52) })], [output(1_000_000)]);
    const child = pay([change(poor), change(wrong)], 20_000);
    const { whole, each } = submit(pool, [poor, wrong, child]);
    expect(whole).toBe('transaction failed');
    expect(each).toEqual([
      tooPoor,
      expect.stringMatching(/^mempool-script-verify-flag-failed/),
      'bad-txns-inputs-missingorspent',
    ]);
    expect(pool.mempool.size).toBe(0);
  });

  test('a fee rate above what the sender meant is refused', () => {
    const pool = new TestPool();
    const parent = pay([funds(0)], 1_000);
    expect(submit(pool, [parent, pay([change(parent)], 100_000)], 100_000).each).toEqual([
      'accepted',
      'max feerate exceeded',
    ]);
  });

  test('dust may come with the child that spends it', () => {
    const pool = new TestPool();
    const withDust = (value: number) =>
      build([input(coin(0))], [output(funds(0).value - value), output(value)]);
    const parent = withDust(100);
    const whole = build(
      [input({ txid: parent.txid, index: 0 }), input({ txid: parent.txid, index: 1 })],
      [output(9_000_000)],
    );
    const sweep = pay([change(parent, 0)], 5_000);
    const left = submit(pool, [parent, sweep]);
    expect(left.whole).toBe('unspent-dust');
    expect(left.each).toEqual([tooPoor, expect.stringMatching(/^missing-ephemeral-spends/)]);
    expect(submit(pool, [parent, whole]).whole).toBe('ok');
  });

  test('limits of a cluster count the whole package', () => {
    const pool = new TestPool({ clusterCountMax: 2 });
    const parents = [0, 1].map(i => pay([funds(i)], 0));
    const child = pay(
      parents.map(parent => change(parent)),
      20_000,
    );
    expect(submit(pool, [...parents, child]).whole).toBe('too-large-cluster');
  });

  test('another witness of what is here is told', () => {
    const pool = new TestPool();
    const parent = pay([funds(0)], 1_000);
    pool.add(parent);
    const child = pay([change(parent)], 1_000);
    expect(submit(pool, [parent, child]).each).toEqual(['present', 'accepted']);
  });
});

describe('replacement by a package', () => {
  const parentOf = (fee: number) => pay([funds(0)], fee, { version: 3 });
  const familyOf = (fee: number, childFee: number): [Transaction, Transaction] => {
    const parent = parentOf(fee);
    return [parent, pay([change(parent), funds(7)], childFee, { version: 3 })];
  };

  test('parent and child pay for what leaves', () => {
    const pool = new TestPool();
    const old = pool.add(pay([funds(0)], 3_000));
    const [parent, child] = familyOf(0, 9_000);
    const { whole, results } = submit(pool, [parent, child]);
    expect(whole).toBe('ok');
    expect(results.flatMap(result => (result?.status === 'accepted' ? result.replaced : []))).toMatchObject([
      { tx: old },
    ]);
    expect(pool.has(old)).toBe(false);
  });

  test.each([
    [
      'less than what leaves',
      0,
      2_000,
      /insufficient anti-DoS fees, rejecting replacement .* less fees than conflicting txs/,
    ],
    ['not for its own relay', 0, 3_010, /insufficient anti-DoS fees, .* not enough additional fees to relay/],
  ])('that pays %s is refused', (_, fee, childFee, reason) => {
    const pool = new TestPool();
    pool.add(pay([funds(0)], 3_000));
    expect(submit(pool, familyOf(fee, childFee)).whole).toMatch(reason);
    expect(pool.mempool.size).toBe(1);
  });

  test('a child of a worse rate than its parent does not pay for it', () => {
    const pool = new TestPool();
    pool.add(pay([funds(0)], 3_000, { padding: 200 }));
    const parent = pay([funds(0)], 3_005);
    const child = build(
      [input({ txid: parent.txid, index: 0 }, { sequence: SEQUENCE_FINAL })],
      [output(parent.outputs[0]!.value - 1_000)],
      { padding: 3_000 },
    );
    expect(submit(pool, [parent, child]).whole).toMatch(
      /^package RBF failed: package feerate is less than or equal to parent feerate, package feerate 0\.\d{8} BTC\/kvB/,
    );
  });

  test('more than two replace nothing', () => {
    const pool = new TestPool();
    pool.add(pay([funds(0)], 3_000));
    const parents = [0, 1].map(i => pay([funds(i)], 0));
    const child = pay(
      parents.map(parent => change(parent)),
      90_000,
    );
    expect(submit(pool, [...parents, child]).whole).toBe(
      'package RBF failed: package must be 1-parent-1-child',
    );
  });
});

describe('prioritisation', () => {
  test('counts as a fee, before and after it enters, until it is mined', () => {
    const pool = new TestPool();
    const poor = pay([funds(0)], 0);
    pool.mempool.prioritise(poor.txid, 700);
    pool.mempool.prioritise(poor.txid, 300);
    expect(pool.submit(poor)).toBe('ok');
    expect(pool.mempool.get(poor.txid)).toMatchObject({ fee: 0, modifiedFee: 1_000 });
    const better = pool.add(pay([funds(1)], 2_000));
    expect(pool.mempool.compareMiningOrder(better.txid, poor.txid)).toBeLessThan(0);
    pool.mempool.prioritise(poor.txid, 5_000);
    expect(pool.mempool.compareMiningOrder(better.txid, poor.txid)).toBeGreaterThan(0);
    pool.mempool.prioritise(poor.txid, -6_000);
    expect([...pool.mempool.feeDeltas()]).toEqual([]);
  });
});
