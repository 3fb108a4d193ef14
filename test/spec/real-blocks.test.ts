/** Real blocks of 2009 to 2024 by all rules of their height: header in context, form, coins, amounts and scripts. */
import { expect, test } from 'vitest';
import { checkLoneBlock } from '../../src/consensus/lone-block.ts';
import { blockProof } from '../../src/consensus/pow.ts';
import { blockSubsidy } from '../../src/consensus/subsidy.ts';
import { outputTotal } from '../../src/consensus/tx.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import { REAL_BLOCKS, readRealBlock } from '../support/real-blocks.ts';
import { describeShared } from '../support/shared.ts';

const VERIFIER = loadVerifierSync('auto');

describeShared('real blocks with their coins', () => {
  test.each(REAL_BLOCKS)('$name', ({ name, inputs, headerInContext, sigOpCost }) => {
    const real = readRealBlock(name);
    const result = checkLoneBlock(real, real.params);
    expect(result.headerInContext).toBe(headerInContext);
    const { fees, scriptChecks, ...connection } = result.connection!;
    for (const check of scriptChecks) expect(verifyInputs(check, VERIFIER)).toBeUndefined();
    expect(scriptChecks.reduce((sum, { spent }) => sum + spent.length, 0)).toBe(inputs);
    if (sigOpCost !== undefined) expect(connection.sigOpCost).toBe(sigOpCost);
    expect(fees).toBe(real.fees);
    expect(outputTotal(real.block.transactions[0]!)).toBe(real.coinbaseOut);
    expect(real.coinbaseOut).toBe(blockSubsidy(real.height, real.params) + fees);
    if (real.work === undefined) return;
    const [before, after] = real.work;
    expect(before + blockProof(real.block.header.bits)).toBe(after);
  });
});
