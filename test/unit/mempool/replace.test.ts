/** Replacement, families of version 3, dust that must be spent at once, clusters, packages. */
import { describe, expect, test } from 'vitest';
import { Reject } from '../../../src/consensus/reject.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import {
  build,
  COIN_VALUE,
  change,
  coin,
  funds,
  input,
  output,
  pay,
  TestPool,
} from '../../support/test-pool.ts';

const reason = (outcome: string) => outcome.replace(/[0-9a-f]{64}/g, 'HASH');

describe('replacement', () => {
  test('must pay what leaves, and its own relay', () => {
    const pool = new TestPool();
    const old = pool.add(pay([funds(0)], 1_000));
    const size = old.virtualSize;
    const relay = Math.ceil(size / 10);
    expect(reason(pool.submit(pay([funds(0)], 999)))).toBe(
      'insufficient fee, rejecting replacement HASH, less fees than conflicting txs; 0.00000999 < 0.00001',
    );
    expect(reason(pool.submit(pay([funds(0)], 1_000 + relay - 1)))).toBe(
      `insufficient fee, rejecting replacement HASH, not enough additional fees to relay; 0.0000000${relay - 1} < 0.0000000${relay}`,
    );
    pool.takeNotices();
    const better = pay([funds(0)], 1_000 + relay);
    expect(pool.submit(better)).toBe('ok');
    expect(pool.takeNotices({ old, better })).toEqual(['-old replaced', '+better']);
  });

  test('pays for descendants too, which leave first', () => {
    const pool = new TestPool();
    const parent = pool.add(pay([funds(0)], 1_000, { count: 2 }));
    const child = pool.add(pay([change(parent)], 2_000));
    const grandchild = pool.add(pay([change(child), change(parent, 1)], 3_000));
    expect(pool.submit(pay([funds(0)], 5_999))).toMatch(/^insufficient fee, .*less fees/);
    pool.takeNotices();
    const better = pay([funds(0)], 6_100);
    expect(pool.submit(better)).toBe('ok');
    expect(pool.takeNotices({ parent, child, grandchild, better })).toEqual([
      '-grandchild replaced', '-child replaced', '-parent replaced', '+better',
    ]); // biome-ignore format: one list
    expect([pool.mempool.size, pool.mempool.totalFee]).toEqual([1, 6_100]);
  });

  test('several conflicts at once, and inputs that nobody had', () => {
    const pool = new TestPool();
    pool.add(pay([funds(0)], 500), pay([funds(1)], 600));
    const parent = pool.add(pay([funds(2)], 700));
    expect(pool.submit(pay([funds(0), funds(1), change(parent)], 5_000))).toBe('ok');
    expect(pool.mempool.size).toBe(2);
  });

  test('a higher fee at a worse rate does not improve the mempool', () => {
    const pool = new TestPool();
    pool.add(pay([funds(0)], 1_000));
    expect(pool.submit(pay([funds(0)], 3_000, { padding: 5_000 }))).toBe(
      'replacement-failed, insufficient feerate: does not improve feerate diagram',
    );
  });

  test('what spends from what it replaces contradicts itself', () => {
    const pool = new TestPool();
    const parent = pool.add(pay([funds(0)], 1_000));
    const outcome = pool.submit(pay([funds(0), change(parent)], 50_000));
    expect(reason(outcome)).toBe('bad-txns-spends-conflicting-tx, HASH spends conflicting transaction HASH');
    const child = pool.add(pay([change(parent)], 1_000));
    expect(pool.submit(pay([funds(0), change(child)], 50_000))).toMatch(/^bad-txns-spends-conflicting-tx/);
  });

  test('100 clusters may be touched, not 101', () => {
    const pool = new TestPool();
    for (let i = 0; i < 101; i += 1) pool.add(pay([funds(i)], 200));
    const all = (count: number) =>
      pay(
        Array.from({ length: count }, (_, i) => funds(i)),
        100_000,
      );
    expect(reason(pool.submit(all(101)))).toBe(
      'too many potential replacements, rejecting replacement HASH; too many conflicting clusters (101 > 100)',
    );
    expect(pool.submit(all(100))).toBe('ok');
    expect(pool.mempool.size).toBe(2);
  });

  test('one of the same cluster counts once', () => {
    const pool = new TestPool();
    const wide = pool.add(pay([funds(0)], 10_000, { count: 63 }));
    for (let i = 0; i < 63; i += 1) pool.add(pay([change(wide, i)], 200));
    const leaves = Array.from({ length: 63 }, (_, i) => change(wide, i));
    expect(pool.submit(pay(leaves, 1_000_000))).toBe('ok');
    expect(pool.mempool.size).toBe(2);
  });

  test('a parent whose child pays for it is not replaced at less than both', () => {
    const pool = new TestPool();
    const low = pool.add(pay([funds(0)], 100));
    pool.add(pay([change(low)], 20_000));
    expect(pool.submit(pay([funds(0)], 10_000))).toMatch(/^insufficient fee/);
    expect(pool.submit(pay([funds(0)], 20_200))).toBe('ok');
  });
});

describe('version 3', () => {
  const v3 = { version: 3 };
  test('families of one parent and one child', () => {
    const pool = new TestPool();
    const parent = pool.add(pay([funds(0)], 1_000, { ...v3, count: 2 }));
    expect(pool.submit(pay([change(parent)], 1_000))).toMatch(
      /^TRUC-violation, non-version=3 tx .* cannot spend from version=3 tx/,
    );
    const plain = pool.add(pay([funds(1)], 1_000));
    expect(pool.submit(pay([change(plain)], 1_000, v3))).toMatch(
      /^TRUC-violation, version=3 tx .* cannot spend from non-version=3 tx/,
    );
    expect(pool.submit(pay([funds(2)], 10_000, { ...v3, padding: 10_000 }))).toMatch(
      /is too big: \d+ > 10000 virtual bytes$/,
    );
    expect(pool.submit(pay([change(parent)], 10_000, { ...v3, padding: 1_000 }))).toMatch(
      /child tx .* is too big: \d+ > 1000 virtual bytes$/,
    );
    const child = pool.add(pay([change(parent)], 1_000, v3));
    expect(pool.submit(pay([change(child)], 1_000, v3))).toMatch(/would have too many ancestors$/);
    const other = pool.add(pay([funds(3)], 1_000, v3));
    expect(pool.submit(pay([change(parent, 1), change(other)], 9_000, v3))).toMatch(
      /would have too many ancestors$/,
    );
  });

  test('a sibling gives way to who pays more', () => {
    const pool = new TestPool();
    const parent = pool.add(pay([funds(0)], 1_000, { ...v3, count: 2 }));
    const first = pool.add(pay([change(parent)], 1_000, v3));
    expect(reason(pool.submit(pay([change(parent, 1)], 1_001, v3)))).toMatch(
      /^insufficient fee \(including sibling eviction\), rejecting replacement HASH, not enough/,
    );
    pool.takeNotices();
    const second = pay([change(parent, 1)], 1_100, v3);
    expect(pool.submit(second)).toBe('ok');
    expect(pool.takeNotices({ first, second })).toEqual(['-first replaced', '+second']);
    expect(pool.submit(pay([change(parent), change(parent, 1)], 9_000, v3))).toBe('ok');
  });
});

describe('ephemeral dust', () => {
  test('whoever spends the parent spends its dust', () => {
    const pool = new TestPool({ minRelayFeeRate: 0 });
    const parent = pool.add(build([input(coin(0))], [output(COIN_VALUE - 100), output(100)]));
    expect(pool.submit(pay([change(parent)], 1_000))).toMatch(
      /^missing-ephemeral-spends, tx .* did not spend parent's ephemeral dust$/,
    );
    expect(pool.submit(pay([change(parent), change(parent, 1)], 1_000))).toBe('ok');
  });
});

describe('clusters', () => {
  function chain(
    pool: TestPool,
    from: { readonly prevout: ReturnType<typeof coin>; readonly value: number },
    count: number,
  ): Transaction {
    let last = from;
    let tx: Transaction | undefined;
    for (let i = 0; i < count; i += 1) {
      tx = pool.add(pay([last], 1_000));
      last = change(tx);
    }
    return tx!;
  }

  test('of 64 transactions', () => {
    const pool = new TestPool();
    const last = chain(pool, funds(0), 64);
    expect(pool.submit(pay([change(last)], 1_000))).toBe('too-large-cluster');
    const alone = pool.add(pay([funds(1)], 1_000));
    expect(pool.submit(pay([change(alone), funds(2)], 1_000))).toBe('ok');
  });

  test('a joint of two clusters counts both', () => {
    const pool = new TestPool();
    const a = chain(pool, funds(0), 32);
    const b = chain(pool, funds(1), 32);
    expect(pool.submit(pay([change(a), change(b)], 1_000))).toBe('too-large-cluster');
    expect(pool.submit(pay([change(a), funds(2)], 1_000))).toBe('ok');
  });

  test('of 101,000 virtual bytes', () => {
    const pool = new TestPool();
    const parent = pool.add(pay([funds(0)], 50_000, { padding: 99_000, count: 3 }));
    const child = pool.add(pay([change(parent)], 1_000, { padding: 1_500 }));
    expect(pool.submit(pay([change(child)], 1_000, { padding: 500 }))).toBe('too-large-cluster');
    expect(pool.submit(pay([change(child)], 1_000))).toBe('ok');
  });

  test('what leaves makes room for its replacement', () => {
    const pool = new TestPool();
    const last = chain(pool, funds(0), 63);
    pool.add(pay([change(last)], 1_000));
    expect(pool.submit(pay([change(last), funds(1)], 3_000))).toBe('ok');
    expect(pool.mempool.size).toBe(64);
  });
});

describe('a package that is tested', () => {
  const verdicts = (pool: TestPool, ...txs: Transaction[]) =>
    pool
      .run(pool.mempool.testPackage(txs, pool.now))
      .results.map(result => (result instanceof Reject ? result.message : result?.facts.fee));

  test('later members spend earlier ones, and nothing is added', () => {
    const pool = new TestPool();
    const parent = pay([funds(0)], 1_000);
    const child = pay([change(parent)], 2_000);
    expect(verdicts(pool, parent, child)).toEqual([1_000, 2_000]);
    expect(verdicts(pool, child)).toEqual(['bad-txns-inputs-missingorspent']);
    expect(pool.mempool.size).toBe(0);
  });

  // Found by scripts/differential.ts.
  test('scripts come last, and after a refusal nothing is known of the others', () => {
    const pool = new TestPool();
    const good = pay([funds(0)], 1_000);
    const wrong = build(
      [input(coin(1), { scriptSig: Uint8Array.of(1, 0x52) })],
      [output(COIN_VALUE - 1_000)],
    );
    const missing = pay([change(pay([funds(5)], 1))], 1_000);
    const failure = expect.stringMatching(/^mempool-script-verify-flag-failed/);
    expect(verdicts(pool, good, wrong, pay([funds(2)], 500))).toEqual([1_000, failure, undefined]);
    expect(verdicts(pool, wrong, missing)).toEqual([undefined, 'bad-txns-inputs-missingorspent']);
  });

  test('one alone may replace, members of several may not', () => {
    const pool = new TestPool();
    pool.add(pay([funds(0)], 1_000));
    const better = pay([funds(0)], 5_000);
    expect(verdicts(pool, better)).toEqual([5_000]);
    expect(verdicts(pool, pay([funds(1)], 500), better, pay([funds(2)], 500))).toEqual([
      undefined,
      'bip125-replacement-disallowed',
      undefined,
    ]);
    expect(pool.mempool.size).toBe(1);
  });

  test('members of version 3 are families among themselves', () => {
    const pool = new TestPool();
    const v3 = { version: 3 };
    const parent = pay([funds(0)], 1_000, { ...v3, count: 2 });
    const child = pay([change(parent)], 1_000, v3);
    expect(verdicts(pool, parent, child)).toEqual([1_000, 1_000]);
    // The package as a whole is refused.
    const refusal = (...txs: Transaction[]) =>
      pool.run(pool.mempool.testPackage(txs, pool.now)).reject?.message;
    expect(refusal(parent, pay([change(parent)], 1_000))).toMatch(/cannot spend from version=3/);
    expect(refusal(parent, child, pay([change(child)], 1_000, v3))).toMatch(/too many ancestors/);
    expect(refusal(parent, child, pay([change(parent, 1)], 5_000, v3))).toMatch(
      /would exceed descendant count limit/,
    );
    expect(verdicts(pool, parent, pay([change(parent)], 1_000))).toEqual([undefined, undefined]);
  });
});
