/**
 * Inputs of public fuzzers (8,427): every decoder takes each or refuses it with its own error, and nothing else, in a time
 * that is bounded by its length. They carry no verdicts.
 */
import { expect, test } from 'vitest';
import { decodeBase64 } from '../../src/base/base64.ts';
import { bytesToBinary, equalBytes, hexToBytes, ZERO_HASH } from '../../src/base/bytes.ts';
import { decodeExtendedPublicKey, decodeExtendedSecretKey } from '../../src/crypto/bip32.ts';
import { ellswiftDecode } from '../../src/crypto/ellswift.ts';
import { compressPublicKey } from '../../src/crypto/keys.ts';
import { aggregateMusigKeys, MusigError } from '../../src/crypto/musig-keys.ts';
import { loadVerifierSync } from '../../src/crypto/verifier.ts';
import { encodePsbt, readPsbt } from '../../src/psbt/psbt.ts';
import { AddressError, decodeAddress, decodeSecretKey } from '../../src/script/address.ts';
import { parseDescriptor } from '../../src/script/descriptor.ts';
import { DescriptorError } from '../../src/script/descriptor-checksum.ts';
import { inferDescriptor } from '../../src/script/descriptor-infer.ts';
import { MANDATORY_SCRIPT_FLAGS, STANDARD_SCRIPT_FLAGS } from '../../src/script/flags.ts';
import { scriptToAsm } from '../../src/script/opcodes.ts';
import { solveScript } from '../../src/script/templates.ts';
import { verifyInputs } from '../../src/script/verify.ts';
import { block, blockHeader } from '../../src/wire/block.ts';
import { DecodeError, Reader } from '../../src/wire/codec.ts';
import { type Command, messages } from '../../src/wire/messages.ts';
import { createTransaction, readTransaction } from '../../src/wire/transaction.ts';
import { readFuzzInputs } from '../support/fuzz-inputs.ts';
import { MAIN_PREFIXES } from '../support/prefixes.ts';
import { describeShared } from '../support/shared.ts';

/** For a decoder that is linear: far more than the slowest takes, far less than a quadratic one would. */
const INPUT_MS_MAX = 2_000;

type ErrorClass = abstract new (...args: never[]) => Error;

/** By name: what reads the bytes, and the one error that it may throw. */
const DECODERS: readonly (readonly [
  name: string,
  refusal: ErrorClass | undefined,
  read: (bytes: Uint8Array) => unknown,
])[] = [
  ['transaction', DecodeError, bytes => readTransaction(new Reader(bytes))],
  ['transaction without witnesses', DecodeError, bytes => readTransaction(new Reader(bytes), 'basic')],
  ['block', DecodeError, bytes => block.read(new Reader(bytes))],
  ['header', DecodeError, bytes => blockHeader.read(new Reader(bytes))],
  ['PSBT', DecodeError, readPsbtTwice],
  ['descriptor', DescriptorError, bytes => expandAll(bytesToBinary(bytes))],
  ['address', AddressError, bytes => decodeAddress(bytesToBinary(bytes), MAIN_PREFIXES)],
  ['secret key', undefined, bytes => decodeSecretKey(bytesToBinary(bytes), MAIN_PREFIXES)],
  [
    'extended public key',
    undefined,
    bytes => decodeExtendedPublicKey(bytesToBinary(bytes), MAIN_PREFIXES.extPublicKey),
  ],
  [
    'extended secret key',
    undefined,
    bytes => decodeExtendedSecretKey(bytesToBinary(bytes), MAIN_PREFIXES.extSecretKey),
  ],
  ['public key', undefined, bytes => compressPublicKey(bytes)],
  ['script', undefined, readScript],
];

function readPsbtTwice(bytes: Uint8Array): void {
  const text = decodeBase64(bytesToBinary(bytes));
  for (const each of text === undefined ? [bytes] : [bytes, text]) {
    const psbt = readPsbt(new Reader(each));
    // What was read is written so that it is read as the same.
    const once = encodePsbt(psbt);
    if (!equalBytes(once, encodePsbt(readPsbt(new Reader(once))))) throw new Error('written otherwise');
  }
}

function expandAll(text: string): void {
  for (const descriptor of parseDescriptor(text, { prefixes: MAIN_PREFIXES, requireChecksum: false })) {
    descriptor.expand(0);
    parseDescriptor(descriptor.toString(), { prefixes: MAIN_PREFIXES, requireChecksum: true });
  }
}

function readScript(script: Uint8Array): void {
  solveScript(script);
  scriptToAsm(script);
  inferDescriptor(script, MAIN_PREFIXES);
}

describeShared('inputs of fuzzers', () => {
  const inputs = readFuzzInputs('bitcoinfuzz', 'kernel-qa-assets').map(({ target, hex }) => ({
    target,
    hex,
    bytes: hexToBytes(hex),
  }));

  test.each(DECODERS)('%s', (name, refusal, read) => {
    expect(inputs.length).toBe(8_427);
    for (const { target, hex, bytes } of inputs) {
      const start = performance.now();
      try {
        read(bytes);
      } catch (error) {
        if (refusal === undefined || !(error instanceof refusal)) {
          throw new Error(`${name} ${target} ${hex.slice(0, 200)}`, { cause: error });
        }
      }
      const took = performance.now() - start;
      if (took > INPUT_MS_MAX) throw new Error(`${name} ${target} ${hex.slice(0, 200)}: ${took} ms`);
    }
  });

  test('messages of every kind', () => {
    const commands = Object.keys(messages) as Command[];
    for (const [i, { target, bytes }] of inputs.entries()) {
      // All of them for what was made as a message, a few in turn for the rest.
      const tried = /addrv2|cmpct/.test(target)
        ? commands
        : [0, 1, 2].map(n => commands[(i + n) % commands.length]!);
      for (const command of tried) {
        try {
          messages[command].read(new Reader(bytes));
        } catch (error) {
          if (!(error instanceof DecodeError)) throw error;
        }
      }
    }
  });

  test('keys of exchanges and aggregates', () => {
    for (const { target, bytes } of inputs) {
      if (/ellswift/.test(target) && bytes.length >= 64)
        expect(ellswiftDecode(bytes.slice(0, 64)).length).toBeGreaterThan(0);
      if (target !== 'musig2_key_agg') continue;
      const keys = Array.from({ length: Math.min(8, Math.floor(bytes.length / 33)) }, (_, i) =>
        bytes.slice(i * 33, i * 33 + 33),
      );
      try {
        aggregateMusigKeys(keys);
      } catch (error) {
        if (!(error instanceof MusigError)) throw error;
      }
    }
  });

  test('scripts run and end', () => {
    const verifier = loadVerifierSync('auto');
    for (const { target, bytes } of inputs) {
      if (!/script/.test(target)) continue;
      const half = bytes.length >> 1;
      const tx = createTransaction({
        version: 2,
        lockTime: 0,
        outputs: [{ value: 0, scriptPubKey: bytes.subarray(0, 40) }],
        inputs: [
          {
            prevout: { txid: ZERO_HASH, index: 0 },
            scriptSig: bytes.subarray(half),
            sequence: 0,
            witness: [bytes.subarray(0, half), bytes.subarray(half)],
          },
        ],
      });
      for (const flags of [MANDATORY_SCRIPT_FLAGS, STANDARD_SCRIPT_FLAGS]) {
        for (const scriptPubKey of [bytes, bytes.subarray(0, half)]) {
          verifyInputs({ tx, spent: [{ value: 1, scriptPubKey }], flags }, verifier);
        }
      }
    }
  });
});
