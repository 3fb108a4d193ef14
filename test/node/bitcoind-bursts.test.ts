/**
 * Two branches of blocks, some of them wrong, given to us all at once and to bitcoind one after the other: whatever we look
 * at before the block below it has been judged, in the end both stand on the same block, with the same coins and tips.
 * `BURST_SEED` replays a run.
 */

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { draftOn, finish, GENESIS, type Place, placeOf } from '../../scripts/differential/blocks.ts';
import { Dice } from '../../scripts/differential/dice.ts';
import { type Coin, coinOf, fund, spendCoins } from '../../scripts/differential/generate.ts';
import { ANYONE, randomLock } from '../../scripts/differential/locks.ts';
import { mutateSpend } from '../../scripts/differential/mutate.ts';
import { NodePair } from '../../scripts/differential/nodes.ts';
import type { RegtestNode } from '../../scripts/regtest/process.ts';
import { type BlockHash, bytesToHex, hexToHash } from '../../src/base/bytes.ts';
import type { Block } from '../../src/wire/block.ts';
import { describeBitcoind } from '../support/bitcoind.ts';

const SEED = Number(process.env['BURST_SEED'] ?? 1);
const BURSTS = 12;
const BASE_BLOCKS = 125;
const START_TIME = 1_700_000_000;
const BLOCK_SECONDS = 100;
const COIN_VALUE = 9_000;
/** Of a block's coins: enough inputs that workers check them, while others go on. */
const EASY_COINS = 140;
const INPUTS_PER_TX = 10;
const LONGEST = 7;

describeBitcoind(`blocks at once (seed ${SEED})`, () => {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), 'hearsay-bursts-'));
  const coinbases: Coin[] = [];
  let pair: NodePair;
  let tip: Place = GENESIS;
  let now = START_TIME + 500;
  let tag = 0;

  beforeAll(async () => {
    pair = await NodePair.start(root, process.env['BITCOIND']!, { common: ['acceptnonstdtxn=1'], ours: [] });
    await both('setmocktime', now);
    for (let i = 0; i < BASE_BLOCKS; i += 1) await extend([], i === 0 ? START_TIME : undefined);
  }, 60_000);
  afterAll(async () => {
    await pair?.stop();
    fs.rmSync(root, { recursive: true, force: true });
  });

  test.each(Array.from({ length: BURSTS }, (_, i) => i))('burst %i', { timeout: 60_000 }, async burst => {
    const dice = new Dice((SEED * 7_919 + burst) >>> 0);
    now += BLOCK_SECONDS;
    await both('setmocktime', now);
    const locks = Array.from({ length: EASY_COINS + 60 }, (_, i) =>
      i < EASY_COINS ? ANYONE : randomLock(dice),
    );
    const { tx, coins } = fund(coinbases.shift()!, locks, COIN_VALUE);
    await extend([tx]);
    const long = branch(dice, coins, { count: LONGEST, badAt: dice.chance(0.7) ? dice.below(LONGEST) : -1 });
    const short = branch(dice, coins, {
      count: dice.between(1, LONGEST - 1),
      badAt: dice.chance(0.3) ? dice.below(6) : -1,
    });
    const order: Block[] = [];
    while (long.length + short.length > 0) {
      const isLong = short.length === 0 || (long.length > 0 && dice.chance(0.6));
      order.push((isLong ? long : short).shift()!);
    }
    for (const block of order) await submit(pair.core, block);
    await Promise.all(order.map(block => submit(pair.ours, block)));
    const [ours, core] = await Promise.all([stateOf(pair.ours), stateOf(pair.core)]);
    expect(ours).toEqual(core);
    await follow(core.best);
  });

  const both = (method: string, ...params: unknown[]) =>
    Promise.all([pair.ours.rpc(method, ...params), pair.core.rpc(method, ...params)]);

  async function extend(txs: Parameters<typeof draftOn>[2], time?: number): Promise<void> {
    tag += 1;
    const draft = draftOn(tip, tag, txs, 'active');
    if (time !== undefined) draft.time = time;
    const block = finish(draft);
    expect(await both('submitblock', bytesToHex(block.raw))).toEqual([null, null]);
    coinbases.push(coinOf(block.transactions[0]!, 0, ANYONE));
    tip = placeOf(block, tip);
  }

  /** On the tip; `badAt`: the block with spends that were changed after signing. */
  function branch(
    dice: Dice,
    coins: readonly Coin[],
    { count, badAt }: { readonly count: number; readonly badAt: number },
  ): Block[] {
    const easy = coins.slice(0, EASY_COINS);
    const hard = coins.slice(EASY_COINS);
    const anyTime = { height: 0, medianTime: 0 };
    const blocks: Block[] = [];
    let parent = tip;
    for (let i = 0; i < count; i += 1) {
      const spends = [0, 1].map(() => spendCoins(dice, easy.splice(0, INPUTS_PER_TX), 0, anyTime));
      for (const coin of hard.splice(0, 3)) {
        const spend = spendCoins(dice, [coin], 0, anyTime);
        if (i === badAt) spends.push(mutateSpend(dice, spend, coins));
        else if (dice.chance(0.3)) spends.push(spend);
      }
      tag += 1;
      const block = finish(draftOn(parent, tag, spends.map(({ tx }) => tx), 'active')); // biome-ignore format: one step
      blocks.push(block);
      parent = placeOf(block, parent);
    }
    return blocks;
  }

  /** What is said of each depends on what was known when it came, and is not compared. */
  async function submit(node: RegtestNode, block: Block): Promise<void> {
    await node.rpc('submitblock', bytesToHex(block.raw)).catch(() => {});
  }

  async function stateOf(node: RegtestNode): Promise<{ readonly best: string }> {
    const coins = await node.rpc<{ bestblock: string; hash_serialized_3: string }>('gettxoutsetinfo');
    const tips = await node.rpc<{ hash: string; status: string }[]>('getchaintips');
    const { bestblock: best, hash_serialized_3 } = coins;
    // Of an invalid branch one may know more than the other.
    const good = tips.filter(each => each.status !== 'invalid').map(each => JSON.stringify(each));
    return { best, hash_serialized_3, tips: good.sort() } as { readonly best: string };
  }

  async function follow(best: string): Promise<void> {
    const times: number[] = [];
    let height = 0;
    for (let at: string | undefined = best; at !== undefined && times.length < 11; ) {
      const header: { height: number; time: number; previousblockhash?: string } = await pair.core.rpc(
        'getblockheader',
        at,
      );
      if (times.length === 0) height = header.height;
      times.push(header.time);
      at = header.previousblockhash;
    }
    tip = { hash: hexToHash<BlockHash>(best), height, times };
  }
});
