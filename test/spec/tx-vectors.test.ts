/**
 * Core's tx_valid.json and tx_invalid.json. The flags of a valid row are those that it does not satisfy, as few as
 * possible; those of an invalid row are what makes it invalid. Both are also tried with flags taken away or added.
 */
import { expect, test } from 'vitest';
import { Reject } from '../../src/consensus/reject.ts';
import { checkTransaction } from '../../src/consensus/tx.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { parseFlags, SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { ALL_SCRIPT_FLAGS, fillFlags, randomFlags, trimFlags } from '../support/script-flags.ts';
import { describeShared } from '../support/shared.ts';
import { isValid, readTxVectors } from '../support/tx-vectors.ts';

const VALID_ROWS = 121;
const INVALID_ROWS = 93;
/** Rows of tx_invalid.json that break a rule of transactions, not of scripts. */
const BAD_TX_ROWS = 9;
const RANDOM_FLAGS_PER_ROW = 8;

const verifier = loadVerifierSync('auto');

describeShared('tx_valid.json', () => {
  test('every row, with all flags but its own, fewer of them, and not with one of its own added', () => {
    const vectors = readTxVectors('vectors/core/tx_valid.json');
    expect(vectors.length).toBe(VALID_ROWS);
    vectors.forEach((vector, index) => {
      expect(() => checkTransaction(vector.tx), vector.name).not.toThrow();
      const excluded = parseFlags(vector.flagsText);
      const passing = [0, ...Object.values(SCRIPT_FLAGS), ...randomFlags(index, RANDOM_FLAGS_PER_ROW)].map(
        more => trimFlags(ALL_SCRIPT_FLAGS & ~(excluded | more)),
      );
      for (const flags of passing) expect(isValid(vector, flags, verifier), vector.name).toBe(true);
      for (const flag of Object.values(SCRIPT_FLAGS)) {
        const fewer = trimFlags(excluded & ~flag);
        if (fewer === excluded) continue;
        expect(isValid(vector, ALL_SCRIPT_FLAGS & ~fewer, verifier), vector.name).toBe(false);
      }
    });
  });
});

describeShared('tx_invalid.json', () => {
  const vectors = readTxVectors('vectors/core/tx_invalid.json');
  const scriptVectors = vectors.filter(({ flagsText }) => flagsText !== 'BADTX');

  test('every row that breaks a rule of transactions', () => {
    const bad = vectors.filter(({ flagsText }) => flagsText === 'BADTX');
    expect(bad.length).toBe(BAD_TX_ROWS);
    for (const { name, tx } of bad) expect(() => checkTransaction(tx), name).toThrow(Reject);
  });

  test('every row that fails by its scripts, also with more flags', () => {
    expect(vectors.length).toBe(INVALID_ROWS);
    expect(scriptVectors.length).toBe(INVALID_ROWS - BAD_TX_ROWS);
    scriptVectors.forEach((vector, index) => {
      expect(() => checkTransaction(vector.tx), vector.name).not.toThrow();
      const flags = parseFlags(vector.flagsText);
      expect(fillFlags(flags), vector.name).toBe(flags);
      for (const more of [0, ...Object.values(SCRIPT_FLAGS), ...randomFlags(index, RANDOM_FLAGS_PER_ROW)]) {
        expect(isValid(vector, fillFlags(flags | more), verifier), vector.name).toBe(false);
      }
    });
  });
});
