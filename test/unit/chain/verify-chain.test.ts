/** Each level of `verifychain` finds what it is for, and what the others above it are for stays unseen. */
import { describe, expect, test } from 'vitest';
import type { Txid } from '../../../src/base/bytes.ts';
import { PRUNED_KEY } from '../../../src/chain/block-index.ts';
import { outPointKey } from '../../../src/chain/coin.ts';
import { coinRecordKey, decodeCoin, encodeCoin } from '../../../src/chain/coin-records.ts';
import type { WriterEffect } from '../../../src/chain/effects.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { StoreError } from '../../../src/store/errors.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

const base = mineBlocks(REGTEST.genesis, 0, 110);
const tx = spend([coinbaseOf(base[0]!)], [1, 2, 3]);
const top = mineBlock(base.at(-1)!, 110, { transactions: [tx] });
const chainBlocks = [...base, top];
const ALL = { blocks: 0 };

function written(): TestChain {
  const chain = new TestChain();
  for (const block of chainBlocks) chain.submit(block);
  chain.flush();
  return chain;
}

/** The level from which on the damage is seen. */
function seenFrom(chain: TestChain, blocks = 0): number | undefined {
  for (let level = 0; level <= 4; level += 1)
    if (chain.run(chain.chain.verify({ level, blocks })) === 'corrupted') return level;
  return undefined;
}

/** As if what lies at the place of an effect were another thing. */
class DamagedStorage extends MemoryStorage {
  damage: ((effect: WriterEffect, answer: unknown) => unknown) | undefined;

  override perform(effect: Parameters<MemoryStorage['perform']>[0]): unknown {
    const answer = super.perform(effect);
    return this.damage === undefined ? answer : this.damage(effect, answer);
  }
}

function damaged(damage: DamagedStorage['damage']): TestChain {
  const storage = new DamagedStorage({ crashable: true });
  const chain = new TestChain({}, storage);
  for (const block of chainBlocks) chain.submit(block);
  chain.flush();
  storage.damage = damage;
  return chain;
}

const flipped = (bytes: unknown, at: number) => {
  const copy = (bytes as Uint8Array).slice();
  copy[at]! ^= 1;
  return copy;
};

test('a whole chain is good at every level, at every depth, and nothing is changed by that', () => {
  const chain = written();
  const before = chain.coinsFingerprint();
  for (let level = 0; level <= 4; level += 1)
    for (const count of [0, 1, 6, 1000])
      expect(chain.run(chain.chain.verify({ level, blocks: count }))).toBe('good');
  expect(chain.coinsFingerprint()).toBe(before);
  expect(chain.chain.height).toBe(111);
});

describe('damage', () => {
  test('0: a header on disk that is another one', () => {
    expect(
      seenFrom(damaged((effect, answer) => (effect.kind === 'readBlock' ? flipped(answer, 70) : answer))),
    ).toBe(0);
  });

  test('0: a file that cannot be read', () => {
    const chain = damaged((effect, answer) => {
      if (effect.kind === 'readBlock') throw new StoreError('io', 'the disk is gone');
      return answer;
    });
    expect(seenFrom(chain)).toBe(0);
  });

  test('1: a transaction that the merkle root is not of', () => {
    // A byte of the coinbase's value.
    const damage = (bytes: unknown) => flipped(bytes, (bytes as Uint8Array).length - 8);
    expect(
      seenFrom(damaged((effect, answer) => (effect.kind === 'readBlock' ? damage(answer) : answer))),
    ).toBe(1);
  });

  test('2: undo data that cannot be decoded', () => {
    const cut = (bytes: unknown) => (bytes as Uint8Array).subarray(0, (bytes as Uint8Array).length - 1);
    const damage: DamagedStorage['damage'] = (effect, answer) =>
      effect.kind === 'readUndo' ? cut(answer) : answer;
    expect(seenFrom(damaged(damage))).toBe(2);
  });

  test('3: a coin that is missing, that is another one, or that should be spent', () => {
    const key = coinRecordKey(outPointKey(tx.txid as Txid, 1));
    const spentKey = coinRecordKey(outPointKey(base[0]!.transactions[0]!.txid as Txid, 0));
    for (const change of ['missing', 'another', 'spent'] as const) {
      const chain = written();
      const { coins } = chain.storage;
      const record = coins.get(key)!;
      const ops = {
        missing: { type: 'del', key },
        another: { type: 'put', key, value: encodeCoin({ ...decodeCoin(record), value: 77 }) },
        spent: { type: 'put', key: spentKey, value: record },
      } as const;
      coins.batchSync([ops[change]], { durable: true });
      chain.restart();
      expect(seenFrom(chain), change).toBe(3);
    }
  });

  test('4: undo data that give back another coin than the block took', () => {
    // Counts of transactions and inputs, height, a zero, then the value that is given back: too little now.
    const worthless = (bytes: Uint8Array) => bytes.map((byte, i) => (i === 4 ? 0 : byte));
    const damage: DamagedStorage['damage'] = (effect, answer) =>
      effect.kind === 'readUndo' && (answer as Uint8Array).length > 5
        ? worthless(answer as Uint8Array)
        : answer;
    // Of the last block alone: the one that made the coin would see it at level 3.
    expect(seenFrom(damaged(damage), 1)).toBe(4);
  });
});

test('a cache that is too small is told', () => {
  const chain = new TestChain({ coinsCacheBytes: 1000 });
  for (const block of chainBlocks) chain.submit(block);
  expect(chain.run(chain.chain.verify({ level: 3, ...ALL }))).toBe('no room for coins');
  expect(chain.run(chain.chain.verify({ level: 2, ...ALL }))).toBe('good');
});

test('where blocks were deleted it ends', () => {
  const storage = new MemoryStorage({ crashable: true, fileBytesMax: 1300 });
  const chain = new TestChain({ prune: { targetBytes: undefined, afterHeight: 100 } }, storage);
  for (const block of mineBlocks(REGTEST.genesis, 0, 320)) chain.submit(block);
  chain.run(chain.chain.pruneTo(30, NOW));
  expect(storage.index.get(PRUNED_KEY)).toBeDefined();
  expect(chain.run(chain.chain.verify({ level: 4, ...ALL }))).toBe('blocks missing');
  expect(chain.run(chain.chain.verify({ level: 4, blocks: 280 }))).toBe('good');
});

test('a start refuses what is damaged', () => {
  const startupCheck = { blocks: 6, level: 3, mustBeWhole: false };
  const storage = new DamagedStorage({ crashable: true });
  const chain = new TestChain({ startupCheck }, storage);
  for (const block of chainBlocks) chain.submit(block);
  chain.flush();
  chain.restart();
  storage.damage = (effect, answer) => (effect.kind === 'readBlock' ? flipped(answer, 100) : answer);
  expect(() => chain.restart()).toThrow('Corrupted block database detected');
});
