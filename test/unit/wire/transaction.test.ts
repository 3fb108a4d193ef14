/** Transactions on the wire: both formats, what BIP144 forbids, and what is hashed. */
import { describe, expect, test } from 'vitest';
import { bytesToHex, concatBytes, hashToHex, hexToBytes } from '../../../src/base/bytes.ts';
import { SeededRandom } from '../../../src/base/random.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';
import { createBlock, decodeBlock, encodeStrippedBlock, strippedBlockSize } from '../../../src/wire/block.ts';
import { DecodeError, Reader } from '../../../src/wire/codec.ts';
import {
  createTransaction,
  decodeTransaction,
  exactValue,
  readTransaction,
  type Transaction,
} from '../../../src/wire/transaction.ts';
import { randomHeader, randomTransaction } from '../../support/random-messages.ts';

const INPUT = `${'11'.repeat(32)}00000000 00 ffffffff`.replaceAll(' ', '');
const OUTPUT = `0100000000000000 01 51`.replaceAll(' ', '');
const hex = (text: string) => hexToBytes(text.replaceAll(' ', ''));
const VERSION = '02000000';
const LOCK = '00000000';

describe('formats', () => {
  test('basic', () => {
    const tx = decodeTransaction(hex(`${VERSION} 01 ${INPUT} 01 ${OUTPUT} ${LOCK}`));
    expect(tx.hasWitness).toBe(false);
    expect(tx.wtxid).toBe(tx.txid);
    expect(tx.strippedBytes()).toBe(tx.raw);
    expect([tx.size, tx.strippedSize, tx.weight, tx.virtualSize]).toEqual([61, 61, 244, 61]);
  });

  test('with witnesses', () => {
    const tx = decodeTransaction(hex(`${VERSION} 0001 01 ${INPUT} 01 ${OUTPUT} 02 00 0205aa ${LOCK}`));
    const stripped = hex(`${VERSION} 01 ${INPUT} 01 ${OUTPUT} ${LOCK}`);
    expect(tx.inputs[0]!.witness.map(bytesToHex)).toEqual(['', '05aa']);
    expect(bytesToHex(tx.strippedBytes())).toBe(bytesToHex(stripped));
    expect(tx.txid).toBe(sha256d(stripped));
    expect(tx.wtxid).toBe(sha256d(tx.raw));
    expect(tx.wtxid).not.toBe(tx.txid);
    expect([tx.size, tx.strippedSize, tx.weight, tx.virtualSize]).toEqual([68, 61, 251, 63]);
  });

  test('no inputs and no outputs: the flag is 0', () => {
    const tx = decodeTransaction(hex(`${VERSION} 00 00 ${LOCK}`));
    expect([tx.inputs.length, tx.outputs.length, tx.hasWitness]).toEqual([0, 0, false]);
  });

  test('no inputs but outputs: only in the basic format', () => {
    const bytes = hex(`${VERSION} 00 01 ${OUTPUT} ${LOCK}`);
    expect(() => decodeTransaction(bytes)).toThrow(DecodeError);
    const tx = decodeTransaction(bytes, 'basic');
    expect(tx.outputs).toHaveLength(1);
    expect(tx.detached().outputs).toEqual(tx.outputs);
  });

  test('witnesses are not read in the basic format', () => {
    const bytes = hex(`${VERSION} 0001 01 ${INPUT} 01 ${OUTPUT} 01 01aa ${LOCK}`);
    expect(() => decodeTransaction(bytes, 'basic')).toThrow(DecodeError);
  });

  const refused: readonly [string, string, RegExp][] = [
    ['witnesses that are all empty', `${VERSION} 0001 01 ${INPUT} 01 ${OUTPUT} 00 ${LOCK}`, /Superfluous/],
    ['a flag but no inputs', `${VERSION} 0001 00 01 ${OUTPUT} ${LOCK}`, /Superfluous/],
    ['flag 2', `${VERSION} 0002 01 ${INPUT} 01 ${OUTPUT} ${LOCK}`, /flag 2/],
    ['flag 3', `${VERSION} 0003 01 ${INPUT} 01 ${OUTPUT} 01 00 ${LOCK}`, /flag 3/],
    ['flag 3 with empty witnesses', `${VERSION} 0003 01 ${INPUT} 01 ${OUTPUT} 00 ${LOCK}`, /Superfluous/],
    ['a byte too many', `${VERSION} 01 ${INPUT} 01 ${OUTPUT} ${LOCK} 00`, /left over/],
    ['a script longer than the rest', `${VERSION} 01 ${'11'.repeat(36)} fdffff 00 ${LOCK}`, /End of data/],
    [
      'a count that is not the shortest',
      `${VERSION} fd0100 ${INPUT} 01 ${OUTPUT} ${LOCK}`,
      /non-canonical ReadCompactSize/,
    ],
  ];
  test.each(refused)('%s', (_, text, message) => {
    expect(() => decodeTransaction(hex(text))).toThrow(DecodeError);
    expect(() => decodeTransaction(hex(text))).toThrow(message);
  });
});

describe('amounts', () => {
  const amounts: readonly [string, bigint, isSafe: boolean][] = [
    ['0000000000000000', 0n, true],
    ['0040075af0750700', 2_100_000_000_000_000n, true],
    ['ffffffffffffffff', -1n, true],
    ['ffffffffffff1f00', 2n ** 53n - 1n, true],
    ['0000000000002000', 2n ** 53n, false],
    ['0100000000002000', 2n ** 53n + 1n, false],
    ['ffffffffffffff7f', 2n ** 63n - 1n, false],
    ['0000000000000080', -(2n ** 63n), false],
    ['feffffffffffdfff', -(2n ** 53n) - 2n, false],
  ];
  test.each(amounts)('%s is kept exactly', (bytes, exact, isSafe) => {
    const text = `${VERSION} 01 ${INPUT} 01 ${bytes} 00 ${LOCK}`;
    const tx = decodeTransaction(hex(text));
    const output = tx.outputs[0]!;
    expect(exactValue(output)).toBe(exact);
    expect(output.value).toBe(Number(exact));
    expect(output.exactValue === undefined).toBe(isSafe);
    expect(bytesToHex(createTransaction(tx).raw)).toBe(text.replaceAll(' ', ''));
  });
});

test('created, decoded and detached transactions are the same', () => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const made = randomTransaction(new SeededRandom(seed));
    const padded = concatBytes(Uint8Array.of(9, 9), made.raw, Uint8Array.of(9));
    const read = readTransaction(new Reader(padded, 2));
    const facts = (tx: Transaction) => [
      bytesToHex(tx.raw), hashToHex(tx.txid), hashToHex(tx.wtxid), bytesToHex(tx.strippedBytes()),
      tx.size, tx.strippedSize, tx.weight, tx.hasWitness,
    ]; // biome-ignore format: one list
    expect(facts(read), `seed ${seed}`).toEqual(facts(made));
    const detached = read.detached();
    expect(facts(detached), `seed ${seed}`).toEqual(facts(made));
    expect(detached.raw.buffer.byteLength, 'pins nothing').toBe(made.size);
    expect(detached.owned(), 'nothing to copy').toBe(detached);
    expect(read.owned().raw.buffer.byteLength).toBe(made.size);
    expect(detached.outputs).toEqual(made.outputs);
  }
});

test('a coinbase spends output 0xffffffff of nothing, alone', () => {
  const nothing = `${'00'.repeat(32)} ffffffff 00 ffffffff`;
  const tx = (inputs: string) => decodeTransaction(hex(`${VERSION} ${inputs} 01 ${OUTPUT} ${LOCK}`));
  expect(tx(`01 ${nothing}`).isCoinbase).toBe(true);
  expect(tx(`02 ${nothing} ${nothing}`).isCoinbase).toBe(false);
  expect(tx(`01 ${'00'.repeat(32)} feffffff 00 ffffffff`).isCoinbase).toBe(false);
  expect(tx(`01 ${'00'.repeat(31)}01 ffffffff 00 ffffffff`).isCoinbase).toBe(false);
});

test('stripping a block removes witnesses and nothing else', () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = new SeededRandom(seed);
    const block = createBlock(
      randomHeader(random),
      [1, 2, 3].map(() => randomTransaction(random)),
    );
    const stripped = encodeStrippedBlock(block.raw);
    expect(stripped.length).toBe(strippedBlockSize(block));
    const read = decodeBlock(stripped);
    expect(read.transactions.map(tx => tx.txid)).toEqual(block.transactions.map(tx => tx.txid));
    expect(read.transactions.some(tx => tx.hasWitness)).toBe(false);
    expect(() => decodeBlock(concatBytes(stripped, Uint8Array.of(0)))).toThrow(DecodeError);
  }
});
