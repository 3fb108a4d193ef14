/** bitcoinjs-lib's vectors for scripts, script numbers, signature encodings and signature hashes. */
import { expect, test } from 'vitest';
import { bytesToHex, hexToBytes } from '../../src/base/bytes.ts';
import { hasDefinedHashType, isStrictDer } from '../../src/script/encoding.ts';
import { decodeNumber, encodeNumber, isMinimalNumber } from '../../src/script/number.ts';
import { MALFORMED, OPCODES, parseScript } from '../../src/script/opcodes.ts';
import { legacySignatureHash, PrecomputedTx, witnessV0SignatureHash } from '../../src/script/sighash.ts';
import { decodeTransaction } from '../../src/wire/transaction.ts';
import { describeShared, readSharedJson } from '../support/shared.ts';

interface ScriptVectors {
  readonly valid: readonly { readonly asm: string; readonly script: string }[];
  readonly valid2: readonly Readonly<Record<string, string>>[];
  readonly invalid: { readonly decompile: readonly { readonly script: string }[] };
}

interface HashVector {
  readonly txHex: string;
  readonly inIndex: number;
  readonly script: string;
  readonly type: number;
  readonly hash: string;
  readonly value?: number;
}

describeShared('bitcoinjs script vectors', () => {
  test('54 numbers', () => {
    const vectors = readSharedJson<{ hex: string; number: number }[]>('vectors/bitcoinjs/script_number.json');
    expect(vectors.length).toBe(54);
    for (const { hex, number } of vectors) {
      expect(decodeNumber(hexToBytes(hex)), hex).toBe(number);
      expect(bytesToHex(encodeNumber(number)), String(number)).toBe(hex);
      expect(isMinimalNumber(hexToBytes(hex)), hex).toBe(true);
    }
  });

  test('scripts to text and back', () => {
    const { valid, valid2, invalid } = readSharedJson<ScriptVectors>('vectors/bitcoinjs/script.json');
    const pairs = valid.map(({ asm, script }) => [asm, script] as const);
    for (const vector of valid2) {
      for (const name of ['output', 'input', 'redeemScript']) {
        const asm = vector[name];
        const hex = vector[`${name}Hex`];
        if (asm !== undefined && hex !== undefined) pairs.push([asm, hex]);
      }
    }
    expect(pairs.length).toBeGreaterThan(valid.length + 20);
    for (const [asm, hex] of pairs) expect(bitcoinjsAsm(hexToBytes(hex)), hex).toBe(asm);
    expect(invalid.decompile.length).toBe(5);
    for (const { script } of invalid.decompile) {
      expect([...parseScript(hexToBytes(script))].at(-1)?.opcode).toBe(MALFORMED);
    }
  });

  test('signature encodings', () => {
    const vectors = readSharedJson<{
      readonly valid: readonly { readonly hex: string }[];
      readonly invalid: readonly { readonly hex: string; readonly hashType?: number }[];
    }>('vectors/bitcoinjs/signature.json');
    expect([vectors.valid.length, vectors.invalid.length]).toEqual([7, 17]);
    const isGood = (hex: string) => isStrictDer(hexToBytes(hex)) && hasDefinedHashType(hexToBytes(hex));
    for (const { hex } of vectors.valid) expect(isGood(hex), hex).toBe(true);
    for (const { hex } of vectors.invalid) expect(isGood(hex), hex).toBe(false);
  });

  const transactions = readSharedJson<{
    readonly hashForSignature: readonly HashVector[];
    readonly hashForWitnessV0: readonly HashVector[];
  }>('vectors/bitcoinjs/transaction.json');

  test('legacy signature hashes', () => {
    // An input that does not exist signs the number 1 in bitcoinjs; in Core, and here, nobody can ask for it.
    const possible = transactions.hashForSignature.filter(
      ({ txHex, inIndex }) => inIndex < decodeTransaction(hexToBytes(txHex)).inputs.length,
    );
    expect([possible.length, transactions.hashForSignature.length]).toEqual([3, 5]);
    for (const { txHex, inIndex, script, type, hash } of possible) {
      const precomputed = new PrecomputedTx(decodeTransaction(hexToBytes(txHex)), []);
      expect(bytesToHex(legacySignatureHash(precomputed, inIndex, fromBitcoinjsAsm(script), type))).toBe(
        hash,
      );
    }
  });

  test('version 0 witness signature hashes', () => {
    expect(transactions.hashForWitnessV0.length).toBe(8);
    for (const { txHex, inIndex, script, type, hash, value } of transactions.hashForWitnessV0) {
      const tx = decodeTransaction(hexToBytes(txHex));
      const scriptCode = fromBitcoinjsAsm(script);
      const spent = tx.inputs.map(() => ({ value: value!, scriptPubKey: scriptCode }));
      const precomputed = new PrecomputedTx(tx, spent);
      expect(bytesToHex(witnessV0SignatureHash(precomputed, inIndex, scriptCode, type))).toBe(hash);
    }
  });
});

const NAMES = new Map<number, string>(Object.entries(OPCODES).map(([name, opcode]) => [opcode, name]));

/** bitcoinjs writes all pushes in hex and all constants by name. */
function bitcoinjsAsm(script: Uint8Array): string {
  return [...parseScript(script)]
    .map(({ opcode, data }) => (data !== undefined && data.length > 0 ? bytesToHex(data) : NAMES.get(opcode)))
    .join(' ');
}

function fromBitcoinjsAsm(asm: string): Uint8Array {
  const bytes: number[] = [];
  for (const word of asm.split(' ')) {
    const opcode = Object.entries(OPCODES).find(([name]) => name === word)?.[1];
    const data = opcode === undefined ? hexToBytes(word) : undefined;
    if (data === undefined) bytes.push(opcode!);
    else bytes.push(data.length, ...data);
  }
  return Uint8Array.from(bytes);
}
