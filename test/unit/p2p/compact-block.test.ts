import { describe, expect, test } from 'vitest';
import { bytesToHex } from '../../../src/base/bytes.ts';
import { type Random, randomBelow, randomU64, SeededRandom, shuffle } from '../../../src/base/random.ts';
import { blockMerkleRoot } from '../../../src/consensus/merkle.ts';
import { sipHash24, sipHash48 } from '../../../src/crypto/siphash.ts';
import { compactOf, ExtraTxs, PartialBlock, shortIdKey } from '../../../src/p2p/compact-block.ts';
import { type Block, createBlock, createHeader, decodeBlock } from '../../../src/wire/block.ts';
import { decodeAll, encode } from '../../../src/wire/codec.ts';
import { compactBlock } from '../../../src/wire/compact-block.ts';
import type { Transaction } from '../../../src/wire/transaction.ts';
import { randomHeader, randomTransaction } from '../../support/random-messages.ts';
import { describeShared, readShared } from '../../support/shared.ts';
import { mineBlock, REGTEST } from '../../support/test-chain.ts';

const COINBASE = mineBlock(REGTEST.genesis, 0).transactions[0]!;

function randomBlock(random: Random, count: number): Block {
  const others = Array.from({ length: count }, () => randomTransaction(random)).filter(tx => !tx.hasWitness);
  const transactions = [COINBASE, ...others];
  const merkleRoot = blockMerkleRoot({ transactions }).root;
  return createBlock(createHeader({ ...randomHeader(random), merkleRoot }), transactions);
}

const entries = (transactions: readonly Transaction[]) => transactions.map(tx => ({ tx }));
const NOTHING = { mempool: [], extra: [] };

function begin(compact: Parameters<typeof PartialBlock.begin>[0], sources = {}): PartialBlock {
  const partial = PartialBlock.begin(compact, { ...NOTHING, ...sources });
  if (!(partial instanceof PartialBlock)) throw new Error(`unexpected: ${partial}`);
  return partial;
}

test('the fast short id is the low 48 bits of SipHash', () => {
  const random = new SeededRandom(1);
  for (let i = 0; i < 50; i += 1) {
    const [a, b] = [randomU64(random), randomU64(random)];
    const { wtxid } = randomTransaction(random);
    const key = [a & 0xffff_ffffn, a >> 32n, b & 0xffff_ffffn, b >> 32n].map(Number);
    const whole = sipHash24(a, b, Buffer.from(wtxid, 'latin1'));
    expect(sipHash48(key as never, wtxid)).toBe(Number(whole & 0xffff_ffff_ffffn));
  }
});

describe('a block is put together again', () => {
  test('whatever the mempool holds of it', () => {
    for (let seed = 1; seed <= 60; seed += 1) {
      const random = new SeededRandom(seed);
      const block = randomBlock(random, randomBelow(random, 40));
      const sent = decodeAll(compactBlock, encode(compactBlock, compactOf(block, randomU64(random))));
      const known = block.transactions.slice(1).filter(() => randomBelow(random, 3) > 0);
      const strangers = Array.from({ length: 20 }, () => randomTransaction(random));
      const pool = shuffle(random, [...known, ...strangers]);
      const cut = randomBelow(random, pool.length + 1);
      const partial = begin(sent, { mempool: entries(pool.slice(0, cut)), extra: pool.slice(cut) });
      const missing = partial.missing();
      const unknown = block.transactions.flatMap((tx, i) => (i > 0 && !known.includes(tx) ? [i] : []));
      expect(missing, `seed ${seed}`).toEqual(unknown);
      expect(partial.found).toMatchObject({ prefilled: 1, own: known.length });
      const filled = partial.fill(missing.map(i => block.transactions[i]!), 'expected'); // biome-ignore format: one step
      expect(typeof filled === 'object' && bytesToHex(filled.raw), `seed ${seed}`).toBe(
        bytesToHex(block.raw),
      );
    }
  });

  test('not from too few, too many or other transactions', () => {
    const random = new SeededRandom(2);
    const block = randomBlock(random, 12);
    const compact = compactOf(block, 7n);
    const rest = block.transactions.slice(1);
    expect(begin(compact).fill(rest.slice(1), 'expected')).toBe('invalid');
    expect(begin(compact).fill([...rest, rest[0]!], 'expected')).toBe('invalid');
    expect(begin(compact).fill([randomTransaction(random), ...rest.slice(1)], 'expected')).toBe('failed');
    expect(begin(compact).fill(rest, 'expected')).toMatchObject({ header: { hash: block.header.hash } });
  });

  test('a transaction offered twice counts once; an id named twice is a failure', () => {
    const block = randomBlock(new SeededRandom(3), 8);
    const compact = compactOf(block, 7n);
    const mine = block.transactions[1]!;
    const partial = begin(compact, { mempool: entries([mine]), extra: [mine] });
    expect(partial.missing()).not.toContain(1);
    expect(partial.found.own).toBe(1);
    const twice = { ...compact, shortIds: [compact.shortIds[0]!, ...compact.shortIds.slice(0, -1)] };
    expect(PartialBlock.begin(twice, NOTHING)).toBe('failed');
  });
});

test('what no honest sender sends is invalid', () => {
  const random = new SeededRandom(4);
  const { header, ...rest } = compactOf(randomBlock(random, 3), 1n);
  const tx = COINBASE;
  const invalid = (changes: object) => PartialBlock.begin({ header, ...rest, ...changes }, NOTHING);
  expect(invalid({ shortIds: [], prefilled: [] })).toBe('invalid');
  expect(invalid({ shortIds: [1], prefilled: [{ index: 2, tx }] })).toBe('invalid');
  expect(invalid({ shortIds: [1], prefilled: [{ index: 1, tx }] })).toBeInstanceOf(PartialBlock);
  expect(invalid({ shortIds: Array.from({ length: 100_001 }, (_, i) => i) })).toBe('invalid');
});

test('the last hundred extra transactions are kept', () => {
  const random = new SeededRandom(5);
  const all = Array.from({ length: 130 }, () => randomTransaction(random));
  const extra = new ExtraTxs();
  for (const tx of all) extra.add(tx);
  expect(new Set(extra)).toEqual(new Set(all.slice(30)));
});

describeShared('published compact blocks', () => {
  test.each(['compact426884.raw', 'compact898352.raw'])('%s survives a round trip', name => {
    const raw = readShared(`vectors/p2p/${name}`);
    expect(bytesToHex(encode(compactBlock, decodeAll(compactBlock, raw)))).toBe(bytesToHex(raw));
  });

  test('898352 of testnet3 is the block that it names', () => {
    const compact = decodeAll(compactBlock, readShared('vectors/p2p/compact898352.raw'));
    const block = decodeBlock(readShared('vectors/p2p/test3-898352.blk'));
    expect(compact.header.hash).toBe(block.header.hash);
    expect(compact.shortIds.length + compact.prefilled.length).toBe(block.transactions.length);
    expect(compact.prefilled[0]!.tx.txid).toBe(block.transactions[0]!.txid);
    // Of version 1: short ids of txids.
    const key = shortIdKey(compact.header, compact.nonce);
    expect(compact.shortIds).toEqual(block.transactions.slice(1).map(tx => sipHash48(key, tx.txid)));
    const partial = begin(compact);
    const filled = partial.fill(partial.missing().map(i => block.transactions[i]!), 'expected'); // biome-ignore format: one step
    expect(typeof filled === 'object' && bytesToHex(filled.raw)).toBe(bytesToHex(block.raw));
  });
});
