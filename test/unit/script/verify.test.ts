import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { concatBytes, EMPTY_BYTES, hexToBytes, ZERO_HASH } from '../../../src/base/bytes.ts';
import { hash160 } from '../../../src/crypto/hashes.ts';
import { sha256 } from '../../../src/crypto/sha256.ts';
import { loadVerifierSync } from '../../../src/crypto/verifier.ts';
import { TransactionChecker } from '../../../src/script/checker.ts';
import { SCRIPT_ERROR_TEXTS, scriptErrorText } from '../../../src/script/errors.ts';
import {
  flagNames,
  MANDATORY_SCRIPT_FLAGS,
  parseFlags,
  SCRIPT_FLAGS,
  STANDARD_SCRIPT_FLAGS,
} from '../../../src/script/flags.ts';
import { OPCODES, pushData } from '../../../src/script/opcodes.ts';
import { findAndDelete, PrecomputedTx } from '../../../src/script/sighash.ts';
import { verifyInputs, verifyScript } from '../../../src/script/verify.ts';
import { SEQUENCE_FINAL, type TxParts } from '../../../src/wire/transaction.ts';
import { ALL_SCRIPT_FLAGS, fillFlags } from '../../support/script-flags.ts';
import { signedKeyHashSpend, spoilSignature } from '../../support/signed-spends.ts';

const verifier = loadVerifierSync('auto');
const RUNS = 400;

function spending(
  scriptPubKey: Uint8Array,
  witness: readonly Uint8Array[],
  changes: { readonly version?: number; readonly lockTime?: number; readonly sequence?: number } = {},
): { readonly tx: TxParts; readonly checker: TransactionChecker } {
  const { version = 2, lockTime = 0, sequence = SEQUENCE_FINAL } = changes;
  const tx: TxParts = {
    version,
    inputs: [{ prevout: { txid: ZERO_HASH, index: 0 }, scriptSig: EMPTY_BYTES, sequence, witness }],
    outputs: [{ value: 1, scriptPubKey: EMPTY_BYTES }],
    lockTime,
  };
  const precomputed = new PrecomputedTx(tx, [{ value: 2, scriptPubKey }]);
  return { tx, checker: new TransactionChecker(precomputed, 0, verifier) };
}

function verify(
  scriptSig: Uint8Array,
  scriptPubKey: Uint8Array,
  witness: readonly Uint8Array[],
  flags: number,
) {
  const { checker } = spending(scriptPubKey, witness);
  return verifyScript({ scriptSig, scriptPubKey, witness, flags, checker });
}

/** Bytes that are more often opcodes and short pushes than chance would have it. */
const scriptBytes = fc
  .array(
    fc.oneof(
      {
        weight: 4,
        arbitrary: fc.constantFrom(...Object.values(OPCODES)).map(opcode => Uint8Array.of(opcode)),
      },
      { weight: 3, arbitrary: fc.integer({ min: 0x51, max: 0x60 }).map(opcode => Uint8Array.of(opcode)) },
      { weight: 2, arbitrary: fc.uint8Array({ maxLength: 80 }).map(pushData) },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
    ),
    { maxLength: 60 },
  )
  .map(parts => concatBytes(...parts));
const flagSets = fc.integer({ min: 0, max: ALL_SCRIPT_FLAGS }).map(fillFlags);
const known = new Set<string | undefined>([undefined, ...Object.keys(SCRIPT_ERROR_TEXTS)]);

describe('whatever the bytes, the answer is a script error or none', () => {
  test('bare scripts', () => {
    fc.assert(
      fc.property(scriptBytes, scriptBytes, flagSets, (scriptSig, scriptPubKey, flags) => {
        expect(known).toContain(verify(scriptSig, scriptPubKey, [], flags));
      }),
      { numRuns: RUNS },
    );
  });

  test('scripts by their hash', () => {
    fc.assert(
      fc.property(scriptBytes, fc.array(scriptBytes, { maxLength: 5 }), flagSets, (script, items, flags) => {
        const p2sh = concatBytes(Uint8Array.of(0xa9, 20), hash160(script), Uint8Array.of(0x87));
        const scriptSig = concatBytes(...items.map(pushData), pushData(script));
        expect(known).toContain(verify(scriptSig, p2sh, [], flags));
        const p2wsh = concatBytes(Uint8Array.of(0, 32), sha256(script));
        expect(known).toContain(verify(EMPTY_BYTES, p2wsh, [...items, script], flags));
      }),
      { numRuns: RUNS },
    );
  });

  test('witness programs of all versions', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0x50, max: 0x60 }),
        fc.uint8Array({ minLength: 2, maxLength: 40 }),
        fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }),
        flagSets,
        (opcode, program, witness, flags) => {
          const version = opcode === 0x50 ? 0 : opcode;
          const scriptPubKey = concatBytes(Uint8Array.of(version, program.length), program);
          expect(known).toContain(verify(EMPTY_BYTES, scriptPubKey, witness, flags));
        },
      ),
      { numRuns: RUNS },
    );
  });
});

test('an empty taproot witness, a wrong one and an annex alone are refused', () => {
  const scriptPubKey = concatBytes(Uint8Array.of(0x51, 32), new Uint8Array(32).fill(3));
  const flags = STANDARD_SCRIPT_FLAGS;
  expect(verify(EMPTY_BYTES, scriptPubKey, [], flags)).toBe('WITNESS_PROGRAM_WITNESS_EMPTY');
  expect(verify(EMPTY_BYTES, scriptPubKey, [new Uint8Array(64)], flags)).toBe('SCHNORR_SIG');
  expect(verify(EMPTY_BYTES, scriptPubKey, [Uint8Array.of(0x50)], flags)).toBe('SCHNORR_SIG_SIZE');
  expect(verify(EMPTY_BYTES, scriptPubKey, [], flags & ~SCRIPT_FLAGS.TAPROOT)).toBe(undefined);
});

test('a witness program of zeros is false, as its two pushes would leave it', () => {
  const scriptPubKey = concatBytes(Uint8Array.of(0x52, 2), new Uint8Array(2));
  expect(verify(EMPTY_BYTES, scriptPubKey, [], SCRIPT_FLAGS.P2SH | SCRIPT_FLAGS.WITNESS)).toBe('EVAL_FALSE');
});

describe('lock times', () => {
  const lock = (opcode: number, argument: string) =>
    concatBytes(pushData(hexToBytes(argument)), Uint8Array.of(opcode));
  const { OP_CHECKLOCKTIMEVERIFY: CLTV, OP_CHECKSEQUENCEVERIFY: CSV } = OPCODES;
  test.each([
    ['height reached', CLTV, '64', { lockTime: 100, sequence: 0 }, undefined],
    ['height not reached', CLTV, '65', { lockTime: 100, sequence: 0 }, 'UNSATISFIED_LOCKTIME'],
    ['final input', CLTV, '64', { lockTime: 100 }, 'UNSATISFIED_LOCKTIME'],
    ['time against height', CLTV, '0065cd1d', { lockTime: 100, sequence: 0 }, 'UNSATISFIED_LOCKTIME'],
    ['five bytes', CLTV, 'ffffffff00', { lockTime: 0xffff_ffff, sequence: 0 }, undefined],
    ['six bytes', CLTV, 'ffffffff0000', { lockTime: 100, sequence: 0 }, 'SCRIPTNUM'],
    ['negative', CLTV, '81', { lockTime: 100, sequence: 0 }, 'NEGATIVE_LOCKTIME'],
    ['blocks passed', CSV, '05', { sequence: 5 }, undefined],
    ['blocks missing', CSV, '06', { sequence: 5 }, 'UNSATISFIED_LOCKTIME'],
    ['version 1', CSV, '05', { sequence: 5, version: 1 }, 'UNSATISFIED_LOCKTIME'],
    ['version 2^32 − 1', CSV, '05', { sequence: 5, version: 0xffff_ffff }, undefined],
    ['disabled in the input', CSV, '05', { sequence: 0x8000_0005 }, 'UNSATISFIED_LOCKTIME'],
    ['disabled in the script', CSV, '0500008000', { sequence: 0xffff_ffff }, undefined],
    ['time against blocks', CSV, '050040', { sequence: 5 }, 'UNSATISFIED_LOCKTIME'],
    ['times', CSV, '050040', { sequence: 0x0040_0005 }, undefined],
    ['bits without meaning', CSV, '05000002', { sequence: 0x0100_0005 }, undefined],
  ] as const)('%s', (_, opcode, argument, changes, expected) => {
    const script = lock(opcode, argument);
    const { checker } = spending(script, [], changes);
    const flags = MANDATORY_SCRIPT_FLAGS;
    const run = { scriptSig: EMPTY_BYTES, scriptPubKey: script, witness: [], checker };
    expect(verifyScript({ ...run, flags })).toBe(expected);
    const never = flags & ~SCRIPT_FLAGS.CHECKLOCKTIMEVERIFY & ~SCRIPT_FLAGS.CHECKSEQUENCEVERIFY;
    // Without the flags the opcodes are NOPs again.
    expect(verifyScript({ ...run, flags: never })).toBe(undefined);
  });
});

test('verifyInputs names the first bad input', () => {
  const good = signedKeyHashSpend(1, 4);
  expect(verifyInputs({ ...good, flags: STANDARD_SCRIPT_FLAGS }, verifier)).toBe(undefined);
  const bad = spoilSignature(spoilSignature(good, 3), 1);
  expect(verifyInputs({ ...bad, flags: STANDARD_SCRIPT_FLAGS }, verifier)).toEqual({
    input: 1,
    error: 'SIG_NULLFAIL',
  });
  expect(verifyInputs({ ...bad, flags: MANDATORY_SCRIPT_FLAGS }, verifier)?.error).toBe('EVAL_FALSE');
});

describe('FindAndDelete', () => {
  test.each([
    ['0302ff03', '0302ff03', ''],
    ['0302ff030302ff03', '0302ff03', ''],
    ['0302ff030302ff03', '02', undefined],
    ['0302ff030302ff03', 'ff', undefined],
    // Found at instruction boundaries only, in the rest after a deletion too (Core: script_tests.cpp).
    ['02feed5169', 'feed51', undefined],
    ['02feed5169', '02feed51', '69'],
    ['00005151', '00', '5151'],
    ['0003feed', '03feed', '00'],
    ['0003feed', '00', '03feed'],
  ])('%s without %s', (script, part, left) => {
    const result = findAndDelete(hexToBytes(script), hexToBytes(part));
    expect(result && Buffer.from(result).toString('hex')).toBe(left);
  });
});

test('flags by name and back', () => {
  expect(parseFlags('')).toBe(0);
  expect(parseFlags('NONE')).toBe(0);
  expect(parseFlags('P2SH,WITNESS')).toBe(SCRIPT_FLAGS.P2SH | SCRIPT_FLAGS.WITNESS);
  expect(() => parseFlags('P2SH,NOPE')).toThrow(RangeError);
  expect(flagNames(MANDATORY_SCRIPT_FLAGS)).toEqual([
    'CHECKLOCKTIMEVERIFY',
    'CHECKSEQUENCEVERIFY',
    'DERSIG',
    'NULLDUMMY',
    'P2SH',
    'TAPROOT',
    'WITNESS',
  ]);
  expect(flagNames(ALL_SCRIPT_FLAGS & ~STANDARD_SCRIPT_FLAGS)).toEqual(['SIGPUSHONLY']);
  expect(Object.keys(SCRIPT_FLAGS).length).toBe(21);
});

test('every script error has a text of its own', () => {
  const texts = Object.values(SCRIPT_ERROR_TEXTS);
  expect(new Set(texts).size).toBe(texts.length);
  expect(scriptErrorText('SIG_NULLFAIL')).toBe('Signature must be zero for failed CHECK(MULTI)SIG operation');
});
