/** Blocks on regtest that make a chain reorganise again and again, with spends on both sides. */
import { randomBelow, SeededRandom } from '../../src/base/random.ts';
import type { Block } from '../../src/wire/block.ts';
import { coinbaseOf, mineBlock, mineBlocks, REGTEST, spend } from './test-chain.ts';

/** What both branches have in common: long enough that coinbases may be spent. */
export const base = mineBlocks(REGTEST.genesis, 0, 103);
export const last = base.at(-1)!;

/** Two branches above `base` that take turns being the best one, each spending coinbases, in order of arrival. */
export function forkingBlocks(count: number, seed: number): Block[] {
  const tips = [1, 2].map(() => ({ block: last, height: base.length, spent: 0 }));
  const random = new SeededRandom(seed);
  const made: Block[] = [];
  while (made.length < count) {
    const which = randomBelow(random, 2);
    const tip = tips[which]!;
    for (let i = 0; i < 3; i += 1) {
      const canSpend = tip.spent < 3 && tip.height - tip.spent >= 100;
      const transactions = canSpend ? [spend([coinbaseOf(base[tip.spent]!)], [which + 1, i + 1, 1000])] : [];
      tip.block = mineBlock(tip.block, tip.height, { transactions, tag: which });
      tip.height += 1;
      tip.spent += canSpend ? 1 : 0;
      made.push(tip.block);
    }
  }
  return made;
}
