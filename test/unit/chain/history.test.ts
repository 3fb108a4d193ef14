/**
 * A chain that goes on from a snapshot while its history is validated: it ends with the coins of one that validated block
 * by block, whatever order blocks come in and wherever it is killed; and it does not accept a snapshot that is wrong.
 */
import { describe, expect, test } from 'vitest';
import { hashToHex, hexToHash } from '../../../src/base/bytes.ts';
import { randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { BEST_BLOCK_KEY, COIN_KEYS, encodeBestBlock } from '../../../src/chain/coin-records.ts';
import { CoinStatistics } from '../../../src/chain/coin-stats.ts';
import type { ScriptCheck, ScriptFailure, WriterEffect } from '../../../src/chain/effects.ts';
import { isScriptEffect, performScripts } from '../../../src/chain/script-effects.ts';
import type { ChainParams } from '../../../src/consensus/params.ts';
import { Writer } from '../../../src/node/writer.ts';
import { StoreError } from '../../../src/store/errors.ts';
import { MemoryStore } from '../../../src/store/memory.ts';
import type { Block } from '../../../src/wire/block.ts';
import { verifyHere } from '../../support/check-scripts.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  PowerLoss,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

const BASE_HEIGHT = 104;
const below = mineBlocks(REGTEST.genesis, 0, 102);
for (const from of [0, 1]) {
  const transactions = [spend([coinbaseOf(below[from]!)], [from + 1, 5, 1000])];
  below.push(mineBlock(below.at(-1)!, below.length, { transactions }));
}
const above = [
  mineBlock(below.at(-1)!, BASE_HEIGHT, { transactions: [spend([coinbaseOf(below[2]!)], [9, 9])] }),
];
above.push(...mineBlocks(above[0]!, BASE_HEIGHT + 1, 6));
const base = below.at(-1)!;

const direct = new TestChain();
for (const block of below) direct.submit(block);
direct.flush();
const snapshotEntries = [...direct.storage.coins.entries(COIN_KEYS)];
const snapshotHash = hashOf(snapshotEntries);
for (const block of above) direct.submit(block);
const expected = direct.coinsFingerprint();

function hashOf(entries: Iterable<readonly [Uint8Array, Uint8Array]>): string {
  const statistics = new CoinStatistics('hash_serialized_3');
  for (const entry of entries) statistics.add(entry);
  return statistics.finish().hash!;
}

function paramsWith(hashSerialized: string): ChainParams {
  const known = {
    height: BASE_HEIGHT,
    blockHash: base.header.hash,
    hashSerialized: hexToHash(hashSerialized),
    chainTxCount: direct.chain.headers.chainTxCountOf(direct.chain.atHeight(BASE_HEIGHT)!),
  };
  return { ...REGTEST, assumeUtxo: [known] };
}

/** Knows all headers, has the first `height` blocks, and stands on the snapshot. */
function withSnapshot(height: number, params = paramsWith(snapshotHash)): TestChain {
  const test = new TestChain({ batchBytesMax: 300 }, undefined, params);
  for (const block of below.slice(0, height)) test.submit(block);
  for (const block of [...below, ...above]) test.chain.acceptHeader(block.header, NOW);
  const coins = new MemoryStore({ crashable: true });
  const best = { key: BEST_BLOCK_KEY, value: encodeBestBlock(base.header.hash) };
  const puts = [...snapshotEntries.map(([key, value]) => ({ key, value })), best];
  coins.batchSync(
    puts.map(put => ({ type: 'put', ...put })),
    { durable: true },
  );
  test.storage.snapshot = { base: base.header.hash, coins };
  const id = test.chain.headers.find(base.header.hash)!;
  expect(test.run(test.chain.activateSnapshot(id, NOW))).toBe(true);
  return test;
}

function expectWhole(test: TestChain): void {
  expect(test.chain.history()).toBeUndefined();
  test.flush();
  test.restart();
  expect(test.chain.snapshotBase).toBeUndefined();
  expect(test.tipHash).toBe(above.at(-1)!.header.hash);
  expect(test.coinsFingerprint()).toBe(expected);
}

test('the tip moves at once, and follows the network', () => {
  const test = withSnapshot(50);
  expect(test.chain.height).toBe(BASE_HEIGHT);
  expect(test.chain.headers.chainTxCountOf(test.chain.tip())).toBe(BASE_HEIGHT + 3);
  test.takeNotices();
  expect(test.submit(above[0]!)).toBe('new');
  expect(test.takeNotices()).toEqual(['+105', 'tip 105 fork 104']);
  expect(test.chain.history()).toEqual({
    tip: test.chain.headers.find(below[49]!.header.hash),
    end: test.chain.headers.find(base.header.hash),
  });
  // What indexes see is what was validated.
  expect(test.chain.validated.tip()).toBe(test.chain.atHeight(50));
  // The history moves without anybody being told of its blocks.
  test.submit(below[50]!);
  expect(test.takeNotices()).toEqual(['history 51']);
});

describe('the end', () => {
  test('comes when the last block of the history is there, and stays after a restart', () => {
    const test = withSnapshot(0);
    for (const block of above) test.submit(block);
    for (const block of below.slice(0, -1)) test.submit(block);
    test.takeNotices();
    expect(test.chain.history()).toBeDefined();
    test.submit(base);
    expect(test.takeNotices()).toEqual(['history 104', 'history done']);
    expect(test.historyAtEnd).toBe(false);
    expect(test.chain.chainstates()).toHaveLength(1);
    expect(test.chain.validated.tip()).toBe(test.chain.tip());
    expectWhole(test);
  });

  test('comes once, also when the tip moves while the last scripts are being checked', async () => {
    const test = withSnapshot(0);
    const memory = test.chain.chainstates().reduce((sum, { coinsCacheBytes }) => sum + coinsCacheBytes, 0);
    for (const block of [above[0]!, ...below.slice(0, -1)]) test.submit(block);
    const open: (() => void)[] = [];
    const done: string[] = [];
    const writer = new Writer<WriterEffect>({
      perform(effect) {
        if (isScriptEffect(effect)) {
          const late = (checks: readonly ScriptCheck[]) =>
            new Promise<ScriptFailure | undefined>(resolve => open.push(() => resolve(verifyHere(checks))));
          return performScripts(effect, late);
        }
        if (effect.kind === 'hashCoins' || effect.kind === 'judgeSnapshot') done.push(effect.kind);
        return effect.kind === 'notify' ? undefined : test.storage.perform(effect);
      },
      onFatal() {},
    });
    const submissions = [base, above[1]!].map(block =>
      writer.enqueue('submitBlock', () => test.chain.submitBlock(block, { requested: true, now: NOW }), {
        overlaps: true,
      }),
    );
    while (open.length === 0) await new Promise(setImmediate);
    await new Promise(setImmediate);
    open[0]!();
    await Promise.all(submissions);
    expect(test.chain.history()).toBeUndefined();
    expect(done).toEqual(['hashCoins', 'judgeSnapshot']);
    expect(test.chain.chainstates()).toHaveLength(1);
    expect(test.chain.chainstates()[0]!.coinsCacheBytes).toBe(memory);
  });

  test('after it, a better branch from below the snapshot is taken', () => {
    const test = withSnapshot(0);
    for (const block of [...above, ...below]) test.submit(block);
    const branch = mineBlocks(below[99]!, 100, 13, { tag: 3 });
    for (const block of branch) test.submit(block);
    expect(test.tipHash).toBe(branch.at(-1)!.header.hash);
  });

  test('before it, such a branch has to wait', () => {
    const test = withSnapshot(0);
    for (const block of above) test.submit(block);
    const branch = mineBlocks(below[99]!, 100, 13, { tag: 3 });
    for (const block of [...below.slice(0, 100), ...branch]) test.submit(block);
    expect(test.tipHash).toBe(above.at(-1)!.header.hash);
    for (const block of below.slice(100)) test.submit(block);
    expect(test.chain.history()).toBeUndefined();
    // It is looked at with the next block.
    test.submit(mineBlock(branch.at(-1)!, 113, { tag: 3 }));
    expect(test.chain.height).toBe(114);
  });
});

test('a history that comes to other coins stops the node, and the next start is without the snapshot', () => {
  const wrong = 'ab'.repeat(32);
  const test = withSnapshot(0, paramsWith(wrong));
  for (const block of above) test.submit(block);
  for (const block of below.slice(0, -1)) test.submit(block);
  expect(() => test.submit(base)).toThrow(StoreError);
  test.restart();
  expect(test.chain.snapshotBase).toBeUndefined();
  // All blocks are there by now: they are connected one by one.
  expect(test.coinsFingerprint()).toBe(expected);
});

test('a snapshot whose coins are gone is not taken for a chain without any', () => {
  const test = withSnapshot(20);
  test.storage.snapshot = { base: base.header.hash, coins: new MemoryStore({ crashable: true }) };
  expect(() => test.restart()).toThrow(/The coins of the snapshot are gone/);
});

test('a chain that is better already is not left for a snapshot', () => {
  const test = new TestChain({}, undefined, paramsWith(snapshotHash));
  for (const block of [...below, ...above]) test.submit(block);
  const id = test.chain.headers.find(base.header.hash)!;
  expect(test.run(test.chain.activateSnapshot(id, NOW))).toBe(false);
  expect(hashToHex(test.tipHash)).toBe(hashToHex(above.at(-1)!.header.hash));
});

test('killed and without power at random points, it ends whole', () => {
  const orders: Block[] = [...above, ...below];
  for (let seed = 1; seed <= 12; seed += 1) {
    const random = new SeededRandom(seed);
    const test = withSnapshot(randomBelow(random, BASE_HEIGHT));
    for (let crashes = randomBelow(random, 4); crashes > 0; crashes -= 1) {
      test.effectsUntilCrash = randomBelow(random, 600);
      try {
        for (const block of orders) {
          test.submit(block);
          if (randomBelow(random, 10) === 0) test.flush();
        }
      } catch (error) {
        if (!(error instanceof PowerLoss)) throw error;
      }
      test.effectsUntilCrash = undefined;
      if (randomBelow(random, 2) === 0) test.restart();
      else test.crash(random);
    }
    for (const block of orders) test.chain.acceptHeader(block.header, NOW);
    for (const block of orders) test.submit(block);
    expectWhole(test);
  }
});
