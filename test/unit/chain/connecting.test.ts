/**
 * Several blocks on their way to the tip at a time, driven by the writer's queue as in the node: verdicts on scripts
 * come late and in any order, and what stands in the end, on memory and on disk, is what one block at a time gives.
 */
import { describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../../src/base/log.ts';
import { type Random, randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { Chain } from '../../../src/chain/chain.ts';
import type { ChainOptions } from '../../../src/chain/chain-state.ts';
import type { BlockResult, ChainNotice, ScriptFailure, WriterEffect } from '../../../src/chain/effects.ts';
import { MemoryStorage } from '../../../src/chain/memory-storage.ts';
import { isScriptEffect, performScripts } from '../../../src/chain/script-effects.ts';
import { Writer } from '../../../src/node/writer.ts';
import type { Block } from '../../../src/wire/block.ts';
import { createTransaction, type OutPoint, type Transaction } from '../../../src/wire/transaction.ts';
import { verifyHere } from '../../support/check-scripts.ts';
import {
  coinbaseOf,
  mineBlock,
  mineBlocks,
  NOW,
  OP_TRUE_SCRIPT,
  REGTEST,
  spend,
  TestChain,
} from '../../support/test-chain.ts';

/** The writer rests between two steps when it has worked for long, so nothing new in one turn does not mean that it is idle. */
const TURNS_OF_QUIET = 10;

const base = mineBlocks(REGTEST.genesis, 0, 110);
const last = base.at(-1)!;

/** A spend whose script fails: OP_RETURN. */
function badSpend(prevout: OutPoint): Transaction {
  return createTransaction({
    version: 2,
    inputs: [{ prevout, scriptSig: Uint8Array.of(0x6a), sequence: 0xffff_ffff, witness: [] }],
    outputs: [
      { value: 500, scriptPubKey: OP_TRUE_SCRIPT },
      { value: 1, scriptPubKey: OP_TRUE_SCRIPT },
    ],
    lockTime: 0,
  });
}

/** A chain and its writer, whose scripts are judged when the test says so. */
class Flight {
  readonly storage: MemoryStorage;
  readonly notices: string[] = [];
  readonly chain: Chain;
  readonly writer: Writer<WriterEffect>;
  readonly #open: (() => void)[] = [];

  private constructor(storage: MemoryStorage, options: ChainOptions) {
    this.storage = storage;
    this.chain = new Chain({ params: REGTEST, log: SILENT_LOG }, options);
    this.writer = new Writer<WriterEffect>({ perform: effect => this.#perform(effect), onFatal() {} });
  }

  static async start(options: ChainOptions = {}): Promise<Flight> {
    const flight = new Flight(new MemoryStorage({ crashable: true }), options);
    const records = flight.storage.load(flight.chain);
    await flight.writer.enqueue('start', () => flight.chain.start(records, NOW));
    for (const block of base) await flight.submit(block);
    flight.notices.length = 0;
    return flight;
  }

  submit(block: Block): Promise<BlockResult> {
    const submission = () => this.chain.submitBlock(block, { requested: true, now: NOW });
    const result = this.writer.enqueue('submitBlock', submission, { overlaps: true });
    result.catch(() => {});
    return result;
  }

  /** Whatever can go on without a verdict has done so. */
  async quiet(): Promise<void> {
    for (let turns = 0, seen = -1; turns < TURNS_OF_QUIET; turns += 1) {
      await new Promise(setImmediate);
      if (this.#open.length === seen) continue;
      seen = this.#open.length;
      turns = 0;
    }
  }

  get underCheck(): number {
    return this.#open.length;
  }

  judge(which: number): void {
    this.#open.splice(which, 1)[0]?.();
  }

  async finish(random: Random = new SeededRandom(1)): Promise<void> {
    while (this.writer.length > 0) {
      if (this.#open.length > 0) this.judge(randomBelow(random, this.#open.length));
      await this.quiet();
    }
  }

  takeNotices(): string[] {
    return this.notices.splice(0);
  }

  #perform(effect: WriterEffect): unknown {
    if (isScriptEffect(effect))
      return performScripts(
        effect,
        checks =>
          new Promise<ScriptFailure | undefined>(resolve => {
            this.#open.push(() => resolve(verifyHere(checks)));
          }),
      );
    if (effect.kind !== 'notify') return this.storage.perform(effect);
    this.notices.push(this.#textOf(effect.notice));
    return;
  }

  #textOf(notice: ChainNotice): string {
    const { headers } = this.chain;
    switch (notice.kind) {
      case 'blockInvalid':
        return `invalid ${headers.heightOf(headers.find(notice.hash)!)}`;
      case 'tipChanged':
        expect(this.chain.tip()).toBe(notice.tip);
        return `tip ${headers.heightOf(notice.tip)}`;
      case 'historyMoved':
        return 'history';
      case 'pruning':
        return 'pruning';
      case 'blockStored':
        return `stored ${headers.heightOf(notice.id)}`;
      case 'blockConnected':
        // What anybody is told of has been verified.
        expect(headers.isFullyValid(notice.id)).toBe(true);
        return `+${headers.heightOf(notice.id)}`;
      case 'blockDisconnected':
        return `-${headers.heightOf(notice.id)}`;
    }
  }
}

/** Blocks on `last`, each spending what the one before made. */
function spendingBlocks(count: number, bad?: number): Block[] {
  const blocks: Block[] = [];
  let prevout = coinbaseOf(base[0]!);
  let value = 1000;
  for (let i = 0; i < count; i += 1) {
    const tx = i === bad ? badSpend(prevout) : spend([prevout], [value, 1]);
    value = (i === bad ? 500 : value) - 1;
    blocks.push(mineBlock(blocks.at(-1) ?? last, 110 + i, { transactions: [tx] }));
    prevout = { txid: tx.txid, index: 0 };
  }
  return blocks;
}

/** The coins as a chain says that saw the blocks one by one. */
function oneByOne(blocks: readonly Block[]): TestChain {
  const chain = new TestChain();
  for (const block of [...base, ...blocks]) chain.submit(block);
  return chain;
}

/** All coins, after a restart on what lies in the storage now. */
async function coinsOf(flight: Flight): Promise<string> {
  await flight.writer.enqueue('flush', () => flight.chain.flush(NOW));
  return new TestChain({}, flight.storage).coinsFingerprint();
}

describe('several blocks at a time', () => {
  test('are begun in order, and nobody is told before the verdict', async () => {
    const flight = await Flight.start();
    const blocks = spendingBlocks(4);
    const results = blocks.map(block => flight.submit(block));
    await flight.quiet();
    expect(flight.underCheck).toBe(4);
    expect(flight.chain.height).toBe(110);
    expect(flight.takeNotices().filter(text => !text.startsWith('stored'))).toEqual([]);
    flight.judge(1);
    flight.judge(1);
    await flight.quiet();
    expect(flight.chain.height).toBe(110);
    flight.judge(0);
    await flight.quiet();
    expect(flight.chain.height).toBe(113);
    expect(flight.takeNotices()).toEqual(['+111', 'tip 111', '+112', 'tip 112', '+113', 'tip 113']);
    expect((await results[2])!.status).toBe('accepted');
    flight.judge(0);
    await Promise.all(results);
    expect(await coinsOf(flight)).toBe(oneByOne(blocks).coinsFingerprint());
  });

  test('an invalid one is taken back with all above it', async () => {
    const flight = await Flight.start();
    const blocks = spendingBlocks(6, 2);
    const results = blocks.map(block => flight.submit(block));
    await flight.quiet();
    expect(flight.underCheck).toBe(6);
    await flight.finish();
    expect(flight.chain.height).toBe(112);
    expect(flight.takeNotices().filter(text => !text.startsWith('stored'))).toEqual(['+111', 'tip 111', '+112', 'tip 112', 'invalid 113']); // biome-ignore format: one list
    const { headers } = flight.chain;
    const invalid = blocks.map(({ header }) => headers.isInvalid(headers.find(header.hash)!));
    expect(invalid).toEqual([false, false, true, true, true, true]);
    for (const result of results) expect((await result).status).toBe('accepted');
    expect(await coinsOf(flight)).toBe(oneByOne(blocks.slice(0, 2)).coinsFingerprint());
    // The same coins are spent again on another branch.
    const others = mineBlocks(blocks[1]!, 112, 3, { tag: 7 });
    for (const block of others) flight.submit(block);
    await flight.finish();
    expect(flight.chain.height).toBe(115);
    expect(await coinsOf(flight)).toBe(oneByOne([...blocks.slice(0, 2), ...others]).coinsFingerprint());
  });

  test('one that breaks another rule waits for the verdict on those below it', async () => {
    const flight = await Flight.start();
    const blocks = spendingBlocks(2);
    const greedy = mineBlock(blocks[1]!, 112, { coinbaseValue: 60 * 1e8 });
    for (const block of [...blocks, greedy]) flight.submit(block);
    await flight.quiet();
    expect(flight.takeNotices().filter(text => text.startsWith('invalid'))).toEqual([]);
    await flight.finish();
    expect(flight.takeNotices()).toContain('invalid 113');
    expect(flight.chain.height).toBe(112);
  });

  test('a reorganisation waits until they are settled', async () => {
    const flight = await Flight.start();
    const blocks = spendingBlocks(3);
    const branch = mineBlocks(last, 110, 5, { tag: 9 });
    for (const block of blocks) flight.submit(block);
    await flight.quiet();
    for (const block of branch) flight.submit(block);
    await flight.quiet();
    expect(flight.chain.height).toBe(110);
    await flight.finish();
    expect(flight.chain.headers.hashOf(flight.chain.tip())).toBe(branch[4]!.header.hash);
    expect(await coinsOf(flight)).toBe(oneByOne(branch).coinsFingerprint());
  });

  test('whatever else is to be done waits for them, and comes before later blocks', async () => {
    const flight = await Flight.start();
    const [first, second] = spendingBlocks(2) as [Block, Block];
    flight.submit(first);
    const made = { txid: first.transactions[1]!.txid, index: 1 };
    const coins = flight.writer.enqueue('coin', () => flight.chain.fetchCoins([made]));
    flight.submit(second);
    await flight.quiet();
    expect(flight.underCheck).toBe(1);
    flight.judge(0);
    expect((await coins)[0]?.value).toBe(1);
    await flight.finish();
    expect(flight.chain.height).toBe(112);
  });

  test('stopping lets them end', async () => {
    const flight = await Flight.start();
    const blocks = spendingBlocks(5);
    for (const block of blocks) flight.submit(block);
    const flushed = flight.writer.enqueue('flush', () => flight.chain.flush(NOW));
    const closed = flight.writer.close();
    await flight.finish();
    await flushed;
    await closed;
    expect(new TestChain({}, flight.storage).chain.height).toBe(115);
  });

  test('blocks that waited for one below are connected with it, and an invalid one ends that', async () => {
    const flight = await Flight.start();
    const blocks = spendingBlocks(20, 15);
    flight.chain.acceptHeader(blocks[0]!.header, NOW);
    for (const block of blocks.slice(1)) await flight.submit(block);
    expect(flight.chain.height).toBe(110);
    flight.submit(blocks[0]!);
    await flight.quiet();
    expect(flight.underCheck).toBeGreaterThan(1);
    await flight.finish();
    expect(flight.chain.height).toBe(125);
    expect(await coinsOf(flight)).toBe(oneByOne(blocks.slice(0, 15)).coinsFingerprint());
  });
});

/** A tree of blocks that spend each other's outputs, some with bad scripts, in an order parents first. */
function randomTree(random: Random, count: number): Block[] {
  interface Place {
    readonly block: Block;
    readonly height: number;
    readonly coins: readonly OutPoint[];
  }
  const places: Place[] = [{ block: last, height: 110, coins: base.slice(0, 10).map(coinbaseOf) }];
  const blocks: Block[] = [];
  for (let i = 0; i < count; i += 1) {
    // Mostly on the newest: long branches, and now and then another one.
    const back = randomBelow(random, 4) === 0 ? randomBelow(random, Math.min(places.length, 6)) : 0;
    const { block: parent, height, coins } = places[places.length - 1 - back]!;
    const [prevout, ...rest] = coins;
    const isBad = randomBelow(random, 12) === 0;
    const txs = prevout === undefined ? [] : [isBad ? badSpend(prevout) : spend([prevout], [5 + i, 6, 7])];
    const block = mineBlock(parent, height, { transactions: txs, tag: i });
    const made = isBad ? [] : txs.flatMap(({ txid }) => [0, 1].map(index => ({ txid, index })));
    places.push({ block, height: height + 1, coins: [...rest, ...made] });
    blocks.push(block);
  }
  return blocks;
}

test('any tree of blocks, judged in any order, ends where one block at a time ends', async () => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const random = new SeededRandom(seed);
    const blocks = randomTree(random, 30);
    // A small cache, so that flushes come in between.
    const flight = await Flight.start({ coinsCacheBytes: seed % 3 === 0 ? 1 : 1e6, batchBytesMax: 300 });
    for (const block of blocks) {
      flight.submit(block);
      const choice = randomBelow(random, 6);
      if (choice < 3) await flight.quiet();
      if (choice < 2 && flight.underCheck > 0) flight.judge(randomBelow(random, flight.underCheck));
      if (choice === 5) void flight.writer.enqueue('flush', () => flight.chain.flush(NOW));
    }
    await flight.finish(random);
    const expected = oneByOne(blocks);
    expect(flight.chain.headers.hashOf(flight.chain.tip()), `seed ${seed}`).toBe(expected.tipHash);
    expect(await coinsOf(flight), `seed ${seed}`).toBe(expected.coinsFingerprint());
  }
});

test.each(['kill', 'power loss'])('%s while blocks are on their way', async kind => {
  for (let seed = 1; seed <= 25; seed += 1) {
    const random = new SeededRandom(seed);
    const blocks = randomTree(random, 20);
    const flight = await Flight.start({ coinsCacheBytes: seed % 3 === 0 ? 1 : 1e6, batchBytesMax: 300 });
    const stopAt = randomBelow(random, blocks.length);
    for (const block of blocks.slice(0, stopAt)) {
      flight.submit(block);
      if (randomBelow(random, 2) === 0) await flight.quiet();
      if (flight.underCheck > 0 && randomBelow(random, 2) === 0) flight.judge(0);
    }
    const told = flight.chain.headers.chainWorkOf(flight.chain.tip());
    // Nothing of it runs on: verdicts that are open stay so.
    if (kind === 'power loss') flight.storage.crash(random);
    const after = new TestChain({}, flight.storage);
    const { headers } = after.chain;
    if (kind === 'kill') expect(headers.chainWorkOf(after.chain.tip()) >= told, `seed ${seed}`).toBe(true);
    for (const block of [...base, ...blocks]) after.submit(block);
    const expected = oneByOne(blocks);
    expect(after.coinsFingerprint(), `seed ${seed}`).toBe(expected.coinsFingerprint());
    expect(after.chain.height, `seed ${seed}`).toBe(expected.chain.height);
  }
});
