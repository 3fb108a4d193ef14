/** Real blocks of 2009 to 2024 by all rules of their height: header in context, form, coins, amounts and scripts. */
import { expect, test } from 'vitest';
import { hashToHex } from '../../src/base/bytes.ts';
import { checkLoneBlock, coinbaseHeight } from '../../src/consensus/lone-block.ts';
import { networkParams } from '../../src/consensus/networks.ts';
import { blockProof } from '../../src/consensus/pow.ts';
import { blockSubsidy } from '../../src/consensus/subsidy.ts';
import { outputTotal } from '../../src/consensus/tx.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import { decodeBlock } from '../../src/wire/block.ts';
import { REAL_BLOCKS, readRealBlock } from '../support/real-blocks.ts';
import { describeShared, readShared } from '../support/shared.ts';

const VERIFIER = loadVerifierSync('auto');

const SINGLE = [
  'main-131025', 'main-169482', 'main-227835', 'main-227836', 'main-363703', 'main-370661', 'main-383616',
  'main-413567', 'main-426884', 'main-481815', 'main-481829', 'main-482683', 'main-540107', 'main-574200',
  'main-702861', 'main-951658', 'test3-828575',
] as const; // biome-ignore format: a list

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

describeShared('single real blocks', () => {
  test.each(SINGLE)('%s keeps all rules that need no coins', name => {
    const block = decodeBlock(new Uint8Array(readShared(`blocks/single/${name}.blk.gz`)));
    const params = networkParams(name.startsWith('main') ? 'main' : 'test');
    const height = Number(name.split('-')[1]);
    expect(checkLoneBlock({ block, height }, params).connection).toBeUndefined();
    expect(hashToHex(block.header.hash)).toMatch(/^0{8}/);
    // The coinbase begins with the height, long before it had to.
    if (block.header.version >= 2) expect(coinbaseHeight(block)).toBe(height);
  });
});
