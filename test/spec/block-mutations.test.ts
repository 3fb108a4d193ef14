/**
 * A hundred random single changes of each of 18 real blocks (of large ones 30, unless MUTATIONS says otherwise), proof of work switched off: all rules of the block, and the
 * scripts of the transaction that changed (no other one's inputs, coins or scripts are touched), say what they must.
 */
import { expect, test } from 'vitest';
import { SeededRandom } from '../../src/base/random.ts';
import { checkLoneBlock, type SpentCoin } from '../../src/consensus/lone-block.ts';
import { Reject } from '../../src/consensus/reject.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import { mutateBlock } from '../support/block-mutations.ts';
import type { Mutation } from '../support/mutation.ts';
import { REAL_BLOCKS, type RealBlock, readRealBlock } from '../support/real-blocks.ts';
import { describeShared } from '../support/shared.ts';

const VERIFIER = loadVerifierSync('auto');
const { SEED: SEED_TEXT = '1', MUTATIONS } = process.env;
const SEED = Number(SEED_TEXT);
/** A change of a block of a megabyte takes a tenth of a second to judge. */
const LARGE_BYTES = 300_000;

function mutationsOf({ block }: RealBlock): number {
  return Number(MUTATIONS ?? (block.raw.length > LARGE_BYTES ? 30 : 100));
}

describeShared('real blocks with one change', () => {
  test.each(REAL_BLOCKS)('$name', ({ name }) => {
    const real = readRealBlock(name);
    const { flags } = checkLoneBlock(real, real.params).connection!;
    const own = ownCoins(real);
    const random = new SeededRandom(SEED);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < mutationsOf(real); i += 1) {
      const mutation = mutateBlock({ real, flags, verifier: VERIFIER }, random);
      const verdict = verdictOf(real, mutation, own);
      expect(verdict, `${mutation.name} (SEED=${SEED}, change ${i})`).toBe(mutation.expected);
      outcomes.set(verdict, (outcomes.get(verdict) ?? 0) + 1);
    }
    expect(outcomes.get('accepted') ?? 0, 'some changes are of no consequence').toBeGreaterThan(0);
    expect(outcomes.size, 'changes are of several kinds').toBeGreaterThan(2);
  });
});

/** Which of the spent coins the block made itself: those are gone when the transaction that made them is another. */
function ownCoins({ block, spent }: RealBlock): Set<SpentCoin> {
  const made = new Set(block.transactions.map(({ txid }) => txid));
  const inputs = block.transactions.slice(1).map(tx => tx.inputs);
  return new Set(spent.flatMap((row, i) => row.filter((_, j) => made.has(inputs[i]![j]!.prevout.txid))));
}

function verdictOf(
  real: RealBlock,
  { block, spent: all, changed }: Mutation,
  own: ReadonlySet<SpentCoin>,
): string {
  const spent = all.map(row => row.map(coin => (own.has(coin) ? undefined : coin)));
  try {
    const { connection } = checkLoneBlock({ ...real, block, spent }, real.params, { checkPow: false });
    if (changed === undefined) return 'accepted';
    const failure = verifyInputs(connection!.scriptChecks[changed - 1]!, VERIFIER);
    return failure === undefined ? 'accepted' : 'block-script-verify-flag-failed';
  } catch (error) {
    if (error instanceof Reject) return error.reason;
    throw error;
  }
}
