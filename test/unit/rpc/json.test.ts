import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RpcError } from '../../../src/rpc/codes.ts';
import {
  amount,
  JsonNumber,
  JsonObject,
  type JsonOut,
  ParsedObject,
  toBigInteger,
  toInteger,
  toReal,
} from '../../../src/rpc/json.ts';
import { parseJson, parseJsonBytes } from '../../../src/rpc/json-parse.ts';
import { compactJson, formatNumber, prettyJson } from '../../../src/rpc/json-write.ts';

describe('what is JSON', () => {
  test.each([
    'null', 'true', ' false ', '0', '-0', '1.0', '0.10000000', '1e5', '1E+5', '-1.5e-7', '12345678901234567890123',
    '""', '"a"', '"\\u00e9"', '"\\ud834\\udd1e"', '"\u00e9"', '"\u007f"', '[]', '[ ]', '{}', '[1,2]', '{"a":1,"a":2}',
    '\t[\r\n1 ]',
  ])('%j is', text => {
    expect(parseJson(text)).not.toBeUndefined();
  }); // biome-ignore format: a table

  test.each([
    '', ' ', 'nul', 'nullx', 'True', '01', '-', '-01', '1.', '.5', '+1', '1e', '1e+', '0x10', 'NaN', 'Infinity', '1 2',
    '"', '"a', '"\n"', '"\\x"', '"\\u12"', '"\\ud834"', '"\\udd1e"', "'a'", '[', ']', '[1', '[1,]', '[,1]', '[1 2]',
    '{', '{"a"}', '{"a":}', '{"a":1,}', '{a:1}', '{1:2}', '{"a" 1}', '["a":1]', '\ufeff1', '\u00a01', '// 1',
  ])('%j is not', text => {
    expect(parseJson(text)).toBeUndefined();
  }); // biome-ignore format: a table

  test('at most 512 brackets are open', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseJson(nested(512))).not.toBeUndefined();
    expect(parseJson(nested(513))).toBeUndefined();
  });

  test('bytes must be UTF-8', () => {
    expect(parseJsonBytes(Buffer.from('"é"'))).toBe('é');
    expect(parseJsonBytes(Uint8Array.of(0x22, 0xe9, 0x22))).toBeUndefined();
    expect(parseJsonBytes(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).toBeUndefined();
  });

  test('an unterminated text of megabytes is refused at once', () => {
    expect(parseJson(`["${'\\n'.repeat(1_000_000)}`)).toBeUndefined();
  });
});

describe('what parsing keeps', () => {
  test('the text of numbers, the order of members and duplicates', () => {
    const parsed = parseJson('{"10":0.10000000,"2":1e-05,"a":1,"a":2}') as ParsedObject;
    expect(parsed.keys).toEqual(['10', '2', 'a', 'a']);
    expect(parsed.get('a')).toEqual(new JsonNumber('1'));
    expect(compactJson(parsed)).toBe('{"10":0.10000000,"2":1e-05,"a":1,"a":2}');
  });

  test('what JSON.stringify writes is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), value => {
        const text = JSON.stringify(value);
        expect(toPlain(parseJson(text)!)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  test('what is written is read back', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), value => {
        const parsed = parseJson(JSON.stringify(value))!;
        expect(parseJson(compactJson(parsed))).toEqual(parsed);
        expect(parseJson(prettyJson(parsed, 2))).toEqual(parsed);
      }),
      { numRuns: 300 },
    );
  });
});

describe('what is written', () => {
  test.each<[JsonOut, string]>([
    [null, 'null'],
    [undefined, 'null'],
    [12345678901234567890n, '12345678901234567890'],
    [amount(10_000_000), '0.10000000'],
    ['\u0000\u001f\b\t\n\f\r"\\/\u007fé', '"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\/\\u007fé"'],
    [[1, [true, 'x'], {}], '[1,[true,"x"],{}]'],
    [{ a: undefined, b: 2, c: null }, '{"b":2,"c":null}'],
    [new JsonObject([['1', 1], ['0', 2]]), '{"1":1,"0":2}'],
  ])('%o', (value, text) => {
    expect(compactJson(value)).toBe(text);
  }); // biome-ignore format: a table

  test('plain strings and integers are as JSON.stringify has them', () => {
    const plain = fc.letrec(tie => ({
      value: fc.oneof(
        fc.string({ unit: 'grapheme-ascii' }),
        fc.maxSafeInteger(),
        fc.boolean(),
        fc.array(tie('value'), { maxLength: 4 }),
        fc.dictionary(fc.string({ minLength: 1, maxLength: 5 }), tie('value'), { maxKeys: 4 }),
      ),
    })).value;
    fc.assert(fc.property(plain, value => compactJson(value as JsonOut) === JSON.stringify(value)));
  });

  test('indented, as Core’s tools print', () => {
    const value = { a: 1, b: [1, { c: [] }], d: {} };
    expect(prettyJson(value, 2)).toBe(
      '{\n  "a": 1,\n  "b": [\n    1,\n    {\n      "c": [\n      ]\n    }\n  ],\n  "d": {\n  }\n}',
    );
  });
});

describe('numbers', () => {
  test.each([
    [0n, '0.00000000'],
    [1n, '0.00000001'],
    [-1n, '-0.00000001'],
    [100_000_000n, '1.00000000'],
    [2_100_000_000_000_000n, '21000000.00000000'],
    [-123_456_789n, '-1.23456789'],
    [9_223_372_036_854_775_807n, '92233720368.54775807'],
  ])('%s satoshi', (satoshi, text) => {
    expect(amount(satoshi).text).toBe(text);
  });

  // From printf("%.16g").
  test.each([
    [4.656542373906925e-10, '4.656542373906925e-10'],
    [0.1, '0.1'],
    [1 / 3, '0.3333333333333333'],
    [0.0001, '0.0001'],
    [0.00001, '1e-05'],
    [123456789.125, '123456789.125'],
    [1e16, '1e+16'],
    [1e15 + 0.5, '1000000000000000'],
    [1e15 + 1.5, '1000000000000002'],
    [-2.5, '-2.5'],
    [1.5e300, '1.5e+300'],
    [0.15000000000000002, '0.15'],
    [126_984_848_489_434.36, '126984848489434.4'],
  ])('%d', (value, text) => {
    expect(formatNumber(value)).toBe(text);
  });

  test.each([
    ['i32', '2147483647', 2147483647n],
    ['i32', '-2147483648', -2147483648n],
    ['i32', '2147483648', undefined],
    ['i32', '1.0', undefined],
    ['i32', '1e3', undefined],
    ['u32', '-0', undefined],
    ['u32', '4294967295', 4294967295n],
    ['u16', '65536', undefined],
    ['i64', '9223372036854775807', 9223372036854775807n],
    ['i64', '9223372036854775808', undefined],
    ['u64', '18446744073709551615', 18446744073709551615n],
  ] as const)('%s from %s', (type, text, expected) => {
    const read = () => toBigInteger(new JsonNumber(text), type);
    if (expected === undefined) expect(read).toThrow(new RpcError(-1, 'JSON integer out of range'));
    else expect(read()).toBe(expected);
  });

  test('other types are refused by name', () => {
    expect(() => toInteger('1')).toThrow('JSON value of type string is not of expected type number');
    expect(() => toReal(null)).toThrow('JSON value of type null is not of expected type number');
    expect(() => toReal(new JsonNumber('1e400'))).toThrow('JSON double out of range');
  });
});

function toPlain(value: unknown): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return value.map(toPlain);
  if (value instanceof ParsedObject) {
    // fromEntries takes `__proto__` for a name like any other.
    return Object.fromEntries(value.members.map(([name, member]) => [name, toPlain(member)]));
  }
  return value;
}
