/** Blocks of transactions that the mempool has run before run no script again. That no verdict changes: block-rules.test.ts. */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../../src/base/random.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { ScriptCache } from '../../../src/chain/script-cache.ts';
import { overrideParams } from '../../../src/consensus/overrides.ts';
import { SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import type { Block } from '../../../src/wire/block.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { mineBlock, NOW, REGTEST, TestChain } from '../../support/test-chain.ts';
import { change, FUNDED, funds, pay, TestPool } from '../../support/test-pool.ts';

const HEIGHT = FUNDED.length;
const TIP = FUNDED.at(-1)!;
const random = new SeededRandom(3);
const parent = pay([funds(0)], 1_000, { count: 2 });
const child = pay([change(parent), change(parent, 1)], 1_000);
const other = pay([funds(1)], 1_000);
const rival = pay([funds(1)], 2_000);

function poolWithCache({ bytes = 1 << 16, params = REGTEST } = {}): TestPool {
  const scriptCache = new ScriptCache(random.bytes(32), bytes);
  const chain = new TestChain({ scriptCache }, new MemoryStorage({ crashable: true }), params);
  return new TestPool({ requireStandard: false }, chain);
}

/** How many transactions had their scripts run since the last call. */
function scriptsRun(pool: TestPool): number {
  const { effects } = pool.chain;
  const count = effects.reduce((sum, e) => sum + ('checks' in e ? e.checks.length : 0), 0);
  effects.length = 0;
  return count;
}

function accept(pool: TestPool, ...txs: readonly Transaction[]): void {
  for (const tx of txs) expect(pool.submit(tx)).toBe('ok');
  scriptsRun(pool);
}

function blockOf(transactions: readonly Transaction[], on: Block = TIP, height = HEIGHT, tag = 0): Block {
  return mineBlock(on, height, { transactions, tag });
}

test('the mempool runs scripts under its own flags and the tip’s, and the block not at all', () => {
  const pool = poolWithCache();
  scriptsRun(pool);
  expect([pool.submit(parent), pool.submit(child)]).toEqual(['ok', 'ok']);
  expect(scriptsRun(pool)).toBe(4);
  expect(pool.chain.submit(blockOf([parent, child]))).toBe('new');
  expect(scriptsRun(pool)).toBe(0);
  expect(pool.chain.chain.height).toBe(HEIGHT + 1);
});

test('what the mempool has not seen is run, and without a cache everything', () => {
  const pool = poolWithCache();
  accept(pool, parent, other);
  pool.chain.submit(blockOf([parent, child, other]));
  expect(scriptsRun(pool)).toBe(1);
  const bare = new TestPool({ requireStandard: false });
  accept(bare, parent, child);
  bare.chain.submit(blockOf([parent, child]));
  expect(scriptsRun(bare)).toBe(2);
});

test('a cache too small for them forgets, and the block runs them', () => {
  const pool = poolWithCache({ bytes: 0 });
  const txs = Array.from({ length: 20 }, (_, i) => pay([funds(i)], 1_000));
  accept(pool, ...txs);
  expect(pool.chain.submit(blockOf(txs))).toBe('new');
  expect(scriptsRun(pool)).toBe(12);
});

test('on the other side of a soft fork’s height the flags are others, and everything is run', () => {
  const params = overrideParams(REGTEST, { activationHeights: [`csv@${HEIGHT + 1}`] });
  const pool = poolWithCache({ params });
  accept(pool, parent, child);
  pool.chain.submit(blockOf([parent, child]));
  expect(scriptsRun(pool)).toBe(2);
  accept(pool, other);
  pool.chain.submit(blockOf([other], blockOf([parent, child]), HEIGHT + 1));
  expect(scriptsRun(pool)).toBe(0);
});

test('a reorganisation runs nothing again, and coins are looked at all the same', () => {
  const pool = poolWithCache();
  accept(pool, other);
  const first = blockOf([other]);
  pool.chain.submit(first);
  // A branch that spends the coin otherwise, and then the remembered transaction on top of that.
  const a = blockOf([rival], TIP, HEIGHT, 1);
  const b = blockOf([], a, HEIGHT + 1);
  pool.chain.submit(a);
  pool.chain.submit(b);
  expect(pool.chain.chain.height).toBe(HEIGHT + 2);
  scriptsRun(pool);
  const again = blockOf([other], b, HEIGHT + 2);
  pool.chain.notices.length = 0;
  pool.chain.submit(again);
  expect(pool.chain.notices.flatMap(n => (n.kind === 'blockInvalid' ? [n.reason.reason] : []))).toEqual([
    'bad-txns-inputs-missingorspent',
  ]);
  // And back to the branch where it is good.
  const c = blockOf([], first, HEIGHT + 1, 2);
  const d = blockOf([], c, HEIGHT + 2, 2);
  const e = blockOf([], d, HEIGHT + 3, 2);
  for (const block of [c, d, e]) pool.chain.submit(block);
  expect(pool.chain.chain.headers.hashOf(pool.chain.chain.tip())).toBe(e.header.hash);
});

test('a proposal reads it too', () => {
  const pool = poolWithCache();
  accept(pool, parent);
  const options = { now: NOW, checkPow: false, checkMerkleRoot: true };
  expect(pool.run(pool.chain.chain.testBlock(blockOf([parent, child]), options))).toBeUndefined();
  expect(scriptsRun(pool)).toBe(1);
});

test('an entry is of one transaction under one set of flags', () => {
  const cache = new ScriptCache(random.bytes(32), 4_096);
  const flags = [0, ...Object.values(SCRIPT_FLAGS), 0x1f_ffff];
  for (const each of flags) {
    expect(flags.filter(f => cache.has(parent.wtxid, f))).toEqual(flags.slice(0, flags.indexOf(each)));
    cache.add(parent.wtxid, each);
    expect(cache.has(child.wtxid, each)).toBe(false);
  }
});
