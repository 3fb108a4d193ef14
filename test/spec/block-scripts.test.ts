/** An amount changed by one satoshi fails wherever a signature of a real block commits to it. */
import { expect, test } from 'vitest';
import { checkLoneBlock } from '../../src/consensus/lone-block.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { solveScript } from '../../src/script/templates.ts';
import { verifyInputRange } from '../../src/script/verify.ts';
import { readRealBlock } from '../support/real-blocks.ts';
import { describeShared } from '../support/shared.ts';

const VERIFIER = loadVerifierSync('auto');

describeShared('amounts of a real block', () => {
  test('a witness signature commits to the amount that it spends', () => {
    const real = readRealBlock('main-866342');
    const { scriptChecks, flags } = checkLoneBlock(real, real.params).connection!;
    let refused = 0;
    for (const { tx, spent } of scriptChecks.slice(0, 1_000)) {
      for (const [i, output] of spent.entries()) {
        const { type } = solveScript(output.scriptPubKey);
        const keyPath = type === 'witness_v1_taproot' && tx.inputs[i]!.witness.length === 1;
        if (!keyPath && type !== 'witness_v0_keyhash') continue;
        const changed = spent.with(i, { ...output, value: output.value + 1 });
        const failure = verifyInputRange(new PrecomputedTx(tx, changed), flags, VERIFIER, i, i + 1);
        expect(failure?.error).toBe(keyPath ? 'SCHNORR_SIG' : 'EVAL_FALSE');
        refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(500);
  });
});
