import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bytesToHex, hexToBytes, type Txid } from '../../../src/base/bytes.ts';
import { outPointKey } from '../../../src/chain/coin.ts';
import {
  coinRecordKey,
  decodeCoin,
  decodeHeadBlocks,
  encodeCoin,
  encodeHeadBlocks,
  indexOf,
  parseCoinRecordKey,
  txidOf,
} from '../../../src/chain/coin-records.ts';
import {
  compressAmount,
  decompressAmount,
  readCompressedOutput,
  readVarInt,
  writeCompressedOutput,
  writeVarInt,
} from '../../../src/chain/compress.ts';
import { blockUndo } from '../../../src/chain/undo.ts';
import { DecodeError, decodeAll, encode, Reader, Writer } from '../../../src/wire/codec.ts';

const varInt = { read: readVarInt, write: writeVarInt };
const output = { read: readCompressedOutput, write: writeCompressedOutput };

describe('variable-length integers', () => {
  // Core: serialize.h, the examples of its comment, and test/serialize_tests.cpp.
  const vectors: readonly [number, string][] = [
    [0, '00'],
    [1, '01'],
    [127, '7f'],
    [128, '8000'],
    [255, '807f'],
    [256, '8100'],
    [16383, 'fe7f'],
    [16384, 'ff00'],
    [16511, 'ff7f'],
    [65535, '82fe7f'],
    [2 ** 32, '8efefeff00'],
  ];
  test.each(vectors)('%i is %s', (value, hex) => {
    expect(bytesToHex(encode(varInt, value))).toBe(hex);
    expect(decodeAll(varInt, hexToBytes(hex))).toBe(value);
  });

  test('every safe integer survives a round trip', () => {
    fc.assert(fc.property(fc.maxSafeNat(), value => decodeAll(varInt, encode(varInt, value)) === value));
  });

  test('ends of data and values out of range are DecodeErrors', () => {
    for (const hex of ['', '80', 'ffffffffffffffffffff00'])
      expect(() => decodeAll(varInt, hexToBytes(hex))).toThrow(DecodeError);
  });
});

describe('amounts', () => {
  // Core: test/compress_tests.cpp.
  const vectors: readonly [amount: number, compressed: number][] = [
    [0, 0x0],
    [1, 0x1],
    [1_000_000, 0x7],
    [100_000_000, 0x9],
    [50 * 100_000_000, 0x32],
    [21_000_000 * 100_000_000, 0x1406f40],
  ];
  test.each(vectors)('%i is packed as %i', (amount, compressed) => {
    expect(compressAmount(amount)).toBe(compressed);
    expect(decompressAmount(compressed)).toBe(amount);
  });

  test('every amount up to all money survives a round trip', () => {
    const amounts = fc.oneof(
      fc.nat(2_100_000_000_000_000),
      fc.maxSafeNat().map(n => n % 2_100_000_000_000_001),
    );
    fc.assert(
      fc.property(amounts, value => {
        const bytes = encode(output, { value, scriptPubKey: new Uint8Array(0) });
        return decodeAll(output, bytes).value === value;
      }),
    );
    const largest = { value: 2_099_999_999_999_999, scriptPubKey: new Uint8Array(0) };
    expect(decodeAll(output, encode(output, largest))).toEqual(largest);
  });
});

describe('scripts', () => {
  const x = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798';
  const y = '483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8';
  const hash = '00112233445566778899aabbccddeeff00112233';
  const vectors: readonly [name: string, script: string, packed: string][] = [
    ['P2PKH', `76a914${hash}88ac`, `00${hash}`],
    ['P2SH', `a914${hash}87`, `01${hash}`],
    ['P2PK compressed', `2102${x}ac`, `02${x}`],
    ['P2PK compressed, odd', `2103${x}ac`, `03${x}`],
    ['P2PK full', `4104${x}${y}ac`, `04${x}`],
    ['a full key off the curve', `4104${x}${x}ac`, `49${`4104${x}${x}ac`}`],
    ['a hybrid key', `4106${x}${y}ac`, `49${`4106${x}${y}ac`}`],
    ['empty', '', '06'],
    ['OP_TRUE', '51', '0751'],
    ['P2WPKH', `0014${hash}`, `1c0014${hash}`],
  ];
  test.each(vectors)('%s', (_, script, packed) => {
    const bytes = encode(output, { value: 0, scriptPubKey: hexToBytes(script) });
    expect(bytesToHex(bytes)).toBe(`00${packed}`);
    expect(bytesToHex(decodeAll(output, bytes).scriptPubKey)).toBe(script);
  });

  test('a full key of odd y comes back whole', () => {
    const script = `4104${x}b7c52588d95c3b9aa25b0403f1eef75702e84bb7597aabe663b82f6f04ef2777ac`;
    const bytes = encode(output, { value: 0, scriptPubKey: hexToBytes(script) });
    expect(bytesToHex(bytes)).toBe(`0005${x}`);
    expect(bytesToHex(decodeAll(output, bytes).scriptPubKey)).toBe(script);
  });

  test('an x without a point is damage', () => {
    expect(() => decodeAll(output, hexToBytes(`0004${'ff'.repeat(32)}`))).toThrow(DecodeError);
  });
});

describe('coin records', () => {
  test('keys give back txid and index', () => {
    for (const index of [0, 1, 127, 128, 70_000, 0xffff_fffe]) {
      const key = outPointKey('\x01\xff'.repeat(16) as Txid, index);
      const record = coinRecordKey(key);
      expect(record[0]).toBe(0x43);
      expect(parseCoinRecordKey(record)).toBe(key);
      expect(txidOf(key)).toBe('\x01\xff'.repeat(16));
      expect(indexOf(key)).toBe(index);
    }
  });

  // Core: test/coins_tests.cpp, ccoins_serialization.
  test.each([
    ['97f23c835800816115944e077fe7c803cfa57f29b36bf87c1d35', 203998, false, 60_000_000_000],
    ['8ddf77bbd123008c988f1a4a4de2161e0f50aac7f17e7f9555caa4', 120891, true, 110_397],
  ])('Core reads %s the same', (hex, height, isCoinbase, value) => {
    const coin = decodeCoin(hexToBytes(hex));
    expect({ ...coin, scriptPubKey: coin.scriptPubKey.length }).toEqual({
      height,
      isCoinbase,
      value,
      scriptPubKey: 25,
    });
    expect(bytesToHex(encodeCoin(coin))).toBe(hex);
  });

  test('head blocks give back both tips', () => {
    const [newTip, oldTip] = ['a'.repeat(32), 'b'.repeat(32)] as never as [never, never];
    expect(decodeHeadBlocks(encodeHeadBlocks(newTip, oldTip))).toEqual({ newTip, oldTip });
  });
});

describe('undo data', () => {
  const coin = (height: number) => ({
    value: 5000,
    scriptPubKey: Uint8Array.of(0x51),
    height,
    isCoinbase: true,
  });
  test('survives a round trip, and truncation is a DecodeError', () => {
    const undo = { spent: [[coin(1), coin(0)], [], [coin(800_000)]] };
    const bytes = encode(blockUndo, undo);
    expect(decodeAll(blockUndo, bytes)).toEqual(undo);
    for (let length = 0; length < bytes.length; length += 1)
      expect(() => blockUndo.read(new Reader(bytes.subarray(0, length)))).toThrow(DecodeError);
  });

  test('is written as Core writes it', () => {
    const w = new Writer();
    blockUndo.write(w, { spent: [[coin(1)]] });
    // One transaction, one input: height 1 twice plus coinbase, a zero, 5000 satoshi packed, a script of one byte.
    expect(bytesToHex(w.finish())).toBe('01010300' + '2c' + '0751');
  });
});
