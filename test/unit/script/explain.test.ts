/** Where scripts fail, on which stack and by which rule, as a table; and that watching them changes no verdict. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hexToBytes } from '../../../src/base/bytes.ts';
import { hash160 } from '../../../src/crypto/hashes.ts';
import { loadVerifierSync } from '../../../src/crypto/verifier.ts';
import { explainInput, withPrerequisites } from '../../../src/script/explain.ts';
import { flagNames, parseFlags, SCRIPT_FLAGS, STANDARD_SCRIPT_FLAGS } from '../../../src/script/flags.ts';
import { pushData } from '../../../src/script/opcodes.ts';
import { PrecomputedTx } from '../../../src/script/sighash.ts';
import { payToTaproot, wrapInScriptHash, wrapInWitnessScriptHash } from '../../../src/script/templates.ts';
import { verifyInputs } from '../../../src/script/verify.ts';
import { input, output, transaction, UNKNOWN_TXID } from '../../support/block-scene.ts';
import { randomFlags } from '../../support/script-flags.ts';
import { scriptFromText } from '../../support/script-text.ts';
import { signedKeyHashSpend, signedTaprootSpend, spoilSignature } from '../../support/signed-spends.ts';

const VERIFIER = loadVerifierSync('auto');
const KEY = '0x21 0x0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
const GENERATOR = hexToBytes('79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798');
const NOT_STRICT = '0x0a 0x30070202000102010101';

interface Case {
  readonly scriptPubKey: Uint8Array;
  readonly scriptSig?: Uint8Array;
  readonly witness?: readonly Uint8Array[];
}

function explain(
  { scriptPubKey, scriptSig = new Uint8Array(0), witness = [] }: Case,
  flags = STANDARD_SCRIPT_FLAGS,
) {
  const tx = transaction({
    inputs: [input({ txid: UNKNOWN_TXID, index: 0 }, { scriptSig, witness })],
    outputs: [output(1_000)],
  });
  return explainInput(new PrecomputedTx(tx, [{ value: 2_000, scriptPubKey }]), 0, flags, VERIFIER);
}

const bare = (pubKey: string, sig = ''): Case => ({
  scriptPubKey: scriptFromText(pubKey),
  scriptSig: scriptFromText(sig),
});
const scriptHash = (redeem: Uint8Array, sig = ''): Case => ({
  scriptPubKey: wrapInScriptHash(redeem),
  scriptSig: concatBytes(scriptFromText(sig), pushData(redeem)),
});
const witnessScript = (text: string, ...items: readonly string[]): Case => {
  const script = scriptFromText(text);
  return { scriptPubKey: wrapInWitnessScriptHash(script), witness: [...items.map(hexToBytes), script] };
};
const taproot = (...items: readonly string[]): Case => ({
  scriptPubKey: payToTaproot(GENERATOR),
  witness: items.map(hexToBytes),
});

describe('where, why, by which rule', () => {
  /** Error, deciding flag, consensus error, script, opcode at byte position (and number), stack before it. */
  type Row = readonly [
    name: string,
    spend: Case,
    error: string,
    flag: string | undefined,
    consensus: string | undefined,
    where: string,
    stack: string,
  ];
  const rows: readonly Row[] = [
    ['a false end', bare('0'), 'EVAL_FALSE', undefined, 'EVAL_FALSE', 'scriptPubKey end', '<>'],
    ['a hash that differs', bare('DUP HASH160 7 EQUALVERIFY 1', '5'), 'EQUALVERIFY', undefined, 'EQUALVERIFY', 'scriptPubKey OP_EQUALVERIFY 3/3', `<05> <${bytesToHex(hash160(Uint8Array.of(5)))}> <07>`],
    ['nothing to duplicate', bare('DUP'), 'INVALID_STACK_OPERATION', undefined, 'INVALID_STACK_OPERATION', 'scriptPubKey OP_DUP 0/0', ''],
    ['a disabled opcode', bare('1 2 CAT'), 'DISABLED_OPCODE', undefined, 'DISABLED_OPCODE', 'scriptPubKey OP_CAT 2/2', '<01> <02>'],
    ['an open condition', bare('1 IF 7'), 'UNBALANCED_CONDITIONAL', undefined, 'UNBALANCED_CONDITIONAL', 'scriptPubKey end', '<07>'],
    ['an end of nothing', bare('1 ENDIF'), 'UNBALANCED_CONDITIONAL', undefined, 'UNBALANCED_CONDITIONAL', 'scriptPubKey OP_ENDIF 1/1', '<01>'],
    ['a long script', bare('1 '.repeat(10_001)), 'SCRIPT_SIZE', undefined, 'SCRIPT_SIZE', 'scriptPubKey end', ''],
    ['a push cut off', { scriptPubKey: Uint8Array.of(0x51, 5, 1) }, 'BAD_OPCODE', undefined, 'BAD_OPCODE', 'scriptPubKey push of 5 bytes 1/1', '<01>'],
    ['in the scriptSig', bare('1', 'RETURN'), 'OP_RETURN', undefined, 'OP_RETURN', 'scriptSig OP_RETURN 0/0', ''],
    ['a number pushed too long', bare('1', '0x01 0x05'), 'MINIMALDATA', 'MINIMALDATA', undefined, 'scriptSig push of 1 byte 0/0', ''],
    ['a NOP to come', bare('1 NOP10'), 'DISCOURAGE_UPGRADABLE_NOPS', 'DISCOURAGE_UPGRADABLE_NOPS', undefined, 'scriptPubKey OP_NOP10 1/1', '<01>'],
    ['too much left', bare('1', '1'), 'CLEANSTACK', 'CLEANSTACK', undefined, 'scriptPubKey end', '<01> <01>'],
    ['a lax signature', bare(`${KEY} CHECKSIG NOT`, NOT_STRICT), 'SIG_DER', 'DERSIG', 'SIG_DER', 'scriptPubKey OP_CHECKSIG 34/1', `<${NOT_STRICT.slice(7)}> <${KEY.slice(7)}>`],
    ['a dummy', bare('0 0 CHECKMULTISIG', '1'), 'SIG_NULLDUMMY', 'NULLDUMMY', 'SIG_NULLDUMMY', 'scriptPubKey OP_CHECKMULTISIG 2/2', '<01> <> <>'],
    ['a lock', bare('0x01 0x64 CHECKLOCKTIMEVERIFY'), 'UNSATISFIED_LOCKTIME', 'CHECKLOCKTIMEVERIFY', 'UNSATISFIED_LOCKTIME', 'scriptPubKey OP_CHECKLOCKTIMEVERIFY 2/1', '<64>'],
    ['P2SH', scriptHash(scriptFromText('1ADD 0 EQUAL'), '5'), 'EVAL_FALSE', 'P2SH', 'EVAL_FALSE', 'redeemScript end', '<>'],
    ['inside P2SH', scriptHash(scriptFromText('VERIFY 1'), '0'), 'VERIFY', 'P2SH', 'VERIFY', 'redeemScript OP_VERIFY 0/0', '<>'],
    ['no witness', witnessScriptWithout(), 'WITNESS_PROGRAM_WITNESS_EMPTY', 'WITNESS', 'WITNESS_PROGRAM_WITNESS_EMPTY', 'none', ''],
    ['a condition of two', witnessScript('IF 1 ELSE 0 ENDIF', '02'), 'MINIMALIF', 'MINIMALIF', undefined, 'witnessScript OP_IF 0/0', '<02>'],
    ['a witness script that leaves two', witnessScript('1', '01'), 'CLEANSTACK', 'WITNESS', 'CLEANSTACK', 'witnessScript end', '<01> <01>'],
    ['a program to come', { scriptPubKey: hexToBytes('60020101') }, 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM', 'DISCOURAGE_UPGRADABLE_WITNESS_PROGRAM', undefined, 'none', ''],
    ['taproot without witness', taproot(), 'WITNESS_PROGRAM_WITNESS_EMPTY', 'TAPROOT', 'WITNESS_PROGRAM_WITNESS_EMPTY', 'none', ''],
    ['taproot with a wrong signature', taproot('01'.repeat(64)), 'SCHNORR_SIG', 'TAPROOT', 'SCHNORR_SIG', 'none', ''],
    ['another tree', taproot('51', `c0${'01'.repeat(32)}`), 'WITNESS_PROGRAM_MISMATCH', 'TAPROOT', 'WITNESS_PROGRAM_MISMATCH', 'none', ''],
  ]; // biome-ignore format: a table

  test.each(rows)('%s', (_name, spend, error, flag, consensus, where, stack) => {
    const found = explain(spend)!;
    const { at } = found;
    const place =
      found.script === undefined
        ? 'none'
        : `${found.script} ${at === undefined ? 'end' : `${at.opcode} ${at.position}/${at.index}`}`;
    expect([found.error, found.flag, found.consensusError, place]).toEqual([error, flag, consensus, where]);
    expect(found.stack.map(item => `<${bytesToHex(item)}>`).join(' ')).toBe(stack);
  });

  test('the other stack', () => {
    const found = explain(bare('7 TOALTSTACK 0 VERIFY'))!;
    expect(found.altStack.map(bytesToHex)).toEqual(['07']);
  });

  test('policy may have a name of its own for what consensus refuses too', () => {
    const good = signedKeyHashSpend(1, 2);
    const bad = { ...good, ...spoilSignature(good, 1) };
    const found = explainInput(new PrecomputedTx(bad.tx, bad.spent), 1, STANDARD_SCRIPT_FLAGS, VERIFIER)!;
    expect(found).toMatchObject({ error: 'SIG_NULLFAIL', flag: 'NULLFAIL', consensusError: 'EVAL_FALSE' });
    expect(found.at).toEqual({ position: 24, index: 4, opcode: 'OP_CHECKSIG' });
    const byBlocks = explainInput(new PrecomputedTx(bad.tx, bad.spent), 1, parseFlags('WITNESS'), VERIFIER)!;
    expect(byBlocks).toMatchObject({
      error: 'EVAL_FALSE',
      flag: 'WITNESS',
      at: undefined,
      stack: [new Uint8Array(0)],
    });
  });
});

describe('what is valid', () => {
  test.each([signedKeyHashSpend, signedTaprootSpend])('needs no words: %s', sign => {
    const { tx, spent } = sign(7, 3);
    for (let i = 0; i < 3; i += 1) {
      expect(explainInput(new PrecomputedTx(tx, spent), i, STANDARD_SCRIPT_FLAGS, VERIFIER)).toBeUndefined();
    }
  });
});

test('the verdict is that of whoever does not watch, under any flags', () => {
  const spends = [
    bare('1', '1'),
    bare('0 0 CHECKMULTISIG', '1'),
    witnessScript('IF 1 ELSE 0 ENDIF', '02'),
    taproot(),
  ];
  for (const wanted of randomFlags(5, 200)) {
    const flags = withPrerequisites(wanted);
    for (const { scriptPubKey, scriptSig = new Uint8Array(0), witness = [] } of spends) {
      const tx = transaction({
        inputs: [input({ txid: UNKNOWN_TXID, index: 0 }, { scriptSig, witness })],
        outputs: [output(1_000)],
      });
      const spent = [{ value: 2_000, scriptPubKey }];
      const found = explainInput(new PrecomputedTx(tx, spent), 0, wanted, VERIFIER);
      expect(found?.error, flagNames(flags).join()).toBe(verifyInputs({ tx, spent, flags }, VERIFIER)?.error);
      if (found?.flag !== undefined) expect(flags & SCRIPT_FLAGS[found.flag]).not.toBe(0);
    }
  }
});

function witnessScriptWithout(): Case {
  return { scriptPubKey: wrapInWitnessScriptHash(scriptFromText('1')) };
}
