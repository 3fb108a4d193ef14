/**
 * The decoder, which only remembers where things lie, against one that is as plain as can be: both must refuse the same
 * bytes, at the same moment (nothing is left to be found later), and see the same in what they take.
 */
import { expect, test } from 'vitest';
import { bytesToHex, concatBytes, hashToHex } from '../../../src/base/bytes.ts';
import { type Random, randomBelow, SeededRandom } from '../../../src/base/random.ts';
import { sha256d } from '../../../src/crypto/sha256.ts';
import { decodeBlock } from '../../../src/wire/block.ts';
import { DecodeError, encode, Reader, Writer } from '../../../src/wire/codec.ts';
import {
  createTransaction,
  decodeTransaction,
  exactValue,
  outPoint,
  readTransaction,
  type Transaction,
  type TxFormat,
  withoutWitness,
} from '../../../src/wire/transaction.ts';
import { outPointAt } from '../../../src/wire/tx-cursors.ts';
import { type ReferenceTx, referenceTx } from '../../support/reference-tx.ts';

const CASES = 800;
const MESSAGES: readonly [string, RegExp][] = [
  ['end of data', /^End of data/],
  ['non-canonical', /non-canonical/],
  ['too large', /too large/],
  ['superfluous', /Superfluous/],
  ['unknown flag', /Unknown transaction optional data/],
];

test('what is taken and refused, and what is seen in it', () => {
  const verdicts = new Map<string, number>();
  for (let seed = 1; seed <= CASES; seed += 1) {
    const random = new SeededRandom(seed);
    const bytes = oddTransaction(random);
    for (const format of ['witness', 'basic'] as const) {
      const expected = referenceTx(bytes, format === 'witness');
      const verdict = compare(bytes, format, expected, `seed ${seed}, ${format}`);
      verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
    }
  }
  // Neither side is there for show.
  for (const [verdict] of [...MESSAGES, ['taken'], ['bytes left over']])
    expect(verdicts.get(verdict!), verdict).toBeGreaterThan(10);
});

test('a transaction in a block is refused as it is alone', () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = new SeededRandom(seed);
    const [first, second] = [oddTransaction(random), oddTransaction(random)];
    const block = concatBytes(random.bytes(80), Uint8Array.of(2), first, second);
    const one = referenceTx(concatBytes(first, second), true);
    const rest = typeof one === 'string' ? undefined : concatBytes(first, second).subarray(one.bytes.length);
    const two = rest && referenceTx(rest, true);
    const isWhole = typeof two === 'object' && two.bytes.length === rest!.length;
    if (!isWhole) expect(() => decodeBlock(block), `seed ${seed}`).toThrow(DecodeError);
    else {
      const { transactions } = decodeBlock(block);
      see(transactions[0]!, one as ReferenceTx, `seed ${seed}, first`);
      see(transactions[1]!, two, `seed ${seed}, second`);
    }
  }
});

function compare(bytes: Uint8Array, format: TxFormat, expected: ReferenceTx | string, hint: string): string {
  // Not at the start of its memory, and not to the end of it.
  const place = concatBytes(Uint8Array.of(7, 7, 7), bytes, Uint8Array.of(7)).subarray(2);
  const reader = new Reader(place, 1, 1 + bytes.length);
  if (typeof expected === 'string') {
    const message = MESSAGES.find(([verdict]) => verdict === expected)![1];
    expect(() => readTransaction(reader, format), hint).toThrow(message);
    expect(() => decodeTransaction(bytes, format), hint).toThrow(DecodeError);
    return expected;
  }
  see(readTransaction(reader, format), expected, hint);
  expect(reader.position, hint).toBe(1 + expected.bytes.length);
  if (expected.bytes.length === bytes.length) {
    see(decodeTransaction(bytes, format), expected, hint);
    return 'taken';
  }
  expect(() => decodeTransaction(bytes, format), hint).toThrow(/left over/);
  return 'bytes left over';
}

/** Everything that a transaction tells, in whatever order it is asked. */
function see(tx: Transaction, expected: ReferenceTx, hint: string): void {
  const before = bytesToHex(tx.raw);
  const all = JSON.stringify([expectedFacts(expected), expectedParts(expected)]);
  const told = (each: Transaction) => JSON.stringify([facts(each), parts(each)]);
  const walks = JSON.stringify(expectedWalk(expected));
  const walked = JSON.stringify(walk(tx));
  if (walked !== walks) expect.fail(`${hint}: walked ${walked}, expected ${walks}`);
  for (const each of [tx, tx.detached(), createTransaction(tx)]) {
    const text = told(each);
    if (text !== all) expect.fail(`${hint}: told ${text}, expected ${all}`);
    if (bytesToHex(each.raw) !== before) expect.fail(`${hint}: other bytes`);
  }
  if (JSON.stringify(walk(tx)) !== walks) expect.fail(`${hint}: walked otherwise once its parts were made`);
  if (!tx.hasWitness) return;
  const bare = { ...expected, inputs: expected.inputs.map(input => ({ ...input, witness: [] })) };
  if (JSON.stringify(parts(withoutWitness(tx))) !== JSON.stringify(expectedParts(bare)))
    expect.fail(`${hint}: other parts without witness`);
}

function facts(tx: Transaction): unknown[] {
  return [
    tx.version, tx.lockTime, tx.hasWitness, tx.size, tx.strippedSize, tx.weight, tx.virtualSize, tx.isCoinbase,
    tx.inputCount, tx.outputCount, bytesToHex(tx.strippedBytes()), hashToHex(tx.txid), hashToHex(tx.wtxid), bytesToHex(tx.raw),
  ]; // biome-ignore format: in rows
}

function expectedFacts(expected: ReferenceTx): unknown[] {
  const { version, lockTime, hasWitness, bytes, stripped, inputs, outputs } = expected;
  const weight = 3 * stripped.length + bytes.length;
  const isCoinbase = inputs.length === 1 && bytesToHex(inputs[0]!.prevout) === `${'00'.repeat(32)}ffffffff`;
  return [
    version, lockTime, hasWitness, bytes.length, stripped.length, weight, Math.floor((weight + 3) / 4), isCoinbase,
    inputs.length, outputs.length, bytesToHex(stripped), hashToHex(sha256d(stripped)), hashToHex(sha256d(bytes)), bytesToHex(bytes),
  ]; // biome-ignore format: in rows
}

function parts(tx: Transaction): unknown {
  return [
    tx.inputs.map(({ prevout, scriptSig, sequence, witness }) => [
      bytesToHex(encode(outPoint, prevout)), bytesToHex(scriptSig), sequence, witness.map(bytesToHex),
    ]), // biome-ignore format: one list
    tx.outputs.map(output => [String(exactValue(output)), output.value, bytesToHex(output.scriptPubKey)]),
  ];
}

function expectedParts({ inputs, outputs }: ReferenceTx): unknown {
  return [
    inputs.map(each => [bytesToHex(each.prevout), bytesToHex(each.script), each.sequence, each.witness.map(bytesToHex)]),
    outputs.map(({ value, script }) => [String(value), Number(value), bytesToHex(script)]),
  ]; // biome-ignore format: like the above
}

function walk(tx: Transaction): unknown {
  const witness = tx.witnessCursor();
  const inputs: unknown[] = [];
  for (const input = tx.inputCursor(); input.next(); ) {
    witness?.next();
    const prevout = encode(outPoint, outPointAt(input.bytes, input.start));
    const top = witness?.top();
    inputs.push([bytesToHex(prevout), bytesToHex(input.scriptSig), input.sequence, witness?.count ?? 0, top && bytesToHex(top)]); // biome-ignore format: one line
  }
  const outputs: unknown[] = [];
  for (const output = tx.outputCursor(); output.next(); )
    outputs.push([output.value, bytesToHex(output.scriptPubKey), bytesToHex(tx.outputAt(outputs.length)!.scriptPubKey)]); // biome-ignore format: one line
  return [inputs, outputs, tx.outputAt(outputs.length)];
}

function expectedWalk({ inputs, outputs }: ReferenceTx): unknown {
  return [
    inputs.map(each => {
      const top = each.witness.at(-1);
      return [bytesToHex(each.prevout), bytesToHex(each.script), each.sequence, each.witness.length, top && bytesToHex(top)];
    }), // biome-ignore format: like the above
    outputs.map(({ value, script }) => [Number(value), bytesToHex(script), bytesToHex(script)]),
    undefined,
  ];
}

/** Bytes that look like a transaction: mostly one, its counts now and then told in a longer way or wrong, then perhaps changed. */
function oddTransaction(random: Random): Uint8Array {
  const below = (limit: number) => randomBelow(random, limit);
  const w = new Writer();
  const isNeat = below(3) > 0;
  const count = (value: number) => {
    const told = isNeat || below(12) > 0 ? value : Math.max(0, value + below(3) - 1);
    const width = isNeat || below(12) > 0 ? 0 : 1 + below(3);
    if (width === 0) w.compactSize(told);
    else {
      w.u8(0xfc + width);
      if (width === 1) w.u16(told);
      else if (width === 2) w.u32(below(4) === 0 ? 0x0200_0000 + below(2) : told);
      else w.u64(BigInt(told) + (below(2) === 0 ? 0x1_0000_0000n : 0n));
    }
  };
  const script = () => {
    const length = below(40) === 0 ? 250 + below(8) : below(400) === 0 ? 0xfffe + below(4) : below(6);
    count(length);
    w.put(random.bytes(length));
  };
  const amounts = [
    0n,
    1n,
    2_100_000_000_000_000n,
    2_100_000_000_000_001n,
    -1n,
    2n ** 53n,
    2n ** 63n - 1n,
    -(2n ** 63n),
  ];
  w.u32(random.u32());
  const flag = [0, 0, 0, 1, 1, 1, 1, 1, 2, 3, 255][below(isNeat ? 8 : 11)]!;
  const hasMarker = flag !== 0 || below(20) === 0;
  if (hasMarker) {
    w.u8(0);
    w.u8(flag);
  }
  const inputs = below(6) === 0 ? 0 : below(60) === 0 ? 253 : 1 + below(3);
  if (!hasMarker || flag !== 0 || below(2) === 0) {
    count(inputs);
    for (let i = 0; i < inputs; i += 1) {
      const isNothing = below(8) === 0;
      w.put(isNothing ? new Uint8Array(32) : random.bytes(32));
      w.u32(isNothing && below(3) > 0 ? 0xffff_ffff : below(4) === 0 ? random.u32() : below(3));
      script();
      w.u32(random.u32());
    }
    const outputs = below(3);
    count(outputs);
    for (let i = 0; i < outputs; i += 1) {
      w.i64(below(2) === 0 ? amounts[below(amounts.length)]! : BigInt(random.u32()));
      script();
    }
    for (let i = 0; flag !== 0 && i < inputs; i += 1) {
      const items = below(3) === 0 ? 0 : below(50) === 0 ? 254 : below(4);
      count(items);
      for (let item = 0; item < items; item += 1) script();
    }
  }
  w.u32(random.u32());
  return below(3) === 0 ? changed(random, w.finish()) : w.finish();
}

function changed(random: Random, bytes: Uint8Array): Uint8Array {
  const at = randomBelow(random, bytes.length);
  switch (randomBelow(random, 5)) {
    case 0:
      return bytes.subarray(0, at);
    case 1:
      return bytes.with(at, bytes[at]! ^ (1 << randomBelow(random, 8)));
    case 2:
      return concatBytes(bytes.subarray(0, at), random.bytes(1 + randomBelow(random, 3)), bytes.subarray(at));
    case 3:
      return concatBytes(bytes.subarray(0, at), bytes.subarray(at + 1));
    default:
      return concatBytes(bytes, random.bytes(1 + randomBelow(random, 9)));
  }
}
