import { describe, expect, test } from 'vitest';
import {
  checkFields,
  parseFixedPoint,
  toAmount,
  toBytes,
  toHash,
  toRange,
} from '../../../src/rpc/arguments.ts';
import { bindArguments } from '../../../src/rpc/bind-arguments.ts';
import { RpcError } from '../../../src/rpc/codes.ts';
import { methodHelp, methodSummary } from '../../../src/rpc/help.ts';
import { JsonNumber, type JsonValue, type ParsedObject } from '../../../src/rpc/json.ts';
import { parseJson } from '../../../src/rpc/json-parse.ts';
import { compactJson } from '../../../src/rpc/json-write.ts';
import type { Param } from '../../../src/rpc/param.ts';
import { res } from '../../../src/rpc/result-doc.ts';

const params: readonly Param[] = [
  { name: 'txid', type: 'hex', doc: 'The id' },
  { name: 'verbosity|verbose', type: 'number', default: 1, skipTypeCheck: true },
  { name: 'count', type: 'number', optional: true },
  {
    name: 'options',
    type: 'namedOptions',
    optional: true,
    fields: [
      { name: 'fee_rate', type: 'amount', optional: true },
      { name: 'replaceable', type: 'boolean', default: true, doc: 'Whether' },
    ],
  },
];
const method = {
  name: 'sample',
  description: 'Does nothing.',
  params,
  results: [res.object('', '', [res.number('a', 'an a'), res.string('b?', '')])],
  examples: [['ab', 1]],
};

/** What the call's arguments become: positional values as JSON, or the error. */
function bound(text: string): string {
  try {
    const args = bindArguments(method, parseJson(text) as readonly JsonValue[] | ParsedObject);
    const values = Array.from({ length: args.count }, (_, i) => params[i]!.name.split('|')[0]!);
    return compactJson(values.map(name => (args.isGiven(name) ? args.get(name) : null)));
  } catch (error) {
    const { code, message } = error as RpcError;
    return `${code} ${message.split('\n\n')[0]}`;
  }
}

describe('arguments of a call', () => {
  const summary = 'sample "txid" ( verbosity count {"fee_rate":amount,"replaceable":bool,...} )';
  test.each([
    ['["ab"]', '["ab"]'],
    ['["ab",true]', '["ab",true]'],
    ['["ab",null,3]', '["ab",null,3]'],
    ['[]', `-1 ${summary}`],
    ['["ab",1,2,{},5]', `-1 ${summary}`],
    ['[1]', '-3 Wrong type passed:\n{\n    "Position 1 (txid)": "JSON value of type number is not of expected type string"\n}'],
    [
      '[null,1,"x"]',
      '-3 Wrong type passed:\n{\n    "Position 1 (txid)": "JSON value of type null is not of expected type string",\n' +
        '    "Position 3 (count)": "JSON value of type string is not of expected type number"\n}',
    ],
    ['{"txid":"ab"}', '["ab"]'],
    ['{"count":3,"txid":"ab"}', '["ab",null,3]'],
    ['{"txid":"ab","verbose":2}', '["ab",2]'],
    ['{"args":["ab"],"count":3}', '["ab",null,3]'],
    ['{"args":["ab",2]}', '["ab",2]'],
    ['{"args":["ab"],"txid":"cd"}', '-8 Parameter txid specified twice both as positional and named argument'],
    ['{"args":["ab",1],"verbose":2}', '-8 Parameter verbosity|verbose specified twice both as positional and named argument'],
    ['{"txid":"ab","txid":"cd"}', '-8 Parameter txid specified multiple times'],
    ['{"txid":"ab","foo":1}', '-8 Unknown named parameter foo'],
    ['{"txid":"ab","fee_rate":5}', '["ab",null,null,{"fee_rate":5}]'],
    ['{"txid":"ab","replaceable":false,"fee_rate":5}', '["ab",null,null,{"fee_rate":5,"replaceable":false}]'],
    ['{"txid":"ab","options":{},"fee_rate":5}', '-8 Parameter options conflicts with parameter fee_rate'],
    ['{}', `-1 ${summary}`],
  ])('%s', (given, expected) => {
    expect(bound(given)).toBe(expected);
  }); // biome-ignore format: a table

  test('defaults and members of options', () => {
    const args = bindArguments(method, parseJson('{"txid":"ab","fee_rate":"0.5"}') as ParsedObject);
    expect(args.integer('verbosity')).toBe(1);
    expect(args.optionalInteger('count')).toBeUndefined();
    expect(args.options('options').amount('fee_rate')).toBe(50_000_000n);
    expect(args.options('options').boolean('replaceable')).toBe(true);
  });
});

test('help text is laid out as Core has it', () => {
  expect(methodSummary(method)).toBe(
    'sample "txid" ( verbosity count {"fee_rate":amount,"replaceable":bool,...} )',
  );
  expect(
    methodHelp(method),
  ).toBe(`sample "txid" ( verbosity count {"fee_rate":amount,"replaceable":bool,...} )

Does nothing.

Arguments:
1. txid         (string, required) The id
2. verbosity    (numeric, optional, default=1)
3. count        (numeric, optional)
4. options      (json object, optional) Options object that can be used to pass named arguments, listed below.

Named Arguments:
fee_rate       (numeric or string, optional)
replaceable    (boolean, optional, default=true) Whether

Result:
{                (json object)
  "a" : n,       (numeric) an a
  "b" : "str"    (string, optional)
}

Examples:
> bitcoin-cli sample ab 1
> curl --user myusername --data-binary '{"jsonrpc": "2.0", "id": "curltest", "method": "sample", "params": ["ab",1]}' -H 'content-type: application/json' http://127.0.0.1:8332/
`);
});

describe('amounts', () => {
  test.each([
    ['0', 0n], ['0.00000001', 1n], ['1e-8', 1n], ['0.1e-7', 1n], ['1e-9', undefined], ['0.000000001', undefined],
    ['0.000000010000', 1n], ['21000000', 2_100_000_000_000_000n], ['1E+3', 100_000_000_000n], ['-1', -100_000_000n],
    ['01', undefined], ['.5', undefined], ['1.', undefined], ['+1', undefined], ['', undefined], ['1 ', undefined],
    ['0e99999', 0n], ['1e11', undefined], ['9999999999.99999999', 999_999_999_999_999_999n],
  ])('%s', (text, units) => {
    expect(parseFixedPoint(text, 8)).toBe(units);
  }); // biome-ignore format: a table

  test.each<[JsonValue, string]>([
    [true, 'Amount is not a number or string'],
    ['x', 'Invalid amount'],
    [new JsonNumber('-1'), 'Amount out of range'],
    ['21000000.00000001', 'Amount out of range'],
  ])('%o is refused', (value, message) => {
    expect(() => toAmount(value)).toThrow(new RpcError(-3, message));
  });
});

test.each([
  ['7', [0, 7]],
  ['[2,5]', [2, 5]],
  ['[5,2]', 'Range specified as [begin,end] must not have begin after end'],
  ['[-1,2]', 'Range should be greater or equal than 0'],
  ['-1', 'End of range is too high'],
  ['[0,2147483648]', 'End of range is too high'],
  ['[0,1000000]', 'Range is too large'],
  ['"5"', 'Range must be specified as end or as [begin,end]'],
  ['[1,2,3]', 'Range must be specified as end or as [begin,end]'],
])('range %s', (text, expected) => {
  const read = () => toRange(parseJson(text));
  if (typeof expected === 'string') expect(read).toThrow(expected);
  else expect(read()).toEqual(expected);
});

test('hashes and hexadecimal', () => {
  expect(() => toHash('ab', 'txid')).toThrow("txid must be of length 64 (not 2, for 'ab')");
  const text = `ZZZ${'0'.repeat(61)}`;
  expect(() => toHash(text, 'txid')).toThrow(`txid must be hexadecimal string (not '${text}')`);
  expect(() => toBytes('', 'Data')).toThrow("Data must be hexadecimal string (not '')");
});

test('types of members', () => {
  const object = parseJson('{"a":1,"c":null}') as ParsedObject;
  expect(() => checkFields(object, { a: 'number', b: 'string' })).toThrow('Missing b');
  expect(() => checkFields(object, { a: 'string' })).toThrow(
    'JSON value of type number for field a is not of expected type string',
  );
  expect(() => checkFields(object, { a: 'any' }, { strict: true })).toThrow('Unexpected key c');
  checkFields(object, { a: 'number', c: 'bool', d: 'array' }, { nulls: 'allowed', strict: true });
});
