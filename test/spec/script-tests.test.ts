/**
 * Core's script_tests.json: every row with the exact script error, and that fewer flags never fail what passed nor
 * more flags pass what failed.
 */
import { expect, test } from 'vitest';
import { concatBytes, EMPTY_BYTES, hexToBytes, ZERO_HASH } from '../../src/base/bytes.ts';
import { publicKeyOf, taprootTweakPublicKey } from '../../src/crypto/keys.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { TransactionChecker } from '../../src/script/checker.ts';
import { parseFlags, SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { PrecomputedTx } from '../../src/script/sighash.ts';
import { tapLeafHash } from '../../src/script/taproot.ts';
import { verifyScript } from '../../src/script/verify.ts';
import { createTransaction, NULL_INDEX, SEQUENCE_FINAL } from '../../src/wire/transaction.ts';
import { fillFlags, randomFlags, trimFlags } from '../support/script-flags.ts';
import { scriptFromText } from '../support/script-text.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

const ROWS = 1_222;
const TAPSCRIPT_LEAF = 0xc0;
const RANDOM_FLAGS_PER_ROW = 4;

const verifier = loadVerifierSync('auto');

describeShared('script_tests.json', () => {
  const rows = readSharedJson<readonly (readonly unknown[])[]>('vectors/core/script_tests.json');

  test('every row', () => {
    let checked = 0;
    rows.forEach((row, index) => {
      // A row of one string is a comment.
      if (row.length === 1) return;
      checkRow(row, index);
      checked += 1;
    });
    expect(checked).toBe(ROWS);
  });
});

function checkRow(row: readonly unknown[], index: number): void {
  const head = Array.isArray(row[0]) ? (row[0] as (string | number)[]) : undefined;
  const [scriptSigText, scriptPubKeyText, flagsText, expectedError] = (
    head === undefined ? row : row.slice(1)
  ) as string[];
  const value = head === undefined ? 0 : Math.round(Number(head.at(-1)) * 1e8);
  const { witness, outputKey } = buildWitness((head?.slice(0, -1) ?? []) as string[]);
  const scriptSig = scriptFromText(scriptSigText!);
  const scriptPubKey = scriptPubKeyText!.includes('#TAPROOTOUTPUT#')
    ? concatBytes(Uint8Array.of(0x51, 0x20), outputKey!)
    : scriptFromText(scriptPubKeyText!);
  let flags = parseFlags(flagsText!);
  if (flags & SCRIPT_FLAGS.CLEANSTACK) flags = fillFlags(flags);

  const checker = checkerFor(scriptSig, scriptPubKey, witness, value);
  const verify = (withFlags: number) =>
    verifyScript({ scriptSig, scriptPubKey, witness, flags: withFlags, checker });
  const expected = expectedError === 'NULLFAIL' ? 'SIG_NULLFAIL' : expectedError;
  expect(verify(flags) ?? 'OK', `row ${index}: ${JSON.stringify(row)}`).toBe(expected);
  for (const random of randomFlags(index, RANDOM_FLAGS_PER_ROW)) {
    const changed = expected === 'OK' ? trimFlags(flags & ~random) : fillFlags(flags | random);
    expect(verify(changed) === undefined, `row ${index} with flags ${changed}`).toBe(expected === 'OK');
  }
}

/** The witness with what the rows leave to be generated: scripts from text, and the control block of one leaf. */
function buildWitness(items: readonly string[]): { witness: Uint8Array[]; outputKey?: Uint8Array } {
  const witness: Uint8Array[] = [];
  let outputKey: Uint8Array | undefined;
  for (const item of items) {
    if (item.startsWith('#SCRIPT#')) witness.push(scriptFromText(item.slice('#SCRIPT#'.length)));
    else if (item === '#CONTROLBLOCK#') {
      const internalKey = publicKeyOf(hexToBytes('01'.padStart(64, '0'))).subarray(1);
      const output = taprootTweakPublicKey(internalKey, tapLeafHash(TAPSCRIPT_LEAF, witness.at(-1)!))!;
      outputKey = output.key;
      witness.push(concatBytes(Uint8Array.of(TAPSCRIPT_LEAF | output.parity), internalKey));
    } else witness.push(hexToBytes(item));
  }
  return outputKey === undefined ? { witness } : { witness, outputKey };
}

/** The two transactions that all rows share: one that pays to the script, one that spends it. */
function checkerFor(
  scriptSig: Uint8Array,
  scriptPubKey: Uint8Array,
  witness: readonly Uint8Array[],
  value: number,
): TransactionChecker {
  const credit = createTransaction({
    version: 1,
    inputs: [
      {
        prevout: { txid: ZERO_HASH, index: NULL_INDEX },
        scriptSig: Uint8Array.of(0, 0),
        sequence: SEQUENCE_FINAL,
        witness: [],
      },
    ],
    outputs: [{ value, scriptPubKey }],
    lockTime: 0,
  });
  const spend = {
    version: 1,
    inputs: [{ prevout: { txid: credit.txid, index: 0 }, scriptSig, sequence: SEQUENCE_FINAL, witness }],
    outputs: [{ value, scriptPubKey: EMPTY_BYTES }],
    lockTime: 0,
  };
  return new TransactionChecker(new PrecomputedTx(spend, credit.outputs), 0, verifier);
}
